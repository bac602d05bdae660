"""The whole step: diagnosis, search, files, and a proposal that trains to the score it promises."""

import json
import math
import os
import signal
import time
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

from mlcli.cli.session import Session
from mlcli.config.loading.dump import dump_config
from mlcli.config.loading.load import load_config
from mlcli.config.sections.rows import SplitConfig
from mlcli.diagnosis.checks import Checks
from mlcli.errors import ArtefactError, LockedError, UsageError
from mlcli.io.json import to_json
from mlcli.io.signals import Interruption
from mlcli.metrics.paired import ScoreDifference
from mlcli.reporter import Silent
from mlcli.runs.bundle import load_bundle
from mlcli.runs.folder import latest_run
from mlcli.runs.lock import held_lock
from mlcli.runs.rows import prepare_data_of
from mlcli.search.budget import MANY, Budget
from mlcli.search.callbacks import SearchCallback
from mlcli.search.ensemble import plan_members, trained_members
from mlcli.search.objective import network_of, train_trial
from mlcli.search.space import config_with
from mlcli.search.storage import ModelCache
from mlcli.search.trial import Trial
from mlcli.terminal.improve import show_improved
from mlcli.terminal.screen import Screen
from mlcli.use_cases.evaluate import evaluate
from mlcli.use_cases.improve import ImproveRequest
from mlcli.use_cases.improve import improve as improve_step
from mlcli.use_cases.train import resume
from mlcli.use_cases.train import train as train_step

pytestmark = pytest.mark.usefixtures("without_probes", "without_figures")

ALIKE = (
    "dataset.noise=0.4",
    "training.epochs=12",
    "improve.space={optimizer.lr: [0.02, 0.05], training.batch_size: {choices: [8, 16]}}",
)
BAD_RATE = ("optimizer.lr=1e-4", "training.epochs=8", "improve.space={optimizer.lr: {log: [1.0e-3, 0.3]}}")


def improve(config, trials=3, run=None, callbacks=(), timeout=None, ensemble=None):
    return improve_step(
        config, run, ImproveRequest(trials, timeout, ensemble), Silent(), list(callbacks), Interruption()
    )


def train(config):
    return train_step(config, Silent(), [], Interruption())


@pytest.fixture
def shown(capsys):
    """What a person reads at the end of the step."""

    def show(result):
        capsys.readouterr()
        show_improved(Screen(), result)
        return capsys.readouterr().err

    return show


def test_the_proposal_trains_to_the_score_it_promises(make_config, shown):
    result = improve(make_config(*BAD_RATE), trials=4)
    assert result.improved
    assert result.results.proposal == result.folder / "best.yaml"
    proposed = load_config(result.results.proposal)
    assert proposed.name == "small"
    assert proposed.optimizer.lr == result.best.values["optimizer.lr"]
    trained, found = train(proposed), result.results.ensemble
    assert trained.valid["loss"] == pytest.approx(result.best.score, rel=1e-6)
    weights = [(run.model / "weights.safetensors").read_bytes() for run in (found.run, trained.run)]
    assert weights[0] == weights[1]
    assert found.score == pytest.approx(result.best.score, rel=1e-6)
    text = shown(result)
    assert "learning rate too low" in text
    assert "small/001: the best network, validation loss" in text
    assert "mlcli evaluate small/001" in text
    assert "4 complete, 0 pruned, 0 failed" in text


def test_the_proposal_says_what_changed_and_why(make_config):
    result = improve(make_config(*BAD_RATE))
    comments = [line for line in result.results.proposal.read_text().splitlines() if line.startswith("#")]
    assert comments[0].startswith("# Validation loss: 0.7")
    assert f"#   optimizer.lr: 0.0001 -> {result.best.values['optimizer.lr']}" in comments
    assert any("learning rate too low" in line for line in comments)


def test_the_written_files_and_the_output(make_config, figures):
    result = improve(make_config(*BAD_RATE))
    files = {"best.yaml", "diagnosis.json", "journal.jsonl", "kept", "lock", "search.svg", "trials.json"}
    assert {path.name for path in result.folder.iterdir()} == files
    written = json.loads((result.folder / "trials.json").read_text())
    assert [trial["number"] for trial in written["trials"]] == [1, 2, 3]
    assert written["findings"][0]["name"] == "learning_rate_too_low"
    document = json.loads(json.dumps(to_json(result), allow_nan=False))
    assert document["after"] < document["before"]
    assert document["trials"] == {"complete": 3, "pruned": 0, "failed": 0}
    assert document["proposal"] == str(result.results.proposal)


def load_cached(place):
    return load_file(place / "network.safetensors")


def last_weights(bundle):
    return [member.weights["output.weight"] for member in bundle.model.members]


def test_an_ensemble_is_a_run_that_answers_as_its_networks_do_together(make_config, shown, tmp_path):
    result = improve(make_config(*ALIKE), trials=6, ensemble=4)
    run = result.results.ensemble.run
    assert str(run) == "small/001"
    bundle, manifest = load_bundle(run.model), run.read_manifest()
    assert manifest.members == len(bundle.members) == result.results.ensemble.members == 4
    assert manifest.n_parameters == bundle.model.n_parameters
    kept = [load_cached(place) for place in (result.folder / "kept").iterdir()]
    team = [one for one in kept if any(np.array_equal(one["model.output.weight"], w) for w in last_weights(bundle))]
    assert len(team) == manifest.members
    valid = prepare_data_of(run, Silent()).splits.valid
    predictions, x = bundle.predict(valid), bundle.features.transform(valid)
    each = [1 / (1 + np.exp(-member.outputs(x).astype(np.float64))) for member in bundle.model.members]
    np.testing.assert_allclose(predictions.probabilities[:, 1:], np.mean(each, axis=0), rtol=1e-4)
    measured = evaluate(run, "valid", (), (), Silent()).evaluation.scores
    log_loss = next(score for score in measured if score.name == "log_loss")
    assert log_loss.value == pytest.approx(result.results.ensemble.score, rel=1e-4)
    assert f"mlcli evaluate {run}" in shown(result)
    replace(bundle, facts={**bundle.facts, "held_out": "of other folds"}).save(run.model)
    with pytest.raises(ArtefactError, match=r"small/001: its networks have other validation rows .* train it again"):
        evaluate(run, "valid", (), (), Silent())
    with pytest.raises(UsageError, match=f"ensemble of {manifest.members} networks"):
        resume(run, (), Silent(), [], Interruption())


def test_an_ensemble_of_networks_of_two_kinds(make_config):
    grid, space = (
        "improve.sampler=grid",
        "improve.space={model.name: {choices: [mlp, tabm]}, model.embedding.name: {choices: [none, piecewise]}}",
    )
    result = improve(make_config(grid, space, "model.hidden=[4]", "training.epochs=4"), trials=4, ensemble=3)
    bundle = load_bundle(result.results.ensemble.run.model)
    predictions = bundle.predict(prepare_data_of(result.results.ensemble.run, Silent()).splits.valid)
    assert np.isfinite(predictions.probabilities).all()
    assert {trial.values.get("model.name", "mlp") for trial in result.trials} == {"mlp", "tabm"}
    assert not [trial for trial in result.trials if trial.state == "failed"]


def test_an_ensemble_is_scored_by_what_its_trials_are_compared_by(make_config):
    watching = "training.early_stopping={metric: roc_auc, patience: 30}"
    result = improve(make_config(*ALIKE, watching), trials=2, ensemble=2)
    team = result.results.ensemble
    measured = evaluate(team.run, "valid", (), (), Silent()).evaluation.scores
    assert team.score == pytest.approx(next(score.value for score in measured if score.name == "roc_auc"))


def test_a_network_of_another_seed_sees_the_rows_of_the_start(make_search_context, make_config):
    search_context = make_search_context(make_config())
    inputs, (train, valid) = search_context.inputs_for(make_config("features.scale=minmax", "seed=1"))
    assert inputs.prepared.fingerprint == search_context.inputs.prepared.fingerprint
    assert torch.equal(valid.y, search_context.arrays[1].y)
    assert torch.equal(train.y, search_context.arrays[0].y)


def test_networks_that_are_not_cached_are_trained_again(make_config):
    config = make_config(*ALIKE)
    alone = improve(config, trials=5)
    assert alone.results.ensemble.members == 1
    later = improve(config, trials=5, ensemble=3)
    assert later.trials == alone.trials
    again = improve(config, trials=5, ensemble=3)
    assert replace(again.results.ensemble, run=None) == replace(later.results.ensemble, run=None)
    for kept in (later.folder / "kept").iterdir():
        (kept / "network.safetensors").write_bytes(b"damaged")
    anew = improve(config, trials=5, ensemble=3).results.ensemble
    assert (anew.members, np.isfinite(anew.score)) == (3, True)


def test_a_search_ends_at_its_timeout(make_config, shown):
    config = make_config(*BAD_RATE, "training.epochs=100000")
    short = improve(config, trials=3, timeout=3.0)
    start, *others = short.trials
    assert start.origin == "start"
    if start.state != "complete":
        pytest.skip("other work took so much of the three seconds that the epochs planned did not fit")
    assert start.values == {"training.epochs": start.epochs}
    assert {trial.values["training.epochs"] <= start.epochs for trial in others} <= {
        True
    }  # other work may leave no time
    assert short.before == start.score
    assert short.results.ensemble.members == 1
    assert f"there was time for {start.epochs} of the 100000 epochs of each trial" in " ".join(shown(short).split())
    config = make_config(*BAD_RATE, "improve.space={training.epochs: [90000, 100000]}", "optimizer.lr=0.03")
    late = improve(config, trials=3, timeout=1.5)
    start, *others = late.trials
    assert start.state == "complete"
    assert {(trial.state, trial.epochs < 90000) for trial in others if trial.origin == "search"} <= {("pruned", True)}


@pytest.mark.parametrize(
    ("sets", "asked", "networks"),
    [
        ((), None, 1),
        (("training.ensemble=3",), None, 3),
        (("training.ensemble=3", "improve.ensemble=1"), None, 1),
        (("training.ensemble=3", "improve.ensemble=1"), 2, 2),
    ],
)
def test_an_ensemble_has_as_many_networks_as_the_configuration(make_config, sets, asked, networks):
    assert ImproveRequest(ensemble=asked).budget(make_config(*sets)).ensemble == networks


def test_checks_take_a_tenth_of_the_time_left(make_config, monkeypatch):
    seconds = []

    def checks(experiment):
        seconds.append(experiment.deadline - time.monotonic())
        return Checks((), None)

    monkeypatch.setattr("mlcli.use_cases.improve.run_checks", checks)
    improve(make_config("training.epochs=1"), trials=1, timeout=400.0)
    improve(make_config("training.epochs=1"), trials=1)
    assert seconds == [pytest.approx(39.6, abs=2.4), math.inf]


def test_a_start_that_the_time_cut_is_the_model_where_nothing_else_is(make_config, make_search_context, tmp_path):
    config = make_config("training.epochs=6")
    context, cache = make_search_context(config), ModelCache(tmp_path / "kept")
    cut = train_trial(context, config, (), (), lambda: False)
    cache.put({}, network_of(cut))
    start = Trial(1, "start", {}, "pruned", 0.5, epochs=6, best_epoch=6)
    worse, better = (Trial(2, "search", {"optimizer.lr": 0.1}, "complete", score) for score in (0.6, 0.4))
    short = replace(start, number=2, values={"training.epochs": 1}, state="complete", score=0.7)
    for trials, values in ([start], {}), ([start, short, worse], {}), ([start, better], better.values):
        assert plan_members(context, trials, cache, 1)[0].values == values
    assert (
        trained_members(plan_members(context, [start], cache, 3), cache)[0][1].best_epoch
        == cut.trained.state.best_epoch
    )


def differs_by(low, high):
    """In place of a comparison: a loss that is lower by about one."""
    return lambda *_: ScoreDifference("log_loss", -1.0, low, high, higher_is_better=False)


@pytest.mark.parametrize(
    ("low", "high", "count", "first"),
    [(-1.5, -0.5, 4, [4]), (-2.5, 0.5, 4, None), (-2.5, 0.5, 1, [4]), (None, None, 4, [4])],
)
def test_an_ensemble_begins_with_the_start_unless_the_best_trial_is_better_by_more_than_chance(
    make_config, make_search_context, tmp_path, monkeypatch, low, high, count, first
):
    monkeypatch.setattr("mlcli.search.ensemble.find_difference", differs_by(low, high))
    context, cache = make_search_context(make_config()), ModelCache(tmp_path / "kept")
    better = Trial(2, "search", {"model.hidden": [4]}, "complete", 0.4)
    planned = plan_members(context, [Trial(1, "start", {}, "complete", 0.5), better], cache, count)
    assert len(planned) == count
    assert planned[0].values.get("model.hidden") == first


@pytest.mark.parametrize(("high", "score", "n_own"), [(0.5, 0.1, 3), (-0.5, 0.1, 0), (0.5, 0.6, 5)])
def test_an_ensemble_begins_with_all_networks_of_the_start_and_others_are_chosen_beside_them(
    make_config, make_search_context, tmp_path, monkeypatch, high, score, n_own
):
    levels = []

    def differs(*asked):
        levels.append(asked[-1])
        return differs_by(-1.5, high)()

    monkeypatch.setattr("mlcli.search.ensemble.find_difference", differs)
    config = make_config("training.ensemble=3", "training.epochs=1")
    context, cache = make_search_context(config), ModelCache(tmp_path / "kept")
    network = network_of(train_trial(context, config, (), (), lambda: False))
    other, truth = {"model.hidden": [4]}, 2 * context.arrays[1].y.numpy() - 1
    cache.put({}, network)
    cache.put(other, replace(network, valid=np.float32(9) * truth))
    found = [Trial(2, "search", other, "complete", score), Trial(3, "search", {"model.hidden": [5]}, "complete", 0.6)]
    planned = plan_members(context, [Trial(1, "start", {}, "complete", 0.5), *found], cache, 5)
    assert ["model.hidden" in member.values for member in planned] == [False] * n_own + [True] * (5 - n_own)
    assert [member.number for member in planned] == [0, 1, 2, 3, 4]
    assert levels == [pytest.approx(1 - 0.05 / 2)]


def test_networks_that_are_trained_stay_in_the_ensemble_where_the_best_trial_changes(
    make_config, make_search_context, tmp_path, monkeypatch
):
    monkeypatch.setattr("mlcli.search.ensemble.find_difference", differs_by(-1.5, -0.5))
    config = make_config("training.epochs=2")
    context, cache = make_search_context(config), ModelCache(tmp_path / "kept")
    for values in {}, {"model.hidden": [4]}:
        run = train_trial(context, config_with(config, values), (), (), lambda: False)
        cache.put(values, network_of(run))
    first = Trial(1, "start", {}, "complete", 0.5)
    before = plan_members(context, [first], cache, 4)
    cache.put(before[2].values, cache.get({}))
    after = plan_members(context, [first, Trial(2, "search", {"model.hidden": [4]}, "complete", 0.4)], cache, 4)
    assert after[0].values == {"model.hidden": [4]}
    if sum("model.hidden" not in member.values for member in after) > 1:
        assert before[2].values in [member.values for member in after]


def test_nothing_better_is_said_plainly(make_config, shown):
    config = make_config("improve.space={optimizer.lr: [1.0e-5, 2.0e-5]}")
    result = improve(config, trials=3)
    assert not result.improved
    assert load_config(result.results.proposal) == result.config
    text = shown(result)
    assert "No trial is better than your configuration" in text
    assert "--trials 6" in text


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"budget": Budget(30, 60.0)}, ["the same command with a longer --timeout, such as 120"]),
        ({"budget": Budget(MANY, 60.0)}, ["the same command with a longer --timeout, such as 120"]),
        ({"budget": Budget(3, 60.0)}, ["the same command with --trials 6"]),
        ({"budget": Budget(MANY, 60.0), "trials": ()}, ["No trial was completed within 60 seconds", "such as 120"]),
        ({"budget": Budget(MANY, 60.0, ensemble=4)}, ["time for 1 of the 4 networks", "such as 120"]),
    ],
)
def test_what_is_advised_fits_what_ended_the_search(make_config, shown, changes, told):
    config = make_config("improve.space={optimizer.lr: [1.0e-5, 2.0e-5]}", "training.epochs=2")
    text = shown(replace(improve(config, trials=3), **changes))
    assert [part for part in told if part not in " ".join(text.split())] == []


def test_the_search_goes_on_in_its_folder_and_others_have_their_own(make_config):
    first = improve(make_config(*BAD_RATE), trials=2)
    more = improve(make_config(*BAD_RATE, "improve.trials=77"), trials=3)
    other = improve(make_config(*BAD_RATE, "optimizer.lr=2e-4"), trials=1)
    assert more.folder == first.folder
    assert more.trials[:2] == first.trials
    assert other.folder != first.folder


def test_the_runs_history_is_diagnosed_where_it_is_the_configs_own(make_config):
    config = make_config(*BAD_RATE)
    train(config)
    run = latest_run("small")
    own = improve(config, trials=1, run=run)
    assert own.diagnosed == "small/001"
    assert [finding.name for finding in own.findings] == ["learning_rate_too_low"]
    other = improve(make_config(*BAD_RATE, "optimizer.lr=0.03", "training.epochs=30"), trials=1, run=run)
    assert other.diagnosed == "the unchanged configuration"
    assert other.findings == ()


@pytest.mark.parametrize("change", [{"status": "interrupted"}, {"data_fingerprint": "0" * 64}])
def test_a_run_that_was_cut_short_or_saw_other_data_tells_nothing(make_config, change):
    config = make_config(*BAD_RATE)
    train(config)
    run = latest_run("small")
    run.update_manifest(**change)
    assert improve(config, trials=1, run=run).diagnosed == "the unchanged configuration"


def test_run_and_first_trial_give_the_same_diagnosis(make_config, monkeypatch, tmp_path):
    config = make_config("model.hidden=[]")
    alone = improve(config, trials=1)
    monkeypatch.setenv("MLCLI_RUNS_DIR", str(tmp_path / "other"))
    train(config)
    beside = improve(config, trials=1, run=latest_run("small"))
    assert beside.diagnosed == "small/001"
    assert alone.findings[0].name == "underfitting"
    assert beside.findings == alone.findings


def test_without_validation_rows_only_the_diagnosis(make_config, shown):
    result = improve(make_config("dataset.split.valid=0"))
    assert [finding.name for finding in result.findings] == ["no_validation_rows"]
    assert result.trials == ()
    assert result.results is None
    assert "dataset.split.valid=0.2" in shown(result)
    split = SplitConfig(by="given", column="part")
    given = result.config.model_copy(update={"dataset": result.config.dataset.model_copy(update={"split": split})})
    told = " ".join(shown(replace(result, config=given)).split())
    assert "write valid into column part of some training rows; then the same command" in told


class Interrupt(SearchCallback):
    def __init__(self, number):
        self.number, self.current = number, 0

    def on_trial_start(self, number, budget):
        self.current = number

    def on_epoch_end(self, context, state, record):
        if self.current == self.number and record.epoch == 2:
            os.kill(os.getpid(), signal.SIGINT)


def test_a_signal_ends_the_search_after_the_step_and_keeps_what_was_found(make_config, shown):
    config = make_config(*BAD_RATE)
    result = improve(config, trials=6, callbacks=[Interrupt(3)])
    assert result.interrupted
    assert len(result.trials) == 2
    assert load_config(result.results.proposal).optimizer.lr == result.best.values["optimizer.lr"]
    assert "continues the search" in shown(result)
    whole = improve(config, trials=3)
    assert not whole.interrupted
    assert [trial.number for trial in whole.trials] == [1, 2, 3]


def test_two_commands_do_not_share_a_search(make_config):
    config = make_config(*BAD_RATE)
    folder = improve(config, trials=1).folder
    with held_lock(folder / "lock", "other"), pytest.raises(LockedError):
        improve(config, trials=2)


@pytest.mark.parametrize("target", ["file", "run", None])
def test_the_target_is_a_file_a_run_or_the_latest(make_config, tmp_path, monkeypatch, target):
    monkeypatch.chdir(tmp_path)
    config = make_config(*BAD_RATE)
    (tmp_path / "small.yaml").write_text(dump_config(config))
    train(config)
    spec = {"file": "small.yaml", "run": "small/001", None: None}[target]
    found, run = Session(as_json=False, quiet=True).config_or_run(spec, ["optimizer.lr=0.5"])
    assert found.optimizer.lr == 0.5
    assert str(run) == "small/001"
