"""Reads rows of a table into the two tensors that the arithmetic starts from."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl
import torch

from mlcli.errors import DataError
from mlcli.features.columns import missing_column
from mlcli.features.vocabulary import Vocabulary


def read_rows(
    frame: pl.DataFrame, raw: Sequence[str], vocabularies: Sequence[Vocabulary], height: int | None = None
) -> tuple[torch.Tensor, torch.Tensor]:
    """Numbers float64 (height, p) with NaN where missing, and codes int64 (height, q); columns are contiguous."""
    height = frame.height if height is None else height
    numbers = np.zeros((len(raw), height))
    for i, name in enumerate(raw):
        numbers[i, : frame.height] = _numbers(frame, name)
    codes = np.zeros((len(vocabularies), height), dtype=np.int64)
    for i, own in enumerate(vocabularies):
        codes[i, : frame.height] = own.codes(cells_of(frame, own.name))
    return torch.from_numpy(numbers).T, torch.from_numpy(codes).T


def _numbers(frame: pl.DataFrame, name: str) -> np.ndarray:
    column = _column(frame, name)
    if not (column.dtype.is_numeric() or column.dtype in (pl.Boolean, pl.Null)):
        raise DataError(f"column '{name}': numbers were expected as in training, got {column.dtype}")
    return column.cast(pl.Float64).to_numpy()


def cells_of(frame: pl.DataFrame, name: str) -> pl.Series:
    """The String column of this name; DataError where it is absent or holds no text."""
    column = _column(frame, name)
    if column.dtype != pl.String and column.dtype not in (pl.Null, pl.Categorical, pl.Enum):
        raise DataError(f"column '{name}': categories (text) were expected as in training, got {column.dtype}")
    return column.cast(pl.String)


def _column(frame: pl.DataFrame, name: str) -> pl.Series:
    if name not in frame.columns:
        raise missing_column(name, frame.columns)
    return frame[name]
