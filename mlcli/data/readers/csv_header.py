"""The header of delimited text, the lines above it, and those between it and the rows."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise

from mlcli.data.readers.csv_dialect import CellKind, Dialect, EdgeError, kind_of_cell, listed, without
from mlcli.data.readers.text_file import TextFile
from mlcli.data.tables.rows import BLANKS

Record = tuple[int, list[str]]  # the line on which it begins, and its cells

_SAMPLE, _MOST_RECORDS, _MOST_CELLS = 1 << 20, 200, 50_000
_USUAL, _MOST_BELOW, _LEAST_ROWS = 0.8, 10, 3
RULER = re.compile(r"[-+=:|]{3,}")  # as databases print below names
_YEARS = range(1900, 2101)


def first_records(text: TextFile, delimiter: str) -> list[Record]:
    """The first records, split as csv does; blank lines have no cells."""
    start = bytes(text.buffer[:_SAMPLE])
    lines = start.split(b"\n", _MOST_RECORDS)[:_MOST_RECORDS]
    if len(start) == _SAMPLE and len(lines) < _MOST_RECORDS and len(lines) > 1:
        lines.pop()  # it may be cut
    reader = csv.reader(
        (f"{line.decode(errors='ignore')}\n" for line in lines), delimiter=delimiter, skipinitialspace=delimiter != " "
    )
    records: list[Record] = []
    offsets = [0]
    for line in lines:
        offsets.append(offsets[-1] + len(line) + 1)
    n_cells, before = 0, 0
    try:
        for cells in reader:
            records.append((text.line(offsets[before]), [cell.strip(BLANKS) for cell in cells]))
            before = reader.line_num
            n_cells += len(cells)
            if n_cells > _MOST_CELLS and len(records) > 2 * _LEAST_ROWS:
                break
    except csv.Error:
        pass
    while records and not records[-1][1]:
        records.pop()
    return records


def other_delimiter(text: TextFile, delimiter: str) -> str | None:
    """Another one that all of the first lines have equally often, where the first line has not this one."""
    lines = bytes(text.buffer[:_SAMPLE]).split(b"\n")[:_LEAST_ROWS]
    if delimiter.encode() in lines[0]:
        return None
    counts = {
        mark: {line.count(mark.encode()) for line in lines if line.strip()} for mark in ",;\t|" if mark != delimiter
    }
    return next((mark for mark, found in counts.items() if len(found) == 1 and 0 not in found), None)


def usual_width(records: Sequence[Record]) -> int:
    """Cells of most records, those of the first half left out."""
    widths = Counter(len(cells) for _, cells in records[len(records) // 2 :] if cells)
    return max(widths, key=lambda width: (widths[width], width), default=0)


def check_top(text: TextFile, dialect: Dialect) -> list[str]:
    """Raise EdgeError for lines that are no rows, and for a header that is one; notes on what is doubtful."""
    records = first_records(text, dialect.delimiter)
    width = usual_width(records)
    if dialect.header or not records or (width < 2 and records[0][1]) or other_delimiter(text, dialect.delimiter):
        return []
    top = next((at for at in range(len(records)) if _may_be_header(records, at, width)), 0)
    body = [cells for _, cells in records[top + 1 :] if len(cells) == width]
    kinds = [_column_kind(column) for column in zip(*body, strict=True)]
    names = records[top][1]
    is_data = dialect.header is None and looks_like_data(names, kinds, body)
    if top:
        above = [cells for _, cells in records[:top]]
        if is_data and any(len(cells) > 1 and not cells[0].startswith("#") for cells in above):
            return []  # a header of another width than the rows
        _refuse_above(text, dialect, records, top, is_data)
    if is_data:
        raise EdgeError(
            f"{_place(text, records[0])}: looks like a row, not like column names: {listed(names)}",
            "write the names as the first line, or set {}; dataset.header: true if these are the names",
            dialect,
            header=False,
        )
    if dialect.header is None:
        _refuse_below(text, dialect, records, kinds)
        return list(_doubts(text, records[0], kinds))
    return []


def _may_be_header(records: Sequence[Record], at: int, width: int) -> bool:
    """Whether a record has the table's width, or one less where rows end in a delimiter, and is no title."""
    cells = records[at][1]
    below = [cells for _, cells in records[at + 1 :] if len(cells) == width and any(cells)]
    following = below[0] if below else []
    if len(cells) == width - 1 and following:
        has_values = any(kind_of_cell(cell) in ("number", "date") for row in below[1:] for cell in row)
        return not following[-1] or (at == 0 and not (_can_be_names(following) and has_values))
    if len(cells) != width or not any(cells):
        return False
    n_given = sum(map(bool, cells))
    title = (
        n_given <= width / 2 and all(cells[:n_given]) and all(kind_of_cell(cell) in ("text", "") for cell in following)
    )
    return not (title and sum(map(bool, following)) > n_given)


def _refuse_above(text: TextFile, dialect: Dialect, records: Sequence[Record], top: int, is_data: bool) -> None:
    first, last = records[0], records[top]
    what = listed(first[1]) if first[1] else "blank line"
    header = "the first row" if is_data or dialect.header is False else "the header"
    raise EdgeError(
        f"{_place(text, first)}: {what} above the table; expected the header. Line {last[0]} seems to be {header}, "
        f"{listed(last[1])}",
        "delete the lines above it, or set {}",
        dialect,
        skip_rows=without(text, range(first[0], last[0])),
        **({"header": False} if is_data else {}),
    )


def _refuse_below(text: TextFile, dialect: Dialect, records: Sequence[Record], kinds: Sequence[str]) -> None:
    """Units, further names and blank lines between the header and the first row."""
    width = len(kinds)
    n_below = 0
    for at, (_, cells) in enumerate(records[1 : 1 + _MOST_BELOW], start=1):
        others = [cells for _, cells in records[at + 1 :] if len(cells) == width]
        found = [kind_of_cell(cell) for cell, kind in zip(cells, kinds, strict=False) if kind != "text"]
        if len(others) < _LEAST_ROWS or (cells and "text" not in found):
            break
        if not cells or _is_no_row(cells, kinds, others):
            n_below = at
    below = records[1 : 1 + n_below]
    if not below:
        return
    # The names are the first line that can be names: a line of a device may have as many cells.
    names = next((at for at in range(n_below + 1) if _can_be_names(records[at][1])), 0)
    lines = [*range(records[0][0], records[names][0]), *range(records[names + 1][0], records[n_below + 1][0])]
    odd = below[0] if names == 0 else records[0]
    what = f"{listed(odd[1])}, without a number where the rows have one," if odd[1] else "blank line"
    where = "between the header and the rows (units, or more names?)" if names == 0 else "above the names"
    raise EdgeError(
        f"{_place(text, odd)}: {what} {where}",
        "delete it, or set {}; dataset.header: true if it is a row",
        dialect,
        skip_rows=without(text, lines),
    )


def _is_no_row(cells: Sequence[str], kinds: Sequence[str], others: Sequence[Sequence[str]]) -> bool:
    """Whether there is text, and neither a number nor a date, in columns of these, and no text of other rows."""
    if RULER.fullmatch("".join(cells)):
        return True
    if len(cells) != len(kinds):
        return False
    found = [kind_of_cell(cell) for cell, kind in zip(cells, kinds, strict=True) if kind != "text"]
    texts = [at for at, kind in enumerate(kinds) if kind == "text" and cells[at]]
    again = any(cells[at] == other[at] for at in texts for other in others)
    return set(found) <= {"text", ""} and found.count("text") >= max(1, len(found) / 2) and not again


def _can_be_names(cells: Sequence[str]) -> bool:
    return bool(cells) and all(kind_of_cell(cell) == "text" for cell in cells) and len(set(cells)) == len(cells)


def looks_like_data(names: Sequence[str], kinds: Sequence[str], body: Sequence[Sequence[str]]) -> bool:
    """Whether a first line is a row: of the same kinds as the rows, and no scale such as years."""
    if len(names) != len(kinds) or not body:
        return False
    values = [at for at, kind in enumerate(kinds) if kind != "text" and kind_of_cell(names[at])]
    again = [any(names[at] == row[at] for row in body) for at, kind in enumerate(kinds) if kind == "text" and names[at]]
    if not values:
        return len(body) >= _LEAST_ROWS and len(again) > 1 and all(again)
    if n_others := sum(kind_of_cell(names[at]) != kinds[at] for at in values):
        return any(again) and n_others <= len(values) / 2
    return any(again) or not _is_scale([[row[at] for at in values] for row in (names, *body[:_LEAST_ROWS])])


def _is_scale(rows: Sequence[Sequence[str]]) -> bool:
    """Whether the first row is numbers at equal steps, or years, or many that increase, and the others are not."""

    def fits(cells: Sequence[str]) -> bool:
        if not all(re.fullmatch(r"\d+(\.\d+)?", cell) for cell in cells):
            return False
        numbers = [float(cell) for cell in cells]
        steps = {b - a for a, b in pairwise(numbers)}
        years = all(number in _YEARS for number in numbers)
        even = len(steps) == 1 and 0 not in steps and all(map(float.is_integer, numbers))
        rising = len(numbers) >= 8 and min(steps) > 0
        return (years and len(numbers) < 3 and steps <= {1.0, 2.0, 5.0, 10.0}) or (len(numbers) > 2 and even) or rising

    return fits(rows[0]) and not any(map(fits, rows[1:]))


def _doubts(text: TextFile, header: Record, kinds: Sequence[str]) -> Iterator[str]:
    """Names that are numbers, years excepted."""
    numbers = [
        name
        for name, kind in zip(header[1], kinds, strict=False)
        if kind == "number" and kind_of_cell(name) == kind and not (name.isdecimal() and int(name) in _YEARS)
    ]
    if len(numbers) >= max(1, sum(kind != "text" for kind in kinds) / 2):
        yield (
            f"line {header[0]} is the header, with numbers as names: {listed(numbers)}; "
            "if it is a row, set dataset.header: false"
        )


def _column_kind(cells: Sequence[str]) -> CellKind:
    kinds: list[CellKind] = [kind for kind in map(kind_of_cell, cells) if kind]
    values: tuple[CellKind, ...] = ("number", "date")
    return next((kind for kind in values if kinds and kinds.count(kind) >= _USUAL * len(kinds)), "text")


def refuse_repeated_header(text: TextFile, dialect: Dialect, header: bytes) -> None:
    """Raise EdgeError for rows that are the header once more, as where files were joined."""
    line = b"\n" + header.strip()
    found: list[int] = []
    at = text.buffer.find(line, len(header))
    while at >= 0 and len(found) < _MOST_RECORDS:
        if text.buffer[at + len(line) : at + len(line) + 1] in (b"", b"\r", b"\n"):
            found.append(text.line(at + 1))
        at = text.buffer.find(line, at + 1)
    if found:
        raise EdgeError(
            f"{text.label}:{found[0]}: the header once more",
            "delete the line, or set {}",
            dialect,
            skip_rows=without(text, found),
        )


def _place(text: TextFile, record: Record) -> str:
    return f"{text.label}:{record[0]}"
