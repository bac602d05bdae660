import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import balanced_accuracy_score, f1_score

from mlcli.errors import DataError, UsageError
from mlcli.evaluation.threshold import choose_threshold, parse_threshold

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
    with pytest.raises(DataError, match=r"f1 cannot be optimised on \d validation rows"):
        choose_threshold(np.array(truth, dtype=int), np.full(len(truth), 0.5), "f1")


# How good false and true positives are among n positive rows, by the rule; None where they are not allowed.
RULES = {
    "recall=0.7": lambda fp, tp, n: (-fp - tp,) if tp >= 0.7 * n else None,
    "recall=1": lambda fp, tp, n: (-fp,) if tp == n else None,
    "precision=0.6": lambda fp, tp, n: (tp, -fp) if tp and tp >= 0.6 * (tp + fp) else None,
    "cost=fp:1,fn:5": lambda fp, tp, n: (-fp - 5 * (n - tp),),
    "cost=fn:1,fp:7.5": lambda fp, tp, n: (-7.5 * fp - (n - tp),),
}


@pytest.mark.parametrize("rule", RULES)
@settings(max_examples=30, deadline=None)
@given(rows=ROWS)
def test_rules_find_the_best_of_all_cuts(rows, rule):
    truth, probability = np.array([t for t, _ in rows]), np.array([p / 9 for _, p in rows])  # none is 1

    def judge(cut):
        chosen = probability >= cut
        return RULES[rule]((chosen & (truth == 0)).sum(), (chosen & (truth == 1)).sum(), truth.sum())

    able = [judge(cut) for cut in {0.0, *probability, 1.0} if judge(cut) is not None]
    if not able:
        with pytest.raises(DataError, match="no threshold is so precise"):
            choose_threshold(truth, probability, rule)
    else:
        assert judge(choose_threshold(truth, probability, rule)) == max(able)


@pytest.mark.parametrize(
    ("text", "value"),
    [("0.3", 0.3), ("f1", "f1"), ("recall=.9", "recall=.9"), ("cost=fp:1, fn:5", "cost=fp:1,fn:5")],
)
def test_a_threshold_is_a_number_or_a_rule(text, value):
    assert parse_threshold(text) == value


@pytest.mark.parametrize("text", ["0", "1", "1.5", "nan", "F2", "recall=1.2", "recall", "cost=fp:1", "cost=fp:-1,fn:2"])
def test_other_thresholds_are_refused(text):
    with pytest.raises(UsageError, match="expected a number between 0 and 1, f1"):
        parse_threshold(text)
