"""Configurations as YAML that loads back to them."""

from __future__ import annotations

import re
from typing import Any

import yaml

from mlcli.config import tree as scalars
from mlcli.config.sections.base import Section, names_of
from mlcli.config.sections.config import Config
from mlcli.config.tree import Value, read_key


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
    """YAML with a line for each key at the left margin: `optimizer: {name: sgd, lr: 0.1}`."""
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


class _Dumper(yaml.SafeDumper):
    """Quotes the texts that the YAML 1.2 core schema would read as something else."""

    yaml_implicit_resolvers: dict[str | None, list[Any]] = {}  # noqa: RUF012 (PyYAML's own name)

    def ignore_aliases(self, data: object) -> bool:
        """No anchors: the loader refuses them."""
        return True


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.Node:
    """Text of several lines in quotes on one line, valid anywhere in a document."""
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
