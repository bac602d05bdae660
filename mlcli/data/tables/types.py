"""The values that step 1 produces."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Literal, get_args

if TYPE_CHECKING:
    import numpy as np
    import polars as pl

    from mlcli.data.tables.frames import Frame

Kind = Literal["number", "category", "boolean", "date"]
TaskKind = Literal["regression", "classification"]
SplitName = Literal["train", "valid", "test"]
SPLITS: tuple[SplitName, ...] = get_args(SplitName)
# Kinds whose values are not amounts.
DISCRETE: tuple[Kind, ...] = ("category", "boolean")


@dataclass(frozen=True)
class Column:
    """A named column, null where missing.

    kind : numbers (Float64), categories (String), true and false (Boolean) or dates (Datetime, UTC)
    """

    name: str
    kind: Kind


@dataclass(frozen=True)
class Table:
    """Rows with named columns, in memory or in a file that is read lazily.

    rows has the feature and target columns and no others, typed as `Column` says.
    targets is empty for rows to predict.
    weights : float64 (n,), how much each row counts, 0 or more; None where all count alike
    groups : int64 (n,), the number of each row's group or, in a split by time, of its time, ascending; counted over
             all splits. Rows of one number are never separated. None for other splits
    """

    rows: Frame
    features: tuple[Column, ...]
    targets: tuple[Column, ...]
    groups: np.ndarray | None = None
    weights: np.ndarray | None = None

    def __len__(self) -> int:
        return self._height

    @property
    def row_weights(self) -> np.ndarray | None:
        """The weights as multiples of their mean."""
        return self.weights if self.weights is None or not len(self.weights) else self.weights / self.weights.mean()

    @property
    def frame(self) -> pl.DataFrame:
        """All rows in memory; read again on each access where they are in a file."""
        from mlcli.data.tables.frames import collect

        return collect(self.rows)

    def part(self, start: int, count: int) -> Table:
        """The rows from start on, at most count of them."""
        return self.with_rows(self.rows.slice(start, count), slice(start, start + count))

    def with_rows(self, rows: Frame, places: np.ndarray | slice) -> Table:
        """The same with those of its rows that are at these places."""
        groups, weights = (None if own is None else own[places] for own in (self.groups, self.weights))
        return replace(self, rows=rows, groups=groups, weights=weights)

    @cached_property
    def _height(self) -> int:
        from mlcli.data.tables.frames import height_of

        return height_of(self.rows)


@dataclass(frozen=True)
class Images:
    """Images with labels.

    pixels : uint8 (n, height, width) or (n, height, width, channels)
    labels : int64 (n,), indices into class_names; None for images to predict
    """

    pixels: np.ndarray
    labels: np.ndarray | None
    class_names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.pixels)

    @property
    def weights(self) -> np.ndarray | None:
        """None: all count alike, as in `row_weights`."""
        return None

    row_weights = weights

    def part(self, start: int, count: int) -> Images:
        """The rows from start on, at most count of them."""
        rows = slice(start, start + count)
        return replace(self, pixels=self.pixels[rows], labels=None if self.labels is None else self.labels[rows])


Dataset = Table | Images


@dataclass(frozen=True)
class SourceRead:
    """All rows of a dataset, cleaned, before the split.

    rows      : all of them, or the training rows where there are separate test rows
    test      : separate test rows, with the same columns and kinds
    task      : as dataset.task says, or inferred from the target's cells
    split_key : split.column, aligned with rows: Float64, String (ids, names, ISO dates) or Datetime; not a feature
    numbers   : int64 (n,), the number in its file, from 1, of each of rows; None where rows are all of them, in order
    """

    rows: Dataset
    test: Dataset | None
    task: TaskKind
    split_key: pl.Series | None = None
    cleaning: CleaningReport | None = None
    numbers: np.ndarray | None = None


@dataclass(frozen=True)
class Splits:
    """The rows of each split; valid and test may have no rows.

    numbers : int64 (n,), the number in its file, from 1, of each training row; None where rows come from no source
    """

    train: Dataset
    valid: Dataset
    test: Dataset
    task: TaskKind
    numbers: np.ndarray | None = None

    def __getitem__(self, name: SplitName) -> Dataset:
        return {"train": self.train, "valid": self.valid, "test": self.test}[name]


@dataclass(frozen=True)
class Schema:
    """What a row to predict must look like: named columns, or the shape of an image."""

    columns: tuple[Column, ...] = ()
    image_shape: tuple[int, ...] = ()


@dataclass(frozen=True)
class ColumnReport:
    """One column of the cleaned rows.

    missing  : missing cells of the rows that dataset.keep leaves
    distinct : distinct values in the cleaned rows; estimated (HyperLogLog, within about 2 %) beyond 100,000 rows
    replaced : cells changed by dataset.replace
    """

    name: str
    role: Literal["feature", "target"]
    kind: Kind
    missing: int
    distinct: int
    replaced: int


@dataclass(frozen=True)
class Doubt:
    """What a column's cells may mean other than what they are taken for, and what to declare.

    serious : a warning; otherwise a note
    """

    column: str
    text: str
    serious: bool = True


@dataclass(frozen=True)
class CleaningReport:
    """The rows of one file, from read to clean: rows = rows_kept − the three counts of dropped rows.

    rows_kept           : rows that dataset.keep leaves
    rows_without_target : dropped because the target is missing
    rows_with_missing   : dropped because a feature is missing (dataset.missing.drop_rows)
    duplicates          : rows equal to an earlier one in every column
    duplicates_dropped  : how many of them were dropped
    dropped_columns     : column → reason
    constant            : features with at most one distinct value; they are not dropped
    notes               : how columns were read where that is not obvious
    doubts              : columns that may be read in another way
    test                : the same for separate test rows
    """

    source: str
    rows_read: int
    rows_kept: int
    rows_without_target: int
    rows_with_missing: int
    duplicates: int
    duplicates_dropped: int
    rows: int
    columns: tuple[ColumnReport, ...]
    dropped_columns: dict[str, str]
    constant: tuple[str, ...]
    notes: tuple[str, ...] = ()
    doubts: tuple[Doubt, ...] = ()
    test: CleaningReport | None = None


@dataclass(frozen=True)
class Bounds:
    """Accepted band of a column, its ends included, and the cells of the training rows outside it."""

    low: float
    high: float
    cells: int


@dataclass(frozen=True)
class OutlierReport:
    """Outliers of the training rows.

    bounds  : by number feature
    flat    : number features without spread in the middle half (iqr), which have no outliers
    dropped : training rows dropped
    """

    name: str
    bounds: dict[str, Bounds]
    flat: tuple[str, ...]
    dropped: int
