"""Sheets of Excel and OpenDocument workbooks, read as their cells show: dates, times and results of formulas."""

from __future__ import annotations

import datetime
import io
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from mlcli.config.sections.dataset import ExcelConfig
from mlcli.data.readers.compression import bomb_error, unpacked_limit
from mlcli.data.readers.source import CELL, TEXT, FileSource, MemoryNeed
from mlcli.data.tables.rows import BLANKS, INDEX_LEFT_OUT, Origin, Rows, check_header, names_rows
from mlcli.errors import DataError
from mlcli.io.disk import resource_errors
from mlcli.io.text import some_of, suggestion

if TYPE_CHECKING:
    from python_calamine import CalamineSheet, CalamineWorkbook

# Bytes of a packed cell, for an estimate.
_BYTES_A_CELL = 5


class ExcelSource(FileSource[ExcelConfig]):
    """A sheet of a workbook."""

    def read_file(self, path: Path) -> Rows:
        return read_sheet(path, self.config.sheet, self.config.header_row)

    def memory_needs(self) -> Iterator[MemoryNeed]:
        for path in self.regular_files():
            size = path.stat().st_size
            n_cells = size // _BYTES_A_CELL
            yield MemoryNeed(str(path), CELL * n_cells + TEXT * size, f"{size:,} bytes of about {n_cells:,} cells")


def read_sheet(path: Path | bytes, sheet: str | int | None, header_row: int | None, label: str | None = None) -> Rows:
    """All cells of a sheet as text; empty ones, and errors such as #N/A, are null.

    sheet      : a name, or a number from 1; None for the first one of two rows or more
    header_row : the row of the sheet, from 1, that has the names of the columns; None for the first one that has cells
                 in half of the columns

    Raises DataError for what is no workbook, has no such sheet, or no rows below its header.
    """
    label = label or str(path)
    workbook = _open(path, label)
    found, notes = _choose(workbook, sheet, label)
    cells = found.to_python(skip_empty_area=False)
    place = f"{label} [{found.name}]"
    top = _find_header(cells) if header_row is None else header_row - 1
    if not 0 <= top < len(cells):
        raise DataError(f"{place}: row {top + 1} is empty, expected the names of the columns; set dataset.header_row")
    rows = [row for row in range(top + 1, len(cells)) if any(cell != "" for cell in cells[row])]
    if not rows:
        raise DataError(f"{place}: no rows below the names of the columns in row {top + 1}")
    names = [_text(cell).strip(BLANKS) if cell != "" else "" for cell in cells[top]]
    columns = {at: [cells[row][at] for row in rows] for at in range(len(names))}
    kept = [at for at, column in columns.items() if names[at] or any(cell != "" for cell in column)]
    if not names[kept[0]] and names_rows(_column("", columns[kept[0]])):
        del kept[0]
        notes.append(INDEX_LEFT_OUT)
    check_header([names[at] for at in kept], f"{place}: row {top + 1}")
    frame = pl.DataFrame([_column(names[at], columns[at]) for at in kept])
    if header_row is None and top:
        notes.append(f"the names of the columns are those of row {top + 1}; what stands above is not read")
    notes += _doubts(found, top, rows)
    # A line of the file, in messages, is the row that a spreadsheet program shows.
    return Rows.read(frame, Origin(place, lambda row: rows[row] + 1), is_text=True).with_frame(frame, *notes)


def _open(path: Path | bytes, label: str) -> CalamineWorkbook:
    try:
        from python_calamine import CalamineError, CalamineWorkbook, PasswordError
    except ImportError:
        raise DataError(
            f"{label}: a workbook, for which the extra `files` is needed: pip install 'mlcli[files]'; "
            "or save the sheet as CSV"
        ) from None
    if isinstance(path, Path):
        if not path.is_file():
            raise DataError(f"{label}: {'a folder; name the file in it' if path.is_dir() else 'no such file'}")
        with resource_errors(path):
            path = path.read_bytes()
    _refuse_bomb(path, label)
    try:
        return CalamineWorkbook.from_filelike(io.BytesIO(path))
    except PasswordError:
        raise DataError(f"{label}: is protected by a password; save it without one") from None
    except (CalamineError, OSError, ValueError) as error:
        raise DataError(f"{label}: not a readable workbook ({error}); save the sheet as CSV") from error


def _refuse_bomb(data: bytes, label: str) -> None:
    """Refuse an archive whose parts would be larger than a table's ever are."""
    if not data.startswith(b"PK"):
        return
    try:
        sizes = [one.file_size for one in zipfile.ZipFile(io.BytesIO(data)).infolist()]
    except (zipfile.BadZipFile, ValueError, OSError) as error:
        raise DataError(f"{label}: not a readable workbook ({error}); save the sheet as CSV") from error
    if sum(sizes) > unpacked_limit(len(data)):
        raise bomb_error(label, len(data))


def _choose(workbook: CalamineWorkbook, sheet: str | int | None, label: str) -> tuple[CalamineSheet, list[str]]:
    """The sheet that is asked for, or else the first one of two rows or more and a note on the others."""
    names = list(workbook.sheet_names)
    if isinstance(sheet, int):
        if sheet > len(names):
            raise DataError(f"{label}: has {len(names)} sheets ({some_of(names, 5)}), not {sheet}; set dataset.sheet")
        return workbook.get_sheet_by_index(sheet - 1), []
    if sheet is not None:
        if sheet not in names:
            raise DataError(f"{label}: no sheet {sheet!r}; {suggestion(sheet, names)}")
        return workbook.get_sheet_by_name(sheet), []
    for name in names:
        found = workbook.get_sheet_by_name(name)
        if found.height > 1:
            others = [other for other in names if other != name]
            return found, [f"{label}: sheet {name!r} is read, not {some_of(others, 5)}"] if others else []
    raise DataError(f"{label}: no sheet has two rows; expected the names of the columns, and rows below them")


def _find_header(cells: Sequence[Sequence[object]]) -> int:
    """The first row that has cells in half of the columns that any row has: titles above a table have fewer."""
    filled = [sum(cell != "" for cell in row) for row in cells]
    most = max(filled, default=0)
    return next((at for at, count in enumerate(filled) if 2 * count >= most), 0)


def _column(name: str, cells: Sequence[object]) -> pl.Series:
    texts = [None if cell == "" else _text(cell) for cell in cells]
    return pl.Series(name, texts, dtype=pl.String).str.strip_chars(BLANKS)


def _text(cell: Any) -> str:  # noqa: ANN401 (a cell has one of seven types)
    """As a delimited file would have it: 3 for 3.0, dates and times in ISO 8601, true and false."""
    match cell:
        case str():
            return cell
        case bool():
            return str(cell).lower()
        case float():
            return str(int(cell)) if cell.is_integer() else repr(cell)
        case datetime.datetime():
            return cell.isoformat(" ")
        case datetime.timedelta():
            return repr(cell.total_seconds())
        case _:
            return str(cell)


def _doubts(sheet: CalamineSheet, top: int, rows: Sequence[int]) -> list[str]:
    """What of the sheet is no table: merged cells, of which one has the value, and empty rows between others."""
    notes = []
    try:
        merged = [start for start, end in sheet.merged_cell_ranges or () if end[0] > top]
    except (ValueError, OSError):
        merged = []
    if merged:
        notes.append(
            f"{len(merged)} merged {'cells have' if len(merged) > 1 else 'cell has'} a value in the first of the cells "
            f"that they cover, and none in the others (the first in row {max(top, merged[0][0]) + 1})"
        )
    empty = rows[-1] - top - len(rows)
    if empty:
        notes.append(f"{empty} empty {'rows are' if empty > 1 else 'row is'} not read")
    return notes
