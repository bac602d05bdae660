"""Whether going on is worth it, and which keys mattered."""

import math

import pytest

from mlcli.config.sections.training import Choices, LogRange
from mlcli.search.results import MIN_TRIALS, rank_keys
from mlcli.search.trial import Trial, best_so_far, describe_progress


def trial(number, score, state="complete", values=None):
    return Trial(number, "search", values or {}, state, score)


def test_the_best_so_far_is_that_of_complete_trials():
    trials = [trial(1, None, "failed"), trial(2, 0.5), trial(3, 0.1, "pruned"), trial(4, 0.4), trial(5, 0.6)]
    assert best_so_far(trials, "loss") == [None, 0.5, 0.5, 0.4, 0.4]
    assert best_so_far(trials, "accuracy") == [None, 0.5, 0.5, 0.5, 0.6]


@pytest.mark.parametrize(
    ("best", "said"),
    [
        ([0.5, 0.4, 0.3], ""),
        ([0.5] * 8, "None of 8 trials beat the first"),
        ([0.5] + [0.4] * 9, "No improvement in the second half of 10 trials"),
        ([0.5, 0.4, 0.4, 0.4, 0.4, 0.35, 0.35, 0.35], "half of 8 trials brought 0.05 of 0.15 in loss: more trials may"),
        ([0.5, 0.4, 0.4, 0.4, 0.4, 0.399, 0.399, 0.399], "more trials are unlikely to help much"),
    ],
)  # fmt: skip
def test_what_is_said_of_going_on(best, said):
    verdict = describe_progress(best, "loss")
    assert said in verdict
    assert bool(verdict) is bool(said)


SPACE = {"optimizer.lr": LogRange(log=(1e-4, 1.0)), "model.norm": Choices(choices=("none", "layer"))}


def drawn(n):
    """Trials whose score is the learning rate's doing alone."""
    rates = [10 ** (-4 + 4 * ((k * 7) % n) / n) for k in range(n)]
    values = [{"optimizer.lr": rate, "model.norm": ("none", "layer")[k % 2]} for k, rate in enumerate(rates)]
    return [trial(k, (math.log10(one["optimizer.lr"]) + 2) ** 2, values=one) for k, one in enumerate(values, start=1)]


def test_the_key_that_decides_is_the_most_important():
    found = rank_keys(drawn(24), SPACE, "loss")
    assert next(iter(found)) == "optimizer.lr"
    assert found["optimizer.lr"] > 0.8
    assert sum(found.values()) == pytest.approx(1, abs=0.001)


@pytest.mark.parametrize(
    "trials",
    [
        drawn(MIN_TRIALS - 1),
        [trial(k, 0.5, values=one.values) for k, one in enumerate(drawn(20))],
        [trial(k, one.score, "pruned", one.values) for k, one in enumerate(drawn(20))],
        [trial(k, 1 / (k + 1), values={"optimizer.lr": 0.1}) for k in range(20)],
    ],
)
def test_nothing_is_said_of_too_few_or_equal_trials(trials):
    assert rank_keys(trials, SPACE, "loss") == {}
