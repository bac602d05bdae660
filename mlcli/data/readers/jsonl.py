"""JSON lines: one flat object a line. A key that is absent from a line is a missing value."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

import polars as pl

from mlcli.config.sections.dataset import JsonlConfig
from mlcli.data.readers.parquet import contained_panics
from mlcli.data.readers.source import FileSource, MemoryNeed, text_need
from mlcli.data.readers.text_file import TextFile, open_text
from mlcli.data.tables.rows import EXACT, Origin, Rows, check_header, first_changed
from mlcli.data.tables.staged import RowPortions
from mlcli.errors import DataError
from mlcli.io.text import shown

# Bytes of text that are read at a time, of a table that memory does not hold.
PORTION = 8 << 20
# A row and what is written in it.
Cell = tuple[int, str]
Pairs = Callable[[list[tuple[str, object]]], dict[str, object]]

_HALF_A_PAIR = re.compile(
    rb"\\u[dD][89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F])|(?<!\\u[dD][89abAB][0-9a-fA-F]{2})\\u[dD][c-fC-F]"
)
# An exponent of so many digits wraps round in Polars: 1e-21474836311 is read as 1e169.
_LONG_EXPONENT = re.compile(rb"\d[eE][+-]?0*[1-9]\d{4}")
_SURROGATE = re.compile("[\ud800-\udfff]")
_KEY = re.compile(rb'"\s*:')
_DOCUMENT = re.compile(rb"\s*(\[|\{\s*\n)")
_KINDS = {bool: "true or false", int: "a number", float: "a number", str: "text"}


class JsonlSource(FileSource[JsonlConfig]):
    """JSON lines."""

    def read_file(self, path: Path) -> Rows:
        return read_jsonl(open_text(path))

    def portion_file(self, path: Path) -> RowPortions:
        return portion_jsonl(open_text(path))

    def memory_needs(self) -> Iterator[MemoryNeed]:
        return (text_need(path, (b'":',)) for path in self.regular_files())


def read_jsonl(text: TextFile) -> Rows:
    """Columns in the order their keys appear; raises DataError with the line that is no object or changes a kind."""
    data = bytes(text.buffer).rstrip()
    frame = _read_lines(text, data, 0)
    _check_keys(text, frame.columns)
    return replace(Rows.read(frame, _origin(text)), rounded=_rounded(data, frame))


def portion_jsonl(text: TextFile) -> RowPortions:
    """As `read_jsonl`, some rows at a time; all lines are read once before, for the kinds of their values."""
    types, rounded, wide, start = dict[str, pl.DataType](), dict[str, Cell](), dict[str, Cell](), 0
    for data in _portions(text):
        frame = _read_lines(text, data, start)
        for name, dtype in frame.schema.items():
            types[name] = joined = _join(types.get(name, pl.Null()), dtype)
            if joined == pl.Object:
                raise _line_error(text, itertools.chain.from_iterable(map(_lines, _portions(text)))) or _unreadable(
                    text, f"key {name!r} has more than one kind of values"
                )
        found = [
            _rounded(data, frame),
            {one.name: at for one in frame if one.dtype.is_integer() for at in first_changed(one)},
        ]
        for known, new in zip((rounded, wide), found, strict=True):
            known |= {name: (start + row, cell) for name, (row, cell) in new.items() if name not in known}
        start += frame.height
    _check_keys(text, list(types))
    changed = {name: cell for name, cell in wide.items() if types[name].is_float() and name not in rounded}
    schema = {name: pl.String() if dtype == pl.Null else dtype for name, dtype in types.items()}

    def frames() -> Iterator[pl.DataFrame]:
        return (pl.read_ndjson(data, schema=schema) for data in _portions(text))

    return RowPortions(frames, _origin(text), rounded=rounded | changed)


def _origin(text: TextFile) -> Origin:
    return Origin(text.label, lambda row: row + 1)


def _portions(text: TextFile) -> Iterator[bytes]:
    """Whole lines of about PORTION bytes together."""
    start, end = 0, len(text.buffer)
    while end and text.buffer[end - 1] in b" \t\r\n":
        end -= 1
    while start < end:
        stop = text.buffer.find(b"\n", min(start + PORTION, end), end)
        yield text.buffer[start : end if stop < 0 else stop]
        start = end if stop < 0 else stop + 1


def _join(one: pl.DataType, other: pl.DataType) -> pl.DataType:
    """The type that holds the values of both; Object where there is none."""
    if pl.Null in (one, other) or one == other:
        return other if one == pl.Null else one
    return pl.Float64() if one.is_numeric() and other.is_numeric() else pl.Object()


def _read_lines(text: TextFile, data: bytes, before: int) -> pl.DataFrame:
    """The rows of some lines; before : how many lines there are above them."""
    if not before and (found := _DOCUMENT.match(data)):
        what, query = ("a JSON array", ".[]") if found[1] == b"[" else ("a JSON object over several lines", ".")
        raise DataError(f"{text.label}: {what}; write one object a line: jq -c '{query}' {text.label} > rows.jsonl")
    try:
        with contained_panics():
            frame = pl.read_ndjson(data, infer_schema_length=None)
    except (pl.exceptions.PolarsError, ValueError) as error:
        raise _line_error(text, _lines(data), before) or _unreadable(text, str(error).splitlines()[0]) from error
    if frame.height != data.count(b"\n") + 1:
        raise _line_error(text, _lines(data), before) or _unreadable(text, f"{frame.height} objects found")
    mixed = _line_error(text, _lines(data), before) if _may_be_mixed(data, frame) else None
    if mixed:
        raise mixed
    if _may_repeat_keys(data, frame) or _HALF_A_PAIR.search(data) or _LONG_EXPONENT.search(data):
        for number, line in enumerate(_lines(data), start=before + 1):
            _object(line, f"{text.label}:{number}", _clear_pairs)
    return frame


def _lines(data: bytes) -> list[bytes]:
    return data.split(b"\n")


def _check_keys(text: TextFile, names: Sequence[str]) -> None:
    if not names:
        raise DataError(f"{text.label}: no line has a key; expected one object with named values a line")
    check_header(names, text.label)


def _unreadable(text: TextFile, reason: str) -> DataError:
    return DataError(f"{text.label}: cannot be read as JSON lines (one object a line): {reason}")


def _may_be_mixed(data: bytes, frame: pl.DataFrame) -> bool:
    """Whether a column read as text also has numbers, true or false, which the reader turns into text."""
    texts = [name for name, dtype in frame.schema.items() if dtype == pl.String]
    if not texts:
        return False
    others = (
        pl.read_ndjson(data, schema=dict.fromkeys(texts, dtype), ignore_errors=True)
        for dtype in (pl.Float64, pl.Boolean)
    )
    return any(other[name].null_count() < other.height for other in others for name in texts)


def _may_repeat_keys(data: bytes, frame: pl.DataFrame) -> bool:
    """Whether an object may have a key twice, of which the reader would take one."""
    # At least as many as there are: quotes inside text may count.
    usual = not any(blank in data for blank in (b" :", b"\t:", b"\r:"))
    n_keys = data.count(b'":') if usual else len(_KEY.findall(data))
    if n_keys == _count_values(frame):
        return False
    schema = dict.fromkeys(frame.columns, pl.String)
    without_nulls = pl.read_ndjson(data.replace(b"null", b"true"), schema=schema, ignore_errors=True)
    return n_keys != _count_values(without_nulls)


def _count_values(frame: pl.DataFrame) -> int:
    return sum(column.count() for column in frame)


def _clear_pairs(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """The object of these pairs; raises ValueError for what JSON parsers read differently."""
    found = dict(pairs)
    if len(found) != len(pairs):
        keys = [key for key, _ in pairs]
        raise ValueError(f"key {max(keys, key=keys.count)!r} occurs twice; keep one of them")
    texts = (text for pair in pairs for text in pair if isinstance(text, str))
    if half := next(filter(None, map(_SURROGATE.search, texts)), None):
        raise ValueError(f"\\u{ord(half[0]):04x} is half a character; write the other half too")
    return found


def _rounded(data: bytes, frame: pl.DataFrame) -> dict[str, tuple[int, str]]:
    """For each column, the first whole number that the reader rounded because others have decimals."""
    rounded: dict[str, tuple[int, str]] = {}
    for column in frame:
        wide = (column.abs() >= EXACT).arg_true() if column.dtype == pl.Float64 else ()
        lines = data.split(b"\n") if len(wide) else []
        for row in wide:
            value = _object(lines[row], f"row {row + 1}").get(column.name)
            if isinstance(value, int) and int(float(value)) != value:
                rounded[column.name] = row, str(value)
                break
    return rounded


def _line_error(text: TextFile, lines: Iterable[bytes], before: int = 0) -> DataError | None:
    """The first bad line, looked for one by one now that there is reason to; before : lines that are above these."""
    kinds: dict[str, tuple[str, int]] = {}
    for number, line in enumerate(lines, start=before + 1):
        place = f"{text.label}:{number}"
        try:
            cells = _object(line, place)
        except DataError as error:
            return error
        for key, value in cells.items():
            problem = _cell_error(kinds, key, value, number)
            if problem:
                return DataError(f"{place}: key {key!r} is {shown(value)}{problem}")
    return None


def _cell_error(kinds: dict[str, tuple[str, int]], key: str, value: object, line: int) -> str:
    """What is wrong with a value; kinds: the kind of every key and the line that set it, updated here."""
    if value is None:
        return ""
    kind = _KINDS.get(type(value))
    if kind is None:
        return "; expected text, a number, true, false or null"
    first, at = kinds.setdefault(key, (kind, line))
    return "" if kind == first else f", which is {kind}, but line {at} has {first}; write one kind of value a key"


def _object(line: bytes, place: str, make: Pairs | None = None) -> dict[str, object]:
    if not line.strip():
        raise DataError(f"{place}: blank line between rows; delete it")
    try:
        value = json.loads(line, parse_constant=_refuse_constant, parse_float=_short, object_pairs_hook=make)
    except (ValueError, RecursionError) as error:
        reason = error.msg if isinstance(error, json.JSONDecodeError) else error
        raise DataError(f"{place}: {shown(line.decode().strip())} is not JSON: {reason}") from error
    if not isinstance(value, dict):
        raise DataError(f"{place}: {shown(value)} is not an object; expected one {{…}} a line")
    return value


def _short(text: str) -> float:
    if _LONG_EXPONENT.search(text.encode()):
        raise ValueError(f"{shown(text)} has an exponent beyond float64; write 0, or null")
    return float(text)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number; write null")
