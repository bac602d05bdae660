"""Which cells of text columns mean that there is nothing, and which mark stands before decimals."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import polars as pl

from mlcli.config.dataset import MissingConfig
from mlcli.data.dates import ISO
from mlcli.data.inference import ENOUGH, NEARLY, Decimal, as_numbers

DEFAULT_MARKERS: tuple[str, ...] = MissingConfig().values
# What people write where there is nothing, apart from the defaults.
USUAL_MARKERS = {
    *("-", "--", "---", "–", "—", ".", "..", "...", "*", "??", "#n/a", "#na", "#null!", "#value!", "#div/0!", "<na>"),
    *("n.a.", "na", "n/a", "nan", "nil", "none", "null", "(null)", "\\n", "missing", "unknown", "undefined", "empty"),
    *("not available", "nd", "n.d.", "s/d", "k.a.", "sin dato", "sin datos", "desconocido", "x", "inf", "-inf"),
}
# Numbers that stand for nothing, where they lie far from all others.
SENTINELS = (-99.0, -999.0, -9999.0, -99999.0, -999999.0)
_ODD_AT_MOST = 3


@dataclass(frozen=True)
class CellsFound:
    """The decimal mark, and further markers of missing cells, each with the column that shows it."""

    decimal: Decimal
    markers: dict[str, str]

    @property
    def missing(self) -> tuple[str, ...]:
        """What dataset.missing.values is to say."""
        return (*DEFAULT_MARKERS, *self.markers)


def find_cells(frame: pl.DataFrame, delimiter: str) -> CellsFound:
    """Of text columns, by the column's other cells."""
    texts = {name: frame[name].drop_nulls() for name in frame.columns if frame.schema[name] == pl.String}
    texts = {name: text.filter(~text.is_in(list(DEFAULT_MARKERS))) for name, text in texts.items()}
    decimal = _decimal(list(texts.values()), delimiter)
    found: dict[str, str] = {}
    for name, text in texts.items():
        for marker in _markers(text, decimal):
            found.setdefault(marker, name)
    return CellsFound(decimal, found)


def _decimal(texts: Sequence[pl.Series], delimiter: str) -> Decimal:
    """The mark with which more columns are nearly all numbers."""
    if delimiter == ",":
        return "."
    marks: tuple[Decimal, ...] = (".", ",")
    points, commas = (sum(_share(text, mark) >= NEARLY for text in texts) for mark in marks)
    return "," if commas > points else "."


def _share(text: pl.Series, decimal: Decimal) -> float:
    return 1 - _numbers(text, decimal).null_count() / len(text) if len(text) else 0.0


def _numbers(text: pl.Series, decimal: Decimal) -> pl.Series:
    return as_numbers(text.to_frame(), decimal).to_series()


def _markers(text: pl.Series, decimal: Decimal) -> Iterator[str]:
    """Markers among a column's cells: usual ones among numbers or dates, odd ones among many, far negative numbers."""
    numbers = _numbers(text, decimal)
    for known in (numbers.is_not_null(), text.str.contains(ISO)):
        n_known = int(known.sum())
        odd = text.filter(~known).unique(maintain_order=True).to_list()
        usual = all(cell.lower() in USUAL_MARKERS for cell in odd)
        few = len(odd) <= _ODD_AT_MOST and n_known >= max(ENOUGH, NEARLY * len(text))
        if n_known >= len(text) / 2 and (usual or few):
            yield from odd
            yield from _sentinels(text, numbers)


def _sentinels(text: pl.Series, numbers: pl.Series) -> Iterator[str]:
    for value in SENTINELS:
        others = numbers.filter(numbers != value).drop_nulls()
        n_found = int((numbers == value).sum())
        if n_found > 1 and len(others) >= ENOUGH:
            low, high = float(others.min()), float(others.max())  # type: ignore[arg-type]
            if low - value > max(high - low, 1.0):
                yield from text.filter(numbers == value).unique().to_list()
