"""The values that step 1 produces."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import numpy as np
    import polars as pl

    from mlcli.data.tables.frames import Frame

Kind = Literal["number", "category", "boolean", "date"]
TaskKind = Literal["regression", "classification"]
SplitName = Literal["train", "valid", "test"]


@dataclass(frozen=True)
class Column:
    """A named column, null where missing.

    kind : numbers (Float64), categories (String), true and false (Boolean) or dates (Datetime, UTC)
    """

    name: str
    kind: Kind


@dataclass(frozen=True)
class Table:
    """Rows with named columns, in memory or in a file of which each use reads what it needs.

    rows holds the feature and target columns (and nothing else), typed as `Column` says.
    targets is empty for rows to predict.
    """

    rows: Frame
    features: tuple[Column, ...]
    targets: tuple[Column, ...]

    def __len__(self) -> int:
        return self._height

    @property
    def frame(self) -> pl.DataFrame:
        """All of it in memory; read anew each time where it lies in a file."""
        from mlcli.data.tables.frames import collect

        return collect(self.rows)

    def part(self, start: int, count: int) -> Table:
        """The rows from start on, at most count of them."""
        return replace(self, rows=self.rows.slice(start, count))

    @cached_property
    def _height(self) -> int:
        from mlcli.data.tables.frames import height_of

        return height_of(self.rows)


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

    def part(self, start: int, count: int) -> Images:
        """The rows from start on, at most count of them."""
        rows = slice(start, start + count)
        return replace(self, pixels=self.pixels[rows], labels=None if self.labels is None else self.labels[rows])


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
