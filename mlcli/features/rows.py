"""Reads rows of a table into the two tensors that the arithmetic starts from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import polars as pl
import torch

from mlcli.data.frames import Frame, column_of
from mlcli.data.kinds import DTYPES
from mlcli.data.names import suggestion
from mlcli.errors import DataError
from mlcli.features.vocabulary import Vocabulary


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

    def read(self, rows: Frame) -> Iterator[pl.Series]:
        """Each number as Float64, null where missing."""
        ...


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

    def read(self, rows: Frame) -> Iterator[pl.Series]:
        """The column as Float64; DataError where it is absent or holds no numbers."""
        yield numbers_of(rows, self.name)


@dataclass(frozen=True)
class Rows:
    """The columns of a table that are read: as numbers, and category columns as uint32 codes."""

    numbers: tuple[pl.Series, ...]
    codes: tuple[np.ndarray, ...]

    @classmethod
    def read(cls, frame: pl.DataFrame, readers: Sequence[Reader], vocabularies: Sequence[Vocabulary]) -> Rows:
        """Find the columns by name and look up the categories; DataError where a column does not fit."""
        numbers = tuple(number for reader in readers for number in reader.read(frame))
        return cls(numbers, tuple(own.codes(cells_of(frame, own.name)) for own in vocabularies))

    def tensors(self, rows: slice, height: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Numbers float64 (height, p), NaN where missing, and codes int64 (height, q), padded with 0.

        Each column lies in one piece of memory.
        """
        size = rows.stop - rows.start
        numbers = np.zeros((len(self.numbers), height))
        for i, column in enumerate(self.numbers):
            numbers[i, :size] = column.slice(rows.start, size).to_numpy()
        codes = np.zeros((len(self.codes), height), dtype=np.int64)
        for i, own in enumerate(self.codes):
            codes[i, :size] = own[rows]
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
