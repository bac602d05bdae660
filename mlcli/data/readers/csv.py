"""Delimited text, read cell for cell."""

from __future__ import annotations

import csv
from collections.abc import Collection, Iterator
from pathlib import Path

import numpy as np
import polars as pl

from mlcli.config.sections.dataset import CsvConfig
from mlcli.data.readers.csv_layout import CsvLayout, padding, refuse_lone_returns
from mlcli.data.readers.source import FileSource, MemoryNeed, text_need
from mlcli.data.readers.text_file import TextFile, open_text
from mlcli.data.tables.rows import BLANKS, EXACT, Origin, Rows, check_header
from mlcli.errors import DataError
from mlcli.io.text import shown

_DELIMITERS = ",;\t|"


class CsvSource(FileSource[CsvConfig]):
    """Delimited text with a header line."""

    def read_file(self, path: Path) -> Rows:
        return read_delimited(open_text(path, self.config.encoding), self.config.delimiter)

    def memory_needs(self) -> Iterator[MemoryNeed]:
        cell_ends = (self.config.delimiter.encode(), b"\n")
        return (text_need(path, cell_ends) for path in self.regular_files())


def read_delimited(text: TextFile, delimiter: str, numbers: Collection[str] = ()) -> Rows:
    """All cells as text; empty cells are empty text or null.

    numbers : columns that come as Float64 where all cells of all of them are numbers, or empty
    """
    layout = CsvLayout.of(text, delimiter)
    blanks = padding(layout) if layout.quoted else np.empty(0, dtype=np.int64)
    names = _header(layout)
    n_rows = layout.count_rows(len(names))
    if n_rows == 0:
        raise DataError(f"{text.label}: only a header line; expected rows below it")
    if text.contains(b"\r"):
        refuse_lone_returns(layout)
    # Whether a cell may begin or end with a blank.
    has_blanks = not text.is_ascii() or any(map(text.contains, (b'"', b" ", b"\t", b"\r")))
    known = None if has_blanks else _parse_numbers(layout, names, numbers)
    frame = _parse(layout, names, blanks) if known is None else known
    if frame.height != n_rows:
        raise DataError(f"{text.label}: {n_rows} rows were counted but {frame.height} parsed; the file is not regular")
    if has_blanks:
        frame = frame.select(pl.all().str.strip_chars(BLANKS))
    return Rows.read(frame, Origin(text.label, layout.line), is_text=True)


def _header(layout: CsvLayout) -> list[str]:
    delimiter, place = chr(layout.delimiter), f"{layout.text.label}:1"
    line = layout.text.data[: layout.header].tobytes().decode()
    if "\r" in line.rstrip("\r"):
        raise DataError(f"{place}: lines end in a carriage return alone; save the file with \\n or \\r\\n line ends")
    try:
        cells = next(csv.reader([line], delimiter=delimiter, skipinitialspace=delimiter != " ", strict=True), [])
    except csv.Error as error:
        raise DataError(f"{place}: {shown(line)} is not a header line: {error}") from error
    names = [cell.strip(BLANKS) for cell in cells]
    if not names:
        raise DataError(f"{place}: blank line; expected the header")
    other = max(_DELIMITERS, key=names[0].count)
    if len(names) == 1 and other in names[0]:
        raise DataError(f"{place}: one column only, called {shown(names[0])}; set dataset.delimiter: {other!r}?")
    check_header(names, place)
    return names


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
    text = layout.text
    source: str | bytes
    if blanks.size:
        source = np.delete(text.data[: layout.end], blanks).tobytes()
    elif text.path is None or len(text.buffer) - layout.end > len("\r\n"):
        source = bytes(text.buffer[: layout.end])
    else:
        source = str(text.path)
    try:
        return pl.read_csv(
            source,
            has_header=False,
            skip_rows=1,
            schema={name: pl.Float64 if name in numbers else pl.String for name in names},
            separator=chr(layout.delimiter),
            quote_char='"' if layout.quoted else None,
            glob=False,
        )
    except pl.exceptions.PolarsError as error:
        raise DataError(f"{text.label}: cannot be parsed: {str(error).splitlines()[0]}") from error
