"""Trials compared by cross-validation: every row is predicted by a network that was trained without it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from mlcli.config.schema import Config
from mlcli.data.prepare import Prepared
from mlcli.data.splitting import effective_seed
from mlcli.data.subset import join_rows
from mlcli.data.types import Dataset
from mlcli.metrics.measure import measure
from mlcli.resampling.dealing import deal_folds
from mlcli.resampling.folds import fold_inputs, in_terms_of, pool, task_of
from mlcli.resampling.fresh import train_fresh
from mlcli.task import Classification, FittedTask, Predictions
from mlcli.training.observers import Observer

KEY = "improve.folds"


@dataclass(frozen=True, eq=False)
class Folds:
    """The training and validation rows, dealt once for all trials.

    task     : as all these rows tell it
    truth    : of all rows, as the task gives it
    held_out : the rows of each fold
    """

    prepared: Prepared
    rows: Dataset
    task: FittedTask
    truth: np.ndarray
    held_out: tuple[np.ndarray, ...]

    @property
    def classes(self) -> np.ndarray | None:
        """The class of each row; None for regression."""
        return self.truth if isinstance(self.task, Classification) else None

    def answer(self, config: Config, observers: Sequence[Observer], stopped: Callable[[], bool]) -> Predictions | None:
        """What networks of a configuration say of the rows they were trained without; None when stopped.

        Raises DivergedError.
        """
        answers = []
        for fold in self.held_out:
            inputs = fold_inputs(config, self.prepared, self.rows, self.classes, fold)
            bundle = train_fresh(config, inputs, KEY, observers=observers, interrupted=stopped)
            if stopped():
                return None
            answers.append(in_terms_of(self.task, bundle.task, bundle.predict(inputs.prepared.splits.test)))
        return pool(answers, list(self.held_out))

    def score(self, answers: Predictions, metric: str) -> float | None:
        """A metric of the answers for all rows; None where it is undefined."""
        return measure(self.task, self.truth, answers, (metric,))[0].value

    def outputs_of(self, answers: Predictions) -> torch.Tensor:
        """Answers as raw outputs of the task, float32 (n, n_outputs): those of different folds are scaled alike."""
        if isinstance(self.task, Classification):
            return torch.from_numpy(answers.scores).float()
        return torch.from_numpy((answers.values - np.array(self.task.mean)) / np.array(self.task.std)).float()


def deal_rows(config: Config, prepared: Prepared) -> Folds | None:
    """The folds that improve.folds asks for; None where it asks for none. Raises ConfigError for more than rows."""
    count = config.improve.folds
    if count is None:
        return None
    rows = join_rows(prepared.splits.train, prepared.splits.valid)
    task = task_of(config, rows, prepared.splits.task)
    truth = task.truth(rows)
    classes = truth if isinstance(task, Classification) else None
    (held_out,) = deal_folds(len(rows), count, 1, effective_seed(config.dataset.split, config.seed), classes, KEY)
    return Folds(prepared, rows, task, truth, tuple(held_out))
