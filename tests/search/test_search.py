"""A search on real, tiny trainings: it improves, goes on after a kill, and survives bad trials."""

import time
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch

from mlcli.diagnosis.recommendations import Finding
from mlcli.errors import ArtefactError, DataError, ResourceError
from mlcli.models.task import Classification, Regression
from mlcli.search.budget import Budget
from mlcli.search.callbacks import Periodic, SearchCallback
from mlcli.search.objective import choose_selection_metric
from mlcli.search.search import Search, recommended_values
from mlcli.search.space import search_space
from mlcli.search.storage import JOURNAL, ModelCache
from mlcli.search.study import Study
from mlcli.search.trial import Trial, best_trial, rank_trials

QUICK = ("training.epochs=4", "improve.space={optimizer.lr: {log: [1.0e-3, 0.3]}, model.dropout: [0.0, 0.5]}")


class Killed(BaseException):
    """In place of SIGKILL: nothing below may catch it."""


class KillDuring(SearchCallback):
    """Dies in the middle of one trial."""

    def __init__(self, number):
        self.number = number
        self.current = 0

    def on_trial_start(self, number, budget):
        self.current = number

    def on_epoch_end(self, context, state, record):
        if self.current == self.number and record.epoch == 2:
            raise Killed


class Seen(SearchCallback):
    def __init__(self):
        self.best = []
        self.before = []

    def on_search(self, trials, metric, budget):
        self.before.append((len(trials), metric, budget.trials))

    def on_trial_end(self, trial, best, budget):
        self.best.append((trial.number, best.number if best else None))


@pytest.fixture
def search(make_search_context, tmp_path):
    """One command's search in a folder of its own; earlier trials are found there again."""
    contexts = {}

    def run(config, trials, *callbacks, folder="search", interrupted=lambda: False, timeout=None):
        context = contexts.setdefault(config.fingerprint(), make_search_context(config, search_space(config)))
        study, budget = Study(tmp_path / folder, config, context.metric), Budget(trials, timeout)
        model_cache = ModelCache(tmp_path / folder / "kept")
        opened = Search(
            context, study, budget, callbacks, model_cache, budget.deadline(time.monotonic(), time.monotonic())
        )
        opened.run(interrupted)
        return opened

    return run


def without_seconds(searched):
    """The trials without their times."""
    return [replace(trial, seconds=0.0) for trial in searched.trials]


def stored_trials(folder):
    """What Optuna itself finds in the journal."""
    import optuna
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    storage = JournalStorage(JournalFileBackend(str(folder / JOURNAL)))
    return optuna.load_study(study_name="improve", storage=storage).trials


@pytest.mark.parametrize("sampler", ["tpe", "random"])
def test_a_bad_learning_rate_is_improved(make_config, search, sampler):
    space = "improve.space={optimizer.lr: {log: [1.0e-5, 0.3]}}"
    config = make_config("optimizer.lr=1e-5", "training.epochs=8", f"improve.sampler={sampler}", space)
    searched = search(config, 12)
    start, best = searched.trials[0], best_trial(searched.trials, "loss")
    assert start.origin == "start"
    assert start.values == {}
    assert [finding.name for finding in searched.findings] == ["learning_rate_too_low"]
    assert searched.trials[1].values == {"optimizer.lr": 1e-4}
    assert [trial.number for trial in searched.trials] == list(range(1, 13))
    assert start.score > 0.65  # what chance gives is ln 2
    assert best.score < 0.7 * start.score
    assert best.values["optimizer.lr"] > 1e-3


@pytest.mark.parametrize("during", [1, 2, 4])
def test_a_killed_search_goes_on_as_if_it_had_never_stopped(make_config, search, during, tmp_path):
    config = make_config(*QUICK)
    with pytest.raises(Killed):
        search(config, 5, KillDuring(during), folder="killed")
    whole = search(config, 5, folder="whole")
    assert without_seconds(search(config, 5, folder="killed")) == without_seconds(whole)
    assert all(trial.state.is_finished() for trial in stored_trials(tmp_path / "killed"))


def test_a_finished_search_tries_nothing_more_until_the_budget_grows(make_config, search):
    config = make_config(*QUICK)
    first = search(config, 3)
    seen = Seen()
    assert search(config, 3, seen).trials == first.trials
    assert seen.best == []
    assert search(config, 4, seen).trials[:3] == first.trials
    assert [number for number, _ in seen.best] == [4]


def test_an_interrupted_trial_leaves_no_trace(make_config, search, tmp_path):
    config = make_config(*QUICK)
    calls = iter(range(1000))
    # A trial has 4 epochs of 8 steps, and the remedy twice as many epochs: the third trial is cut short.
    searched = search(config, 4, interrupted=lambda: next(calls) > 110, folder="cut")
    assert len(searched.trials) == 2
    assert all(trial.state.is_finished() for trial in stored_trials(tmp_path / "cut"))
    assert without_seconds(search(config, 4, folder="cut")) == without_seconds(search(config, 4, folder="whole"))


def test_no_trial_starts_after_the_timeout(make_config, search):
    assert len(search(make_config(*QUICK), 5, timeout=1e-9).trials) == 0


def test_trials_that_diverge_or_clash_are_failed_with_their_reason(make_config, search):
    config = make_config(
        "training.epochs=3",
        "model.activation=relu",
        "optimizer={name: sgd, lr: 0.1}",
        "improve.space={optimizer.lr: {choices: [1.0e+12, 1.0e+13]}, "
        "optimizer.nesterov: {choices: [true, false]}, optimizer.momentum: {choices: [0.0, 0.5]}}",
    )
    searched = search(config, 12)
    failed = [trial for trial in searched.trials if trial.state == "failed"]
    reasons = {trial.reason.split(":")[0].split()[-1] for trial in failed}
    assert len(failed) >= 10
    assert reasons == {"diverged", "optimizer.nesterov"}
    assert best_trial(searched.trials, "loss").number in (1, 2)


def test_a_start_that_diverges_is_beaten_by_any_other(make_config, search):
    config = make_config(
        "training.epochs=3",
        "model.activation=relu",
        "optimizer={name: sgd, lr: 1.0e+12}",
        "improve.space={optimizer.lr: [0.01, 0.1]}",
    )
    searched = search(config, 3)
    assert searched.trials[0].state == "failed"
    assert [finding.name for finding in searched.findings] == ["learning_rate_too_high"]
    assert best_trial(searched.trials, "loss") is not None


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        torch.OutOfMemoryError("CUDA"),
        RuntimeError("DefaultCPUAllocator: can't allocate memory"),
        ResourceError("model.hidden: training 9 parameters takes about 1 TB of memory"),
    ],
)
def test_out_of_memory_fails_a_trial_but_not_the_start(make_config, search, monkeypatch, error):
    def too_large(*args):
        raise error

    config = make_config(*QUICK)
    with monkeypatch.context() as patch:
        patch.setattr("mlcli.search.search.train_trial", too_large)
        with pytest.raises(type(error)):
            search(config, 2)
    search(config, 1)
    monkeypatch.setattr("mlcli.search.search.train_trial", too_large)
    failed = search(config, 2).trials[1]
    assert failed.state == "failed"
    assert "memory" in failed.reason or "CUDA" in failed.reason


def test_other_errors_are_bugs(make_config, search, monkeypatch):
    config = make_config(*QUICK)
    search(config, 1)

    def broken(*args):
        raise RuntimeError("shapes do not match")

    monkeypatch.setattr("mlcli.search.search.train_trial", broken)
    with pytest.raises(RuntimeError, match="shapes"):
        search(config, 2)


def test_laggards_are_pruned(make_config, search):
    config = make_config("improve.space={optimizer.lr: {log: [1.0e-4, 0.3]}}", "training.epochs=12")
    searched = search(config, 12)
    pruned = [trial for trial in searched.trials if trial.state == "pruned"]
    assert pruned
    assert all(trial.epochs < 12 for trial in pruned)
    assert all(trial.number > 5 for trial in pruned)


def test_searched_features_and_losses_are_refitted(make_config, search):
    config = make_config(
        "training.epochs=4",
        "improve.space={features.scale: {choices: [none, standard]}, loss.name: {choices: [bce, focal]}}",
    )
    searched = search(config, 6)
    assert {trial.state for trial in searched.trials} == {"complete"}
    assert {trial.values.get("features.scale") for trial in searched.trials[2:]} <= {"none", "standard"}
    assert all(trial.score == trial.metrics["accuracy"] for trial in searched.trials)


def test_other_features_are_really_trained_on(make_config, search):
    config = make_config("training.epochs=2", "improve.space={features.scale: {choices: [none, standard]}}")
    searched = search(config, 8)
    by_search = [trial for trial in searched.trials if trial.origin == "search" and trial.state == "complete"]
    scores = {
        scale: {t.score for t in by_search if t.values["features.scale"] == scale} for scale in ("none", "standard")
    }
    assert scores["standard"] == {searched.trials[0].score}
    assert len(scores["none"]) == 1
    assert scores["none"] != scores["standard"]


def test_a_trial_that_stops_early_by_its_own_rule_is_complete(make_config, search):
    (trial,) = search(make_config("optimizer.lr=0.3", "training.early_stopping={patience: 1}"), 1).trials
    assert trial.epochs < 30
    assert trial.state == "complete"


PAIR = Classification("y", ("a", "b"), (1, 1), "sigmoid", True)
NUMBER = Regression(("y",), (0.0,), (1.0,))


@pytest.mark.parametrize(
    ("sets", "task", "searched", "metric"),
    [
        ([], PAIR, {"optimizer.lr": 0}, "loss"),
        ([], PAIR, {"loss.class_weights": 0}, "accuracy"),
        ([], PAIR, {"model.output": 0}, "accuracy"),
        ([], NUMBER, {"loss.name": 0}, "rmse"),
        (["training.early_stopping={metric: accuracy}"], PAIR, {"loss.name": 0}, "accuracy"),
        (["training.early_stopping={}"], PAIR, {"model.hidden": 0}, "loss"),
        (["improve.metric=mcc"], PAIR, {"loss.name": 0}, "mcc"),
        (["improve.metric=max_error"], NUMBER, {}, "max_error"),
        (["improve.folds=3"], PAIR, {}, "log_loss"),
        (["improve.folds=3"], NUMBER, {}, "rmse"),
        (["improve.folds=3", "training.early_stopping={metric: f1_macro}"], PAIR, {}, "f1_macro"),
        (["improve.folds=3"], replace(NUMBER, q=0.9), {}, "pinball"),
        (["improve.folds=3"], replace(NUMBER, output="exp"), {}, "poisson_deviance"),
        ([], replace(NUMBER, q=0.9), {"loss.name": 0}, "pinball"),
    ],
)
def test_trials_are_compared_by_a_number_that_means_the_same_in_all(make_config, sets, task, searched, metric):
    assert choose_selection_metric(make_config(*sets), task, searched).metric == metric


def test_a_metric_without_a_value_on_the_rows_compared_is_refused(make_config, make_search_context):
    plane = "dataset={name: plane, rows: 40, noise: 0.0, split: {test: 0.2, valid: 1}}"
    with pytest.raises(DataError, match=r"improve\.metric: r2 cannot be measured on the 1 validation rows: a "):
        make_search_context(make_config(plane, "improve.metric=r2"))
    folds = make_search_context(make_config(plane, "improve.metric=r2", "improve.folds=3")).folds
    assert len(folds.truth) > 30


def trial(number, score, state="complete"):
    return Trial(number, "search", {}, state, score)


@pytest.mark.parametrize(
    ("metric", "order"),
    [("loss", [3, 1, 2]), ("accuracy", [1, 2, 3])],
)
def test_ranking_puts_the_earlier_of_equals_first_and_leaves_out_the_incomplete(metric, order):
    trials = [trial(1, 0.5), trial(2, 0.5), trial(3, 0.1), trial(4, 0.0, "pruned"), trial(5, None, "failed")]
    assert [ranked.number for ranked in rank_trials(trials, metric)] == order
    assert best_trial(trials[3:], metric) is None


@pytest.mark.parametrize(
    ("patch", "remedy"),
    [
        ({"optimizer.lr": 0.1, "model.dropout": 0.2}, {"optimizer.lr": 0.1, "model.dropout": 0.2}),
        ({"dataset.split.valid": 0.3, "loss.class_weights": "balanced"}, {}),
        ({"training.epochs": 5, "loss.class_weights": "balanced"}, {"training.epochs": 5}),
        ({"optimizer.nesterov": True}, {}),
        ({}, {}),
    ],
)
def test_a_remedy_keeps_trials_comparable(make_config, patch, remedy):
    assert recommended_values(make_config(), [Finding("x", "", "", (), patch)]) == remedy


def test_a_truncated_journal_is_repaired(make_config, search, tmp_path):
    config = make_config(*QUICK)
    whole = search(config, 4, folder="whole")
    search(config, 3)
    with (tmp_path / "search" / JOURNAL).open("ab") as journal:
        journal.write(b'{"op_code": 4, "wor')
    assert without_seconds(search(config, 4)) == without_seconds(whole)


@pytest.mark.parametrize("damage", [b"no json\n", b'{"op_code": 99}\n', b"[]\n", b'{"op_code": 5, "trial_id": 999}\n'])
def test_a_damaged_journal_is_refused(make_config, search, tmp_path, damage):
    config = make_config(*QUICK)
    search(config, 1)
    place = tmp_path / "search" / JOURNAL
    lines = place.read_bytes().splitlines(keepends=True)
    place.write_bytes(b"".join([lines[0], damage, *lines[1:]]))
    with pytest.raises(ArtefactError, match=r"journal\.jsonl.*start a new search"):
        search(config, 2)


def test_a_tampered_record_is_refused(make_config, search, tmp_path):
    config = make_config(*QUICK)
    search(config, 1)
    place = tmp_path / "search" / JOURNAL
    place.write_text(place.read_text().replace('"state":"complete"', '"state":"splendid"'))
    with pytest.raises(ArtefactError, match="state"):
        search(config, 2)


def test_observers_hear_of_every_trial_and_the_best_so_far(make_config, search):
    seen = Seen()
    searched = search(make_config(*QUICK), 4, seen)
    expected = [(n, best_trial(searched.trials[:n], "loss").number) for n in range(1, 5)]
    assert seen.best == expected


def test_nothing_is_pickled(monkeypatch, make_config, search):
    import pickle

    refuse = SimpleNamespace(side_effect=None)

    def refused(*args, **kwargs):
        refuse.side_effect = args
        raise AssertionError("pickle was used")

    for name in ("dumps", "loads", "dump", "load"):
        monkeypatch.setattr(pickle, name, refused)
    config = make_config(*QUICK)
    search(config, 2)
    search(config, 3)
    assert refuse.side_effect is None


def test_callbacks_receive_the_existing_trials(make_config, search):
    config, seen = make_config(*QUICK), Seen()
    for trials in (2, 3):
        search(config, trials, seen)
    assert seen.before == [(0, "loss", 2), (2, "loss", 3)]


def test_a_periodic_callback_calls_once_a_second(monkeypatch):
    now, looks = [0.0], []
    monkeypatch.setattr("mlcli.search.search.time.monotonic", lambda: now[0])
    poller = Periodic(lambda: looks.append(now[0]), 1.0)
    for now[0] in (0.5, 1.0, 1.5, 2.5, 2.6):
        poller.on_batch_end(None, None)
    assert looks == [1.0, 2.5]
