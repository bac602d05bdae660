"""Metrics of several models' predictions of the same rows, and of resamples of the rows."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np

from mlcli.io.threads import map_alone
from mlcli.metrics.blocks import MAX_SINGLE_ROWS, Blocks
from mlcli.metrics.catalog import CATALOG
from mlcli.metrics.counts import COUNT_METRICS, CountMetrics
from mlcli.metrics.intervals import Floats, MetricGroup, Resampler, Scores
from mlcli.metrics.probabilities import (
    PROBABILITY_METRICS,
    RANK_METRICS,
    probability_metrics,
    rank_metrics,
    ranking_scores,
)
from mlcli.metrics.residuals import (
    ERROR_METRICS,
    ROW_METRICS,
    ErrorMetrics,
    error_columns,
    order_metrics,
    row_metrics,
)
from mlcli.models.predictions import Predictions
from mlcli.models.task import Classification, FittedTask, Regression


@dataclass(frozen=True, eq=False)
class ScoredSample:
    """Scores of one model's predictions.

    values : of each metric; NaN where it is undefined
    draws  : of each metric over resampled rows, (n_resamples,); empty without a resampler
    """

    values: Mapping[str, float]
    draws: Scores


@dataclass(frozen=True, eq=False)
class _Cells:
    """Cells of rows that are alike for some metrics: their sizes (m,), and each model's groups of such metrics.

    groups : (m,) the group of the rows of each cell, where whole groups are drawn
    shifts : what each model's scores of cells lack, since these count rows of nearly equal rank as tied
    """

    sizes: np.ndarray
    models: Sequence[Sequence[MetricGroup]]
    groups: np.ndarray | None
    shifts: Sequence[Scores] = field(default=())

    @classmethod
    def of_blocks(cls, blocks: Blocks, models: Sequence[Sequence[MetricGroup]], values: Sequence[Scores]) -> _Cells:
        """Blocks of rows in place of rows; values: of each model, with each row counting once."""
        cells = cls(blocks.sizes, models, np.arange(len(blocks.sizes)))
        rough = cells.scores(blocks.sizes[np.newaxis])
        pairs = zip(values, rough, strict=True)
        return replace(cells, shifts=[{name: own[name] - near[name] for name in near} for own, near in pairs])

    def scores(self, weights: np.ndarray) -> list[Scores]:
        """Of each model, with the cells counting `weights` times, (r, m)."""
        return [_scores_of(groups, weights) for groups in self.models]

    def draws(self, resampler: Resampler) -> list[Scores]:
        """Of each model, over the same resamples."""
        counts = resampler.counts(self.sizes, self.groups) if any(self.models) else []
        portions = [self.scores(weights) for weights in counts]
        drawn: list[Scores] = [
            {name: np.concatenate([scores[name] for scores in of_model]) for name in of_model[0]}
            for of_model in zip(*portions, strict=True)
        ] or [{} for _ in self.models]
        if not self.shifts:
            return drawn
        pairs = zip(drawn, self.shifts, strict=True)
        return [{name: scores[name] + shift[name] for name in scores} for scores, shift in pairs]


def sample_scores(
    task: FittedTask,
    truth: np.ndarray,
    models: Sequence[Predictions],
    names: Sequence[str],
    resampler: Resampler | None = None,
    groups: np.ndarray | None = None,
    weights: np.ndarray | None = None,
) -> list[ScoredSample]:
    """Measure several models' predictions of the same rows; each resample is of the same rows for all of them.

    truth  : as `task.truth` gives it, with one row at least
    names  : metrics that suit the task
    groups : int64 (n,), the group of each row, where whole groups are drawn
    weights : float64 (n,), how much each row counts, as `measure` takes them; rows are drawn alike, whatever they weigh
    """
    if weights is not None and not weights.all():
        kept = np.flatnonzero(weights)
        truth, models, weights = truth[kept], [model.at(kept) for model in models], weights[kept]
        groups = None if groups is None else groups[kept]
    groups = None if groups is None else np.unique(groups, return_inverse=True)[1]
    many = resampler is not None and len(truth) > MAX_SINGLE_ROWS
    blocks = Blocks.draw(len(truth), groups, resampler.seed, weights) if resampler and many else None
    if blocks is not None and (groups is not None or weights is not None):
        groups = blocks.of_row
    elif resampler and weights is not None and groups is None:
        groups = np.arange(len(truth))  # rows of unequal weights are no cells of equal rows
    if resampler and not blocks and isinstance(task, Classification) and len(task.classes) == 2:
        # By the first model's descending scores, so that its resamples need no sorting.
        order = np.argsort(-ranking_scores(models[0])[:, 1], kind="stable")
        truth, models = truth[order], [model.at(order) for model in models]
        groups, weights = (None if own is None else own[order] for own in (groups, weights))
    with np.errstate(over="ignore", invalid="ignore"):
        measured = (map_alone if many else map)(partial(_measure_rows, task, truth, names, weights, blocks), models)
        of_rows, of_models = zip(*measured, strict=True)
        values = [list(of_rows)]
        if blocks is not None and of_models[0]:
            parts = [_Cells.of_blocks(blocks, of_models, of_rows)]
        else:
            parts = [_Cells(_sizes_of(truth, weights), of_models, groups)]
        if isinstance(task, Classification):
            parts.append(_decision_cells(len(task.classes), truth, models, names, groups, weights))
            values.append(parts[1].scores(parts[1].sizes[np.newaxis]))
        draws = [cells.draws(resampler) for cells in parts] if resampler else []
    samples = []
    for model in range(len(models)):
        found = {name: float(score[0]) for scores in values for name, score in scores[model].items()}
        drawn = {name: score for scores in draws for name, score in scores[model].items()}
        samples.append(ScoredSample({name: found.get(name, math.nan) for name in names}, drawn))
    return samples


def _scores_of(groups: Sequence[MetricGroup], weights: np.ndarray) -> Scores:
    """Of all groups, with cells counting `weights` times, (r, m)."""
    return {name: values for group in groups for name, values in group.scores(weights).items()}


def _sizes_of(truth: np.ndarray, weights: np.ndarray | None) -> np.ndarray:
    """Of cells that are single rows."""
    return np.ones(len(truth), np.int32) if weights is None else weights


@np.errstate(over="ignore", invalid="ignore")  # which another thread does not have from its caller
def _measure_rows(
    task: FittedTask,
    truth: np.ndarray,
    names: Sequence[str],
    weights: np.ndarray | None,
    blocks: Blocks | None,
    predictions: Predictions,
) -> tuple[Scores, list[MetricGroup]]:
    """Scores of one model's `_row_groups`, and these, or those of blocks: what each takes of the rows is then freed."""
    values, kept, sizes = dict[str, Floats](), list[MetricGroup](), _sizes_of(truth, weights)[np.newaxis]
    for group in _row_groups(task, truth, names, weights, predictions):
        values.update(group.scores(sizes))
        kept.append(group if blocks is None else group.in_blocks(blocks))  # type: ignore[attr-defined]
        del group  # before the next is made
    return values, kept


def _row_groups(
    task: FittedTask,
    truth: np.ndarray,
    names: Sequence[str],
    weights: np.ndarray | None,
    predictions: Predictions,
) -> Iterator[MetricGroup]:
    """The groups of metrics for which every row is a cell of its own."""
    wanted = set(names)
    if isinstance(task, Regression):
        if means := wanted & set(ERROR_METRICS):
            constant = task.constant_targets(task.standardise(truth))
            yield ErrorMetrics(error_columns(truth, predictions.values, constant), sorted(means))
        if rows := wanted & set(ROW_METRICS):
            yield row_metrics(truth, predictions.values, sorted(rows), task.q or math.nan)
        if wanted - means - rows:
            yield order_metrics(truth, predictions.values)
        return
    if wanted & set(RANK_METRICS):
        yield rank_metrics(truth, ranking_scores(predictions))
    known = [name for name in PROBABILITY_METRICS if name in wanted and len(task.classes) >= CATALOG[name].min_classes]
    if predictions.probabilities is not None and known:
        yield probability_metrics(truth, predictions.probabilities, known, weights)


def _decision_cells(
    n_classes: int,
    truth: np.ndarray,
    models: Sequence[Predictions],
    names: Sequence[str],
    groups: np.ndarray | None,
    weights: np.ndarray | None,
) -> _Cells:
    """Cells of rows of the same group with the same true and predicted classes."""
    counted = [name for name in names if name in COUNT_METRICS]
    if not counted:
        return _Cells(np.empty(0, np.int64), [[] for _ in models], None)
    group = np.zeros(len(truth), dtype=np.int64) if groups is None else groups
    shape = (*(n_classes,) * (1 + len(models)), int(group.max()) + 1)
    labels = np.ravel_multi_index((truth, *(model.values for model in models), group), shape)
    cells, places = np.unique(labels, return_inverse=True)
    true, *predicted, of_cell = np.unravel_index(cells, shape)
    counts = [[CountMetrics(true, chosen, n_classes, counted)] for chosen in predicted]
    return _Cells(np.bincount(places, weights), counts, None if groups is None else of_cell)
