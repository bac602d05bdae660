"""Every key a configuration can have, and what it may hold, read off the annotations of the sections."""

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import chain
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic.fields import FieldInfo

from mlcli.config.sections.base import Section
from mlcli.config.tree import Value

ANY = "*"


@dataclass(frozen=True)
class ValueType:
    """An annotation with the constraints on it."""

    annotation: Any
    constraints: tuple[Any, ...] = ()

    def options(self) -> tuple["ValueType", ...]:
        """The members of a union, flattened; itself when it is none."""
        if self.origin not in (Union, UnionType):
            return (self,)
        return tuple(option for member in self.arguments for option in type_of(member, self.constraints).options())

    def sections(self) -> tuple[type[Section], ...]:
        """The members that are sections."""
        return tuple(option.annotation for option in self.options() if option.is_section)

    @property
    def is_section(self) -> bool:
        """Whether it is one section."""
        return isinstance(self.annotation, type) and issubclass(self.annotation, Section)

    @property
    def origin(self) -> object:
        """tuple, dict or Literal for their parametrised forms, the type itself for the others."""
        return get_origin(self.annotation) or self.annotation

    @property
    def arguments(self) -> tuple[Any, ...]:
        """The arguments in the brackets of a parametrised type."""
        return get_args(self.annotation)

    @property
    def words(self) -> tuple[str, ...]:
        """The words of a Literal."""
        return self.arguments if self.origin is Literal else ()

    def items(self, length: int) -> tuple["ValueType", ...] | None:
        """Type of each item of a list of this length; None when the length does not fit."""
        if self.any_length:
            fits = (self.limit("min_length") or 0) <= length <= (self.limit("max_length") or length)
            return (type_of(self.arguments[0]),) * length if fits else None
        return tuple(map(type_of, self.arguments)) if len(self.arguments) == length else None

    @property
    def any_length(self) -> bool:
        """Whether it is a list of any number of items."""
        return self.arguments[1:] == (Ellipsis,)

    def key_and_value(self) -> tuple["ValueType", "ValueType"]:
        """Types of the keys and values of a dict."""
        key, value = self.arguments
        return type_of(key), type_of(value)

    def limit(self, name: str) -> float | None:
        """The ge, gt, le, lt, min_length or max_length constraint; None without."""
        return next((getattr(one, name) for one in self.constraints if getattr(one, name, None) is not None), None)

    @property
    def pattern(self) -> str | None:
        """The regular expression that a text must match as a whole; None without."""
        return next((one.pattern for one in self.constraints if getattr(one, "pattern", None)), None)

    def accepts(self, value: Value) -> bool:
        """Whether a scalar fits; the types are strict, except that a whole number is a number."""
        if self.annotation is NoneType:
            return value is None
        if self.words:
            return isinstance(value, str) and value in self.words
        wanted = (int, float) if self.annotation is float else (self.annotation,)
        if type(value) not in wanted:
            return False
        if isinstance(value, str):
            return self._fits_text(value)
        return not isinstance(value, int | float) or (math.isfinite(value) and self._within(value))

    def _within(self, value: float) -> bool:
        ge, gt, le, lt = map(self.limit, ("ge", "gt", "le", "lt"))
        low = (ge is None or value >= ge) and (gt is None or value > gt)
        return low and (le is None or value <= le) and (lt is None or value < lt)

    def _fits_text(self, value: str) -> bool:
        long_enough = len(value) >= (self.limit("min_length") or 0)
        return long_enough and (not self.pattern or bool(re.fullmatch(self.pattern, value)))


def type_of(annotation: Any, constraints: Sequence[Any] = ()) -> ValueType:  # noqa: ANN401 (annotations have no type)
    """Type of an annotation, with the constraints that Annotated puts on it."""
    if get_origin(annotation) is not Annotated:
        return ValueType(annotation, tuple(constraints))
    inner, *more = get_args(annotation)
    nested = [one.metadata if isinstance(one, FieldInfo) else [one] for one in more]
    return type_of(inner, [*constraints, *chain.from_iterable(nested)])


def field_type(field: FieldInfo) -> ValueType:
    """Type of a section's key."""
    return type_of(field.annotation, field.metadata)


def names_of(section: type[Section]) -> tuple[str, ...]:
    """The values of `name` that select this section; empty when it has no such key."""
    field = section.model_fields.get("name")
    return field_type(field).words if field else ()


@dataclass(frozen=True)
class Key:
    """One key of one section.

    path : keys from the top; ANY is a name of the user's, such as a column
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
    from mlcli.config.sections.config import Config

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
        path, expected = (*above, name), field_type(field)
        inside = list(_inside(expected, path))
        yield Key(path, names, field, bool(inside))
        yield from inside


def _inside(expected: ValueType, path: tuple[str, ...]) -> Iterator[Key]:
    for section in expected.sections():
        yield from _keys(section, path, names_of(section) if len(expected.sections()) > 1 else ())
    for option in expected.options():
        if option.origin is dict:
            yield from _inside(option.key_and_value()[1], (*path, ANY))
