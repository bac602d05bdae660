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
from mlcli.config.tree import KeyPath, Value, dotted


def dump_config(config: Config) -> str:
    """YAML with every key and its value, in the order of the sections; it loads back to an equal Config."""
    return dump_tree(plain_section(config))


def dump_tree(value: Value) -> str:
    """YAML with a line for each key, the inner ones indented by two blanks."""
    return str(yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=2**31))


def changes_of(section: Section) -> dict[str, Value]:
    """What a section says beyond its defaults: the keys that differ, and its name where it is chosen by name."""
    changes: dict[str, Value] = {}
    for key, field in type(section).model_fields.items():
        value = getattr(section, key)
        if (key == "name" and names_of(type(section))) or value != field.default:
            changes[key] = changes_of(value) if isinstance(value, Section) else _plain_value(value)
    return changes


def dump_briefly(value: dict[str, Value]) -> str:
    """YAML with a line for each key at the left margin: `optimizer: {name: sgd, lr: 0.1}`."""
    return "\n".join(f"{flow(key)}: {flow(inner)}" for key, inner in value.items())


def flow(value: Value) -> str:
    """A value as it stands on one line: `sgd`, `[64, 32]`, `{name: sgd, lr: 0.1}`."""
    text = yaml.dump([value], Dumper=_Dumper, default_flow_style=True, sort_keys=False, allow_unicode=True, width=2**31)
    return str(text).strip()[1:-1]


def plain_section(section: Section) -> dict[str, Value]:
    """The values of a section as its file holds them, its name first."""
    keys = sorted(type(section).model_fields, key=lambda key: key != "name")
    return {key: _plain_value(getattr(section, key)) for key in keys}


def _plain_value(value: Section | Value) -> Value:
    if isinstance(value, Section):
        return plain_section(value)
    if isinstance(value, dict):
        return {key: _plain_value(inner) for key, inner in value.items()}
    return value


class _Dumper(yaml.SafeDumper):
    """Quotes the texts that the YAML 1.2 core schema would read as something else."""

    yaml_implicit_resolvers: dict[str | None, list[Any]] = {}  # noqa: RUF012 (PyYAML's own name)

    def ignore_aliases(self, data: object) -> bool:
        """No anchors: the loader refuses them."""
        return True


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.Node:
    """Text of several lines on one, so that it can stand anywhere in a document."""
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style='"' if "\n" in text else None)


def _represent_tuple(dumper: yaml.SafeDumper, items: tuple[Any, ...]) -> yaml.Node:
    return dumper.represent_sequence("tag:yaml.org,2002:seq", items, flow_style=True)


_Dumper.add_representer(tuple, _represent_tuple)
_Dumper.add_representer(str, _represent_text)
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
    found, said = _differing(tuple(map(plain_section, configs)), ()), [changes_of(config) for config in configs]
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
