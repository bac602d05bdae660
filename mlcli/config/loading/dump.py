"""Configurations written: as YAML that loads back to them, with comments for users to change, and key by key."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, TypeAlias

import yaml

from mlcli.config import tree as scalars
from mlcli.config.sections.base import Section, names_of
from mlcli.config.sections.config import Config
from mlcli.config.tree import KeyPath, Value, dotted, read_key
from mlcli.io.text import printable

# Comments are aligned after the values, except after very long values.
_WIDEST_VALUE = 40
_MAX_COMMENT = 110
_HEAD_WIDTH = 108


class Unset(Enum):
    """The value of a key that a configuration does not have."""

    UNSET = "unset"


UNSET = Unset.UNSET
Setting: TypeAlias = "Value | Unset"


class _Dumper(yaml.SafeDumper):
    """Quotes the texts that the YAML 1.2 core schema would read as something else."""

    yaml_implicit_resolvers: dict[str | None, list[Any]] = {}  # noqa: RUF012 (PyYAML's own name)

    def ignore_aliases(self, data: object) -> bool:
        """No anchors: the loader refuses them."""
        return True

    def represent_text(self, text: str) -> yaml.Node:
        """Text of several lines in quotes on one line, valid anywhere in a document."""
        return self.represent_scalar("tag:yaml.org,2002:str", text, style='"' if "\n" in text else None)

    def represent_flow(self, items: tuple[Any, ...]) -> yaml.Node:
        """A list on one line."""
        return self.represent_sequence("tag:yaml.org,2002:seq", items, flow_style=True)


_Dumper.add_representer(tuple, _Dumper.represent_flow)
_Dumper.add_representer(str, _Dumper.represent_text)
for _tag, _pattern in (
    ("null", scalars.NULL),
    ("bool", scalars.BOOL),
    ("int", scalars.INT),
    ("float", scalars.FLOAT),
    ("float", scalars.NOT_FINITE),
):
    _Dumper.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(rf"(?:{_pattern.pattern})\Z"), None)


def dump_config(config: Config) -> str:
    """YAML with every key and its value, in the order of the sections; it loads back to an equal Config."""
    text = yaml.dump(plain_section(config), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=2**31)
    return str(text)


def changes_of(section: Section) -> dict[str, Value]:
    """The keys of a section that differ from their defaults, and its name where it is chosen by name."""
    changes: dict[str, Value] = {}
    for key, field in type(section).model_fields.items():
        value = getattr(section, key)
        if (key == "name" and names_of(type(section))) or value != field.default:
            changes[key] = changes_of(value) if isinstance(value, Section) else _plain_value(value)
    return changes


def dump_briefly(value: dict[str, Value]) -> str:
    """YAML with a line for each key at the top level: `optimizer: {name: sgd, lr: 0.1}`."""
    return "\n".join(f"{flow(key)}: {flow(inner)}" for key, inner in value.items())


def flow(value: Value) -> str:
    """A value on one line: `sgd`, `[64, 32]`, `{name: sgd, lr: 0.1}`."""
    text = yaml.dump([value], Dumper=_Dumper, default_flow_style=True, sort_keys=False, allow_unicode=True, width=2**31)
    return str(text).strip()[1:-1]


def plain_section(section: Section) -> dict[str, Value]:
    """The values of a section as its file holds them, its name first."""
    keys = sorted(type(section).model_fields, key=lambda key: key != "name")
    return {key: _plain_value(getattr(section, key)) for key in keys}


def value_at(config: Config, key: str) -> Value:
    """The value at a dotted key; None also where the configuration has no such key."""
    value: Value = plain_section(config)
    for name in read_key(key):
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _plain_value(value: Section | Value) -> Value:
    if isinstance(value, Section):
        return plain_section(value)
    if isinstance(value, dict):
        return {key: _plain_value(inner) for key, inner in value.items()}
    return value


@dataclass(frozen=True)
class CommentedKey:
    """A key with its value or the entries under it, or an item of a list where the key is empty.

    off : written as a comment, for the user to enable
    """

    key: str
    value: Value = None
    comment: str = ""
    inside: tuple[CommentedKey, ...] = ()
    off: bool = False


def write_document(head: Sequence[str], entries: Sequence[CommentedKey]) -> str:
    """YAML under lines of comment; a line of head that begins with # is kept unchanged."""
    written: list[str] = []
    for text in head:
        wrapped = textwrap.wrap(printable(text), _HEAD_WIDTH, subsequent_indent="  ")
        written += [text] if text.startswith("#") else [f"# {line}" for line in wrapped]
    lines = [line for entry in entries for line in _lines(entry, 0)]
    column = max((len(text) for text, comment in lines if comment and len(text) <= _WIDEST_VALUE), default=0)
    for text, comment in lines:
        shown = comment if len(comment) <= _MAX_COMMENT else f"{comment[: _MAX_COMMENT - 1]}…"
        written.append(f"{text.ljust(column)}  # {shown}" if comment else text)
    return "\n".join(written) + "\n"


def commented_keys(
    section: Mapping[str, Value], comments: Mapping[str, str], above: KeyPath = ()
) -> tuple[CommentedKey, ...]:
    """The keys of a section, each with the comment on its dotted name."""
    entries = []
    for key, value in section.items():
        path = (*above, key)
        inside = commented_keys(value, comments, path) if isinstance(value, dict) else ()
        entries.append(CommentedKey(key, value, comments.get(dotted(path), ""), inside))
    return tuple(entries)


def _lines(entry: CommentedKey, depth: int) -> Iterator[tuple[str, str]]:
    """Each line with its comment, which quotes names and cells as they are and must stay on one line."""
    if not entry.key:
        text = f"- {flow(entry.value)}"
    else:
        text = f"{flow(entry.key)}:" if entry.inside else f"{flow(entry.key)}: {flow(entry.value)}"
    yield "  " * depth + ("# " if entry.off else "") + text, printable(entry.comment)
    for inner in entry.inside:
        yield from _lines(inner, depth + 1)


@dataclass(frozen=True)
class Difference:
    """A key, by its dotted name, with its value in each of the configurations."""

    key: str
    values: tuple[Setting, ...]

    def to_json(self) -> dict[str, Any]:
        """`set`: whether each configuration has the key at all."""
        return {
            "key": self.key,
            "values": [None if value is UNSET else value for value in self.values],
            "set": [value is not UNSET for value in self.values],
        }


def differing_keys(configs: Sequence[Config]) -> list[Difference]:
    """The keys that are not the same everywhere, in the order of the configuration.

    A key that some do not have, such as another optimizer's, is included where it is not at its default. A section
    that is null in one of them is one difference.
    """
    found = _differing(tuple(map(plain_section, configs)), ())
    changes = [changes_of(config) for config in configs]
    return [
        Difference(dotted(path), values)
        for path, values in found
        if UNSET not in values or any(_at(one, path) is not UNSET for one in changes)
    ]


def differing_facts(facts: Sequence[Mapping[str, Value]]) -> list[Difference]:
    """The facts that are not the same in all, or that some lack."""
    return [Difference(dotted(path), values) for path, values in _differing(tuple(map(dict, facts)), ())]


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
