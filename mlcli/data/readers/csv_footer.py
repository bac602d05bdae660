"""Last lines of delimited text that are no rows: totals, notes, and lines without cells."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence

import polars as pl

from mlcli.data.readers.csv_dialect import Dialect, EdgeError, listed
from mlcli.data.readers.csv_header import RULER
from mlcli.data.readers.csv_layout import CsvLayout
from mlcli.data.readers.text_file import TextFile
from mlcli.data.tables.frames import collect
from mlcli.data.tables.rows import BLANKS

Cells = Sequence[str]
# Rows of the whole text.
Body = pl.DataFrame | pl.LazyFrame

_SUMS = (
    "totals?|totale|totaal|totaux|totales|sum|summe|summa|suma|soma|sommes?|gesamt|gesamtsumme|insgesamt|razem|"
    "ogółem|celkem|toplam|összesen|yhteensä|i alt|σύνολο|jumlah|всего|итого|сумма|"
    "합계|총계|合计|总计|小计|合計|総計|小計|σ|∑"
)
_MEANS = (
    "mean|average|avg|media|média|promedio|moyenne|mittelwert|durchschnitt|gemiddelde|średnia|среднее|平均|平均值|평균|"
    "std|stdev|median|mediana|minimum|maximum|min|max|count|anzahl"
)
_ONE_SUM = re.compile(rf"\W*((grand|sub|sous|net|overall)[ -]?)?({_SUMS})(\W+.{{0,30}})?", re.IGNORECASE)
_TOTAL = re.compile(rf"{_ONE_SUM.pattern}|\W*({_MEANS})\W*", re.IGNORECASE)
_NOTE = re.compile(r"[*#(†].*|.*\w:( .*)?|\S+( \S+){2,}")
TAIL, _MOST_BELOW_TABLE = 10, 30
_MOST_LABELS = 20
_USUAL = 0.9
_MOST_CELLS, _SAMPLE_ROWS = 100_000, 1_000
_LEAST_ROWS, _ROWS_FOR_SUMS = 3, 10
_MOST_SUMS = 3
# Totals are often made of numbers with more decimals; one without a label must be exact.
_NEAR, _EXACT = 1e-3, 1e-6


def refuse_below_table(text: TextFile, dialect: Dialect, begin: int, end: int, width: int) -> None:
    """Raise EdgeError where what begins here is no row, nor is anything below it: notes, or a total of fewer cells."""
    lines = bytes(text.buffer[begin:end]).decode().splitlines()
    if dialect.skip_footer == 0 or len(lines) > _MOST_BELOW_TABLE:
        return
    records = [[cell.strip(BLANKS) for cell in cells] for cells in csv.reader(lines, delimiter=dialect.delimiter)]
    first = next(filter(any, records), [])
    blank = not any(records[0])
    note = len(list(filter(None, first))) == 1 and _NOTE.fullmatch(first[0] or "")
    others = [cells for cells in records if len(cells) == width and not any(map(_TOTAL.fullmatch, cells))]
    if others or not (blank or note or any(map(_TOTAL.fullmatch, first))):
        return
    _refuse_footer(text, dialect, f"{text.label}:{text.line(begin)}", listed(first), len(lines))


def _refuse_footer(text: TextFile, dialect: Dialect, place: str, what: str, n_lines: int) -> None:
    these = "the line" if n_lines == 1 else f"the last {n_lines} lines"
    raise EdgeError(
        f"{place}: {what} seems to be a total or a note, not a row",
        f"delete {these}, or set {{}}; dataset.skip_footer: 0 if it is a row",
        dialect,
        skip_footer=(dialect.skip_footer or 0) + n_lines,
    )


def check_bottom(layout: CsvLayout, dialect: Dialect, frame: Body, last_rows: pl.DataFrame, n_rows: int) -> list[str]:
    """Raise EdgeError for last rows that are totals, notes or empty; a note on one that may be a total.

    frame     : n_rows, all cells as text, or Float64
    last_rows : its last TAIL rows
    """
    if dialect.skip_footer == 0 or n_rows <= _LEAST_ROWS:
        return []
    bottom = [*map(_texts, last_rows.rows())]
    last, n_odd, width = bottom[-1], 0, len(bottom[-1])
    if _is_odd(last):
        n_odd = next((n for n, row in enumerate(reversed(bottom)) if not _is_odd(row)), TAIL)
    below = bottom if width > 1 else []
    ruled = next((len(below) - at for at, row in enumerate(below) if RULER.fullmatch("".join(row))), 0)
    first = n_rows - max(1, n_odd, ruled)
    body = frame.head(first)
    sample = collect(body.head(min(_SAMPLE_ROWS, max(_ROWS_FOR_SUMS, _MOST_CELLS // width))))
    if ruled or (_is_labelled_total(last, sample, body) if n_odd else _is_sum(last, sample, body)):
        begin = layout.line(first)
        n_lines = 1 + layout.text.line(layout.end) - begin
        what = listed(_texts(collect(frame.slice(first, 1)).row(0)))
        _refuse_footer(layout.text, dialect, f"{layout.text.label}:{begin}", what, n_lines)
    label = _label_of(last)
    if label is None or not re.fullmatch(_ONE_SUM, last[label]) or _column_has(body, label, last[label]):
        return []
    where = f"line {layout.line(n_rows - 1)}, {listed(last)}"
    return [f"{where}, is read as a row; if it is a total, set dataset.skip_footer: 1"]


def _texts(row: Sequence[object]) -> list[str]:
    return ["" if cell is None else str(cell).strip(BLANKS) for cell in row]


def _is_odd(row: Cells) -> bool:
    """Whether a row has a label such as Total, nothing at all, or one note alone."""
    given = [cell for cell in row if cell]
    alone = len(given) == 1 and len(row) > 2 and row[0] != ""
    return _label_of(row) is not None or (not given and len(row) > 1) or bool(alone and _NOTE.fullmatch(row[0]))


def _label_of(row: Cells) -> int | None:
    """The column of a label such as Total."""
    return next((at for at, cell in enumerate(row[:_MOST_LABELS]) if _TOTAL.fullmatch(cell)), None)


def _column(body: Body, at: int) -> pl.Series:
    return collect(body.select(pl.nth(at))).to_series()


def _is_labelled_total(row: Cells, sample: pl.DataFrame, body: Body) -> bool:
    """By a label in a column of other things, by empty cells, or by numbers that are sums, means or the largest."""
    at, given, numbers = _label_of(row), list(filter(None, row)), _numbers_of(row)
    if not given or at is None:
        return True
    recurs = _column_has(body, at, row[at])  # as a category does
    if any(_is_near(numbers[one], _column(body, one), mean=not recurs) for one in list(numbers)[:_MOST_SUMS]):
        return True
    if recurs:
        return False
    column = sample.to_series(at).cast(pl.String).drop_nulls()
    n_cells, with_digits, with_letters = (
        int(mask.sum()) for mask in (column != "", column.str.contains(r"\d"), column.str.contains(r"[^\W\d_]"))
    )
    numbers_alone = with_letters <= (1 - _USUAL) * n_cells
    if (numbers_alone or not re.search(r"\d", row[at])) and with_digits >= _USUAL * max(1, n_cells):
        return True
    n_filled = sum(int(column.cast(pl.String).fill_null("").ne("").sum()) for column in sample)
    largest = bool(numbers) and all(_exceeds(sample.to_series(one), numbers[one]) for one in numbers)
    return len(given) <= n_filled / sample.height / 2 or (largest and re.fullmatch(_ONE_SUM, row[at]) is not None)


def _is_sum(row: Cells, sample: pl.DataFrame, body: Body) -> bool:
    """Whether all numbers of a row without a label are sums of their columns, and larger than each number in them."""
    numbers = _numbers_of(row)
    empty = len(numbers) == len([cell for cell in row if cell])
    if len(numbers) < (1 if empty and len(row) > 1 else 2) or sample.height < _ROWS_FOR_SUMS:
        return False
    if not all(_exceeds(sample.to_series(at), number) for at, number in numbers.items()):
        return False
    return all(_is_near(numbers[at], _column(body, at), tolerance=_EXACT) for at in list(numbers)[:_MOST_SUMS])


def _numbers_of(row: Cells) -> dict[int, float]:
    texts = pl.Series(row, dtype=pl.String)
    return {at: number for at, number in enumerate(_as_numbers(texts)) if number is not None}


def _as_numbers(column: pl.Series) -> pl.Series:
    """Float64, with a point or a comma as the decimal mark; null where a cell is no number."""
    if column.dtype == pl.Float64:
        return column
    with_points = column.str.replace(",", ".", literal=True)
    return with_points.cast(pl.Float64, strict=False).fill_nan(None)


def _is_near(number: float, column: pl.Series, *, mean: bool = False, tolerance: float = _NEAR) -> bool:
    """Whether a number is the column's sum, or else its mean, within a share of it."""
    numbers = _as_numbers(column).drop_nulls()
    total = float(numbers.sum())
    wanted = [total, total / max(1, len(numbers))] if mean else [total]
    return any(one != 0 and abs(number - one) <= tolerance * abs(one) for one in wanted)


def _exceeds(column: pl.Series, number: float) -> bool:
    largest = _as_numbers(column).abs().max()
    return isinstance(largest, float) and abs(number) > largest


def _column_has(body: Body, at: int, cell: str) -> bool:
    return bool((_column(body, at).cast(pl.String) == cell).any())
