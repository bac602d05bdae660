"""The content of a configuration file as plain values, with the place each was written at."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from mlcli.errors import Problem

Value: TypeAlias = "str | int | float | bool | tuple[Value, ...] | dict[str, Value] | None"
JsonValue: TypeAlias = "str | int | float | bool | Sequence[JsonValue] | Mapping[str, JsonValue] | None"
KeyPath = tuple[str | int, ...]


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
    broken : paths of values that could not be read and are left out, so that nothing more is said about them
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
