"""JSON files read without trust, and values written as JSON and read back as the dataclass or section they were."""

from __future__ import annotations

import json
import math
import os
import stat
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import fields, is_dataclass
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, NoReturn, TypeVar, cast

from mlcli.errors import ArtefactError
from mlcli.io.disk import resource_errors
from mlcli.io.typed import MisfitError, read_as

if TYPE_CHECKING:
    from pydantic import TypeAdapter

T = TypeVar("T")

REMEDY = "restore it or create it again"
LIMIT = 64 << 20
# Longer documents are on one line: they are not for readers, and a third as long.
_LONG = 1 << 20


def refuse_symlink(path: Path) -> Path:
    """The path itself; raises ArtefactError for a link, which may lead anywhere."""
    if path.is_symlink():
        raise ArtefactError(f"{path}: a link, where a run or model needs a file of its own; {REMEDY}")
    return path


def read_limited(path: Path, limit: int) -> bytes:
    """Read a regular file of at most `limit` bytes; raises ArtefactError for any other."""
    with _opened(path) as file:
        content = file.read(limit + 1)
    if len(content) > limit:
        raise ArtefactError(f"{path}: larger than the {limit:,} bytes allowed; {REMEDY}")
    return content


def read_tail(path: Path, size: int) -> bytes:
    """Read the last bytes of a regular file, at most `size`; raises ArtefactError where there is none."""
    with _opened(path) as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - size))
        return file.read(size)


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    with resource_errors(path):
        try:
            if not stat.S_ISREG(path.lstat().st_mode):
                raise ArtefactError(f"{path}: a link, folder or device, not a regular file; {REMEDY}")
            file = path.open("rb")
        except FileNotFoundError:
            raise ArtefactError(f"{path}: missing; {REMEDY}") from None
        with file:
            yield file


def read_json(path: Path, limit: int = LIMIT) -> object:
    """Read a JSON document; raises ArtefactError when it is missing, damaged or larger than `limit` bytes."""
    content = read_limited(path, limit)
    try:
        value = json.loads(content.decode("utf-8"), parse_constant=_refuse_constant, parse_float=_finite)
        if b"\\u" in content:
            json.dumps(value, ensure_ascii=False).encode()  # escapes can spell halves of letters, which are no text
    except (ValueError, RecursionError) as error:
        raise ArtefactError(f"{path}: not valid JSON ({error}); {REMEDY}") from None
    return value


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text:.20} is too large for a number")
    return number


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def from_json(kind: type[T], value: object, place: object) -> T:
    """`value` as a `kind`; raises ArtefactError, naming `place` and the first wrong field.

    Pydantic, whose import takes longer than to do without it, only tells what is wrong, and reads what is rare: texts
    as numbers, and types that `read_as` does not know.
    """
    with suppress(MisfitError):
        return read_as(kind, value)
    from pydantic import ValidationError

    try:
        return _adapter(kind).validate_python(value)  # type: ignore[arg-type,no-any-return]
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"]))
        received = f", got {first['input']!r:.60}" if where and first["type"] != "missing" else ""
        raise ArtefactError(
            f"{place}: {where or 'content'}: {first['msg']}{received}; restore the file or create it again"
        ) from None


def check_version(value: object, supported: int, place: object, oldest: int | None = None) -> None:
    """Raises ArtefactError unless the JSON object's `schema` is the supported version, or one down to `oldest`."""
    version = value.get("schema") if isinstance(value, dict) else None
    if isinstance(version, int) and version > supported:
        raise ArtefactError(
            f"{place}: made by a newer mlcli (format {version}, this one reads {supported}); upgrade mlcli"
        )
    if not isinstance(version, int) or isinstance(version, bool) or version < (oldest or supported):
        raise ArtefactError(f"{place}: format {version!r:.60} is unknown, expected {supported}; create it again")


def strict_json(value: object, not_finite: Callable[[float], object] = str) -> object:
    """The value with NaN and infinities, which JSON lacks, replaced; `float` reads back their texts."""
    match value:
        case dict():
            return {str(key): strict_json(item, not_finite) for key, item in value.items()}
        case list() | tuple():
            return [strict_json(item, not_finite) for item in value]
        case float() if not math.isfinite(value):
            return not_finite(value)
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
    return strict_json(value, lambda number: None)


@cache
def _adapter(kind: type[Any]) -> TypeAdapter[Any]:
    from pydantic import TypeAdapter

    return TypeAdapter(kind)


def encode_json(value: object) -> bytes:
    """JSON, keys in their own order, objects by `to_json`; raises ValueError for NaN and infinities."""
    encode = partial(json.dumps, value, ensure_ascii=False, allow_nan=False, default=to_json)
    text = encode()
    return f"{text if len(text) > _LONG else encode(indent=2)}\n".encode()
