"""Differences between the scores of a trial and of the start, on the rows that trials are compared on."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from mlcli.config.sections.config import Config
from mlcli.data.splitting import dependent_groups
from mlcli.data.tables.types import Dataset
from mlcli.metrics.paired import ScoreDifference, compare_predictions
from mlcli.models.predictions import Predictions
from mlcli.models.task import Classification, FittedTask
from mlcli.search.objective import SearchContext, reported_metric
from mlcli.search.space import config_with
from mlcli.search.storage import ModelCache
from mlcli.search.trial import Trial, start_trial


def find_difference(
    context: SearchContext, model_cache: ModelCache, trials: Sequence[Trial], best: Trial, confidence: float
) -> ScoreDifference | None:
    """Of a complete trial's network to the start's; None where it is the start, or one of them is not known."""
    folds, first = context.folds, start_trial(trials)
    if first is None or first.state != "complete" or best.origin == "start":
        return None
    if folds is not None:
        before, after = model_cache.get_fold_outputs(first.values), model_cache.get_fold_outputs(best.values)
        if before is None or after is None:
            return None
        both = folds.task.decode(after), folds.task.decode(before)
        return _compare(context, folds.task, folds.pooled_truth, *both, confidence, folds.rows, folds.pooled_weights)
    start, network = model_cache.get(first.values), model_cache.get(best.values)
    if start is None or network is None:
        return None
    return _compare_outputs(context, config_with(context.start, best.values), network.valid, start.valid, confidence)


def _compare_outputs(
    context: SearchContext, config: Config, outputs: ArrayLike, before: ArrayLike, confidence: float
) -> ScoreDifference | None:
    """Comparison with the start on the validation rows; None where only one of them gives probabilities.

    config : whose raw outputs are compared with the start's
    """
    task, start = context.inputs_for(config)[0].task, context.inputs.task
    if _has_probabilities(start) != _has_probabilities(task):
        return None
    valid = context.inputs.prepared.splits.valid
    both = task.decode(outputs), start.decode(before)
    return _compare(context, start, start.truth(valid), *both, confidence, valid, valid.row_weights)


def _compare(
    context: SearchContext,
    task: FittedTask,
    truth: np.ndarray,
    after: Predictions,
    before: Predictions,
    confidence: float,
    rows: Dataset,
    weights: np.ndarray | None,
) -> ScoreDifference:
    """Paired comparison by the metric reported for the task."""
    start, names = context.start, (reported_metric(task, context.metric),)
    of_rows = dependent_groups(start.dataset.split, rows), weights
    return compare_predictions(task, truth, after, before, names, confidence, start.seed, *of_rows)[0]


def _has_probabilities(task: FittedTask) -> bool:
    return isinstance(task, Classification) and task.has_probabilities
