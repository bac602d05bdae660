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

    value: Value
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
        """Place of the value; else of the nearest value around it that was written without keys of its own.

        So `optimizer.name` of `optimizer: adam` is where `adam` stands.
        """
        if path in self.values:
            return self.values[path]
        around = path
        while around not in self.values:
            around = around[:-1]
        has_keys = any(key[:-1] == around for key in self.keys)
        return self.place_of_key(around) if has_keys else self.values[around]

    def with_value(self, path: KeyPath, value: Value, place: Place) -> "Tree":
        """Copy with one value put at a path, sections on the way being made where there are none.

        Raises NotASectionError where something else than a section is in the way.
        """
        values = {old: at for old, at in self.values.items() if old[: len(path)] != path}
        keys = {old: at for old, at in self.keys.items() if old[: len(path)] != path}
        for length in range(1, len(path) + 1):
            keys.setdefault(path[:length], place)
            values.setdefault(path[:length], place)
        return replace(self, value=put_value(self.value, path, value), values=values, keys=keys)


def put_value(value: Value, path: KeyPath, new: Value, above: KeyPath = ()) -> Value:
    """Copy of nested sections with `new` at `path`; raises NotASectionError where a non-section is in the way."""
    if not path:
        return new
    if not isinstance(value, dict | None):
        raise NotASectionError(f"{'.'.join(map(str, above))} is not a section; it has no key {path[0]}")
    section, key = value or {}, str(path[0])
    return {**section, key: put_value(section.get(key), path[1:], new, (*above, key))}


def without_value(value: Value, path: KeyPath) -> Value:
    """Copy of nested sections without the key at `path` (for an item of a list: without the list)."""
    key = path[0]
    if not isinstance(value, dict) or not isinstance(key, str) or key not in value:
        return value
    rest = {name: inner for name, inner in value.items() if name != key}
    deeper = isinstance(value[key], dict) and len(path) > 1
    return {**rest, key: without_value(value[key], path[1:])} if deeper else rest


def freeze(value: JsonValue) -> Value:
    """Lists as tuples, mappings as dicts."""
    if isinstance(value, Mapping):
        return {str(key): freeze(inner) for key, inner in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return tuple(freeze(inner) for inner in value)
    return value
