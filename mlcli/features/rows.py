"""Reads rows of a table into the two tensors that the arithmetic starts from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
import torch

from mlcli.data.frames import Frame, column_of
from mlcli.data.names import suggestion
from mlcli.errors import DataError
from mlcli.features.vocabulary import Vocabulary


@dataclass(frozen=True)
class Rows:
    """The columns of a table that are read: number columns as they are, category columns as uint32 codes."""

    numbers: tuple[pl.Series, ...]
    codes: tuple[np.ndarray, ...]

    @classmethod
    def read(cls, frame: pl.DataFrame, raw: Sequence[str], vocabularies: Sequence[Vocabulary]) -> Rows:
        """Find the columns by name and look up the categories; DataError where a column does not fit."""
        numbers = tuple(numbers_of(frame, name) for name in raw)
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
