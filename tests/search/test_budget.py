"""What a timeout is divided into: checks, trials, the ensemble and the results."""

import math
import time
from contextlib import nullcontext
from dataclasses import replace
from types import SimpleNamespace

import pytest

from mlcli.search import search as search_module
from mlcli.search import workers
from mlcli.search.budget import Budget, TooSlow
from mlcli.search.search import Search
from mlcli.search.trial import Trial


@pytest.mark.parametrize(
    ("timeout", "ready", "end"),
    [
        (None, 101.0, math.inf),
        (10.0, 100.0, 109.6),
        (1000.0, 104.0, 1095.0),
        (1000.0, 140.0, 1080.0),  # a busy machine writes slowly as well
        (10.0, 108.0, 109.0),
    ],
)
def test_trainings_end_in_time_to_write_the_results(timeout, ready, end):
    assert Budget(1, timeout).deadline(begun=100.0, ready=ready) == pytest.approx(end)


@pytest.mark.parametrize(
    ("epoch", "spent", "stops"),
    [
        (0, 5.0, False),  # no pace yet
        (1, 0.9, False),  # too early to tell
        (1, 1.1, True),
        (1, 6.0, True),
        (2, 1.9, False),  # fast enough
        (2, 2.1, True),
        (3, 4.1, False),  # too much is spent already
    ],
)
def test_a_training_is_stopped_early_whose_pace_is_too_slow(epoch, spent, stops):
    rule = TooSlow(epochs=10, seconds=10.0, began=time.monotonic() - spent)
    assert rule.should_stop(SimpleNamespace(epoch=epoch)) == stops


class Cache:
    """Holds the networks of these numbers; the first is the best trial's own."""

    def __init__(self, *numbers):
        self.numbers = numbers

    def holds(self, values):
        return values["network"] in self.numbers


NOTHING = Cache(0)


@pytest.fixture
def make_search(monkeypatch):
    """A search with so many seconds left; its ensemble's networks took 5 seconds each."""

    def plan(context, trials, model_cache, count):
        return [SimpleNamespace(seconds=5.0, values={"network": number}) for number in range(count)]

    def make(budget, trials, cache=NOTHING, spare=False, left=100.0):
        monkeypatch.setattr(search_module, "plan_members", plan)
        monkeypatch.setattr(search_module, "recipes", lambda config: ())
        start = SimpleNamespace(training=SimpleNamespace(epochs=40))
        context = SimpleNamespace(metric="loss", start=start, n_trainings=1)
        study = SimpleNamespace(trials=lambda patience=None: trials, exhausted=False, n_running=0)
        return Search(context, study, budget, (), cache, time.monotonic() + left, spare=spare)

    return make


START = Trial(1, "start", {}, "complete", 0.5, seconds=4.0)
OTHER = Trial(2, "search", {"model.hidden": [2]}, "complete", 0.4, seconds=6.0)
PRUNED = Trial(2, "search", {"model.hidden": [3]}, "pruned", 0.9, seconds=1.0)


@pytest.mark.parametrize(
    ("budget", "trials", "options", "seconds"),
    [
        (Budget(9, ensemble=3), [START, OTHER], {}, 0.0),
        (Budget(9, 100.0), [START, OTHER], {}, 0.0),
        (Budget(9), [], {}, 0.0),
        (Budget(9, 200.0), [], {}, 0.0),
        (Budget(9, 100.0, ensemble=3), [START, OTHER], {}, 1.1 * 10),
        (Budget(9, 100.0, ensemble=3), [START], {}, 0.0),  # one trial beyond the start is sure
        (Budget(9, 100.0, ensemble=3), [START, PRUNED], {}, 0.0),
        (Budget(9, 100.0, ensemble=3, jobs=2), [START, OTHER], {}, 1.1 * 5),
        (Budget(9, 100.0, ensemble=50), [START, OTHER], {}, 60.0),
        (Budget(9, 100.0, ensemble=3), [START, OTHER], {"cache": Cache(0, 2)}, 1.1 * 5),
        (Budget(9, 100.0, ensemble=3), [START, OTHER], {"spare": True, "left": 20.0}, 1.1 * 10),
        (Budget(9, 100.0, ensemble=3), [START, OTHER], {"spare": True, "left": 10.0}, 0.0),
    ],
)
def test_time_is_kept_for_what_the_ensemble_still_needs(make_search, budget, trials, options, seconds):
    search = make_search(budget, trials, **options)
    search.run(lambda: True)
    assert search.reserve() == pytest.approx(seconds, rel=1e-2)


CUT = replace(START, state="pruned", epochs=4)  # a second an epoch
SHORT = replace(START, number=2, values={"training.epochs": 20}, epochs=20, seconds=20.0)


@pytest.mark.parametrize(
    ("timeout", "trials", "start", "epochs"),
    [
        (200.0, [], {}, {}),
        (200.0, [START], None, {}),
        (200.0, [replace(START, state="failed")], None, {}),
        (200.0, [CUT], {"training.epochs": 30}, {"training.epochs": 30}),  # three tenths of 101 seconds
        (200.0, [replace(CUT, seconds=400.0)], {"training.epochs": 1}, {"training.epochs": 1}),
        (200.0, [CUT, SHORT], None, {"training.epochs": 20}),
        (
            200.0,
            [CUT, replace(SHORT, values={"training.epochs": 9}, epochs=9, seconds=9.0)],
            *[{"training.epochs": 30}] * 2,
        ),
        (200.0, [CUT, replace(SHORT, seconds=400.0)], None, {"training.epochs": 20}),
        (200.0, [replace(CUT, epochs=8)], {}, {}),  # by an earlier command; now there is time for all 40
        (200.0, [CUT, SHORT, replace(START, number=3)], None, {}),
        (None, [CUT, SHORT], {}, {}),
    ],
)
def test_a_start_that_takes_too_long_is_trained_with_fewer_epochs(make_search, timeout, trials, start, epochs):
    search = make_search(Budget(9, timeout), trials, left=math.inf if timeout is None else 101.0)
    search.run(lambda: True)
    assert search.start_values == start
    assert search.fewer_epochs == epochs
    if start is not None:
        assert next(search._planned_trials())[1:] == ("start", start)


class Steps:
    """In place of trainings: trials and networks of the ensemble, round after round."""

    def __init__(self, monkeypatch, rounds):
        self.trials, self.spare, self.rounds = [], False, iter(rounds)
        self.budget = Budget(9, 100.0, ensemble=3)
        self.was_spare, self.networks = [], 0
        monkeypatch.setattr(workers, "search_in_parallel", self.search)
        monkeypatch.setattr(workers, "train_ensemble", self.train)

    def search(self, search, folder, interruption):
        self.was_spare.append(self.spare)
        n_trials, self.networks = next(self.rounds)
        self.trials += [START] * n_trials

    def train(self, search, folder, interruption, known):
        return known or (f"ensemble of {self.networks}" if self.networks else None)


@pytest.mark.parametrize(
    ("rounds", "found", "was_spare"),
    [
        ([(4, 3), (2, 3), (0, 3)], "ensemble of 3", [False, True, True]),
        ([(4, 0)], None, [False]),  # none was asked for, or the time is over
    ],
)
def test_trials_go_on_in_the_time_that_an_ensemble_left(monkeypatch, rounds, found, was_spare):
    steps = Steps(monkeypatch, rounds)
    assert workers.search_and_train(steps, None, None) == found
    assert steps.was_spare == was_spare


def test_without_a_timeout_one_ensemble_is_trained(monkeypatch):
    steps = Steps(monkeypatch, [(4, 3)])
    steps.budget = Budget(9, ensemble=3)
    assert workers.search_and_train(steps, None, None) == "ensemble of 3"


@pytest.mark.parametrize(
    ("planned", "trained", "kept"),
    [
        ("abc", "abc", "old"),  # the same plan: nothing is trained
        ("abd", "abd", "new"),
        ("abd", "ab", "old"),  # the time was too short for as many
        ("abd", "", "old"),
    ],
)
def test_another_ensemble_takes_the_place_of_the_first_where_it_is_whole(monkeypatch, planned, trained, kept):
    known, found = (tuple((name, None) for name in names) for names in ("abc", trained))
    monkeypatch.setattr(workers, "members_of", lambda search: list(planned))
    monkeypatch.setattr(workers, "worker_pool", lambda *_: nullcontext())
    monkeypatch.setattr(workers, "train_members_of_worker", lambda *_: None)
    monkeypatch.setattr(workers, "trained_members", lambda *_: found)
    result = workers.train_ensemble(SimpleNamespace(model_cache=None), None, lambda: False, known)
    assert result is (known if kept == "old" else found)
