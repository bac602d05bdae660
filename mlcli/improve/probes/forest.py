"""What a random forest makes of the same rows (Breiman, 2001): whether there is something to learn, and wrong labels.

Each tree sees two thirds of the rows. A row is predicted by the trees that did not see it, so that one fit predicts
every row by what could not memorise it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mlcli.improve.skill import skill_of
from mlcli.improve.subject import Subject
from mlcli.task import Classification

MOST_ROWS = 3000
N_TREES = 100
# Leaves of single rows would take every label at its word.
LEAF = 3


@dataclass(frozen=True)
class ForestFacts:
    """Out-of-bag predictions of training rows.

    rows      : (n,) their positions among the training rows, from 0
    truth     : (n, K) classes as ones and zeros, or (n, n_targets) standardised targets
    predicted : as truth, with probabilities for classes
    """

    rows: np.ndarray
    truth: np.ndarray
    predicted: np.ndarray

    @property
    def skill(self) -> float:
        """0 is guessing and 1 perfect."""
        return skill_of(self.truth, self.predicted)


def grow_forest(subject: Subject) -> ForestFacts:
    """Fit a forest to at most MOST_ROWS training rows."""
    rows = subject.chance(len(subject.train))[:MOST_ROWS].sort().values
    x = subject.train.x.cpu().index_select(0, rows).float().numpy()
    y = subject.train.y.cpu().index_select(0, rows)
    truth = subject.goals(y)
    if isinstance(subject.task, Classification):
        return ForestFacts(rows.numpy(), truth, _probabilities(subject, x, subject.task.decode_targets(y)))
    return ForestFacts(rows.numpy(), truth, _numbers(subject, x, truth))


def _probabilities(subject: Subject, x: np.ndarray, labels: np.ndarray) -> np.ndarray:
    from sklearn.ensemble import RandomForestClassifier

    forest = RandomForestClassifier(**_options(subject)).fit(x, labels)
    probabilities = np.zeros((len(x), subject.n_classes))
    probabilities[:, forest.classes_] = forest.oob_decision_function_
    return probabilities


def _numbers(subject: Subject, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    from sklearn.ensemble import RandomForestRegressor

    forest = RandomForestRegressor(max_features=1 / 3, **_options(subject)).fit(x, y.squeeze())
    predicted: np.ndarray = forest.oob_prediction_.reshape(y.shape)
    return predicted


def _options(subject: Subject) -> dict[str, int | bool]:
    seed = subject.config.seed % 2**32
    return {"n_estimators": N_TREES, "min_samples_leaf": LEAF, "oob_score": True, "random_state": seed}
