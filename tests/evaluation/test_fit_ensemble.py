"""Networks with validation rows of their own, and the mean of their predictions."""

import json

import numpy as np
import polars as pl
import pytest
from sklearn.metrics import root_mean_squared_error
from sklearn.model_selection import KFold, StratifiedKFold

from mlcli.config.loading.dump import dump_config
from mlcli.config.loading.load import load_config
from mlcli.config.sections.model import MlpConfig
from mlcli.data.prepare import prepare_dataset
from mlcli.data.splitting import join_rows, take_rows
from mlcli.errors import UsageError
from mlcli.evaluation.held_out import held_out_rows, join_predictions
from mlcli.evaluation.out_of_fold import MemberRows, member_config
from mlcli.evaluation.refit import refit
from mlcli.features.state import layout_of_numbers
from mlcli.io.signals import Interruption
from mlcli.models.inference import FittedEnsemble, FittedNetwork
from mlcli.reporter import Silent
from mlcli.runs.bundle import load_bundle
from mlcli.runs.folder import create_run, find_run
from mlcli.runs.recorder import manifest_of
from mlcli.training.inputs import gather_inputs, make_context
from mlcli.use_cases.train import resume

CONFIG = """\
name: x
seed: 3
dataset: {{name: csv, path: t.csv, target: y, split: {split}}}
model: {{hidden: [8]}}
training: {{epochs: 4, ensemble: {ensemble}, early_stopping: {{patience: 2}}, batch_size: 16}}
"""


@pytest.fixture
def write(workspace):
    def write(split="{test: 0, valid: 0.25}", ensemble=4, target="number"):
        rng = np.random.default_rng(0)
        a, b, group = rng.normal(size=120), rng.normal(size=120), np.arange(120) % 15
        y = 2 * a - b + rng.normal(0, 0.3, 120)
        values = {"a": a, "b": b, "g": group, "y": y if target == "number" else np.where(y > 0.4, "yes", "no")}
        pl.DataFrame(values).write_csv(workspace / "t.csv")
        path = workspace / "x.yaml"
        path.write_text(CONFIG.format(split=split, ensemble=ensemble))
        return path

    return write


def inputs_of(path):
    config = load_config(path)
    return config, gather_inputs(config, Silent())


@pytest.mark.parametrize(("target", "splitter"), [("number", KFold), ("class", StratifiedKFold)])
def test_after_the_validation_rows_the_folds_are_those_of_scikit_learn(write, target, splitter):
    config, inputs = inputs_of(write(ensemble=3, target=target))
    y = inputs.task.truth(inputs.prepared.splits.train)
    folds = [fold for _, fold in splitter(3, shuffle=True, random_state=3).split(np.zeros(90), y)]
    folds = [np.arange(90, 120), *folds[:2]]
    found = held_out_rows(config, inputs.prepared, inputs.task)
    assert len(found) == 3
    assert all(np.array_equal(own, fold) for own, fold in zip(found, folds, strict=True))


def test_whole_groups_are_held_out(write):
    config, inputs = inputs_of(write("{test: 0, valid: 0.2, by: group, column: g}", ensemble=5))
    splits = inputs.prepared.splits
    groups = join_rows(splits.train, splits.valid).groups
    held_out = held_out_rows(config, inputs.prepared, inputs.task)
    assert sorted(np.concatenate(held_out)) == list(range(120))
    assert sum(len(set(groups[own])) for own in held_out) == 15


def test_a_split_by_time_keeps_the_validation_rows(write):
    config, inputs = inputs_of(write("{test: 0, valid: 0.25, by: time, column: g}"))
    rows = MemberRows.of(config, inputs)
    assert rows.held_out is None
    train, valid = rows.of_member(2)
    own_train, own_valid = inputs.training_arrays()
    assert train.x.equal(own_train.x)
    assert valid.y.equal(own_valid.y)


def test_more_networks_than_folds_hold_out_the_first_ones_again(write):
    config, inputs = inputs_of(write(ensemble=6))
    rows = MemberRows.of(config, inputs)
    assert len(rows.held_out) == 4
    assert rows.of_member(5)[1].y.equal(rows.of_member(1)[1].y)
    models = [constant(value, rows.whole.x.shape[1]) for value in (1.0, 2.0, 3.0, 4.0, 5.0, 6.0)]
    outputs = rows.outputs_out_of_fold(models)
    assert outputs.flatten().tolist() == [3.0] * 30 + [4.0] * 30 + [3.0] * 30 + [4.0] * 30


def constant(value, width):
    """A network whose output does not depend on its inputs."""
    weights = {"output.weight": np.zeros((1, width), np.float32), "output.bias": np.array([value], np.float32)}
    return FittedNetwork(MlpConfig(hidden=()), layout_of_numbers(width), "identity", weights)


@pytest.mark.parametrize("target", ["number", "class"])
def test_the_model_is_the_mean_of_networks_trained_by_themselves(write, mlcli, target):
    path = write(target=target)
    assert mlcli("train", path, "-q").code == 0
    bundle = load_bundle(find_run(None).model)
    assert isinstance(bundle.model, FittedEnsemble)
    config, inputs = inputs_of(path)
    rows = join_rows(inputs.prepared.splits.train, inputs.prepared.splits.valid)
    held_out, own_rows = held_out_rows(config, inputs.prepared, inputs.task), MemberRows.of(config, inputs)
    parts = [
        refit(member_config(config, number), inputs, "test", own_rows.of_member(number)).predict(rows)
        for number in range(4)
    ]
    mean = np.mean([one.values if target == "number" else one.probabilities for one in parts], axis=0)
    found = bundle.predict(rows)
    assert np.allclose(found.values if target == "number" else found.probabilities, mean, atol=1e-5)
    alone_on_own = join_predictions([one.at(own) for one, own in zip(parts, held_out, strict=True)])
    if target == "number":
        truth = inputs.task.truth(rows)[np.concatenate(held_out)]
        assert bundle.facts["valid"]["rmse"] == pytest.approx(root_mean_squared_error(truth, alone_on_own.values))


def test_a_training_that_is_stopped_between_and_within_networks_goes_on_to_the_same_bundle(write, mlcli, monkeypatch):
    path = write()
    assert mlcli("train", path, "-q").code == 0
    whole = find_run("x/1").model
    asked = iter([*[False] * 40, *[True] * 10_000])
    with monkeypatch.context() as patch:
        patch.setattr(Interruption, "__call__", lambda self: next(asked))
        patch.setattr(Interruption, "signal", 2, raising=False)
        mlcli("train", path, "-q")
    stopped = find_run("x/2")
    assert stopped.read_manifest().status == "interrupted"
    assert not stopped.model.exists()
    assert mlcli("train", "--resume", "x/2", "-q").code == 0
    assert (stopped.model / "weights.safetensors").read_bytes() == (whole / "weights.safetensors").read_bytes()
    assert stopped.read_manifest().members == 4


def test_without_test_rows_every_row_is_predicted_by_the_network_that_did_not_see_it(write, mlcli):
    assert mlcli("train", write(), "-q").code == 0
    told = mlcli("evaluate", "-S", "evaluation.baselines=[mean, linear]")
    assert told.code == 0
    assert "Each of the 120 rows is predicted by the network that was not trained on it" in told.err
    scores = json.loads(mlcli("evaluate", "--json", "-q", "-S", "evaluation.baselines=[mean, linear]").out)
    assert (scores["split"], scores["n_rows"]) == ("valid", 120)
    bundle = load_bundle(find_run(None).model)
    assert scores["scores"]["rmse"]["value"] == pytest.approx(bundle.facts["valid"]["rmse"])
    inputs = gather_inputs(bundle.config, Silent())
    rows = MemberRows.of(bundle.config, inputs)
    places = np.random.default_rng(0).integers(120, size=50)
    found = rows.predictor(bundle)(take_rows(rows.take(inputs.prepared), places), places)
    assert np.array_equal(found.values, rows.predict(bundle).values[places])


def test_prepared_rows_are_not_lost(write):
    config = load_config(write())
    prepared = prepare_dataset(config.dataset, config.seed, Silent())
    _, inputs = inputs_of(write())
    rows = MemberRows.of(config, inputs)
    assert len(rows.take(prepared)) == 120
    assert [len(valid) for _, valid in rows.splits(prepared)] == [30] * 4


def test_validation_rows_of_a_network_are_those_it_holds_out(write):
    config, inputs = inputs_of(write("{test: 0, valid: 0.2, by: group, column: g}", ensemble=6))
    rows = MemberRows.of(config, inputs)
    for number in range(6):
        own = rows.valid_rows(inputs.prepared, number)
        held_out = inputs.task.decode_targets(rows.of_member(number)[1].y)
        np.testing.assert_allclose(inputs.task.truth(own), held_out, rtol=1e-5)


@pytest.mark.parametrize("change", ["training.epochs=9", "training.checkpoint_seconds=0"])
def test_networks_of_an_ensemble_are_resumed_with_their_settings(write, change):
    config, inputs = inputs_of(write())
    run = create_run(config.name, dump_config(config), manifest_of(make_context(config, inputs), inputs))
    with pytest.raises(UsageError, match="are trained with the settings of the first; leave out --set"):
        resume(run, [change], Silent(), [], Interruption())
