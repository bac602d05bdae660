"""What a model must beat: predictions that look at no feature, and rivals that learn from the same inputs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from mlcli.config.training import ClassBaseline, NumberBaseline
from mlcli.errors import config_error
from mlcli.task import Classification, FittedTask, Predictions, Regression

CONSTANTS = ("majority", "mean")


@dataclass(frozen=True, eq=False)
class Baseline:
    """A named predictor that learned from the training rows alone; text says what it does, in a clause."""

    name: str
    text: str
    predictions: Predictions


def baseline_names(task: FittedTask, chosen: Literal["auto", "none"] | Sequence[str]) -> tuple[str, ...]:
    """The baselines to measure, the one to compare with first.

    Raises ConfigError for one that does not suit the task.
    """
    suitable: tuple[str, ...] = get_args(NumberBaseline if isinstance(task, Regression) else ClassBaseline)
    if chosen == "none":
        return ()
    if chosen == "auto":
        return suitable
    for name in chosen:
        if name not in suitable:
            message = f"'{name}' does not suit {task.kind}; choose from {', '.join(suitable)}"
            raise config_error("evaluation.baselines", message)
    return tuple(dict.fromkeys(chosen))


def constant_baseline(task: FittedTask, n_rows: int) -> Baseline:
    """The answer that looks at no feature, for n_rows rows."""
    return _mean(task, n_rows) if isinstance(task, Regression) else _majority(task, n_rows)


def class_answers(shares: np.ndarray) -> Predictions:
    """The most probable of the classes, (n, K); the scores are their logarithms."""
    return Predictions(shares.argmax(axis=1), shares, np.log(np.clip(shares, np.finfo(np.float64).eps, 1.0)))


def _majority(task: Classification, n_rows: int) -> Baseline:
    """The most frequent training class; as probabilities the classes' training shares."""
    counts = np.array(task.counts, dtype=np.float64)
    text = f"always answers '{task.classes[int(counts.argmax())]}', the most frequent class of the training rows"
    return Baseline("majority", text, class_answers(np.tile(counts / counts.sum(), (n_rows, 1))))


def _mean(task: Regression, n_rows: int) -> Baseline:
    values = np.tile(np.array(task.mean), (n_rows, 1))
    return Baseline("mean", "always answers the mean of the training rows", Predictions(values, None, values))
