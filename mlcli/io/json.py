"""JSON values read back as the dataclass or section they were written from."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import fields, is_dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

from mlcli.errors import ArtefactError

if TYPE_CHECKING:
    from pydantic import TypeAdapter

T = TypeVar("T")


def from_json(kind: type[T], value: object, place: object) -> T:
    """`value` as a `kind`; raises ArtefactError, naming `place` and the first wrong field."""
    from pydantic import ValidationError

    try:
        return _adapter(kind).validate_python(value)  # type: ignore[arg-type,no-any-return]
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"]))
        received = f", got {first['input']!r:.60}" if where and first["type"] != "missing" else ""
        raise ArtefactError(
            f"{place}: {where or 'content'}: {first['msg']}{received}; restore the file or make it anew"
        ) from None


def check_version(value: object, supported: int, place: object, oldest: int | None = None) -> None:
    """Raises ArtefactError unless the JSON object's `schema` is the supported version, or one down to `oldest`."""
    version = value.get("schema") if isinstance(value, dict) else None
    if isinstance(version, int) and version > supported:
        raise ArtefactError(
            f"{place}: made by a newer mlcli (format {version}, this one reads {supported}); upgrade mlcli"
        )
    if not isinstance(version, int) or isinstance(version, bool) or version < (oldest or supported):
        raise ArtefactError(f"{place}: format {version!r:.60} is unknown, expected {supported}; make it anew")


def strict_json(value: object) -> object:
    """The value with NaN and infinities, which JSON lacks, as text that `float` reads back."""
    match value:
        case dict():
            return {key: strict_json(item) for key, item in value.items()}
        case list() | tuple():
            return [strict_json(item) for item in value]
        case float() if not math.isfinite(value):
            return str(value)
        case _:
            return value


def to_json(value: object) -> Any:  # noqa: ANN401
    """By the value's own `to_json`; else dataclasses as objects, tuples as lists, paths as text."""
    if hasattr(value, "to_json"):
        return to_json(value.to_json())
    if is_dataclass(value):
        return fields_to_json(value)
    match value:
        case dict():
            return {key: to_json(item) for key, item in value.items()}
        case list() | tuple():
            return [to_json(item) for item in value]
        case None | bool() | int() | float() | str():
            return value
        case Path():
            return str(value)
        case _:
            raise TypeError(f"{type(value).__name__} has no form in JSON")


def fields_to_json(value: object) -> dict[str, Any]:
    """The fields of a dataclass by name, each as `to_json` gives it."""
    return {field.name: to_json(getattr(value, field.name)) for field in fields(cast("Any", value))}


def named_to_json(values: Iterable[Any]) -> dict[str, Any]:
    """JSON values by the `name` of what they are of."""
    return {value.name: to_json(value) for value in values}


def plain_json(value: object) -> object:
    """The value with tuples as lists, and null for NaN and infinities."""
    match value:
        case dict():
            return {str(key): plain_json(item) for key, item in value.items()}
        case list() | tuple():
            return [plain_json(item) for item in value]
        case float() if not math.isfinite(value):
            return None
        case _:
            return value


@cache
def _adapter(kind: type[Any]) -> TypeAdapter[Any]:
    from pydantic import TypeAdapter

    return TypeAdapter(kind)
