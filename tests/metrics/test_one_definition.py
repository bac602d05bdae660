"""A metric has one value, scikit-learn's, wherever it is measured; what is undefined is undefined everywhere."""

import json
import re
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import sklearn.metrics as sk
import torch

from mlcli.config.sections.config import Config
from mlcli.evaluation.cross_validation import Folds
from mlcli.metrics.catalog import names_for
from mlcli.metrics.measure import measure, measure_targets
from mlcli.metrics.paired import compare_predictions
from mlcli.metrics.scorer import QUICK, build_scorer
from mlcli.models.task import Classification, Regression
from mlcli.search.objective import SelectionMetric
from mlcli.terminal.train import describe_epoch
from mlcli.training.context import build_context
from mlcli.training.datasets import TensorDataset
from mlcli.training.loop import new_state, outputs_of, train_model
from mlcli.training.state import EpochRecord
from tests.metrics.peers import of_classes, of_numbers

N_ROWS = 90
MEANS, STDS = (20.0, 5.0, -3.0), (4.0, 0.5, 100.0)


def classes(n, output="softmax", threshold=0.5):
    return Classification("y", tuple("abcdefghij"[:n]), (30,) * n, output, output != "step", threshold)


def numbers(n):
    return Regression(tuple("uvw"[:n]), MEANS[:n], STDS[:n])


TASKS = {
    "two classes": classes(2, "sigmoid"),
    "two classes, threshold": classes(2, "sigmoid", 0.8),
    "two classes, softmax, threshold": classes(2, "softmax", 0.8),
    "three classes": classes(3),
    "ten classes": classes(10),
    "perceptron": classes(2, "step"),
    "one number": numbers(1),
    "three numbers": numbers(3),
    "a constant target": numbers(3),
    "a target constant in float32": numbers(3),
    "one row": numbers(1),
    "one class": classes(2, "sigmoid"),
    "a quantile": replace(numbers(1), q=0.8, constant=(23.0,)),
    "a quantile of three numbers": replace(numbers(3), q=0.1, constant=(15.0, 4.0, -90.0)),
    "counts": Regression(("n",), (0.0,), (4.0,), output="exp"),
    "counts of two kinds": Regression(("n", "m"), (0.0, 0.0), (4.0, 900.0), output="exp"),
}
NO_PROBABILITIES = ("log_loss", "brier", "ece")
UNDEFINED = {
    "perceptron": NO_PROBABILITIES,
    "a constant target": ("r2",),
    "a target constant in float32": ("r2",),
    "one row": ("r2",),
    "one class": ("roc_auc", "pr_auc", "balanced_accuracy", "mcc"),
    "counts": ("mape",),  # a true value is 0
    "counts of two kinds": ("mape",),
}


def truth_of(case):
    rng, task = np.random.default_rng(4), TASKS[case]
    if isinstance(task, Classification):
        return np.ones(N_ROWS, int) if case == "one class" else rng.integers(len(task.classes), size=N_ROWS)
    if task.output == "exp":
        return rng.poisson(task.std, size=(N_ROWS, task.n_outputs)).astype(float)
    truth = rng.normal(task.mean, task.std, size=(1 if case == "one row" else N_ROWS, task.n_outputs))
    if case == "a constant target":
        truth[:, 1] = 5.3
    if case == "a target constant in float32":
        truth[:, 1] = 5.3 + 1e-12 * rng.normal(size=len(truth))
    return truth


def encoded(task, truth):
    if isinstance(task, Regression):
        return torch.tensor((truth - np.array(task.mean)) / np.array(task.std), dtype=torch.float32)
    return torch.tensor(truth) if task.output == "softmax" else torch.tensor(truth, dtype=torch.float32)[:, None]


def outputs_for(case, seed=0):
    """Raw outputs that know something of the truth."""
    task, truth = TASKS[case], truth_of(case)
    noise = torch.tensor(np.random.default_rng(seed).normal(size=(len(truth), task.n_outputs)), dtype=torch.float32)
    y = encoded(task, truth)
    if isinstance(task, Classification):
        y = torch.nn.functional.one_hot(y, task.n_outputs) if task.output == "softmax" else 2 * y - 1
    return noise + y


def expected_of(case, outputs):
    """Metric by name → scikit-learn's value; an undefined one is left out."""
    values = sklearn_values(TASKS[case], truth_of(case), outputs.double().numpy())
    return {name: value for name, value in values.items() if name not in UNDEFINED.get(case, ())}


def sklearn_values(task, truth, z):
    if isinstance(task, Regression):
        numbers = np.exp(z) if task.output == "exp" else z
        return of_numbers(truth, numbers * np.array(task.std) + np.array(task.mean), task.q)
    if task.output == "step":
        predicted, ranks = (z[:, 0] > 0).astype(int), z[:, 0]
        ranked = {"roc_auc": sk.roc_auc_score(truth, ranks), "pr_auc": sk.average_precision_score(truth, ranks)}
        return of_classes(truth, predicted, np.eye(2)[predicted]) | ranked
    odds = np.exp(z) if task.output == "softmax" else np.hstack([np.ones_like(z), np.exp(z)])
    probabilities = odds / odds.sum(axis=1, keepdims=True)
    two = len(task.classes) == 2
    predicted = (probabilities[:, 1] >= task.threshold).astype(int) if two else probabilities.argmax(axis=1)
    return of_classes(truth, predicted, probabilities)


def scored_after_epoch(case, outputs, name):
    task = TASKS[case]
    return build_scorer(task, [name])(outputs, encoded(task, truth_of(case))).get(name)


def watched_by_early_stopping(case, outputs, name):
    record = EpochRecord(1, 1, 0.1, 0.5, 0.5, build_scorer(TASKS[case], [name])(outputs, encoded_of(case)))
    return defined(record.valid_score(name))


def compared_by_search(case, outputs, name):
    task, y = TASKS[case], encoded_of(case)
    record = EpochRecord(1, 1, 0.1, 0.5, 0.5, build_scorer(task)(outputs, y))
    return defined(SelectionMetric(name, "loss").read(record, task, outputs, y))


def pooled_over_folds(case, outputs, name):
    task, truth = TASKS[case], truth_of(case)
    parts = tuple(np.array_split(np.random.default_rng(1).permutation(len(truth)), min(3, len(truth))))
    folds = Folds("evaluation.folds", None, SimpleNamespace(row_weights=None), task, truth, parts, len(parts))
    return folds.score(folds.pool([task.decode(outputs[part]) for part in parts]), name)


def evaluated(case, outputs, name):
    task = TASKS[case]
    [score] = measure(task, truth_of(case), task.decode(outputs), (name,), 0.95)
    assert (score.reason is None) == (score.value is not None)
    return score.value


def encoded_of(case):
    return encoded(TASKS[case], truth_of(case))


def defined(value):
    return None if np.isnan(value) else value


PATHS = [scored_after_epoch, watched_by_early_stopping, compared_by_search, pooled_over_folds, evaluated]


@pytest.mark.filterwarnings("ignore")  # scikit-learn's, where a score is undefined
@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.__name__)
@pytest.mark.parametrize("case", TASKS)
def test_every_path_gives_the_value_of_scikit_learn(case, path):
    outputs = outputs_for(case)
    expected = expected_of(case, outputs)
    for name in names_for(TASKS[case].measured_as):
        value, known = path(case, outputs, name), expected.get(name)
        assert value == (None if known is None else pytest.approx(known, rel=1e-5)), name


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("case", TASKS)
def test_differences_are_those_of_the_values_of_scikit_learn(case):
    task, models = TASKS[case], (outputs_for(case), outputs_for(case, seed=1))
    ours, theirs = (expected_of(case, outputs) for outputs in models)
    answers = [task.decode(outputs) for outputs in models]
    for difference in compare_predictions(task, truth_of(case), *answers, names_for(task.measured_as), 0.95):
        own, other = ours.get(difference.name), theirs.get(difference.name)
        known = None if own is None or other is None else pytest.approx(own - other, rel=1e-5, abs=1e-9)
        assert difference.value == known, difference.name


@pytest.mark.parametrize("case", TASKS)
def test_non_finite_outputs_have_no_score_anywhere(case):
    outputs = outputs_for(case)
    outputs[-1, 0] = torch.inf
    for path in PATHS:
        assert all(path(case, outputs, name) is None for name in QUICK[TASKS[case].measured_as]), path


def test_outputs_of_zero_are_decided_alike():
    task, outputs = classes(2, "sigmoid"), torch.zeros(4, 1)
    truth = np.array([1, 1, 1, 0])
    [score] = measure(task, truth, task.decode(outputs), ("accuracy",))
    assert score.value == build_scorer(task)(outputs, encoded(task, truth))["accuracy"] == 0.75


@pytest.mark.parametrize(
    ("counts", "watched", "order"),
    [
        ((5, 5), ["roc_auc", "loss"], ["accuracy", "roc_auc"]),
        ((99, 1), ["roc_auc", "pr_auc"], ["pr_auc", "accuracy", "roc_auc"]),  # a rare class
    ],
)
def test_scores_are_in_the_order_of_an_evaluation(counts, watched, order):
    task = replace(classes(2, "sigmoid"), counts=counts)
    outputs, y = torch.tensor([[1.0], [-1.0], [2.0]]), encoded(task, np.array([1, 0, 0]))
    assert list(build_scorer(task, watched)(outputs, y)) == order


def test_errors_of_several_targets_are_averaged_uniformly():
    task = Regression(("u", "v"), (0.0, 0.0), (1.0, 1.0))
    truth = np.array([[0.0, 0.0], [4.0, 4.0]])
    outputs = torch.tensor(truth + np.array([[1.0, 3.0], [-1.0, -3.0]]), dtype=torch.float32)
    scores = build_scorer(task)(outputs, encoded(task, truth))
    assert scores == {"rmse": 2.0, "mae": 2.0, "r2": ((1 - 1 / 4) + (1 - 9 / 4)) / 2}


@pytest.mark.parametrize("case", ["three numbers", "a target constant in float32", "a quantile of three numbers"])
def test_each_target_has_the_value_of_scikit_learn(case):
    task, truth, outputs = TASKS[case], truth_of(case), outputs_for(case)
    answers = task.decode(outputs)
    expected = {
        "mae": sk.mean_absolute_error(truth, answers.values, multioutput="raw_values"),
        "rmse": sk.root_mean_squared_error(truth, answers.values, multioutput="raw_values"),
        "r2": sk.r2_score(truth, answers.values, multioutput="raw_values"),
        "coverage": (truth <= answers.values).mean(axis=0),
    }
    if task.q is None:
        del expected["coverage"]
    else:
        expected["pinball"] = sk.mean_pinball_loss(truth, answers.values, alpha=task.q, multioutput="raw_values")
    found = measure_targets(task, truth, answers, tuple(expected))
    assert [target.name for target in found] == list(task.targets)
    for at, target in enumerate(found):
        constant = case == "a target constant in float32" and at == 1
        wanted = {name: None if constant and name == "r2" else each[at] for name, each in expected.items()}
        assert {score.name: score.value for score in target.scores} == pytest.approx(wanted)
        assert [score.unit for score in target.scores][:2] == [target.name] * 2
    [whole] = measure(task, truth, answers, ("mae",))
    assert whole.value == pytest.approx(np.mean([target.scores[0].value for target in found]))


def test_one_target_has_no_table_of_targets():
    assert (
        measure_targets(numbers(1), truth_of("one number"), numbers(1).decode(outputs_for("one number")), "auto") == ()
    )


def trained_on_numbers(constant):
    """One epoch on two targets of which the validation rows may hold one value; the context and its only record."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(40, 3)), rng.normal(size=(40, 2))
    if constant:
        y[:, 1] = 0.3
    rows = TensorDataset(torch.tensor(x).float(), torch.tensor(y).float())
    sections = {"training": {"epochs": 1, "early_stopping": {"metric": "rmse"}}}
    config = Config.model_validate({"name": "n", "dataset": {"name": "diabetes"}, **sections})
    task = Regression(("u", "v"), (7.0, 1.0), (2.0, 3.0))
    context = build_context(config, task, rows, rows)
    return task, context, train_model(context, new_state(context))


@pytest.mark.parametrize("constant", [False, True])
def test_a_training_records_and_prints_what_is_defined(constant):
    task, context, trained = trained_on_numbers(constant)
    [record] = trained.state.history
    answers = task.decode(outputs_of(context, context.valid.x))
    scores = measure(task, task.decode_targets(context.valid.y), answers, QUICK["regression"])
    assert record.valid_metrics == pytest.approx({s.name: s.value for s in scores if s.value is not None}, rel=1e-5)
    assert trained.state.best_score == record.valid_metrics["rmse"]
    assert ("r2" in record.valid_metrics) == ("  r2 " in describe_epoch(record, 1)) == (not constant)


def test_a_target_constant_in_the_validation_rows_leaves_r2_without_a_value(workspace, mlcli):
    x = np.random.default_rng(0).normal(size=80)
    lines = [f"{own:.4f},{own:.4f},train" for own in x[:40]]
    lines += [f"{own:.4f},2.5,{split}" for own, split in zip(x[40:], 20 * ["valid", "test"], strict=True)]
    (workspace / "t.csv").write_text("\n".join(["x,y,part", *lines]) + "\n")
    dataset = "dataset={name: csv, path: t.csv, target: y, split: {by: given, column: part}}"
    trained = mlcli("train", "configs/iris.yaml", "--set", dataset, "--set", "training={epochs: 2}", "--json")
    assert trained.code == 0, trained.err
    document = json.loads(trained.out)
    assert "r2" in document["train"]
    assert "r2" not in document["valid"]
    shown = mlcli("train", "configs/iris.yaml", "--set", dataset, "--set", "training={epochs: 2}")
    assert re.search(r"^ valid .* –\s*$", shown.err + shown.out, re.MULTILINE)
    evaluated = json.loads(mlcli("evaluate", "--json").out)
    assert (
        evaluated["scores"]["r2"] | {"value": None, "reason": "a target has the same value in all rows"}
        == (evaluated["scores"]["r2"])
    )
    assert mlcli("runs").code == 0
