"""JSON values read back as the dataclass or section they were written from."""

from __future__ import annotations

import math
from functools import cache
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from mlcli.errors import ArtefactError

T = TypeVar("T")


def from_json(kind: type[T], value: object, place: object) -> T:
    """`value` as a `kind`; raises ArtefactError, naming `place` and the first wrong field."""
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
    return TypeAdapter(kind)
