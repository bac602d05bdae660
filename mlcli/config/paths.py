"""Every key a configuration can have, as one flat listing."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from pydantic.fields import FieldInfo

from mlcli.config.base import Section
from mlcli.config.shape import Shape, field_shape, names_of

ANY = "*"


@dataclass(frozen=True)
class Key:
    """One key of one section.

    path : keys from the top; ANY stands for a name of the user's, such as a column
    names : the values of `name` for which the section has this key; empty when it always has
    is_section : whether other keys lie under it
    """

    path: tuple[str, ...]
    names: tuple[str, ...]
    field: FieldInfo
    is_section: bool

    def matches(self, path: tuple[str, ...]) -> bool:
        """Whether this is the key at `path`."""
        pairs = zip(self.path, path, strict=False)
        return len(self.path) == len(path) and all(own in (ANY, other) for own, other in pairs)


@cache
def all_keys() -> tuple[Key, ...]:
    """Every key, in the order of the sections; a key of several union members comes once for each."""
    from mlcli.config.schema import Config

    return tuple(_keys(Config, (), ()))


def find_keys(path: tuple[str, ...]) -> tuple[Key, ...]:
    """The keys at a path, one for each union member that has it; empty when there is none."""
    return _by_path().get(path) or tuple(key for key in all_keys() if key.matches(path))


@cache
def _by_path() -> dict[tuple[str, ...], tuple[Key, ...]]:
    """The keys at each path without names of the user's own."""
    found: dict[tuple[str, ...], tuple[Key, ...]] = {}
    for key in all_keys():
        found[key.path] = (*found.get(key.path, ()), key)
    return found


def owners(path: tuple[str, ...]) -> tuple[str, ...]:
    """The names of its section for which a key exists; empty when it always does."""
    keys = find_keys(path)
    return () if any(not key.names for key in keys) else tuple(name for key in keys for name in key.names)


def _keys(section: type[Section], above: tuple[str, ...], names: tuple[str, ...]) -> Iterator[Key]:
    for name, field in section.model_fields.items():
        path, shape = (*above, name), field_shape(field)
        inside = list(_inside(shape, path))
        yield Key(path, names, field, bool(inside))
        yield from inside


def _inside(shape: Shape, path: tuple[str, ...]) -> Iterator[Key]:
    for section in shape.sections():
        yield from _keys(section, path, names_of(section) if len(shape.sections()) > 1 else ())
    for option in shape.options():
        if option.origin is dict:
            yield from _inside(option.key_and_value()[1], (*path, ANY))
