"""Delimited text, read cell for cell."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from mlcli.config.sections.dataset import CsvConfig
from mlcli.config.sections.rows import SourceConfig
from mlcli.data.readers.csv_dialect import Dialect, split_sep
from mlcli.data.readers.csv_footer import check_bottom, refuse_below_table
from mlcli.data.readers.csv_header import check_top, refuse_repeated_header
from mlcli.data.readers.csv_layout import CsvLayout, padding, refuse_lone_returns
from mlcli.data.readers.source import FileSource, MemoryNeed, text_need
from mlcli.data.readers.text_file import TextFile, open_text
from mlcli.data.tables.frames import Frame, collect, column_of, height_of
from mlcli.data.tables.rows import BLANKS, EXACT, Origin, Rows, check_header
from mlcli.data.tables.spill import Spill
from mlcli.data.tables.staged import StagedRows
from mlcli.errors import DataError
from mlcli.io.text import shown

_DELIMITERS = ",;\t|"
_JSON = re.compile(rb"\s*(\{\s*\"[^\"]*\"\s*:|\[\s*[\[{])")
# Bytes of text that are parsed at a time, of a table that memory does not hold.
PORTION = 16 << 20
_NAMELESS = "\0"  # starts the names of columns without one; no cell has it


class CsvSource(FileSource[CsvConfig]):
    """Delimited text with or without a header line."""

    def read_file(self, path: Path) -> Rows:
        return read_delimited(open_text(path, self.config.encoding), dialect_of(self.config))

    def stage_file(self, path: Path, spill: Spill) -> StagedRows:
        return stage_delimited(open_text(path, self.config.encoding), dialect_of(self.config), spill)

    def memory_needs(self) -> Iterator[MemoryNeed]:
        cell_ends = (self.config.delimiter.encode(), b"\n")
        return (text_need(path, cell_ends) for path in self.regular_files())


def dialect_of(config: SourceConfig) -> Dialect:
    """Of a dataset section; the defaults for sources of another kind."""
    if not isinstance(config, CsvConfig):
        return Dialect()
    return Dialect(config.delimiter, config.skip_rows, config.skip_footer, config.header, config.columns)


def read_delimited(text: TextFile, dialect: Dialect, numbers: Collection[str] = ()) -> Rows:
    """All cells as text; empty cells are empty text or null.

    numbers : columns that come as Float64 where all cells of all of them are numbers, or empty

    Raises EdgeError for lines above, below and between that are no rows, and DataError for a file that is no table.
    """
    frame, text, line_of, notes = _read(text, dialect, numbers, None)
    frame = collect(frame)
    rows = Rows.read(frame, Origin(text.label, line_of), is_text=True)
    return rows.with_frame(frame, *notes)


def stage_delimited(text: TextFile, dialect: Dialect, spill: Spill) -> StagedRows:
    """As `read_delimited`, with the cells in a file."""
    frame, text, line_of, notes = _read(text, dialect, (), spill)
    return StagedRows(frame.lazy(), Origin(text.label, line_of), is_text=True, spill=spill, notes=tuple(notes))


def _read(
    text: TextFile, dialect: Dialect, numbers: Collection[str], spill: Spill | None
) -> tuple[Frame, TextFile, Callable[[int], int], list[str]]:
    """The cells, the text that they are in, the line of a row, and notes."""
    if _JSON.match(text.buffer[:99]):
        raise DataError(f"{text.label}: is JSON, not delimited text; set dataset.name: jsonl, or name the file .jsonl")
    text, dialect, notes = split_sep(text, dialect)
    text = text.without_lines(dialect.skipped, dialect.skip_footer or 0)
    notes += [*text.doubts(), *check_top(text, dialect)]
    layout = CsvLayout.of(text, dialect.delimiter, header=dialect.header is not False)
    blanks = padding(layout) if layout.quoted else np.empty(0, dtype=np.int64)
    names = _names(layout, dialect)
    width = len(names)
    n_rows, names = _count_rows(layout, dialect, names)
    if text.contains(b"\r"):
        refuse_lone_returns(layout)
    if layout.header and len(names) > 1 and dialect.header is None:
        refuse_repeated_header(text, dialect, bytes(text.buffer[: layout.header]))
    # Whether a cell may begin or end with a blank.
    has_blanks = not text.is_ascii() or any(map(text.contains, (b'"', b" ", b"\t", b"\r")))
    known = None if has_blanks else _parse_numbers(layout, names, numbers)
    frame: Frame = known if known is not None else _cells(layout, names, blanks, spill, has_blanks=has_blanks)
    if (parsed := height_of(frame)) != n_rows:
        raise DataError(f"{text.label}: {n_rows} rows were counted but {parsed} parsed; the file is not regular")
    notes += check_bottom(layout, dialect, frame, n_rows)
    frame, without_names = _drop_nameless(layout, frame, width)
    return frame, text, layout.line, [*notes, *without_names]


def _cells(layout: CsvLayout, names: list[str], blanks: np.ndarray, spill: Spill | None, *, has_blanks: bool) -> Frame:
    """All cells as text without blanks around it, in memory or in a file."""
    stripped = pl.all().str.strip_chars(BLANKS) if has_blanks else pl.all()
    if spill is None:
        return _parse(layout, names, blanks).select(stripped)
    options = {**_options(layout, names), "skip_rows": 0}

    def portion(begin: int, end: int) -> pl.DataFrame:
        first, last = np.searchsorted(blanks, [begin, end])
        data = np.delete(layout.text.data[begin:end], blanks[first:last] - begin).tobytes()
        return pl.read_csv(data, **options).select(stripped)

    with _parsed(layout):
        return spill.stage(portion(*span) for span in layout.portions(PORTION))


def _names(layout: CsvLayout, dialect: Dialect) -> list[str]:
    """The header's names, dataset.columns, or x1, x2, …; those that the header lacks begin with _NAMELESS."""
    if not layout.header:
        n_cells = layout.first_end()[1]
        return list(dialect.columns) or [f"x{at}" for at in range(1, n_cells + 1)]
    names = _header(layout)
    return [name or f"{_NAMELESS}{at}" for at, name in enumerate(names)]


def _header(layout: CsvLayout) -> list[str]:
    delimiter, place = chr(layout.delimiter), f"{layout.text.label}:{layout.text.line(0)}"
    line = layout.text.data[: layout.header].tobytes().decode()
    if "\r" in line.rstrip("\r"):
        raise DataError(f"{place}: lines end in a carriage return alone; save the file with \\n or \\r\\n line ends")
    try:
        cells = next(csv.reader([line], delimiter=delimiter, skipinitialspace=delimiter != " ", strict=True), [])
    except csv.Error as error:
        raise DataError(f"{place}: {shown(line)} is not a header line: {error}") from error
    names = [cell.strip(BLANKS) for cell in cells]
    other = max(_DELIMITERS, key=names[0].count)
    if len(names) == 1 and other in names[0]:
        raise DataError(f"{place}: one column only, called {shown(names[0])}; set dataset.delimiter: {other!r}?")
    if not any(names):
        raise DataError(f"{place}: blank line; expected the header")
    check_header([name or f"{_NAMELESS}{at}" for at, name in enumerate(names)], place)
    return names


def _count_rows(layout: CsvLayout, dialect: Dialect, names: list[str]) -> tuple[int, list[str]]:
    """The number of rows, and the names with one more where each row ends in a delimiter that the header has not.

    Raises DataError where there are no rows, or rows of another width.
    """
    text, width = layout.text, len(names)
    n_rows = layout.count_rows(width)
    if n_rows == 0:
        raise DataError(f"{text.label}: only a header line; expected rows below it")
    if n_rows is None and layout.header and (longer := layout.count_rows(width + 1)):
        return longer, [*names, f"{_NAMELESS}{width}"]
    if n_rows is None:
        begin, end, size = layout.first_ragged(width)
        if begin > layout.start:
            refuse_below_table(text, dialect, begin, layout.end, width)
        raise layout.ragged(begin, end, size, width)
    return n_rows, names


def _drop_nameless(layout: CsvLayout, frame: Frame, width: int) -> tuple[Frame, list[str]]:
    """Without the columns that have neither a name nor a cell, and a note on them; others are an error.

    width : of the header
    """
    names = frame.collect_schema().names()
    nameless = [name for name in names if name.startswith(_NAMELESS)]
    if not nameless:
        return frame, []
    filled = {name for name in nameless if column_of(frame, name).cast(pl.String).fill_null("").ne("").any()}
    if f"{_NAMELESS}{width}" in filled:
        raise DataError(
            f"{layout.text.label}:{layout.line(0)}: {width + 1} cells where the header has {width}, as in all rows; "
            "write a name for each column, or the file without row names (R: row.names = FALSE)"
        )
    if filled == {names[0]} and _counts_rows(column_of(frame, names[0])):
        note = "the first column, without a name, counts the rows, as the index of a data frame does; it is not read"
        return frame.drop(nameless), [note]
    place = f"{layout.text.label}:{layout.text.line(0)}"
    check_header(["" if name in filled else name for name in names], place)
    count = "a column is" if len(nameless) == 1 else f"{len(nameless)} columns are"
    note = f"{count} not read, without a name or a cell, as where lines end in the delimiter"
    return frame.drop(nameless), [note]


def _counts_rows(column: pl.Series) -> bool:
    """Whether its cells are the numbers of the rows, from 0 or from 1."""
    numbers = column.cast(pl.String).cast(pl.Int64, strict=False)
    first = numbers[0]
    return first in (0, 1) and numbers.equals(pl.int_range(first, first + len(numbers), eager=True))


def _parse_numbers(layout: CsvLayout, names: list[str], numbers: Collection[str]) -> pl.DataFrame | None:
    """The cells, those of `numbers` parsed at once; None where one of these cells needs a look at its text."""
    chosen = [name for name in names if name in numbers]
    if not chosen:
        return None
    try:
        frame = _parse(layout, names, np.empty(0, dtype=np.int64), chosen)
    except DataError:
        return None
    plain = frame.select((pl.col(name).abs() < EXACT).all() for name in chosen)
    return frame if all(plain.row(0)) else None


def _parse(layout: CsvLayout, names: list[str], blanks: np.ndarray, numbers: Collection[str] = ()) -> pl.DataFrame:
    with _parsed(layout):
        return pl.read_csv(_source(layout, blanks), **_options(layout, names, numbers))


@contextmanager
def _parsed(layout: CsvLayout) -> Iterator[None]:
    """Raise what Polars says of the text as a DataError."""
    try:
        yield
    except pl.exceptions.PolarsError as error:
        raise DataError(f"{layout.text.label}: cannot be parsed: {str(error).splitlines()[0]}") from error


def _source(layout: CsvLayout, blanks: np.ndarray) -> str | bytes:
    text = layout.text
    if blanks.size:
        return np.delete(text.data[: layout.end], blanks).tobytes()
    if text.path is None or bytes(text.buffer[layout.end :]) not in (b"", b"\n", b"\r\n"):
        return bytes(text.buffer[: layout.end])
    return str(text.path)


def _options(layout: CsvLayout, names: list[str], numbers: Collection[str] = ()) -> dict[str, Any]:
    """How Polars is to read the cells."""
    return {
        "has_header": False,
        "skip_rows": 1 if layout.header else 0,
        "schema": {name: pl.Float64 if name in numbers else pl.String for name in names},
        "separator": chr(layout.delimiter),
        "quote_char": '"' if layout.quoted else None,
        "glob": False,
    }
