"""Scores of predictions over the rows there are, and over resamples of them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from mlcli.metrics.catalog import CATALOG
from mlcli.metrics.counts import COUNT_METRICS, CountFamily
from mlcli.metrics.family import Family, Scores
from mlcli.metrics.intervals import Resampler
from mlcli.metrics.probabilities import PROBABILITY_METRICS, probability_family
from mlcli.metrics.ranks import RANK_METRICS, rank_family, ranking_scores
from mlcli.metrics.residuals import ERROR_METRICS, ErrorFamily, error_columns, order_family
from mlcli.task import FittedTask, Predictions, Regression


@dataclass(frozen=True, eq=False)
class Sample:
    """Scores of one model's predictions.

    values : of each metric; NaN where it is undefined
    draws  : of each metric over resampled rows, (n_resamples,); empty without a resampler
    """

    values: Mapping[str, float]
    draws: Scores


@dataclass(frozen=True, eq=False)
class _Pool:
    """Cells of like rows, sizes (m,), and for each model the families of its metrics over them."""

    sizes: np.ndarray
    families: Sequence[Sequence[Family]]

    def scores(self, weights: np.ndarray) -> list[Scores]:
        """Of each model, with the cells counting `weights` times, (r, m)."""
        return [
            {name: values for family in families for name, values in family.scores(weights).items()}
            for families in self.families
        ]

    def draws(self, resampler: Resampler) -> list[Scores]:
        """Of each model, over the same resamples."""
        portions = [self.scores(weights) for weights in resampler.counts(self.sizes)] if any(self.families) else []
        return [
            {name: np.concatenate([scores[name] for scores in of_model]) for name in of_model[0]}
            for of_model in zip(*portions, strict=True)
        ] or [{} for _ in self.families]


def sample_scores(
    task: FittedTask,
    truth: np.ndarray,
    models: Sequence[Predictions],
    names: Sequence[str],
    resampler: Resampler | None = None,
) -> list[Sample]:
    """Measure several models' predictions of the same rows; each resample is of the same rows for all of them.

    truth : as `task.truth` gives it, with one row at least
    names : metrics that suit the task
    """
    if resampler and not isinstance(task, Regression) and len(task.classes) == 2:
        truth, models = _in_order(truth, models)
    samples = []
    with np.errstate(over="ignore", invalid="ignore"):
        pools = [_Pool(np.ones(len(truth), np.int32), [_row_families(task, truth, model, names) for model in models])]
        if not isinstance(task, Regression):
            pools.append(_pool_decisions(len(task.classes), truth, models, names))
        values = [pool.scores(pool.sizes[np.newaxis]) for pool in pools]
        draws = [pool.draws(resampler) for pool in pools] if resampler else []
    for model in range(len(models)):
        known = {name: float(score[0]) for scores in values for name, score in scores[model].items()}
        drawn = {name: score for scores in draws for name, score in scores[model].items()}
        samples.append(Sample({name: known.get(name, math.nan) for name in names}, drawn))
    return samples


def _in_order(truth: np.ndarray, models: Sequence[Predictions]) -> tuple[np.ndarray, list[Predictions]]:
    """Rows by the first model's falling scores, which spares ranking each resample's."""
    order = np.argsort(-ranking_scores(models[0])[:, 1], kind="stable")
    return truth[order], [model.at(order) for model in models]


def _row_families(task: FittedTask, truth: np.ndarray, predictions: Predictions, names: Sequence[str]) -> list[Family]:
    """Families in which every row is a cell of its own."""
    families: list[Family] = []
    asked = set(names)
    if isinstance(task, Regression):
        if means := asked & set(ERROR_METRICS):
            families.append(ErrorFamily(error_columns(truth, predictions.values), sorted(means)))
        if asked - means:
            families.append(order_family(truth, predictions.values))
        return families
    if asked & set(RANK_METRICS):
        families.append(rank_family(truth, ranking_scores(predictions)))
    known = [name for name in PROBABILITY_METRICS if name in asked and len(task.classes) >= CATALOG[name].min_classes]
    if predictions.probabilities is not None and known:
        families.append(probability_family(truth, predictions.probabilities, known))
    return families


def _pool_decisions(n_classes: int, truth: np.ndarray, models: Sequence[Predictions], names: Sequence[str]) -> _Pool:
    """Rows with the same true and predicted classes as cells."""
    asked = [name for name in names if name in COUNT_METRICS]
    if not asked:
        return _Pool(np.empty(0, np.int64), [[] for _ in models])
    labels = np.stack([truth, *(model.values for model in models)])
    shape = (n_classes,) * len(labels)
    cells, sizes = np.unique(np.ravel_multi_index(tuple(labels), shape), return_counts=True)
    true, *predicted = np.unravel_index(cells, shape)
    return _Pool(sizes, [[CountFamily(true, chosen, n_classes, asked)] for chosen in predicted])
