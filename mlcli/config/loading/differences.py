"""The differences between configurations, key by key."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, TypeAlias

from mlcli.config.loading.dump import changes_of, plain_section
from mlcli.config.sections.config import Config
from mlcli.config.tree import KeyPath, Value, dotted


class Unset(Enum):
    """The value of a key that a configuration does not have."""

    UNSET = "unset"


UNSET = Unset.UNSET
Setting: TypeAlias = "Value | Unset"


@dataclass(frozen=True)
class Difference:
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
