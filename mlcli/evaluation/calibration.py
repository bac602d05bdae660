"""What is chosen on the validation rows once a network is trained: temperature, threshold, and what intervals need."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from mlcli.config.sections.config import Config
from mlcli.data.splitting import dependent_groups
from mlcli.data.tables.types import Dataset
from mlcli.evaluation.threshold import tune_decoding
from mlcli.metrics.conformal import ValidationScores, score_validation
from mlcli.metrics.probabilities import log_loss_rows
from mlcli.models.task import Classification, FittedTask

# Of the log inverse temperature, within which bisection looks for the best one.
RANGE, STEPS = 3.0, 30
# A temperature is used by itself where the log loss falls by at least this share, and by so many standard errors.
CLEAR_SHARE, CLEAR_ERRORS = 0.01, 3.0


def calibrate(
    task: FittedTask,
    config: Config,
    outputs: Callable[[], Tensor],
    y: Tensor,
    valid: Dataset,
    weights: Tensor | None = None,
) -> tuple[FittedTask, ValidationScores | None]:
    """The task as it decodes, and what intervals and later thresholds are chosen by.

    outputs : gives the validation rows' raw outputs, (n, n_outputs), each by a network that was not trained on the row
    y       : their encoded targets
    valid   : these rows; empty where outputs and y are of training rows, as there are no others
    weights : of the rows of y, (n,); None where all count alike

    Raises DataError where the threshold cannot be chosen.
    """
    own = None if weights is None else weights.cpu().double().numpy()
    if not len(valid):
        return tune_decoding(task, config.evaluation, outputs, y, own), None
    found, groups = outputs(), dependent_groups(config.dataset.split, valid)
    if isinstance(task, Classification):
        task = tune_temperature(task, config, found, y, groups, own)
    task = tune_decoding(task, config.evaluation, lambda: found, y, own)
    return task, score_validation(task, task.decode_targets(y), task.decode(found), groups, config.seed, own)


def tune_temperature(
    task: Classification,
    config: Config,
    outputs: Tensor,
    y: Tensor,
    groups: np.ndarray | None,
    weights: np.ndarray | None = None,
) -> Classification:
    """The task with the temperature of the lowest log loss, as evaluation.calibration asks for it.

    The softmax is mixed with 1 / (n + 1) of the uniform distribution, as no n rows tell that a class is impossible.
    """
    wanted = config.evaluation.calibration
    unchanged = getattr(config.loss, "class_weights", "none") != "none" and not task.divisors
    if wanted == "none" or not task.has_probabilities or (wanted == "auto" and unchanged):
        return task
    before, truth = task.decode(outputs), task.decode_targets(y)
    if not np.isfinite(before.scores).all():
        return task
    temperature = find_temperature(before.scores, truth, weights)
    scaled = replace(task, temperature=temperature, uniform=1 / (len(truth) + 1))
    old, new = (log_loss_rows(truth, np.asarray(own.probabilities)) for own in (before, scaled.decode(outputs)))
    if weights is not None:
        old, new = (own * weights / weights.mean() for own in (old, new))
    return scaled if wanted == "temperature" or _is_clear(old, new, groups) else task


def find_temperature(logits: np.ndarray, truth: np.ndarray, weights: np.ndarray | None = None) -> float:
    """The number by which logits, float64 (n, K) or (n, 1), are divided for the lowest log loss (Guo et al., 2017).

    Bisection on the logarithm of its inverse: the log loss is convex in the inverse. Within e^±3.
    """
    wide = torch.from_numpy(logits)
    wide = torch.cat([torch.zeros_like(wide), wide], dim=1) if wide.shape[1] == 1 else wide
    share = 1.0 if weights is None else torch.from_numpy(weights / weights.mean())
    of_true = (wide[torch.arange(len(wide)), torch.from_numpy(truth)] * share).mean()
    low, high = -RANGE, RANGE
    for _ in range(STEPS):
        middle = (low + high) / 2
        expected = (((wide * np.exp(middle)).softmax(dim=1) * wide).sum(dim=1) * share).mean()
        low, high = (low, middle) if expected > of_true else (middle, high)
    return float(np.exp(-(low + high) / 2))


def _is_clear(before: np.ndarray, after: np.ndarray, groups: np.ndarray | None) -> bool:
    """Whether rows' losses, (n,) each, fall by more than chance and more than a little."""
    gains = before - after
    if groups is not None:
        _, inverse = np.unique(groups, return_inverse=True)
        gains = np.bincount(inverse, weights=gains) * (inverse.max() + 1) / len(gains)
    error = gains.std(ddof=1) / np.sqrt(len(gains)) if len(gains) > 1 else np.inf
    return bool(gains.mean() > max(CLEAR_ERRORS * error, CLEAR_SHARE * before.mean()))
