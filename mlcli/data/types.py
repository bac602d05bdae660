"""The values that step 1 produces."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import numpy as np
    import polars as pl

Kind = Literal["number", "category"]
TaskKind = Literal["regression", "classification"]
SplitName = Literal["train", "valid", "test"]


@dataclass(frozen=True)
class Column:
    """A named column: numbers (Float64, null where missing) or categories (String, null where missing)."""

    name: str
    kind: Kind


@dataclass(frozen=True)
class Table:
    """Rows with named columns.

    frame holds the feature and target columns (and nothing else), typed as `Column` says.
    targets is empty for rows to predict.
    """

    frame: pl.DataFrame
    features: tuple[Column, ...]
    targets: tuple[Column, ...]

    def __len__(self) -> int:
        return self.frame.height


@dataclass(frozen=True)
class Images:
    """Pictures with labels.

    pixels : uint8 (n, height, width) or (n, height, width, channels)
    labels : int64 (n,), indices into class_names; None for pictures to predict
    """

    pixels: np.ndarray
    labels: np.ndarray | None
    class_names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.pixels)


Dataset = Table | Images


@dataclass(frozen=True)
class Splits:
    """The rows of each split; valid and test may have no rows."""

    train: Dataset
    valid: Dataset
    test: Dataset
    task: TaskKind

    def __getitem__(self, name: SplitName) -> Dataset:
        return {"train": self.train, "valid": self.valid, "test": self.test}[name]


@dataclass(frozen=True)
class Schema:
    """What a row to predict must look like: named columns, or the shape of a picture."""

    columns: tuple[Column, ...] = ()
    image_shape: tuple[int, ...] = ()
