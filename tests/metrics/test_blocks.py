"""Many rows resampled in blocks, against the bootstrap of single rows."""

import numpy as np
import pytest

from mlcli.metrics import sampling
from mlcli.metrics.measure import measure
from mlcli.metrics.paired import compare_predictions
from tests.evaluation.examples import class_predictions, classification, number_predictions, regression


def two_classes(n, share):
    """A truth, and two models' probabilities of which the first is the better; half of the scores are tied."""
    rng = np.random.default_rng(5)
    truth = (rng.random(n) < share).astype(int)
    models = []
    for noise in (1.0, 1.3):
        score = 1 / (1 + np.exp(2 - 2 * truth - noise * rng.normal(size=n)))
        score = np.where(np.arange(n) % 2, score, score.round(2))
        models.append(class_predictions(np.stack([1 - score, score], axis=1)))
    return classification(2), truth, models


def four_classes(n, apart):
    """Classes of unequal size, by two models."""
    rng = np.random.default_rng(7)
    truth = rng.choice(4, size=n, p=[0.5, 0.3, 0.15, 0.05])
    models = []
    for noise in (1.0, 1.2):
        odds = np.exp(apart * np.eye(4)[truth] + noise * rng.normal(size=(n, 4)))
        models.append(class_predictions(odds / odds.sum(axis=1, keepdims=True)))
    return classification(4), truth, models


def numbers(n, _):
    rng = np.random.default_rng(6)
    truth = rng.normal(3, 1, size=(n, 1))
    return regression(), truth, [number_predictions(truth + noise * rng.normal(size=(n, 1))) for noise in (1, 1.05)]


@pytest.mark.parametrize(
    ("kind", "share", "grouped"),
    [
        (two_classes, 0.3, False),
        (two_classes, 0.3, True),
        (two_classes, 0.01, True),
        (four_classes, 2, False),
        (four_classes, 4, False),
        (numbers, 0, False),
        (numbers, 0, True),
    ],
)
def test_blocks_give_the_intervals_of_single_rows(monkeypatch, kind, share, grouped):
    n = 8_000
    task, truth, models = kind(n, share)
    groups = np.arange(n) // 3 if grouped else None
    exact = compare_predictions(task, truth, *models, "auto", 0.9, groups=groups)
    alone = measure(task, truth, models[0], "auto", 0.9, groups=groups)
    monkeypatch.setattr(sampling, "MAX_SINGLE_ROWS", 1_000)
    found = compare_predictions(task, truth, *models, "auto", 0.9, groups=groups)
    rough = measure(task, truth, models[0], "auto", 0.9, groups=groups)
    for one, other in zip(exact + alone, found + rough, strict=True):
        assert one.name == other.name
        assert other.value == pytest.approx(one.value, rel=1e-9)
        assert (one.low is None) == (other.low is None)
        if one.low is not None:
            width = one.high - one.low
            assert (other.low, other.high) == pytest.approx((one.low, one.high), abs=0.15 * width), one.name
