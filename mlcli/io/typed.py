"""Plain values, as JSON and YAML have them, read as what annotations say they are."""

from __future__ import annotations

import math
from dataclasses import MISSING, fields, is_dataclass
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, NotRequired, TypeVar, Union, cast, get_args, get_origin, get_type_hints

T = TypeVar("T")


class MisfitError(ValueError):
    """A value is not of its type."""


def read_as(kind: type[T], value: object) -> T:
    """The value as a `kind`; a list becomes a tuple, and a whole number a float, where that is wanted.

    kind : None, bool, int, float, str, Any, a Literal, list, tuple or dict, a dataclass or a TypedDict, whose other
        keys are ignored, a class with `model_validate`, a union, of which the first member that fits is taken, or one
        of these Annotated with limits, which have a method `allows`

    Raises MisfitError also for other kinds.
    """
    return cast("T", _read(kind, value))


def fits(kind: Any, value: object) -> bool:  # noqa: ANN401 (annotations have no type)
    """Whether `read_as` takes the value."""
    try:
        _read(kind, value)
    except MisfitError:
        return False
    return True


def _read(kind: Any, value: Any) -> Any:  # noqa: ANN401
    match get_origin(kind) or kind:
        case scalar if scalar in (str, bool, int, NoneType, None):
            if type(value) is (scalar or NoneType):
                return value
        case plain if plain is float:
            if type(value) in (int, float):
                return _finite(value)
        case anything if anything is Any:
            return value
        case literal if literal is Literal:
            if any(type(value) is type(word) and value == word for word in get_args(kind)):
                return value
        case union if union in (Union, UnionType):
            return _read_union(get_args(kind), value)
        case annotated if annotated is Annotated:
            inner, *limits = get_args(kind)
            found = _read(inner, value)
            if all(one.allows(found) for one in limits if hasattr(one, "allows")):
                return found
        case items if items in (list, tuple):
            if isinstance(value, list | tuple):
                return items(map(_read, _kinds_of_items(items, get_args(kind), len(value)), value))
        case mapping if mapping is dict:
            if isinstance(value, dict):
                of_keys, of_values = get_args(kind) or (Any, Any)
                return {_read(of_keys, key): _read(of_values, inner) for key, inner in value.items()}
        case section if hasattr(section, "model_validate"):
            return section.model_validate(value)
        case optional if optional is NotRequired:
            return _read(get_args(kind)[0], value)
        case _ if hasattr(kind, "__required_keys__"):
            return _read_typed_dict(kind, value)
        case _ if is_dataclass(kind):
            return value if isinstance(value, cast("type", kind)) else _read_dataclass(kind, value)
    raise MisfitError(f"{value!r:.60} is no {getattr(kind, '__name__', kind)}")


def _finite(value: float) -> float:
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise MisfitError(f"{value!r:.60} is no finite number")
    return number


def _read_union(members: tuple[Any, ...], value: object) -> object:
    for member in members:
        try:
            return _read(member, value)
        except MisfitError as error:
            last = error
    raise last


def _kinds_of_items(kind: type, arguments: tuple[Any, ...], length: int) -> tuple[Any, ...]:
    if not arguments:
        return (Any,) * length
    if kind is list or arguments[1:] == (Ellipsis,):
        return arguments[:1] * length
    if len(arguments) != length:
        raise MisfitError(f"{length} items, expected {len(arguments)}")
    return arguments


def _read_dataclass(kind: Any, value: object) -> object:  # noqa: ANN401
    if not isinstance(value, dict):
        raise MisfitError(f"{value!r:.60} is no object")
    hints, values = _hints(kind), {}
    for field in fields(kind):
        if field.name in value and field.init:
            values[field.name] = _read(hints[field.name], value[field.name])
        elif field.default is MISSING and field.default_factory is MISSING:
            raise MisfitError(f"{field.name} is missing")
    return kind(**values)


def _read_typed_dict(kind: Any, value: object) -> object:  # noqa: ANN401
    if not isinstance(value, dict):
        raise MisfitError(f"{value!r:.60} is no object")
    hints = _hints(kind)
    for key, hint in hints.items():
        if key not in value and get_origin(hint) is not NotRequired:
            raise MisfitError(f"{key} is missing")
    return {key: _read(hint, value[key]) for key, hint in hints.items() if key in value}


@cache
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind, include_extras=True)
