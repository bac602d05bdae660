"""Reads rows of a table into the two tensors that the arithmetic starts from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray

from mlcli.config.sections.features import Encode
from mlcli.data.tables.frames import Frame, column_of
from mlcli.data.tables.rows import DTYPES
from mlcli.errors import DataError
from mlcli.io.text import suggestion

MISSING = "(missing)"
OTHER = "(other)"
MAX_RARE = 10_000


@dataclass(frozen=True)
class Vocabulary:
    """Category i of `kept` has code i; every other category has the reserved code len(kept).

    rare : categories met in training but not kept, the most frequent 10,000
    with_other : whether training rows fell on the reserved code
    Missing cells are the category "(missing)".
    """

    name: str
    encode: Encode
    kept: tuple[str, ...]
    rare: tuple[str, ...] = ()
    with_other: bool = False

    @property
    def reserved(self) -> int:
        """The code of rare and unseen categories."""
        return len(self.kept)

    @property
    def size(self) -> int:
        """Number of codes, the reserved one included."""
        return len(self.kept) + 1

    @property
    def features(self) -> tuple[str, ...]:
        """The categories that have a one-hot column, in order."""
        return (*self.kept, OTHER) if self.with_other else self.kept

    @cached_property
    def _enum(self) -> pl.Enum:
        return pl.Enum(self.kept)

    @cached_property
    def _known(self) -> pl.Series:
        return pl.Series([*self.kept, *self.rare], dtype=pl.String)

    def codes(self, cells: pl.Series) -> np.ndarray:
        """Codes of a String column, uint32 (n,)."""
        physical = cells.fill_null(MISSING).cast(self._enum, strict=False).to_physical()
        return physical.cast(pl.UInt32).fill_null(self.reserved).to_numpy()

    def count_unseen(self, cells: pl.Series) -> int:
        """Cells whose category was not met in training."""
        return len(cells) - int(cells.fill_null(MISSING).is_in(self._known.implode()).sum())


def fit_vocabulary(cells: pl.Series, encode: Encode, max_categories: int) -> Vocabulary:
    """Keep the most frequent categories (ties by name), ordered by name."""
    counts = cells.fill_null(MISSING).rename("category").value_counts(name="rows")
    ranked = counts.sort(["rows", "category"], descending=[True, False])["category"]
    kept = tuple(ranked.head(max_categories).sort())
    rare = tuple(ranked.slice(max_categories, MAX_RARE))
    return Vocabulary(cells.name, encode, kept, rare, with_other=len(ranked) > max_categories)


def ordered_vocabulary(cells: pl.Series, order: tuple[str, ...]) -> Vocabulary:
    """Keep the given order; raises DataError for training categories that are not in it.

    Missing cells have the reserved code, unless the order lists "(missing)".
    """
    met = cells.unique().drop_nulls().sort()
    strangers = [category for category in met if category not in set(order)]
    if strangers:
        shown = ", ".join(repr(category) for category in strangers[:5]) + (", …" if len(strangers) > 5 else "")
        raise DataError(
            f"features.columns.{cells.name}.order: does not list {shown}, met in the training rows; "
            "add to the order every category of the column"
        )
    has_missing = cells.null_count() > 0 and MISSING not in order
    return Vocabulary(cells.name, "ordinal", order, (MISSING,) if has_missing else (), with_other=has_missing)


class NumberReader(Protocol):
    """The numbers made of a column, one or several a row."""

    def column(self, i: int) -> pl.Series:
        """The i-th number of every row as Float64, null where missing."""
        ...

    def fill(self, out: NDArray[np.float64], rows: slice) -> None:
        """All numbers of some rows into zeros, (numbers, rows); NaN where missing."""
        ...


class Reader(Protocol):
    """A column of which numbers are made.

    numbers : their names
    bounded : which of them are between −1 and 1 by what they are
    """

    @property
    def name(self) -> str: ...
    @property
    def numbers(self) -> tuple[str, ...]: ...
    @property
    def bounded(self) -> tuple[bool, ...]: ...

    def read(self, rows: Frame) -> NumberReader:
        """The numbers; DataError where the column is absent or holds something else."""
        ...


@dataclass(frozen=True)
class Columns:
    """Numbers held column by column."""

    series: tuple[pl.Series, ...]

    def column(self, i: int) -> pl.Series:
        """One of them."""
        return self.series[i]

    def fill(self, out: NDArray[np.float64], rows: slice) -> None:
        """A slice of each."""
        for own, column in zip(out, self.series, strict=True):
            own[:] = column.slice(rows.start, rows.stop - rows.start).to_numpy()


@dataclass(frozen=True)
class NumberColumn:
    """A column of numbers, or of true (1) and false (0), which are bounded."""

    name: str
    is_boolean: bool = False

    @property
    def numbers(self) -> tuple[str, ...]:
        """The column itself."""
        return (self.name,)

    @property
    def bounded(self) -> tuple[bool, ...]:
        """Whether it is of true and false."""
        return (self.is_boolean,)

    def read(self, rows: Frame) -> Columns:
        """The column as Float64; DataError where it is absent or holds no numbers."""
        return Columns((numbers_of(rows, self.name),))


@dataclass(frozen=True)
class RowTensors:
    """The columns of a table that are read: numbers, with how many a row, and category columns as uint32 codes."""

    numbers: tuple[tuple[int, NumberReader], ...]
    codes: tuple[np.ndarray, ...]

    @classmethod
    def read(cls, frame: pl.DataFrame, readers: Sequence[Reader], vocabularies: Sequence[Vocabulary]) -> RowTensors:
        """Find the columns by name and look up the categories; DataError where a column does not fit."""
        numbers = tuple((len(reader.numbers), reader.read(frame)) for reader in readers)
        return cls(numbers, tuple(own.codes(cells_of(frame, own.name)) for own in vocabularies))

    def tensors(self, rows: slice, height: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Numbers float64 (height, p), NaN where missing, and codes int64 (height, q), padded with 0.

        Each column lies in one piece of memory.
        """
        size = rows.stop - rows.start
        numbers = np.zeros((sum(count for count, _ in self.numbers), height))
        start = 0
        for count, own in self.numbers:
            own.fill(numbers[start : start + count, :size], rows)
            start += count
        codes = np.zeros((len(self.codes), height), dtype=np.int64)
        for i, column in enumerate(self.codes):
            codes[i, :size] = column[rows]
        return torch.from_numpy(numbers).T, torch.from_numpy(codes).T


def numbers_of(frame: Frame, name: str) -> pl.Series:
    """The column of this name as Float64, true as 1; DataError where it is absent or holds no numbers."""
    column = _column(frame, name)
    if not (column.dtype.is_numeric() or column.dtype in (pl.Boolean, pl.Null)):
        raise DataError(f"column '{name}': numbers were expected as in training, got {column.dtype}")
    return column.cast(pl.Float64)


def dates_of(frame: Frame, name: str) -> pl.Series:
    """The column of this name as Datetime; DataError where it is absent or holds no dates."""
    column = _column(frame, name)
    if column.dtype not in (pl.Date, pl.Datetime, pl.Null):
        raise DataError(f"column '{name}': dates were expected as in training, got {column.dtype}")
    return column.cast(DTYPES["date"])


def cells_of(frame: Frame, name: str) -> pl.Series:
    """The column of this name as String; DataError where it is absent or holds no text."""
    column = _column(frame, name)
    if column.dtype not in (pl.String, pl.Null, pl.Categorical, pl.Enum):
        raise DataError(f"column '{name}': categories (text) were expected as in training, got {column.dtype}")
    return column.cast(pl.String)


def _column(frame: Frame, name: str) -> pl.Series:
    names = frame.collect_schema().names()
    if name not in names:
        raise DataError(
            f"the rows have no column '{name}', which the features were fitted on; add it: {suggestion(name, names)}"
        )
    return column_of(frame, name)
