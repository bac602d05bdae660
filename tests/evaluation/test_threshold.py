import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import balanced_accuracy_score, f1_score

from mlcli.errors import DataError
from mlcli.evaluation.threshold import choose_threshold

SCORES = {"f1": f1_score, "balanced_accuracy": balanced_accuracy_score}
ROWS = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 8)), min_size=2, max_size=14).filter(
    lambda rows: 0 < sum(truth for truth, _ in rows) < len(rows)
)


def brute_force(truth, probability, metric):
    """Every cut there is, tried one by one."""
    levels = sorted({0.0, *probability, 1.0})
    cuts = [(a + b) / 2 for a, b in itertools.pairwise(levels)]
    cuts += [0.0] if min(probability) == 0 else []
    scored = [(SCORES[metric](truth, probability >= cut), -abs(cut - 0.5)) for cut in cuts]
    best = max(round(score, 12) for score, _ in scored)
    return best, max(distance for score, distance in scored if round(score, 12) == best)


@pytest.mark.parametrize("metric", ["f1", "balanced_accuracy"])
@settings(max_examples=50, deadline=None)
@given(ROWS)
def test_the_best_cut_nearest_to_a_half_is_chosen(metric, rows):
    truth, probability = np.array([t for t, _ in rows]), np.array([p / 8 for _, p in rows])
    cut = choose_threshold(truth, probability, metric)
    best, distance = brute_force(truth, probability, metric)
    assert SCORES[metric](truth, probability >= cut) == pytest.approx(best)
    assert -abs(cut - 0.5) == distance


@pytest.mark.parametrize(
    ("truth", "probability", "expected"),
    [
        ([0, 0, 1, 1], [0.1, 0.2, 0.4, 0.9], 0.3),
        ([0, 1], [0.2, 0.9], 0.55),
        ([1, 0, 1], [0.0, 0.0, 1.0], 0.0),
    ],
)
def test_f1_cut(truth, probability, expected):
    assert choose_threshold(np.array(truth), np.array(probability), "f1") == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(("low", "high"), [(0.0, 5e-324), (0.3, np.nextafter(0.3, 1)), (np.nextafter(1.0, 0), 1.0)])
@pytest.mark.parametrize("metric", ["f1", "balanced_accuracy"])
def test_neighbouring_floats_are_told_apart(low, high, metric):
    probability = np.array([low, high])
    assert (probability >= choose_threshold(np.array([0, 1]), probability, metric)).tolist() == [False, True]


@pytest.mark.parametrize("truth", [[0, 0], [1, 1], []])
def test_one_class_leaves_nothing_to_choose(truth):
    with pytest.raises(DataError, match=r"f1 cannot be maximised on \d validation rows"):
        choose_threshold(np.array(truth, dtype=int), np.full(len(truth), 0.5), "f1")
