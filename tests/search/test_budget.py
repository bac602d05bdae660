"""What a timeout is divided into: checks, trials, the ensemble and the results."""

import math
import time
from contextlib import nullcontext
from dataclasses import replace
from types import SimpleNamespace

import pytest

from mlcli.search import search as search_module
from mlcli.search import timing as timing_module
from mlcli.search import workers
from mlcli.search.budget import Budget, checks_seconds, start_seconds
from mlcli.search.ensemble import EnsembleMember, train_members
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
    ("n_trainings", "n_others", "whole", "seconds"),
    [
        (1, 2, 20.0, 95 / 3),  # three networks of all epochs fit
        (1, 2, 35.0, 95 / 3),  # of nine tenths of the epochs
        (1, 2, 40.0, 95 / 2),  # two do
        (1, 2, 60.0, 95.0),
        (1, 2, 150.0, 95.0),  # one, with six tenths of the epochs
        (1, 2, 1000.0, 60.0),  # none does
        (1, 0, 80.0, 95.0),
        (6, 0, 10.0, 95 / 6),  # five folds
        (6, 4, 100.0, 10.0),
    ],
)
def test_the_start_leaves_time_for_the_other_networks_of_its_configuration(n_trainings, n_others, whole, seconds):
    assert start_seconds(100.0, n_trainings, n_others, whole) == pytest.approx(seconds)


@pytest.mark.parametrize(("own", "seconds"), [(50.0, 10.0), (85.5, 10.0), (90.25, 5.0), (300.0, 3.0)])
def test_checks_take_what_the_starts_networks_leave(own, seconds):
    assert checks_seconds(100.0, own) == pytest.approx(seconds)


class Cache:
    """Holds the networks of these numbers; the first is the best trial's own."""

    def __init__(self, *numbers):
        self.numbers = numbers

    def holds(self, values):
        return values["network"] in self.numbers


NOTHING = Cache(0)


@pytest.fixture
def make_search(monkeypatch):
    """A search with so many seconds left; its ensemble's networks took 5 seconds each, and an epoch takes `pace`."""

    def plan(context, trials, model_cache, count):
        return [SimpleNamespace(seconds=5.0, values={"network": number}) for number in range(count)]

    def make(budget, trials, cache=NOTHING, spare=False, left=100.0, own=1, pace=1.0):
        monkeypatch.setattr(timing_module, "plan_members", plan)
        monkeypatch.setattr(timing_module, "seconds_per_epoch", lambda context, config: pace)
        monkeypatch.setattr(timing_module, "config_with", lambda start, values: start)
        monkeypatch.setattr(search_module, "recipes", lambda config: RECIPES)
        monkeypatch.setattr(search_module, "recommended_values", lambda start, findings: {})
        training = SimpleNamespace(epochs=40, ensemble=own)
        start = SimpleNamespace(training=training, model=SimpleNamespace(name="tabm"))
        context = SimpleNamespace(metric="loss", start=start, n_trainings=1, pace=pace)
        study = SimpleNamespace(trials=lambda patience=None: trials, exhausted=False, n_running=0, findings=lambda: ())
        search = Search(context, study, budget, (), cache, time.monotonic() + left)
        search.timing.spare = spare
        search.run(lambda: True)
        return search

    return make


RECIPES = ({"optimizer.name": "adamw"}, {"model.name": "mlp"})
START = Trial(1, "start", {}, "complete", 0.5, epochs=40, seconds=4.0)
OTHER = Trial(2, "search", {"model.hidden": [2]}, "complete", 0.4, seconds=6.0)
PRUNED = Trial(2, "search", {"model.hidden": [3]}, "pruned", 0.9, seconds=1.0)


@pytest.mark.parametrize(
    ("budget", "trials", "options", "seconds"),
    [
        (Budget(9, ensemble=3), [START, OTHER], {}, 0.0),
        (Budget(9, 100.0), [START, OTHER], {}, 0.0),
        (Budget(9), [], {}, 0.0),
        (Budget(9, 200.0), [], {}, 0.0),
        (Budget(9, 100.0, ensemble=3), [START, OTHER], {}, 1.05 * 10),
        (Budget(9, 100.0, ensemble=3), [START], {}, 0.0),  # one trial beyond the start is sure
        (Budget(9, 100.0, ensemble=3), [START, PRUNED], {}, 0.0),
        (Budget(9, 100.0, ensemble=8), [START], {"own": 3}, 1.05 * 10),  # what the start's configuration would have
        (Budget(9, 100.0, ensemble=8), [START, OTHER], {"own": 3}, 1.05 * 35),
        (Budget(9, 10.0, ensemble=8), [START, OTHER], {"own": 3}, 1.05 * 10),
        (Budget(9, 100.0, ensemble=3, jobs=2), [START, OTHER], {}, 1.05 * 5),
        (Budget(9, 100.0, ensemble=50), [START, OTHER], {}, 60.0),
        (Budget(9, 100.0, ensemble=3), [START, OTHER], {"cache": Cache(0, 2)}, 1.05 * 5),
        (Budget(9, 100.0, ensemble=3), [START, OTHER], {"spare": True, "left": 20.0}, 1.05 * 10),
        (Budget(9, 100.0, ensemble=3), [START, OTHER], {"spare": True, "left": 10.0}, 0.0),
    ],
)
def test_time_is_kept_for_what_the_ensemble_still_needs(make_search, budget, trials, options, seconds):
    search = make_search(budget, trials, **options)
    assert search.timing.reserve(search.trials) == pytest.approx(seconds, rel=1e-2)


CUT = replace(START, state="pruned", epochs=4)
SHORT = replace(START, values={"training.epochs": 20}, epochs=20, seconds=20.0)


@pytest.mark.parametrize(
    ("timeout", "trials", "options", "start"),
    [
        (200.0, [], {}, {}),
        (200.0, [], {"pace": 4.0}, {"training.epochs": 15}),  # six tenths of 101 seconds
        (200.0, [], {"pace": 400.0}, {"training.epochs": 1}),
        (200.0, [], {"own": 3, "pace": 0.85}, {"training.epochs": 37}),  # so do three networks fit
        (200.0, [], {"own": 2}, {}),
        (200.0, [START], {"pace": 4.0}, None),
        (200.0, [replace(START, state="failed")], {}, None),
        (200.0, [CUT], {"pace": 4.0}, {"training.epochs": 15}),  # by an earlier command
        (200.0, [SHORT], {"pace": 1.5}, {}),  # now there is time for all 40
        (200.0, [SHORT], {"pace": 4.0}, None),
        (200.0, [replace(SHORT, values={"training.epochs": 3})], {"pace": 4.0}, {"training.epochs": 15}),
        (200.0, [SHORT, replace(START, number=3)], {}, None),
        (None, [CUT, SHORT], {"pace": 4.0}, {}),
    ],
)
def test_a_start_that_takes_too_long_is_trained_with_fewer_epochs(make_search, timeout, trials, options, start):
    search = make_search(Budget(9, timeout, 8), trials, left=math.inf if timeout is None else 101.0, **options)
    assert search.start_values == start
    if start is not None:
        assert next(search._planned_trials())[1:] == ("start", start)


SLOW = replace(START, seconds=40.0)
EARLY = replace(SLOW, epochs=20, seconds=20.0)


@pytest.mark.parametrize(
    ("trials", "left", "epochs"),
    [
        ([SLOW], 100.0, 40),
        ([SLOW], 30.0, 26),  # nine tenths of 30 seconds
        ([SLOW], 5.0, 10),  # so few are tried once
        ([EARLY], 30.0, 40),  # early stopping left half of the epochs
        ([SLOW, OTHER], 30.0, 26),
        ([SLOW, OTHER], 20.0, None),
        ([START], 30.0, 40),
    ],
)
def test_a_trial_has_the_epochs_that_there_is_time_for(make_search, trials, left, epochs):
    search, blank = make_search(Budget(9, 100.0), trials, left=left), Trial(3, "search", {}, "failed")
    found = search.timing.shorten(blank, trials)
    assert (found and found.values.get("training.epochs", 40)) == epochs


@pytest.mark.parametrize(
    ("trials", "own", "left", "over"),
    [
        ([SLOW], 3, 11.0, False),  # 10.5 seconds are kept for two networks
        ([SLOW], 3, 10.0, True),
        ([SLOW], 1, 1.0, False),
        ([SLOW], 1, -1.0, True),
        ([SLOW, OTHER], 3, 36.0, True),
        ([SLOW, OTHER], 3, 37.0, False),
    ],
)
def test_trials_end_where_the_ensembles_networks_need_the_time(make_search, trials, own, left, over):
    search = make_search(Budget(9, 100.0, ensemble=8), trials, own=own, left=left)
    assert search.timing.is_over(trials) == over


@pytest.mark.parametrize(("left", "order"), [(100.0, ["recipe 0", "recipe 1"]), (30.0, ["recipe 1", "recipe 0"])])
def test_networks_of_another_kind_come_first_where_there_is_no_time_for_one_like_the_start(make_search, left, order):
    search = make_search(Budget(9, 100.0), [SLOW], left=left)
    assert [name for name, _, _ in search._planned_trials()] == order


@pytest.mark.parametrize(("seconds", "epochs"), [(12.0, 30), (10.0, 30), (8.0, 24), (5.9, None)])
def test_the_last_network_of_an_ensemble_may_have_fewer_epochs(make_config, seconds, epochs):
    member = EnsembleMember(make_config(), 1, {}, 10.0)
    config = member.config_for(seconds)
    assert (config and config.training.epochs) == epochs


@pytest.mark.parametrize(
    ("left", "epochs"),
    [
        (40.0, [30, 30, 30]),
        (28.2, [28, 28, 28]),  # nine tenths at least
        (26.5, [30, 30, 19]),  # all epochs rather than fewer of all
        (25.0, [30, 30]),
    ],
)
def test_networks_of_an_ensemble_share_the_time(make_config, monkeypatch, left, epochs):
    clock, trained = SimpleNamespace(left=left), []

    def train(context, config, earlier, callbacks, interrupted, rows):
        n_epochs = config.training.epochs
        clock.left -= n_epochs / 3
        trained.append(n_epochs)
        state = SimpleNamespace(best_epoch=1, epoch=n_epochs)
        return SimpleNamespace(trained=SimpleNamespace(stopped="finished", state=state))

    monkeypatch.setattr("mlcli.search.ensemble.train_trial", train)
    monkeypatch.setattr("mlcli.search.ensemble.network_of", lambda run: None)
    members = [EnsembleMember(make_config(), number, {}, 10.0) for number in range(3)]
    cache = SimpleNamespace(get=lambda values: None, put=lambda values, network: None)
    rows = SimpleNamespace(of_member=lambda number: None)
    train_members(None, members, rows, cache, (), lambda: False, lambda: clock.left)
    assert trained == epochs


class Steps:
    """In place of trainings: trials and networks of the ensemble, round after round."""

    def __init__(self, monkeypatch, rounds):
        self.trials, self.timing, self.rounds = [], SimpleNamespace(spare=False), iter(rounds)
        self.budget = Budget(9, 100.0, ensemble=3)
        self.networks = 0
        self.run = lambda interrupted, start_alone: self.steps.append("start alone")
        self.steps = []
        monkeypatch.setattr(workers, "search_in_parallel", self.search)
        monkeypatch.setattr(workers, "train_ensemble", self.train)

    def search(self, search, folder, interruption):
        self.steps.append("spare" if self.timing.spare else "search")
        n_trials, self.networks = next(self.rounds)
        self.trials += [START] * n_trials

    def train(self, search, folder, interruption, known=(), own_alone=False):
        if own_alone:
            self.steps.append("own")
            return None
        return known or (f"ensemble of {self.networks}" if self.networks else None)


@pytest.mark.parametrize(
    ("rounds", "found", "then"),
    [
        ([(4, 3), (2, 3), (0, 3)], "ensemble of 3", ["search", "spare", "spare"]),
        ([(4, 0)], None, ["search"]),  # none was asked for, or the time is over
    ],
)
def test_the_starts_networks_come_first_and_trials_go_on_in_the_time_that_an_ensemble_left(
    monkeypatch, rounds, found, then
):
    steps = Steps(monkeypatch, rounds)
    assert workers.search_and_train(steps, None, None) == found
    assert steps.steps == ["start alone", "own", *then]


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
