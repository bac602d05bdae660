"""The content of a configuration file as plain values, each with its place; dotted names of keys, and their table."""

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, TypeAlias

from mlcli.errors import Problem

Value: TypeAlias = "str | int | float | bool | tuple[Value, ...] | dict[str, Value] | None"
JsonValue: TypeAlias = "str | int | float | bool | Sequence[JsonValue] | Mapping[str, JsonValue] | None"
KeyPath = tuple[str | int, ...]
NamePath = tuple[str, ...]
MAX_KEYS = 32
# Generated from the sections, for help and shell completion, which have no time to import them: `playgrounds` and, by
# `keys`, every dotted key, except under names of the user's own, with the words that it accepts.
KEY_TABLE = Path(__file__).with_name("completion.json")
_BARE = re.compile(r"[^\s.=\[\]\"'\x00-\x1f]+")
_PART = re.compile(r"""(?P<bare>[^.="'\[\]]+)|"(?P<double>[^"]*)"|'(?P<single>[^']*)'""")
Scalar = str | int | float | bool | None
NULL: Final = re.compile(r"null|Null|NULL|~|")
BOOL: Final = re.compile(r"true|True|TRUE|false|False|FALSE")
INT: Final = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
FLOAT: Final = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
NOT_FINITE: Final = re.compile(r"[-+]?(\.inf|\.Inf|\.INF)|\.nan|\.NaN|\.NAN")
_INT64 = 2**63
_MAX_DIGITS = 400


class NotASectionError(ValueError):
    """A path leads through a value that has no keys."""


@dataclass(frozen=True)
class Place:
    """Where something was written; line and column count from 1 and are None on the command line."""

    source: str
    line: int | None = None
    column: int | None = None


@dataclass(frozen=True)
class Tree:
    """Values by key, with places.

    keys, values : place of each written key and value, by path
    problems : what was wrong on the way in
    broken : paths of values that could not be read and are left out; no further issue is reported for them
    """

    value: dict[str, Value]
    values: Mapping[KeyPath, Place]
    keys: Mapping[KeyPath, Place] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()
    broken: frozenset[KeyPath] = frozenset()

    def place_of_key(self, path: KeyPath) -> Place:
        """Place of the key, else of the nearest written section around it."""
        while path and path not in self.keys:
            path = path[:-1]
        return self.keys[path] if path else self.values[()]

    def place_of_value(self, path: KeyPath) -> Place:
        """Place of the value, else of the nearest one around it: of `optimizer: adam`, optimizer.name is `adam`."""
        while path not in self.values:
            path = path[:-1]
        return self.values[path]

    def with_value(self, path: tuple[str, ...], value: Value, place: Place) -> "Tree":
        """Copy with one value put at a path, sections on the way being made where there are none.

        Raises NotASectionError where something else than a section is in the way.
        """
        values = {old: at for old, at in self.values.items() if old[: len(path)] != path}
        keys = {old: at for old, at in self.keys.items() if old[: len(path)] != path}
        for length in range(1, len(path) + 1):
            keys.setdefault(path[:length], place)
            values.setdefault(path[:length], place)
        return replace(self, value=put_value(self.value, path, value), values=values, keys=keys)


def put_value(section: dict[str, Value], path: tuple[str, ...], new: Value, above: str = "") -> dict[str, Value]:
    """Copy of nested sections with `new` at `path`; raises NotASectionError where a non-section is in the way."""
    key, *rest = path
    if not rest:
        return {**section, key: new}
    inner = section.get(key)
    if not isinstance(inner, dict | None):
        raise NotASectionError(f"{above}{key} is not a section; it has no key {rest[0]}")
    return {**section, key: put_value(inner or {}, tuple(rest), new, f"{above}{key}.")}


def without_value(section: dict[str, Value], path: KeyPath) -> dict[str, Value]:
    """Copy of nested sections without the key at `path`; for an item of a list, without the list."""
    if not path or path[0] not in section:
        return section
    key, inner = str(path[0]), section[str(path[0])]
    rest = {name: value for name, value in section.items() if name != key}
    if isinstance(inner, dict) and len(path) > 1:
        return {**rest, key: without_value(inner, path[1:])}
    return rest


def freeze(value: JsonValue) -> Value:
    """Lists as tuples, mappings as dicts."""
    if isinstance(value, Mapping):
        return {str(key): freeze(inner) for key, inner in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return tuple(freeze(inner) for inner in value)
    return value


def dotted(path: KeyPath) -> str:
    """Dotted name; keys that a dotted name could not hold bare are quoted."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += ("." if text else "") + (part if _BARE.fullmatch(part) else json.dumps(part, ensure_ascii=False))
    return text


def read_dotted(text: str) -> tuple[tuple[str, ...], str]:
    """Keys at the start of `text`, and what follows them.

    Raises ValueError where a key is empty or a quote is not closed.
    """
    keys: list[str] = []
    rest = text
    while part := _PART.match(rest):
        bare, double, single = part.groups()
        keys.append(bare.strip() if bare else double or single or "")
        rest = rest[part.end() :]
        if not rest.startswith("."):
            break
        rest = rest[1:]
    if not part or "" in keys or len(keys) > MAX_KEYS:
        raise ValueError(f"{text!r} is not a key such as optimizer.lr")
    return tuple(keys), rest


def read_key(text: str) -> tuple[str, ...]:
    """Keys of a whole dotted name; raises ValueError when it is none."""
    keys, rest = read_dotted(text)
    if rest:
        raise ValueError(f"{text!r} is not a key such as optimizer.lr")
    return keys


def read_scalar(text: str) -> Scalar:
    """Value of a plain (unquoted) scalar; dates and yes/no/on/off stay text.

    Raises ValueError for infinities, NaN and numbers beyond 64 bits.
    """
    if NULL.fullmatch(text):
        return None
    if BOOL.fullmatch(text):
        return text.lower() == "true"
    if INT.fullmatch(text):
        number = int(text, {"0o": 8, "0x": 16}.get(text[:2], 10)) if len(text) <= _MAX_DIGITS else _INT64
        if not -_INT64 <= number < _INT64:
            raise ValueError(_too_large(text))
        return number
    if FLOAT.fullmatch(text):
        if not math.isfinite(float(text)):
            raise ValueError(_too_large(text))
        return float(text)
    if NOT_FINITE.fullmatch(text):
        raise ValueError(f"{text} is not a usable number; write a finite one, or quote it if it is meant as text")
    return text


def _too_large(text: str) -> str:
    shown = text if len(text) <= 40 else f"{text[:40]}…"
    return f"{shown} is too large for a number; quote it if it is meant as text"


def read_key_table() -> dict[str, Any]:
    """The content of KEY_TABLE."""
    return dict(json.loads(KEY_TABLE.read_text(encoding="utf-8")))


def key_words() -> dict[str, list[str]]:
    """Every key of the table, with the words that it accepts."""
    return dict(read_key_table()["keys"])
