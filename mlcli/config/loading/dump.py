"""Configurations as YAML, and the differences between them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, TypeAlias

import yaml

from mlcli.config import tree as scalars
from mlcli.config.sections.base import Section
from mlcli.config.sections.config import Config
from mlcli.config.sections.keys import names_of
from mlcli.config.tree import JsonValue, KeyPath, Value, dotted
from mlcli.io.text import printable


def dump_config(config: Config) -> str:
    """YAML with every key and its value, in the order of the sections; it loads back to an equal Config."""
    return dump_tree(plain_value(config))


def dump_tree(value: Value) -> str:
    """YAML with a line for each key, the inner ones indented by two blanks."""
    return str(yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=2**31))


def changes_of(section: Section) -> dict[str, Value]:
    """What a section says beyond its defaults: the keys that differ, and its name where it is chosen by name."""
    changes: dict[str, Value] = {}
    for key, field in type(section).model_fields.items():
        value = getattr(section, key)
        if (key == "name" and names_of(type(section))) or value != field.default:
            changes[key] = changes_of(value) if isinstance(value, Section) else plain_value(value)
    return changes


def dump_briefly(value: dict[str, Value]) -> str:
    """YAML with a line for each key at the left margin: `optimizer: {name: sgd, lr: 0.1}`."""
    return "\n".join(f"{flow(key)}: {flow(inner)}" for key, inner in value.items())


def flow(value: Value) -> str:
    """A value as it stands on one line: `sgd`, `[64, 32]`, `{name: sgd, lr: 0.1}`."""
    text = yaml.dump([value], Dumper=_Dumper, default_flow_style=True, sort_keys=False, allow_unicode=True, width=2**31)
    return str(text).strip()[1:-1]


def plain_value(value: Section | Value) -> Value:
    """Sections as mappings, their name first; a configuration as the values that its file holds."""
    if isinstance(value, Section):
        keys = sorted(type(value).model_fields, key=lambda key: key != "name")
        return {key: plain_value(getattr(value, key)) for key in keys}
    if isinstance(value, dict):
        return {key: plain_value(inner) for key, inner in value.items()}
    return value


class _Dumper(yaml.SafeDumper):
    """Quotes the texts that the YAML 1.2 core schema would read as something else."""

    yaml_implicit_resolvers: dict[str | None, list[Any]] = {}  # noqa: RUF012 (PyYAML's own name)

    def ignore_aliases(self, data: object) -> bool:
        """No anchors: the loader refuses them."""
        return True


def _represent_tuple(dumper: yaml.SafeDumper, items: tuple[Any, ...]) -> yaml.Node:
    return dumper.represent_sequence("tag:yaml.org,2002:seq", items, flow_style=True)


_Dumper.add_representer(tuple, _represent_tuple)
for _tag, _pattern in (
    ("null", scalars.NULL),
    ("bool", scalars.BOOL),
    ("int", scalars.INT),
    ("float", scalars.FLOAT),
    ("float", scalars.NOT_FINITE),
):
    _Dumper.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(rf"(?:{_pattern.pattern})\Z"), None)


class Unset(Enum):
    """The value of a key that a configuration does not have."""

    UNSET = "unset"


UNSET = Unset.UNSET
Setting: TypeAlias = "Value | Unset"


@dataclass(frozen=True)
class Differing:
    """A key, by its dotted name, with its value in each of the configurations."""

    key: str
    values: tuple[Setting, ...]

    def to_json(self) -> dict[str, Any]:
        """`set` tells which configurations have the key at all."""
        return {
            "key": self.key,
            "values": [None if value is UNSET else value for value in self.values],
            "set": [value is not UNSET for value in self.values],
        }


def differing_keys(configs: Sequence[Config]) -> list[Differing]:
    """The keys that are not the same everywhere, in the order of the configuration.

    A key that some do not have, such as another optimizer's, is told where it says more than its default. A section
    that one has none of is told as a whole.
    """
    found, said = _differing(tuple(map(plain_value, configs)), ()), [changes_of(config) for config in configs]
    return [
        Differing(dotted(path), values)
        for path, values in found
        if UNSET not in values or any(_at(changes, path) is not UNSET for changes in said)
    ]


def differing_facts(facts: Sequence[Mapping[str, Value]]) -> list[Differing]:
    """The facts that are not the same in all, or that some lack."""
    return [Differing(dotted(path), values) for path, values in _differing(tuple(map(dict, facts)), ())]


def show_setting(value: Setting) -> str:
    """As YAML writes it; an en dash for a key that is not there."""
    match value:
        case Unset():
            return "–"
        case str():
            return value
        case tuple():
            return f"[{', '.join(map(show_setting, value))}]"
        case dict():
            return f"{{{', '.join(f'{key}: {show_setting(inner)}' for key, inner in value.items())}}}"
        case _:
            return json.dumps(value)


def _differing(values: tuple[Setting, ...], path: KeyPath) -> Iterator[tuple[KeyPath, tuple[Setting, ...]]]:
    if all(value == values[0] for value in values[1:]):
        return
    sections = [value for value in values if isinstance(value, dict)]
    if len(sections) < len(values):
        yield path, values
        return
    for key in dict.fromkeys(key for section in sections for key in section):
        yield from _differing(tuple(section.get(key, UNSET) for section in sections), (*path, key))


def _at(value: Setting, path: KeyPath) -> Setting:
    for key in path:
        value = value.get(str(key), UNSET) if isinstance(value, dict) else UNSET
    return value


def changed_keys(before: Config, after: Config) -> dict[str, tuple[JsonValue, JsonValue]]:
    """Dotted keys with their old and new values; None where a key does not exist."""
    old, new = _flatten(before.model_dump(mode="json")), _flatten(after.model_dump(mode="json"))
    keys = dict.fromkeys([*old, *new])
    return {key: (old.get(key), new.get(key)) for key in keys if old.get(key) != new.get(key)}


def _flatten(section: Mapping[str, JsonValue], above: str = "") -> dict[str, JsonValue]:
    flat: dict[str, JsonValue] = {}
    for key, value in section.items():
        path = f"{above}{key}"
        flat |= _flatten(value, f"{path}.") if isinstance(value, dict) and value else {path: value}
    return flat


# Comments stand in one column, behind all values but very long ones.
_WIDEST = 40
_MAX_COMMENT = 110


@dataclass(frozen=True)
class CommentedKey:
    """A key with its value or the entries under it, or an item of a list where the key is empty.

    off : written as a comment, for the user to take up
    """

    key: str
    value: Value = None
    comment: str = ""
    inside: tuple[CommentedKey, ...] = ()
    off: bool = False


@dataclass(frozen=True)
class _Line:
    text: str
    comment: str


def write_document(head: Sequence[str], entries: Sequence[CommentedKey]) -> str:
    """YAML under lines of comment; a line of head that begins with # stands as it is."""
    heading = [line if line.startswith("#") else f"# {_harmless(line)}" for line in head]
    lines = [line for entry in entries for line in _lines(entry, 0)]
    column = max((len(line.text) for line in lines if line.comment and len(line.text) <= _WIDEST), default=0)
    body = (f"{one.text.ljust(column)}  # {_harmless(one.comment)}" if one.comment else one.text for one in lines)
    return "\n".join([*heading, *body]) + "\n"


def _lines(entry: CommentedKey, depth: int) -> Iterator[_Line]:
    yield _Line("  " * depth + ("# " if entry.off else "") + _written(entry), entry.comment)
    for inner in entry.inside:
        yield from _lines(inner, depth + 1)


def _written(entry: CommentedKey) -> str:
    if not entry.key:
        return f"- {flow(entry.value)}"
    return f"{flow(entry.key)}:" if entry.inside else f"{flow(entry.key)}: {flow(entry.value)}"


def _harmless(text: str) -> str:
    """One line of comment, whatever names and cells are quoted in it."""
    shown = printable(text)
    return shown if len(shown) <= _MAX_COMMENT else f"{shown[: _MAX_COMMENT - 1]}…"
