"""JSON lines: one flat object a line. A key that is absent from a line is a missing value."""

from __future__ import annotations

import json
from typing import NoReturn

import polars as pl

from mlcli.data.names import check_header, shown
from mlcli.data.rows import Rows, Source
from mlcli.data.textfile import TextFile
from mlcli.errors import DataError

_KINDS = {bool: "true or false", int: "a number", float: "a number", str: "text"}


def read_jsonl(text: TextFile) -> Rows:
    """Columns in the order their keys appear; raises DataError with the line that is no object or changes a kind."""
    data = bytes(text.buffer).rstrip()
    try:
        frame = pl.read_ndjson(data, infer_schema_length=None)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        raise _line_error(text, data) or _unreadable(text, str(error).splitlines()[0]) from error
    if frame.height != data.count(b"\n") + 1:
        raise _line_error(text, data) or _unreadable(text, f"{frame.height} objects found")
    mixed = _line_error(text, data) if _may_be_mixed(data, frame) else None
    if mixed:
        raise mixed
    if not frame.columns:
        raise DataError(f"{text.label}: no line has a key; expected one object with named values a line")
    check_header(frame.columns, text.label)
    return Rows.read(frame, Source(text.label, lambda row: row + 1))


def _unreadable(text: TextFile, reason: str) -> DataError:
    return DataError(f"{text.label}: cannot be read as JSON lines (one object a line): {reason}")


def _may_be_mixed(data: bytes, frame: pl.DataFrame) -> bool:
    """Whether a column read as text also holds numbers, true or false, which the reader turns into text."""
    texts = [name for name, dtype in frame.schema.items() if dtype == pl.String]
    if not texts:
        return False
    others = (
        pl.read_ndjson(data, schema=dict.fromkeys(texts, dtype), ignore_errors=True)
        for dtype in (pl.Float64, pl.Boolean)
    )
    return any(other[name].null_count() < other.height for other in others for name in texts)


def _line_error(text: TextFile, data: bytes) -> DataError | None:
    """The first bad line, looked for one by one now that there is reason to."""
    kinds: dict[str, tuple[str, int]] = {}
    for number, line in enumerate(data.split(b"\n"), start=1):
        place = f"{text.label}:{number}"
        try:
            cells = _object(line, place)
        except DataError as error:
            return error
        for key, value in cells.items():
            problem = _cell_error(kinds, key, value, number)
            if problem:
                return DataError(f"{place}: key {key!r} holds {shown(value)}{problem}")
    return None


def _cell_error(kinds: dict[str, tuple[str, int]], key: str, value: object, line: int) -> str:
    """What is wrong with a value; kinds: the kind of every key and the line that set it, updated here."""
    if value is None:
        return ""
    kind = _KINDS.get(type(value))
    if kind is None:
        return "; expected text, a number, true, false or null"
    first, at = kinds.setdefault(key, (kind, line))
    return "" if kind == first else f", which is {kind}, but line {at} holds {first}; write one kind of value a key"


def _object(line: bytes, place: str) -> dict[str, object]:
    if not line.strip():
        raise DataError(f"{place}: blank line between rows; delete it")
    try:
        value = json.loads(line, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        reason = error.msg if isinstance(error, json.JSONDecodeError) else error
        raise DataError(f"{place}: {shown(line.decode().strip())} is not JSON: {reason}") from error
    if not isinstance(value, dict):
        raise DataError(f"{place}: {shown(value)} is not an object; expected one {{…}} a line")
    return value


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number; write null")
