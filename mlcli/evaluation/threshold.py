"""What of the decoding is fitted on validation rows: a threshold, or the mean of a transformed number."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np
from torch import Tensor

from mlcli.config.sections.training import EvaluationConfig
from mlcli.errors import DataError
from mlcli.models.task import FittedTask, Regression


def tune_decoding(task: FittedTask, config: EvaluationConfig, outputs: Callable[[], Tensor], y: Tensor) -> FittedTask:
    """The task with the config's decision threshold, or the best one on these rows, or with means corrected by them.

    outputs : gives the raw outputs for the validation rows, or for the training rows where there are none; called only
        where they are needed
    y       : the encoded targets of these rows
    """
    if isinstance(task, Regression):
        return task if task.smearing is None else task.measure_smearing(outputs(), y)
    chosen = config.threshold
    if len(task.classes) != 2:
        return task
    if isinstance(chosen, float):
        return task.with_threshold(chosen)
    probabilities = task.decode(outputs()).probabilities
    if probabilities is None:
        return task
    return task.with_threshold(choose_threshold(task.decode_targets(y), probabilities[:, 1], chosen))


def choose_threshold(
    truth: np.ndarray, positive_probability: np.ndarray, metric: Literal["f1", "balanced_accuracy"]
) -> float:
    """The cut t that maximises the metric when `probability >= t` means positive, among all cuts there are.

    truth                : (n,) of 0 and 1
    positive_probability : (n,) in [0, 1]

    A cut is midway between two neighbouring probabilities, or between 0 or 1 and the outermost; of equally
    good ones, the nearest to 0.5 is chosen. Raises DataError when one class has no rows.
    """
    n_positive = int(truth.sum())
    if n_positive in (0, len(truth)):
        raise DataError(
            f"evaluation.threshold: {metric} cannot be maximised on {len(truth)} validation rows of one class; "
            "enlarge dataset.split.valid, or set evaluation.threshold to a number"
        )
    levels, inverse = np.unique(positive_probability, return_inverse=True)
    positives = np.bincount(inverse, weights=truth, minlength=len(levels)).astype(np.int64)
    hits = n_positive - np.concatenate([[0], positives.cumsum()])
    chosen = len(truth) - np.concatenate([[0], np.bincount(inverse, minlength=len(levels)).cumsum()])
    if metric == "f1":
        quality = 2 * hits / (chosen + n_positive)
    else:  # balanced accuracy times 2 · P · N: whole numbers, so that ties are exact
        n_negative = len(truth) - n_positive
        quality = hits * n_negative + (n_negative - (chosen - hits)) * n_positive
    best = _cuts(levels)[quality == quality.max()]
    return float(best[np.abs(best - 0.5).argmin()])


def _cuts(levels: np.ndarray) -> np.ndarray:
    """Cut i leaves the i lowest of the ascending distinct levels below it.

    None can leave a level of 1 below; the last cut then does not, which is harmless because predicting
    no row positive is never better than predicting all so.
    """
    edges = np.concatenate([[0.0], levels, [1.0]])
    middle = (edges[:-1] + edges[1:]) / 2
    return np.where(middle > edges[:-1], middle, edges[1:])
