"""What a timeout is divided into: checks, trials, the ensemble and the results."""

import math
import time
from contextlib import nullcontext
from dataclasses import dataclass, replace
from types import SimpleNamespace

import pytest

from mlcli.search import search as search_module
from mlcli.search import workers
from mlcli.search.budget import Budget
from mlcli.search.search import Search
from mlcli.search.trial import Trial


@pytest.mark.parametrize(("timeout", "end"), [(None, math.inf), (10.0, 109.6), (1000.0, 1095.0)])
def test_trainings_end_in_time_to_write_the_results(timeout, end):
    assert Budget(1, timeout).deadline(begun=100.0) == pytest.approx(end)


@pytest.mark.parametrize(("timeout", "seconds"), [(None, math.inf), (60.0, 15.0)])
def test_checks_and_diagnosis_take_a_quarter_at_most(timeout, seconds):
    assert Budget(1, timeout).checks == seconds


class Cache:
    """Holds the networks of these numbers."""

    def __init__(self, *numbers):
        self.numbers = numbers

    def holds(self, values):
        return values["network"] in self.numbers


NOTHING = Cache()


@pytest.fixture
def make_search(monkeypatch):
    """A search with so many seconds left; its ensemble's networks took 5 seconds each."""

    def plan(context, trials, model_cache, count):
        return [SimpleNamespace(seconds=5.0, values={"network": number}) for number in range(count)]

    def make(budget, trials, cache=NOTHING, spare=False, left=100.0):
        monkeypatch.setattr(search_module, "plan_members", plan)
        monkeypatch.setattr(search_module, "recipes", lambda config: ())
        context = SimpleNamespace(metric="loss", start=None)
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
        (Budget(9, 200.0), [], {}, 50.0),  # half of the 100 seconds left
        (Budget(9, 100.0, ensemble=3), [START, OTHER], {}, 1.1 * 15),
        (Budget(9, 100.0, ensemble=3), [START], {}, 0.0),  # one trial beyond the start is sure
        (Budget(9, 100.0, ensemble=3), [START, PRUNED], {}, 0.0),
        (Budget(9, 100.0, ensemble=3, jobs=2), [START, OTHER], {}, 1.1 * 7.5),
        (Budget(9, 100.0, ensemble=50), [START, OTHER], {}, 60.0),
        (Budget(9, 100.0, ensemble=3), [START, OTHER], {"cache": Cache(0, 2)}, 1.1 * 5),
        (Budget(9, 100.0, ensemble=3), [START, OTHER], {"spare": True, "left": 20.0}, 1.1 * 15),
        (Budget(9, 100.0, ensemble=3), [START, OTHER], {"spare": True, "left": 10.0}, 0.0),
    ],
)
def test_time_is_kept_for_what_the_ensemble_still_needs(make_search, budget, trials, options, seconds):
    search = make_search(budget, trials, **options)
    search.run(lambda: True)
    assert search.reserve() == pytest.approx(seconds, rel=1e-2)


@pytest.mark.parametrize(
    ("timeout", "start", "values"),
    [
        (60.0, replace(START, state="pruned", epochs=9), {"training.epochs": 4}),
        (60.0, replace(START, state="pruned", epochs=1), {"training.epochs": 1}),
        (60.0, START, {}),
        (None, replace(START, state="pruned", epochs=9), {}),
    ],
)
def test_a_start_that_takes_too_long_is_tried_with_fewer_epochs(make_search, timeout, start, values):
    search = make_search(Budget(9, timeout), [start])
    assert search.fewer_epochs == values
    if values:
        assert list(search._planned_trials()) == [("start", "start", {}), ("remedy", "remedy", values)]


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


@dataclass
class Member:
    name: str
    config: None = None


@pytest.mark.parametrize(
    ("planned", "trained", "kept"),
    [
        ("abc", "abc", "old"),  # the same plan: nothing is trained
        ("abd", "abd", "new"),
        ("abd", "ab", "old"),  # the time was too short for as many
        ("abd", None, "old"),
    ],
)
def test_another_ensemble_takes_the_place_of_the_first_where_it_is_whole(monkeypatch, planned, trained, kept):
    known, found = (
        None if names is None else SimpleNamespace(members=[(Member(name), None) for name in names])
        for names in ("abc", trained)
    )
    monkeypatch.setattr(workers, "members_of", lambda search: list(map(Member, planned)))
    monkeypatch.setattr(workers, "member_rows", lambda context, config: None)
    monkeypatch.setattr(workers, "worker_pool", lambda *_: nullcontext())
    monkeypatch.setattr(workers, "train_members_of_worker", lambda *_: None)
    monkeypatch.setattr(workers, "form_ensemble", lambda *_: found)
    monkeypatch.setattr(workers, "start_trial", lambda trials: START)
    search = SimpleNamespace(budget=Budget(9, 100.0, ensemble=3), trials=[START], context=None, model_cache=None)
    result = workers.train_ensemble(search, None, lambda: False, known)
    assert result is (known if kept == "old" else found)
