"""How the cells of a table are written: decimal mark, markers of missing cells, formats of numbers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import polars as pl

from mlcli.config.sections.rows import MissingConfig, NumberFormat
from mlcli.data.tables.dates import as_dates
from mlcli.data.tables.doubts import far_dates
from mlcli.data.tables.inference import ENOUGH, FEWEST_TEXTS, NEARLY, Decimal, as_numbers
from mlcli.data.tables.recognition import MANY_NUMBERS, Reading, are_thousands, read_texts

DEFAULT_MARKERS: tuple[str, ...] = MissingConfig().values
# Common markers of missing cells beside the defaults.
USUAL_MARKERS = {
    *("-", "--", "---", "–", "—", ".", "..", "...", "*", "??", "#n/a", "#na", "#null!", "#value!", "#div/0!", "<na>"),
    *("n.a.", "na", "n/a", "nan", "nil", "none", "null", "(null)", "\\n", "missing", "unknown", "undefined", "empty"),
    *("not available", "nd", "n.d.", "s/d", "k.a.", "sin dato", "sin datos", "desconocido", "x", "inf", "-inf"),
    *("+inf", "infinity", "-infinity", "+infinity", "∞", "0000-00-00", "0000-00-00 00:00:00", "00/00/0000"),
}
# Numbers that mark missing cells where they are far from all others.
SENTINELS = (-99.0, -999.0, -9999.0, -99999.0, -999999.0)
_MOST_OTHERS = 3
# Whole numbers that are written as codes are.
ZERO_CODE = r"^0\d+$"
_GROUPED = r"^[+-]?[1-9]\d{0,2}(?:\.\d{3})+$"
_ONLY_DECIMAL = r",(?:\d{1,2}|\d{4,})$|^[+-]?0?,"
_MARKS: tuple[Decimal, ...] = (".", ",")


@dataclass(frozen=True)
class CellsFound:
    """The decimal mark, markers of missing cells, each with the column that shows it, and text that is to be numbers.

    numbers : the format by column; None for plain numbers
    kept    : markers that are values in this table, each with the column that shows it
    assumed : a cell of each column whose marks are taken for thousands or decimal marks and could be the other
    """

    decimal: Decimal
    markers: dict[str, str]
    numbers: dict[str, NumberFormat | None]
    kept: dict[str, str] = field(default_factory=dict)
    assumed: dict[str, str] = field(default_factory=dict)

    @property
    def missing(self) -> tuple[str, ...]:
        """The value of dataset.missing.values."""
        return tuple(marker for marker in (*DEFAULT_MARKERS, *self.markers) if marker not in self.kept)


def find_cells(frame: pl.DataFrame, delimiter: str, *, is_text: bool) -> CellsFound:
    """Decimal mark, markers and number formats of the text columns.

    is_text : the source has no types, so that plain numbers need no format
    """
    texts = frame.select(pl.col(pl.String)).select(_without_default_markers(pl.all()))
    decimal = _decimal(texts, delimiter)
    numbers = as_numbers(texts, decimal)
    columns = list(zip(texts, numbers, numbers.select(pl.all().min()), strict=True))
    words = [text.name for text, number, _ in columns if number.null_count() > text.null_count() or not is_text]
    readings = dict(read_texts(texts, words, decimal))
    found: dict[str, str] = {}
    formats: dict[str, NumberFormat | None] = {}
    assumed: dict[str, str] = {}
    for text, number, least in columns:
        reading = readings.get(text.name)
        markers = [*_markers(reading)] if reading else []
        if least[0] in SENTINELS and number.count() >= text.count() / 2:
            markers += _sentinels(text, number)
        for marker in markers:
            found.setdefault(marker, text.name)
        if reading and _is_number(reading, markers, delimiter, is_text=is_text):
            form, *others = reading.formats
            formats[text.name] = form if isinstance(form, NumberFormat) else None
            assumed |= {text.name: reading.example} if others else {}
        elif delimiter == ";" and decimal == "." and reading is None and _may_have_thousands(text):
            assumed[text.name] = text.filter(text.str.contains(_GROUPED))[0]
    return CellsFound(decimal, found, formats, assumed=assumed)


def _without_default_markers(text: pl.Expr) -> pl.Expr:
    return pl.when(~text.is_in(list(DEFAULT_MARKERS))).then(text)


def _decimal(texts: pl.DataFrame, delimiter: str) -> Decimal:
    """The mark with which more columns are numbers; a point where every comma may be a thousands mark."""
    if delimiter == ",":
        return "."
    least = [NEARLY * column.count() for column in texts]
    by_point, by_comma = (
        [0 < number.count() >= few for number, few in zip(as_numbers(texts, mark), least, strict=True)]
        for mark in _MARKS
    )
    surely = (one and not _may_have_thousands(column) for column, one in zip(texts, by_point, strict=True))
    if sum(by_comma) <= sum(surely):
        return "."
    only = [column for column, one, other in zip(texts, by_comma, by_point, strict=True) if one and not other]
    return "," if any(column.str.contains(_ONLY_DECIMAL).any() for column in only) else "."


def _may_have_thousands(column: pl.Series) -> bool:
    """Whether every point, in 20 cells at least, may be a thousands mark, as that of 12.345."""
    grouped = column.str.contains(_GROUPED)
    return (grouped.sum() or 0) >= FEWEST_TEXTS and (grouped | ~column.str.contains(".", literal=True)).all()


def _is_number(reading: Reading, markers: Sequence[str], delimiter: str, *, is_text: bool) -> bool:
    """Whether the format of the numbers is to be declared: it reads every cell but markers."""
    is_clear = len(reading.formats) == 1 or are_thousands(reading, delimiter)
    if reading.kind != "number" or not is_clear or not set(reading.others["cell"]) <= set(markers):
        return False
    distinct = reading.cells["cell"].filter(reading.fits)
    is_code = len(distinct) <= MANY_NUMBERS or distinct.str.contains(ZERO_CODE).any()
    return reading.formats != (None,) or not (is_text or is_code)


def _markers(reading: Reading) -> Iterator[str]:
    """Markers among the cells that are not read: common ones, or a few others among many; and far dates."""
    others = reading.others["cell"].to_list()
    units = [form.unit or "" for form in reading.formats if isinstance(form, NumberFormat)]
    usual = all({cell.lower(), *(cell.replace(unit, "").strip() for unit in units)} & USUAL_MARKERS for cell in others)
    are_many = reading.kind == "date" or reading.n_fits >= NEARLY * reading.n_cells
    few = len(others) <= _MOST_OTHERS and reading.n_fits >= ENOUGH and are_many
    if reading.formats and (usual or few):
        yield from others
    if reading.kind == "date" and len(reading.formats) == 1 and not isinstance(reading.formats[0], NumberFormat):
        cells = reading.cells["cell"]
        dates = as_dates(cells, reading.formats[0])
        for far, _ in far_dates(dates):
            yield from cells.filter(dates == far)


def _sentinels(text: pl.Series, numbers: pl.Series) -> Iterator[str]:
    for value in SENTINELS:
        others = numbers.filter(numbers != value).drop_nulls()
        n_found = int((numbers == value).sum())
        if n_found > 1 and len(others) >= ENOUGH:
            low, high = float(others.min()), float(others.max())  # type: ignore[arg-type]
            if low - value > max(high - low, 1.0):
                yield from text.filter(numbers == value).unique().to_list()
