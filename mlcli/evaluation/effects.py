"""How predictions change with a column, and with the two that interact most, over a sample of rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from mlcli.data.tables.frames import rows_at
from mlcli.data.tables.rows import as_shown
from mlcli.data.tables.types import DISCRETE, Column, Dataset, Images, Kind, Table
from mlcli.evaluation.column_values import (
    Cell,
    as_texts,
    distinct_quantiles,
    levels_of,
    list_cells,
    to_cells,
    to_numbers,
)
from mlcli.evaluation.importance import Importances, Predict
from mlcli.models.predictions import Predictions
from mlcli.models.task import FittedTask, Regression

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
# Outputs (n, t) for the rows of a frame.
Answer = Callable[[pl.DataFrame], Floats]
# Columns shown, of a group of related ones, and those that are looked at in pairs.
MAX_COLUMNS, MAX_RELATED, MAX_PAIRED = 6, 2, 5
# Rows for numbers, for each category, and for each cell of POINTS × POINTS.
MAX_ROWS, LEVEL_ROWS, CELL_ROWS = 1_000, 300, 50
# Steps of a curve, at most, and rows in each of them at least; share of the rows beyond the curve at either end.
MAX_STEPS, STEP_ROWS, TAIL = 20, 10, 0.01
POINTS = 8
# Between which eight of ten rows are.
SPREAD = (0.1, 0.9)
# Two columns interact where that moves predictions by this share of their standard deviation.
NOTABLE = 0.1


@dataclass(frozen=True)
class Effect:
    """Changes of an output from its mean with the values of one column.

    output    : a prediction, or the probability or score of the class that the column moves most
    at        : numbers in ascending order, dates in ISO 8601, categories; None where missing
    mean      : over the rows
    low, high : between which eight of ten rows are
    """

    column: str
    kind: Kind
    output: str
    at: tuple[Cell, ...]
    mean: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]


@dataclass(frozen=True)
class Interaction:
    """An output's mean by the values of two columns.

    at    : of the first column and of the second
    mean  : a row for each value of the first column; None where the data has no such row
    share : of the variance of these means over the rows, what no sum of an effect of each column explains: H² of
            Friedman and Popescu (2008) on a grid
    """

    columns: tuple[str, str]
    kinds: tuple[Kind, Kind]
    output: str
    at: tuple[tuple[Cell, ...], tuple[Cell, ...]]
    mean: tuple[tuple[float | None, ...], ...]
    share: float


@dataclass(frozen=True)
class Effects:
    """Of the most important columns, or the reason why there are none.

    n_rows : sampled
    pair   : the two columns that interact most; None where none do notably
    """

    n_rows: int
    columns: tuple[Effect, ...]
    pair: Interaction | None
    reason: str | None = None


class _Outputs(NamedTuple):
    """names: of the t outputs; scale: (t,), by which they are compared; notable: (t,), the least size that matters."""

    names: tuple[str, ...]
    scale: Floats
    notable: Floats


def measure_effects(task: FittedTask, data: Dataset, predict: Predict, importances: Importances, seed: int) -> Effects:
    """Effects of the most important columns, and of the two of them that interact most.

    Numbers and dates: accumulated local effects (Apley and Zhu, 2020), which predict no row far from the data.
    Categories and booleans: partial dependence (Friedman, 2001).
    """
    if isinstance(data, Images) or importances.reason:
        return Effects(0, (), None, importances.reason or "images have no columns")
    known = {column.name: column for column in data.features}
    sample = rows_at(data.rows, np.random.default_rng(seed).permutation(len(data))[:MAX_ROWS]).select(list(known))

    def answer(frame: pl.DataFrame) -> Floats:
        return _outputs_of(task, predict(Table(frame, data.features, ())))

    spread = answer(sample).std(axis=0)
    scale = np.where(spread > 0, spread, 1.0) if isinstance(task, Regression) else np.ones(len(spread))
    outputs = _Outputs(_name_outputs(task), scale, NOTABLE * spread)
    if not np.isfinite(spread).all():
        return Effects(len(sample), (), None, "predictions are not finite numbers")
    groups = [own.columns[:MAX_COLUMNS] for own in importances.columns if own.high > 0][:MAX_COLUMNS]
    found = [[_measure_column(sample, known[name], answer, outputs) for name in names] for names in groups]
    effects = tuple(effect for group in found for effect in _largest(group, outputs))[:MAX_COLUMNS]
    reason = None if effects else "no column is important, or those that are do not vary"
    shown = [known[own.column] for own in effects[:MAX_PAIRED]]
    return Effects(len(sample), effects, _find_interaction(sample, shown, answer, outputs), reason)


def _outputs_of(task: FittedTask, predictions: Predictions) -> Floats:
    """Predictions of the targets, or the probabilities, else scores, of the second of two classes or of all."""
    if isinstance(task, Regression):
        return predictions.values
    shares = predictions.probabilities_or_scores
    return shares[:, -1:] if len(task.classes) == 2 else shares


def _name_outputs(task: FittedTask) -> tuple[str, ...]:
    if isinstance(task, Regression):
        return tuple(f"prediction of {name}" for name in task.targets)
    return tuple(
        f"{task.quantity} of '{name}'" for name in (task.classes[1:] if len(task.classes) == 2 else task.classes)
    )


def _measure_column(sample: pl.DataFrame, column: Column, answer: Answer, outputs: _Outputs) -> Effect | None:
    """None for a column that does not vary, or moves predictions beyond all numbers."""
    if column.kind in DISCRETE:
        return _depend_partially(sample, column, answer, outputs)
    return _accumulate(sample, column, answer, outputs)


def _largest(effects: list[Effect | None], outputs: _Outputs) -> list[Effect]:
    """Of a group of related columns, those that move predictions most."""
    scale = dict(zip(outputs.names, outputs.scale.tolist(), strict=True))
    known = [own for own in effects if own is not None]
    return sorted(known, key=lambda own: -np.ptp(own.mean) / scale[own.output])[:MAX_RELATED]


def _accumulate(sample: pl.DataFrame, column: Column, answer: Answer, outputs: _Outputs) -> Effect | None:
    """Mean differences of predictions between the ends of each row's own step, summed up from step to step.

    low, high : the sums of the differences that a tenth of the rows of a step are below, and above
    """
    rows = sample.filter(pl.col(column.name).is_not_null())
    x = to_numbers(rows[column.name])
    edges = distinct_quantiles(x, np.linspace(TAIL, 1 - TAIL, int(np.clip(len(x) // STEP_ROWS, 1, MAX_STEPS)) + 1))
    if len(edges) < 2:
        return None
    inside = (x >= edges[0]) & (x <= edges[-1])
    rows, x = rows.filter(inside), x[inside]
    step = np.maximum(np.searchsorted(edges, x) - 1, 0)
    ends = [rows.with_columns(to_cells(edges[step + side], rows[column.name])) for side in (0, 1)]
    below, above = np.split(answer(pl.concat(ends)), 2)
    differences = above - below
    if not np.isfinite(differences).all():
        return None
    # Each edge but the first is the value of a row, so that no step is empty.
    order = np.argsort(step, kind="stable")
    starts = np.searchsorted(step[order], np.arange(len(edges) - 1))
    means = np.add.reduceat(differences[order], starts) / np.bincount(step)[:, None]
    part = (x - edges[step]) / (edges[step + 1] - edges[step])
    most = int(np.argmax(_sum_up(means, step, part)[1] / outputs.scale))
    by_step = np.split(differences[order, most], starts[1:])
    three = np.column_stack([means[:, most], [np.quantile(own, SPREAD) for own in by_step]])
    mean, *others = _sum_up(three, step, part)[0].T
    at = as_shown(to_cells(edges, rows[column.name])).to_list() if column.kind == "date" else edges.tolist()
    return _effect(column, outputs.names[most], at, mean, np.min(others, axis=0), np.max(others, axis=0))


def _sum_up(means: Floats, step: Ints, part: Floats) -> tuple[Floats, Floats]:
    """Curves at the edges (K + 1, t) whose mean over the rows is 0, from their steps (K, t); deviations (t,) over rows.

    step, part : (n,) the step of each row, and which part of it lies before the row
    """
    curves = np.concatenate([np.zeros((1, means.shape[1])), means.cumsum(axis=0)])
    at_rows = curves[step] + part[:, None] * means[step]
    return curves - at_rows.mean(axis=0), at_rows.std(axis=0)


def _depend_partially(sample: pl.DataFrame, column: Column, answer: Answer, outputs: _Outputs) -> Effect | None:
    """Each row predicted with each of the most frequent categories, less its mean over them."""
    levels, shares = levels_of(sample[column.name])
    if len(levels) < 2:
        return None
    rows, own = sample[:LEVEL_ROWS], sample[column.name]
    frames = [rows.with_columns(pl.lit(level, dtype=own.dtype).alias(column.name)) for level in levels]
    found = answer(pl.concat(frames)).reshape(len(levels), len(rows), -1)
    if not np.isfinite(found).all():
        return None
    changes = found - np.tensordot(shares, found, axes=1)
    means = changes.mean(axis=1)
    most = int(np.argmax(np.sqrt(shares @ means**2) / outputs.scale))
    low, high = np.quantile(changes[:, :, most], SPREAD, axis=1)
    return _effect(column, outputs.names[most], as_texts(levels), means[:, most], low, high)


def _effect(column: Column, output: str, at: list[Cell], mean: Floats, low: Floats, high: Floats) -> Effect:
    numbers = (tuple(own.tolist()) for own in (mean, low, high))
    return Effect(column.name, column.kind, output, tuple(at), *numbers)


class _Grid(NamedTuple):
    """values: of a column, at most POINTS, as cells of the frame; place: (n,) the nearest of each row, -1 for none."""

    values: pl.Series
    place: Ints


def _find_interaction(
    sample: pl.DataFrame, columns: list[Column], answer: Answer, outputs: _Outputs
) -> Interaction | None:
    """The pair of columns whose joint effect is furthest from a sum of their own; None where all are near one."""
    grids = {column.name: _grid_of(sample[column.name], column) for column in columns}
    best, found = 0.0, None
    for pair in combinations(columns, 2):
        first, second = sorted(pair, key=lambda column: column.kind in DISCRETE)
        own = grids[first.name], grids[second.name]
        shape = len(own[0].values), len(own[1].values)
        places = own[0].place * shape[1] + own[1].place
        counts = np.bincount(places[(own[0].place >= 0) & (own[1].place >= 0)], minlength=shape[0] * shape[1])
        joint = _depend_jointly(sample[:CELL_ROWS], own, answer)
        if not counts.any() or not np.isfinite(joint).all():
            continue
        sizes, shares = _interact(joint, counts.reshape(shape))
        most = int(np.argmax(sizes / outputs.scale))
        if sizes[most] <= outputs.notable[most] or sizes[most] / outputs.scale[most] <= best:
            continue
        best = float(sizes[most] / outputs.scale[most])
        means = np.where(counts > 0, joint[:, most], np.nan).reshape(shape).tolist()
        found = Interaction(
            columns=(first.name, second.name),
            kinds=(first.kind, second.kind),
            output=outputs.names[most],
            at=(tuple(list_cells(own[0].values)), tuple(list_cells(own[1].values))),
            mean=tuple(tuple(None if np.isnan(one) else one for one in row) for row in means),
            share=float(shares[most]),
        )
    return found


def _depend_jointly(rows: pl.DataFrame, grids: tuple[_Grid, _Grid], answer: Answer) -> Floats:
    """Mean outputs (a·b, t) over the rows, with each pair of values in turn."""
    first, second = (grid.values for grid in grids)
    n_cells = len(first) * len(second)
    i, j = np.divmod(np.repeat(np.arange(n_cells), len(rows)), len(second))
    frame = rows[np.tile(np.arange(len(rows)), n_cells)].with_columns(first.gather(i), second.gather(j))
    means: Floats = answer(frame).reshape(n_cells, len(rows), -1).mean(axis=1)
    return means


def _interact(joint: Floats, counts: Ints) -> tuple[Floats, Floats]:
    """Deviations (t,) of joint means (a·b, t) from their best fit by a row's and a column's part, and H².

    Cells count as often as the data has their rows, counts (a, b).
    """
    weights = counts.ravel() / counts.sum()
    i, j = np.divmod(np.arange(counts.size), counts.shape[1])
    design = np.hstack([np.eye(counts.shape[0])[i], np.eye(counts.shape[1])[j]])
    root = np.sqrt(weights)[:, None]
    parts = np.linalg.lstsq(root * design, root * joint, rcond=None)[0]
    left = weights @ (joint - design @ parts) ** 2
    whole = weights @ (joint - weights @ joint) ** 2
    return np.sqrt(left), np.divide(left, whole, out=np.zeros_like(left), where=whole > 0)


def _grid_of(values: pl.Series, column: Column) -> _Grid:
    """Numbers: the middles of ranges with as many rows each. Categories: the most frequent, all other rows in none."""
    if column.kind in DISCRETE:
        levels = levels_of(values)[0]
        places = {level: place for place, level in enumerate(levels)}
        return _Grid(pl.Series(values.name, levels, dtype=values.dtype), np.array([places.get(v, -1) for v in values]))
    known = values.is_not_null().to_numpy()
    x = to_numbers(values.filter(known))
    points = distinct_quantiles(x, (np.arange(POINTS) + 0.5) / POINTS)
    place = np.full(len(values), -1)
    place[known] = np.searchsorted((points[1:] + points[:-1]) / 2, x)
    return _Grid(to_cells(points, values), place)
