"""Tables and images explored: distributions, associations and correlations, mean images and examples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from mlcli.data.cleaning import distinct_counts
from mlcli.data.profile import NumberSummary, Profile
from mlcli.data.quality.sample import draw_sample_rows
from mlcli.data.tables.rows import as_shown
from mlcli.data.tables.types import Column, Images, SplitName, Table, TaskKind
from mlcli.eda.association import (
    Codes,
    Correlations,
    Scatter,
    TargetColumn,
    class_order,
    correlate,
    scatter_plane,
    scatter_target,
)
from mlcli.eda.columns import ColumnDistribution, SampledRows, column_numbers, describe_column
from mlcli.errors import UsageError
from mlcli.io.json import plain_json, to_json
from mlcli.io.text import suggestion

Pixels = NDArray[np.uint8]
# Images of a class that are averaged at most, and shown.
MAX_AVERAGED, MAX_EXAMPLES = 1_000, 8
FULL = 255
# Rows sampled at most, and cells where there are many columns.
MAX_ROWS, MAX_CELLS, MIN_ROWS = 100_000, 4_000_000, 2_000


@dataclass(frozen=True)
class ExploredTable:
    """The distributions of the columns, and their associations with the target.

    looked_at : rows sampled: all but missing cells and class counts are of these
    complete  : of these, rows without a missing cell
    targets   : the targets' own distributions
    columns   : those asked for in their order, else all features, first those with the strongest association
    scatter   : of two columns of numbers, where two are all there are, or the ones asked for
    """

    looked_at: int
    complete: int
    targets: tuple[ColumnDistribution, ...]
    columns: tuple[ColumnDistribution, ...]
    correlations: Correlations | None
    scatter: Scatter | None
    classes: Mapping[str, int]


def explore_table(
    table: Table, profile: Profile, split: SplitName, classification: bool, asked: Sequence[str]
) -> ExploredTable:
    """Explore a split; `asked` names the only columns to explore. Raises UsageError for unknown ones."""
    chosen = _chosen(table, profile, asked)
    width = len(table.features) + len(table.targets)
    frame = draw_sample_rows(table, max(MIN_ROWS, min(MAX_ROWS, MAX_CELLS // width)))
    classes = (profile["classes"] or {}).get(split, {}) if classification else {}
    rows = SampledRows(
        frame=frame,
        n_rows=len(table),
        missing={column["name"]: column["missing"][split] for column in profile["columns"]},
        distinct=distinct_counts(frame),
        targets=tuple(_target(frame[column.name], classes) for column in table.targets),
    )
    named = [target.name for target in table.targets]
    features = [describe_column(rows, column, is_target=False) for column in chosen if column.name not in named]
    if not asked:
        features.sort(key=lambda column: -column.strength)
    known = pl.all_horizontal(pl.col([column.name for column in table.features]).is_not_null())
    return ExploredTable(
        looked_at=frame.height,
        complete=int(frame.select(known.sum()).item()),
        targets=tuple(
            describe_column(rows, own, is_target=True) for own in table.targets if not asked or own.name in asked
        ),
        columns=tuple(features),
        correlations=_correlations(frame, table, features),
        scatter=_scatter(frame, rows.targets[0], features),
        classes=classes,
    )


def _chosen(table: Table, profile: Profile, asked: Sequence[str]) -> list[Column]:
    columns = {column.name: column for column in (*table.features, *table.targets)}
    for name in asked:
        if name not in columns:
            dropped = ((profile["cleaning"] or {}).get("dropped_columns") or {}).get(name)
            why = f"it was dropped: {dropped}" if dropped else suggestion(name, list(columns))
            raise UsageError(f"--column: no column {name!r} in the prepared data; {why}")
    return [columns[name] for name in dict.fromkeys(asked)] if asked else list(columns.values())


def _target(series: pl.Series, class_rows: Mapping[str, int]) -> TargetColumn:
    if not class_rows:
        return TargetColumn(series.name, (), (), np.full(len(series), -1, dtype=np.int64), column_numbers(series))
    classes = class_order(class_rows)
    codes: Codes = as_shown(series).cast(pl.Enum(classes)).to_physical().cast(pl.Int64).fill_null(-1).to_numpy()
    return TargetColumn(series.name, classes, tuple(class_rows[name] for name in classes), codes, np.empty(0))


def _correlations(frame: pl.DataFrame, table: Table, features: Sequence[ColumnDistribution]) -> Correlations | None:
    """The targets' numbers come last."""
    names = [own.name for own in features if own.kind == "number" and own.distinct > 1]
    names += [column.name for column in table.targets if column.kind == "number"] if names else []
    return correlate(names, [column_numbers(frame[name]) for name in names])


def _scatter(frame: pl.DataFrame, target: TargetColumn, features: Sequence[ColumnDistribution]) -> Scatter | None:
    numbers = [own.name for own in features if own.kind == "number"]
    points = [column_numbers(frame[name]) for name in numbers[:2]]
    match sorted(numbers) if len(numbers) == 2 else numbers:
        case (first, second):
            by_name = dict(zip(numbers, points, strict=True))
            return scatter_plane((first, second), by_name[first], by_name[second], target)
        case (only,) if not target.classes:
            return scatter_target(only, points[0], target)
    return None


@dataclass(frozen=True, eq=False)
class ClassImages:
    """One class.

    mean     : uint8 (height, width[, channels]), of `averaged` images evenly spaced among the class's rows
    places   : rows of the split, from 0, that the examples are
    examples : uint8 (n, height, width[, channels])
    """

    name: str
    rows: int
    averaged: int
    mean: Pixels
    places: tuple[int, ...]
    examples: Pixels

    def to_json(self) -> dict[str, Any]:
        """The mean's pixels, and the rows of the examples."""
        return {
            "class": self.name,
            "rows": self.rows,
            "averaged": self.averaged,
            "mean": self.mean.tolist(),
            "examples": list(self.places),
        }


@dataclass(frozen=True, eq=False)
class ExploredImages:
    """Images class by class.

    pixels : of the training images
    factor : brightness that pixels are multiplied by to be seen, where the brightest is dark (digits of 16 greys)
    """

    shape: tuple[int, ...]
    pixels: NumberSummary
    factor: float
    classes: Mapping[str, int]
    class_images: tuple[ClassImages, ...]

    def to_json(self) -> dict[str, Any]:
        """Its part of the document."""
        return {
            "shape": list(self.shape),
            "pixels": self.pixels,
            "classes": dict(self.classes),
            "pictures": to_json(self.class_images),
        }

    def visible(self, pixels: Pixels) -> Pixels:
        """The pixels as they are shown."""
        shown: Pixels = np.minimum(pixels * self.factor, FULL).astype(np.uint8)
        return shown


def explore_images(images: Images, profile: Profile, split: SplitName) -> ExploredImages:
    """The mean image and examples of each class of a split."""
    facts = profile["pictures"]
    if facts is None or images.labels is None:
        raise TypeError("prepared images have labels, and a profile of their pixels")
    brightest = facts["pixels"]["max"] or FULL
    return ExploredImages(
        shape=tuple(facts["shape"]),
        pixels=facts["pixels"],
        factor=FULL / brightest if brightest < FULL // 2 else 1.0,
        classes=(profile["classes"] or {}).get(split, {}),
        class_images=tuple(_of_class(images, images.labels, k) for k in range(len(images.class_names))),
    )


def _of_class(images: Images, labels: NDArray[np.int64], place: int) -> ClassImages:
    rows = np.flatnonzero(labels == place)
    averaged, shown = _spread(rows, MAX_AVERAGED), _spread(rows, MAX_EXAMPLES)
    mean = images.pixels[averaged].mean(axis=0) if len(rows) else np.zeros(images.pixels.shape[1:])
    return ClassImages(
        name=images.class_names[place],
        rows=len(rows),
        averaged=len(averaged),
        mean=np.round(mean).astype(np.uint8),
        places=tuple(shown.tolist()),
        examples=np.asarray(images.pixels[shown]),
    )


def _spread(rows: NDArray[np.int64], most: int) -> NDArray[np.int64]:
    """At most so many of the rows, evenly spaced."""
    return rows[np.linspace(0, len(rows), min(most, len(rows)), endpoint=False).astype(np.int64)]


@dataclass(frozen=True)
class ShowResult:
    """What the rows of a split look like.

    rows        : of the split
    fingerprint : of the prepared data
    notes       : the highlights, a sentence each
    asked       : whether columns were asked for by name
    projections : "pca" and "tsne" of the features, where they were asked for
    """

    config: str
    split: SplitName
    task: TaskKind
    rows: int
    data: str
    stand_in_for: str | None
    fingerprint: str
    explored: ExploredTable | ExploredImages
    notes: tuple[str, ...]
    asked: bool
    projections: Mapping[str, Scatter]

    def to_json(self) -> dict[str, Any]:
        """The document of `show --json`."""
        found = {name: plain_json(part) for name, part in to_json(self.explored).items()}
        return {
            "config": self.config,
            "data": self.data,
            "stand_in_for": self.stand_in_for,
            "split": self.split,
            "task": self.task,
            "rows": self.rows,
            "notes": list(self.notes),
            **found,
        }
