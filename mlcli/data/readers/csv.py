"""Delimited text, read cell for cell."""

from __future__ import annotations

import csv
import itertools
import re
from collections import deque
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from mlcli.config.sections.dataset import CsvConfig
from mlcli.config.sections.rows import SourceConfig
from mlcli.data.readers.csv_dialect import Dialect, split_sep
from mlcli.data.readers.csv_footer import TAIL, check_bottom, refuse_below_table
from mlcli.data.readers.csv_header import check_top, refuse_repeated_header
from mlcli.data.readers.csv_layout import BLOCK, CsvLayout, padding, refuse_lone_returns
from mlcli.data.readers.source import FileSource, MemoryNeed, text_need
from mlcli.data.readers.text_file import TextFile, open_text
from mlcli.data.selection import cells_config
from mlcli.data.tables.rows import BLANKS, EXACT, INDEX_LEFT_OUT, Origin, Rows, check_header, names_rows
from mlcli.data.tables.staged import RowPortions
from mlcli.errors import DataError
from mlcli.io.text import shown

_DELIMITERS = ",;\t|"
_JSON = re.compile(rb"\s*(\{\s*\"[^\"]*\"\s*:|\[\s*[\[{])")
# Bytes of text that are parsed at a time, of a table that memory does not hold; and where its end is looked at.
PORTION, _SMALL = 8 << 20, 1 << 14
# The same of a table whose numbers go to arrays, and from how many bytes on they do.
FILLED, LARGE = 16 << 20, 64 << 20
_CODE = re.compile(rb"\+|0\d")
_NAMELESS = "\0"  # starts the names of columns without one; no cell has it


class CsvSource(FileSource[CsvConfig]):
    """Delimited text with or without a header line."""

    def read_file(self, path: Path) -> Rows:
        text, dialect, cells = open_text(path, self.config.encoding), dialect_of(self.config), cells_config(self.config)
        if cells.needs_text or len(self.files()) > 1:  # of which each would have numbers of its own
            return read_delimited(text, dialect)
        declared = {name for name, kind in self.config.types.items() if kind != "number"}
        return read_delimited(text, dialect, as_written={*cells.as_written, *declared, self.config.split.column or ""})

    def portion_file(self, path: Path) -> RowPortions:
        return portion_delimited(open_text(path, self.config.encoding), dialect_of(self.config))

    def memory_needs(self) -> Iterator[MemoryNeed]:
        cell_ends = (self.config.delimiter.encode(), b"\n")
        return (text_need(path, cell_ends) for path in self.regular_files())


def dialect_of(config: SourceConfig) -> Dialect:
    """Of a dataset section; the defaults for sources of another kind."""
    if not isinstance(config, CsvConfig):
        return Dialect()
    return Dialect(config.delimiter, config.skip_rows, config.skip_footer, config.header, config.columns)


def read_delimited(
    text: TextFile, dialect: Dialect, numbers: Collection[str] = (), as_written: Collection[str] | None = None
) -> Rows:
    """All cells as text; empty cells are empty text or null.

    numbers    : columns that come as Float64 where all cells of all of them are numbers, or empty
    as_written : columns that are not among these; all others are whose first cells are numbers, and of which none is a
                 code such as 007. None for no such guess

    Raises EdgeError for lines above, below and between that are no rows, and DataError for a file that is no table.
    """
    cells, n_rows, dialect, notes = _survey(text, dialect)
    frame = cells.parse_all(numbers if as_written is None else cells.likely_numbers(as_written), n_rows)
    if frame.height != n_rows:
        raise cells.irregular(n_rows, frame.height)
    bottom = frame.tail(TAIL)
    notes += check_bottom(cells.layout, dialect, frame, bottom, n_rows)
    nameless, more = _find_nameless(cells.layout, dialect, frame.select(cells.nameless))
    rows = Rows.read(frame.drop(nameless), cells.origin, is_text=True)
    return replace(rows, notes=(*notes, *more), text_of=cells.text_of)


def portion_delimited(text: TextFile, dialect: Dialect, numbers: Collection[str] = ()) -> RowPortions:
    """As `read_delimited`, some rows at a time."""
    cells, n_rows, dialect, notes = _survey(text, dialect)
    notes += check_bottom(cells.layout, dialect, cells.scan(), cells.last(TAIL), n_rows)
    unnamed = [frame.select(cells.nameless) for frame in cells.frames()] if cells.nameless else [pl.DataFrame()]
    nameless, more = _find_nameless(cells.layout, dialect, pl.concat(unnamed))

    def frames() -> Iterator[pl.DataFrame]:
        found = 0
        for frame in cells.frames(numbers):
            found += frame.height
            yield frame.drop(nameless)
        if found != n_rows:
            raise cells.irregular(n_rows, found)

    return RowPortions(frames, cells.origin, is_text=True, notes=(*notes, *more))


def _survey(text: TextFile, dialect: Dialect) -> tuple[Cells, int, Dialect, list[str]]:
    """The cells, how many rows of them there are, the dialect that they are in, and notes."""
    if _JSON.match(text.buffer[:99]):
        raise DataError(f"{text.label}: is JSON, not delimited text; set dataset.name: jsonl, or name the file .jsonl")
    text, dialect, notes = split_sep(text, dialect)
    text = text.without_lines(dialect.skipped, dialect.skip_footer or 0)
    notes += [*text.doubts(), *check_top(text, dialect)]
    layout = CsvLayout.of(text, dialect.delimiter, header=dialect.header is not False)
    blanks = padding(layout) if layout.quoted else np.empty(0, dtype=np.int64)
    names = _names(layout, dialect)
    n_rows, names = _count_rows(layout, dialect, names)
    if text.contains(b"\r"):
        refuse_lone_returns(layout)
    if layout.header and len(names) > 1 and dialect.header is None:
        refuse_repeated_header(text, dialect, bytes(text.buffer[: layout.header]))
    # Whether a cell may begin or end with a blank.
    has_blanks = not text.is_ascii() or any(map(text.contains, (b'"', b" ", b"\t", b"\r")))
    return Cells(layout, names, blanks, has_blanks), n_rows, dialect, notes


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


def _find_nameless(layout: CsvLayout, dialect: Dialect, unnamed: pl.DataFrame) -> tuple[list[str], list[str]]:
    """The columns that have neither a name nor a cell, and a note on them; others are an error.

    unnamed : all cells of the columns without a name
    """
    nameless = unnamed.columns
    if not nameless:
        return [], []
    filled = {name for name in nameless if unnamed[name].cast(pl.String).fill_null("").ne("").any()}
    names = _names(layout, dialect)
    width = len(names)  # of the header
    if f"{_NAMELESS}{width}" in filled:
        raise DataError(
            f"{layout.text.label}:{layout.line(0)}: {width + 1} cells where the header has {width}, as in all rows; "
            "write a name for each column, or the file without row names (R: row.names = FALSE)"
        )
    if filled == {names[0]} and names_rows(unnamed[names[0]]):
        return nameless, [INDEX_LEFT_OUT]
    place = f"{layout.text.label}:{layout.text.line(0)}"
    check_header(["" if name in filled else name for name in names], place)
    count = "a column is" if len(nameless) == 1 else f"{len(nameless)} columns are"
    return nameless, [f"{count} not read, without a name or a cell, as where lines end in the delimiter"]


@dataclass(frozen=True, eq=False)
class Cells:
    """The cells of delimited text, which are parsed as text without blanks around it, or as numbers.

    names      : of the columns; those that have none begin with _NAMELESS
    blanks     : offsets of blanks to leave out, as `padding` has them
    has_blanks : whether a cell may begin or end with a blank
    """

    layout: CsvLayout
    names: list[str]
    blanks: np.ndarray
    has_blanks: bool

    @property
    def origin(self) -> Origin:
        """Where the rows are, by lines."""
        return Origin(self.layout.text.label, self.layout.line)

    @property
    def nameless(self) -> list[str]:
        """The columns without a name."""
        return [name for name in self.names if name.startswith(_NAMELESS)]

    def irregular(self, counted: int, parsed: int) -> DataError:
        """The error where not all rows are parsed."""
        label = self.layout.text.label
        return DataError(f"{label}: {counted} rows were counted but {parsed} parsed; the file is not regular")

    def parse_all(self, numbers: Collection[str], n_rows: int) -> pl.DataFrame:
        """All n_rows; numbers : as `read_delimited` has them."""
        if numbers and not self.layout.quoted and self.layout.end - self.layout.start >= LARGE:
            if (filled := self._fill(numbers, n_rows)) is not None:
                return filled
            numbers = ()  # what is none in a portion is none in all of the text
        return self._parse(self._source(), numbers, header=bool(self.layout.header))

    def _fill(self, numbers: Collection[str], n_rows: int) -> pl.DataFrame | None:
        """All rows, with numbers in arrays that are filled portion by portion; None where not all are, or rows lack.

        Polars keeps each column in many pieces, and its allocator what is freed of them: memory would hold the table
        twice while its rows are split.
        """
        arrays = {name: np.empty(n_rows) for name in self.names if name in numbers}
        with_gaps, others, place = set[str](), list[pl.DataFrame](), 0
        for frame in self.frames(numbers, FILLED):
            begin, place = place, place + frame.height
            if place > n_rows or any(frame.schema[name] != pl.Float64 for name in arrays):
                return None
            for name, array in arrays.items():
                array[begin:place] = frame[name].to_numpy()  # NaN where cells are empty
                if frame[name].null_count():
                    with_gaps.add(name)
            others.append(frame.drop(arrays))
        if place < n_rows:
            return None
        rest = pl.concat(others)
        filled = {name: pl.Series(name, own, nan_to_null=name in with_gaps) for name, own in arrays.items()}
        return pl.DataFrame([filled[name] if name in filled else rest[name] for name in self.names])

    def frames(self, numbers: Collection[str] = (), size: int | None = None) -> Iterator[pl.DataFrame]:
        """The same portion by portion, of about so many bytes."""
        for begin, end in self.layout.portions(size or PORTION):
            yield self._part(begin, end, numbers)

    def last(self, n_rows: int) -> pl.DataFrame:
        """The last rows, as text."""
        spans = deque(self.layout.portions(_SMALL), maxlen=n_rows)  # each has a row at least
        return self._part(spans[0][0], spans[-1][1]).tail(n_rows)

    def likely_numbers(self, as_written: Collection[str]) -> list[str]:
        """Columns other than these whose first cells are numbers, and of which none is a code such as 007 or +34."""
        if self.layout.quoted:
            return []
        sample = self._part(*next(self.layout.portions(BLOCK)))
        numbers = sample.select(pl.all().cast(pl.Float64, strict=False))
        full = (name for name in self.names if numbers[name].null_count() == sample[name].null_count() < len(sample))
        left_out = {*as_written, *self._with_codes()}
        return [name for name in full if name not in left_out]

    def _with_codes(self) -> set[str]:
        """Columns of text without quotes in which a cell begins with +, or with 0 and a digit."""
        data, width, place = self.layout.text.data[: self.layout.end], len(self.names), 0
        if not self._has_codes(data):
            return set()
        found = np.zeros(width, dtype=bool)
        inside = (at + 1 for at, _ in self.layout.boundaries(self.layout.start))
        for starts in itertools.chain([np.array([self.layout.start])], inside):
            first, second = (
                data[np.minimum(starts + after, len(data) - 1)] for after in (0, 1)
            )  # the last may be empty
            codes = (first == ord("+")) | ((first == ord("0")) & (second - ord("0") < 10))
            found[(place + np.flatnonzero(codes)) % width] = True
            place += len(starts)
        return {name for name, has_code in zip(self.names, found.tolist(), strict=True) if has_code}

    def _has_codes(self, data: np.ndarray) -> bool:
        """Whether any cell begins so: all bytes are compared at once, which is faster than cell by cell."""
        start = self.layout.start
        if _CODE.match(bytes(data[start : start + 2])):
            return True
        for at in range(start, len(data), BLOCK):
            block = data[at : at + BLOCK + 2]
            before, first, second = block[:-2], block[1:-1], block[2:]
            code = (first == ord("0")) & (second - ord("0") < 10)
            code |= first == ord("+")
            code &= (before == self.layout.delimiter) | (before == ord("\n"))
            if code.any():
                return True
        return False

    def text_of(self, name: str) -> pl.Series:
        """The cells of a column as they are written."""
        return self.scan().select(name).collect().to_series()

    def scan(self) -> pl.LazyFrame:
        """All cells as text, parsed when some are asked for."""
        with _parsed(self.layout):
            frame = pl.scan_csv(self._source(), **self._options((), header=bool(self.layout.header)))
        return frame.select(self._stripped)

    def _part(self, begin: int, end: int, numbers: Collection[str] = ()) -> pl.DataFrame:
        first, last = np.searchsorted(self.blanks, [begin, end])
        part = self.layout.text.data[begin:end]
        data = np.delete(part, self.blanks[first:last] - begin) if last > first else part
        return self._parse(data.tobytes(), numbers, header=False)

    def _parse(self, source: str | bytes, numbers: Collection[str], *, header: bool) -> pl.DataFrame:
        """As numbers, unless one of these cells needs a look at its text."""
        chosen = [] if self.layout.quoted else [name for name in self.names if name in numbers]
        if chosen:
            with suppress(pl.exceptions.PolarsError):
                frame = pl.read_csv(source, **self._options(chosen, header=header))
                if all(frame.select((pl.col(chosen).abs() < EXACT).all()).row(0)):
                    return frame.with_columns(self._stripped)
        with _parsed(self.layout):
            return pl.read_csv(source, **self._options((), header=header)).select(self._stripped)

    @property
    def _stripped(self) -> pl.Expr:
        return pl.col(pl.String).str.strip_chars(BLANKS) if self.has_blanks else pl.all()

    def _source(self) -> str | bytes:
        layout, text = self.layout, self.layout.text
        if self.blanks.size:
            return np.delete(text.data[: layout.end], self.blanks).tobytes()
        if text.path is None or bytes(text.buffer[layout.end :]) not in (b"", b"\n", b"\r\n"):
            return bytes(text.buffer[: layout.end])
        return str(text.path)

    def _options(self, numbers: Collection[str], *, header: bool) -> dict[str, Any]:
        """How Polars is to read the cells."""
        return {
            "has_header": False,
            "skip_rows": int(header),
            "schema": {name: pl.Float64 if name in numbers else pl.String for name in self.names},
            "separator": chr(self.layout.delimiter),
            "quote_char": '"' if self.layout.quoted else None,
            "glob": False,
        }


@contextmanager
def _parsed(layout: CsvLayout) -> Iterator[None]:
    """Raise what Polars says of the text as a DataError."""
    try:
        yield
    except pl.exceptions.PolarsError as error:
        raise DataError(f"{layout.text.label}: cannot be parsed: {str(error).splitlines()[0]}") from error
