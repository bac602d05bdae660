"""What a model must beat: predictions that look at no feature.

To add a baseline is one function and its line in `predict_baselines`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mlcli.task import Classification, FittedTask, Predictions, Regression


@dataclass(frozen=True)
class Baseline:
    """A named predictor that learned from the training rows alone; text says what it does."""

    name: str
    text: str
    predictions: Predictions


def predict_baselines(task: FittedTask, n_rows: int) -> tuple[Baseline, ...]:
    """The baselines' answers for n_rows rows, the one to compare with first."""
    if isinstance(task, Regression):
        return (_mean(task, n_rows),)
    return (_majority(task, n_rows),)


def _majority(task: Classification, n_rows: int) -> Baseline:
    """The most frequent training class; as probabilities the classes' training shares."""
    counts = np.array(task.counts, dtype=np.float64)
    shares = np.tile(counts / counts.sum(), (n_rows, 1))
    top = int(counts.argmax())
    scores = np.log(np.clip(shares, np.finfo(np.float64).eps, 1.0))
    text = f"always answers '{task.classes[top]}', the most frequent class of the training rows"
    return Baseline("majority", text, Predictions(np.full(n_rows, top), shares, scores))


def _mean(task: Regression, n_rows: int) -> Baseline:
    values = np.tile(np.array(task.mean), (n_rows, 1))
    return Baseline("mean", "always answers the mean of the training rows", Predictions(values, None, values))
