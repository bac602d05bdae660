"""The data report of step 1: what the rows of each split look like."""

import math
from collections.abc import Collection, Mapping
from dataclasses import asdict
from typing import Any, Literal, NotRequired, TypedDict, cast

import numpy as np
import polars as pl

from mlcli.data.cleaning import distinct_counts
from mlcli.data.tables.frames import column_of
from mlcli.data.tables.histogram import Histogram, count_bins
from mlcli.data.tables.rows import as_days, as_shown
from mlcli.data.tables.types import (
    SPLITS,
    CleaningReport,
    Column,
    Dataset,
    Images,
    Kind,
    OutlierReport,
    SplitName,
    Splits,
    Table,
    TaskKind,
)
from mlcli.io.json import plain_json

# From nine to one on, always predicting the most frequent class is right in 90 % of rows.
IMBALANCE = 9
_TOP_VALUES = 10
# Bytes of images that are hashed at a time.
_HASHED = 16 << 20


class NumberSummary(TypedDict):
    """Missing cells left out; quartiles interpolate linearly, std divides by n; null where there is no number."""

    min: float | None
    q1: float | None
    median: float | None
    q3: float | None
    max: float | None
    mean: float | None
    std: float | None


class ValueCount(TypedDict):
    """A category and its training rows."""

    value: str
    count: int


class ColumnProfile(TypedDict):
    """One column.

    missing : missing cells of each split; missing_share is of all rows
    distinct, numbers, top : of the training rows; top has the ten most frequent values of what is no number
    histogram : of the training rows' numbers, or days of dates since 1970, where they differ; profiles of older
        versions have none
    span      : the earliest and the latest date of the training rows
    """

    name: str
    role: Literal["feature", "target"]
    kind: Kind
    missing: dict[SplitName, int]
    missing_share: float
    distinct: int
    numbers: NumberSummary | None
    top: list[ValueCount] | None
    histogram: NotRequired[Histogram | None]
    span: NotRequired[list[str] | None]


class ImageProfile(TypedDict):
    """Shape (height, width[, channels]), and the pixel values of the training images."""

    shape: list[int]
    pixels: NumberSummary


class Profile(TypedDict):
    """The data report, stored as JSON.

    classes : rows of each class in each split; null for regression
    repeated : rows of valid and test that are also among the training rows, in every column or pixel
    """

    task: TaskKind
    rows: dict[SplitName, int]
    classes: dict[SplitName, dict[str, int]] | None
    columns: list[ColumnProfile]
    pictures: ImageProfile | None
    repeated: dict[SplitName, int]
    cleaning: dict[str, Any] | None
    outliers: dict[str, Any] | None


def profile_splits(splits: Splits, cleaning: CleaningReport | None, outliers: OutlierReport | None) -> Profile:
    """Describe the splits; the reports of cleaning and outliers become JSON."""
    datasets: dict[SplitName, Dataset] = {name: splits[name] for name in SPLITS}
    tables = {name: dataset for name, dataset in datasets.items() if isinstance(dataset, Table)}
    train = splits.train
    return Profile(
        task=splits.task,
        rows={name: len(dataset) for name, dataset in datasets.items()},
        classes=_count_classes(datasets) if splits.task == "classification" else None,
        columns=_profile_columns(tables) if isinstance(train, Table) else [],
        pictures=_profile_images(train) if isinstance(train, Images) else None,
        repeated=_count_repeated(datasets),
        cleaning=_json(cleaning),
        outliers=_json(outliers),
    )


def is_imbalanced(counts: Collection[float]) -> bool:
    """Whether the most frequent class has at least IMBALANCE times as many rows as the rarest, or counts as much."""
    return bool(counts) and max(counts) >= IMBALANCE * max(min(counts), 1)


def _count_classes(datasets: Mapping[SplitName, Dataset]) -> dict[SplitName, dict[str, int]]:
    """Every class in every split, by name."""
    counts = {split: class_counts(dataset) for split, dataset in datasets.items()}
    names = sorted(set().union(*counts.values()))
    return {split: {name: found.get(name, 0) for name in names} for split, found in counts.items()}


def class_counts(dataset: Dataset) -> dict[str, int]:
    """Rows of each class."""
    if isinstance(dataset, Images):
        labels = np.empty(0, np.int64) if dataset.labels is None else dataset.labels
        counts = np.bincount(labels, minlength=len(dataset.class_names)).tolist()
        return dict(zip(dataset.class_names, counts, strict=True))
    return dict(column_of(dataset.rows, dataset.targets[0].name).rename("class").value_counts().rows())


def _profile_columns(tables: Mapping[SplitName, Table]) -> list[ColumnProfile]:
    train = tables["train"]
    missing = {split: _one_row(table.frame.null_count()) for split, table in tables.items()}
    n_rows = max(1, sum(len(table) for table in tables.values()))
    distinct = distinct_counts(train.frame)
    dates = {column.name for column in train.features if column.kind == "date"}
    shapes = train.frame.with_columns(as_days(train.frame[name]) for name in dates)
    numbers = _summaries(shapes.select(pl.col(pl.Float64)))
    return [
        ColumnProfile(
            name=column.name,
            role="target" if column in train.targets else "feature",
            kind=column.kind,
            missing={split: int(counts[column.name]) for split, counts in missing.items()},
            missing_share=sum(counts[column.name] for counts in missing.values()) / n_rows,
            distinct=distinct[column.name],
            numbers=numbers.get(column.name) if column.kind == "number" else None,
            top=_top_values(train.frame, column),
            histogram=_histogram(shapes[column.name], numbers[column.name]) if column.name in numbers else None,
            span=_span(train.frame[column.name]) if column.kind == "date" else None,
        )
        for column in (*train.features, *train.targets)
    ]


def _span(dates: pl.Series) -> list[str] | None:
    known = dates.drop_nulls()
    return as_shown(pl.Series([known.min(), known.max()], dtype=dates.dtype)).to_list() if len(known) else None


def _summaries(frame: pl.DataFrame) -> dict[str, NumberSummary]:
    """Of every column; one pass a statistic, all columns at once."""
    every = pl.all()
    statistics = {
        "min": every.min(),
        "q1": every.quantile(0.25, "linear"),
        "median": every.median(),
        "q3": every.quantile(0.75, "linear"),
        "max": every.max(),
        "mean": every.mean(),
        "std": every.std(ddof=0),
    }
    found = {key: _one_row(frame.select(statistic)) for key, statistic in statistics.items()}
    return {name: _summary({key: found[key][name] for key in found}) for name in frame.columns}


def _one_row(frame: pl.DataFrame) -> dict[str, float]:
    return dict(zip(frame.columns, frame.row(0), strict=True)) if frame.width else {}


def _summary(values: Mapping[str, float | None]) -> NumberSummary:
    """Null for what is not finite."""
    finite = {key: float(x) if x is not None and math.isfinite(x) else None for key, x in values.items()}
    return cast("NumberSummary", {key: finite[key] for key in NumberSummary.__annotations__})


def _histogram(column: pl.Series, summary: NumberSummary) -> Histogram | None:
    edges = [summary[key] for key in ("min", "q1", "q3", "max")]
    known = [edge for edge in edges if edge is not None]
    return count_bins(column, *known) if len(known) == len(edges) else None


def _top_values(frame: pl.DataFrame, column: Column) -> list[ValueCount] | None:
    if column.kind in ("number", "date"):
        return None
    values = as_shown(frame[column.name]).alias("value").to_frame().lazy()
    counts = values.drop_nulls().group_by("value").len("count")
    top = counts.sort("count", "value", descending=[True, False]).head(_TOP_VALUES).collect()
    return [ValueCount(value=value, count=count) for value, count in top.iter_rows()]


def _profile_images(images: Images) -> ImageProfile:
    values = np.arange(256)
    counts, flat, portion = np.zeros(256, dtype=np.int64), images.pixels.reshape(-1), 1 << 16
    for start in range(0, len(flat), portion):  # bincount widens its input eightfold
        counts += np.bincount(flat[start : start + portion], minlength=256)
    total = max(1, int(counts.sum()))
    mean = float(values @ counts) / total
    quartiles = values[np.searchsorted(np.cumsum(counts), np.array([0.25, 0.5, 0.75]) * total)].tolist()
    present = values[counts > 0].tolist() or [0]
    spread = math.sqrt(float((values - mean) ** 2 @ counts) / total)
    ends = {"min": present[0], "max": present[-1], "mean": mean, "std": spread}
    summary = _summary(ends | dict(zip(("q1", "median", "q3"), quartiles, strict=True)))
    return ImageProfile(shape=list(images.pixels.shape[1:]), pixels=summary)


def _count_repeated(datasets: Mapping[SplitName, Dataset]) -> dict[SplitName, int]:
    """Rows of each other split that are also among the training rows, which are looked up once for both."""
    valid, test = (_row_hashes(datasets[name]) for name in SPLITS[1:])
    found = pl.concat([valid, test]).is_in(_row_hashes(datasets["train"]).implode())
    return {"valid": int(found.head(len(valid)).sum()), "test": int(found.tail(len(test)).sum())}


def _row_hashes(dataset: Dataset) -> pl.Series:
    """UInt64 (n,): 64-bit hashes, by which two of a million rows collide once in 10⁷ datasets."""
    if isinstance(dataset, Table):
        return dataset.frame.hash_rows()
    if not len(dataset):
        return pl.Series(dtype=pl.UInt64)
    starts = range(0, len(dataset), max(1, _HASHED // math.prod(dataset.pixels.shape[1:])))
    return pl.concat([_image_hashes(dataset.pixels[start : start + starts.step]) for start in starts])


def _image_hashes(pixels: np.ndarray) -> pl.Series:
    flat = pixels.reshape(len(pixels), -1)
    padded = np.pad(flat, ((0, 0), (0, -flat.shape[1] % 8))) if flat.shape[1] % 8 else np.ascontiguousarray(flat)
    return pl.from_numpy(padded.view(np.uint64)).hash_rows()


def _json(report: CleaningReport | OutlierReport | None) -> dict[str, Any] | None:
    return None if report is None else cast("dict[str, Any]", plain_json(asdict(report)))
