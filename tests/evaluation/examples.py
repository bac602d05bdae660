"""Small fitted tasks with predictions whose scores are known from elsewhere."""

import numpy as np

from mlcli.models.predictions import Predictions
from mlcli.models.task import Classification, Regression


def classification(n_classes, counts=None, **changes):
    names = tuple("abcdefghij"[:n_classes])
    fields = {"output": "softmax", "has_probabilities": True, **changes}
    return Classification("label", names, tuple(counts or [10] * n_classes), **fields)


def class_predictions(probabilities):
    probabilities = np.asarray(probabilities, dtype=float)
    scores = np.log(np.clip(probabilities, 1e-300, None))
    return Predictions(probabilities.argmax(axis=1), probabilities, scores)


def number_predictions(values):
    values = np.asarray(values, dtype=float)
    values = values[:, None] if values.ndim == 1 else values
    return Predictions(values, None, values)


def regression(n_targets=1):
    return Regression(tuple(f"y{i + 1}" for i in range(n_targets)), (2.0,) * n_targets, (1.0,) * n_targets)


def sampled_classes(n_classes, n_rows, seed=0):
    """Truth and softmax probabilities that know something of it."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(n_classes, size=n_rows)
    logits = rng.normal(size=(n_rows, n_classes))
    logits[np.arange(n_rows), truth] += 1.2
    odds = np.exp(logits)
    return truth, odds / odds.sum(axis=1, keepdims=True)


def three_classes():
    """A task, the truth of 60 rows and predictions for them."""
    truth, probabilities = sampled_classes(3, 60)
    return classification(3, (30, 20, 10)), truth, class_predictions(probabilities)
