"""Targets to numbers and outputs to answers."""

import json

import numpy as np
import polars as pl
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import mean_pinball_loss

from mlcli.config.sections.model import (
    AutoLoss,
    CrossEntropyLoss,
    MarginLoss,
    MlpConfig,
    PoissonLoss,
    QuantileLoss,
    RegressionLoss,
)
from mlcli.data.tables.types import Column, Images, Table
from mlcli.errors import ArtefactError, ConfigError, DataError
from mlcli.models.fit_task import fit_task
from mlcli.models.predictions import why_unmeasurable
from mlcli.models.task import Classification, Regression, task_from_json, task_to_json

MLP, AUTO = MlpConfig(), AutoLoss()
POISSON = PoissonLoss(name="poisson")


def classes_table(labels):
    return Table(pl.DataFrame({"y": labels}), (), (Column("y", "category"),))


def numbers_table(**targets):
    return Table(pl.DataFrame(targets), (), tuple(Column(name, "number") for name in targets))


def test_regression_standardises_and_returns_to_units():
    table = numbers_table(a=[1.0, 2.0, 6.0], b=[10.0, 10.0, 10.0])
    task = fit_task(table, "regression", MLP, AUTO)
    assert task.mean == (3.0, 10.0)
    assert task.std == (pytest.approx(np.sqrt(14 / 3)), 1.0)  # a constant target is left in its unit
    encoded = task.encode(table)
    assert encoded.dtype == np.float32
    np.testing.assert_allclose(encoded.mean(axis=0), [0, 0], atol=1e-6)
    np.testing.assert_allclose(task.decode(encoded).values, task.truth(table), rtol=1e-6)


@pytest.mark.parametrize("loss", [AUTO, QuantileLoss(name="quantile", q=0.5)])
@pytest.mark.parametrize("unit", [1e300, 1e-200])  # squares are beyond the numbers of 64 bits
def test_targets_whose_squares_overflow_are_refused(unit, loss):
    with pytest.raises(DataError, match="column 'b': the training rows' numbers are too large or too small"):
        fit_task(numbers_table(a=[1.0, 2.0, 3.0], b=[unit, -2 * unit, 3 * unit]), "regression", MLP, loss)


@pytest.mark.parametrize("q", [0.01, 0.3, 0.5, 0.9, 0.99])
def test_the_constant_of_a_quantile_has_the_lowest_pinball_loss(q):
    rng = np.random.default_rng(1)
    table = numbers_table(a=rng.exponential(size=40).tolist(), b=np.round(rng.normal(size=40), 1).tolist())
    task = fit_task(table, "regression", MLP, QuantileLoss(name="quantile", q=q))
    assert (task.q, task.measured_as) == (q, "quantile")
    for truth, constant in zip(task.truth(table).T, task.best_constant, strict=True):
        losses = [mean_pinball_loss(truth, np.full(40, other), alpha=q) for other in (*truth, constant)]
        assert losses[-1] == pytest.approx(min(losses), rel=1e-12)


def test_counts_are_divided_by_their_mean_and_come_back_by_exp():
    table = numbers_table(a=[0.0, 2.0, 4.0], b=[300.0, 0.0, 0.0])
    task = fit_task(table, "regression", MLP, POISSON)
    assert (task.mean, task.std, task.output, task.measured_as) == ((0.0, 0.0), (2.0, 100.0), "exp", "counts")
    np.testing.assert_allclose(task.encode(table), [[0, 3], [1, 0], [2, 0]])
    decoded = task.decode(torch.tensor([[0.0, 0.0], [1.0, -1.0]]))
    np.testing.assert_allclose(decoded.values, [[2, 100], [2 * np.e, 100 / np.e]])
    np.testing.assert_allclose(task.outputs_of(decoded.values), decoded.scores, atol=1e-6)
    assert task.best_constant.tolist() == [2.0, 100.0]
    assert task_from_json(json.loads(json.dumps(task_to_json(task))), "task") == task


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            [1.0, -2.0, -0.5],
            "column 'n': loss poisson is for counts, 0 or more; 2 of 3 rows are negative, the lowest is -2",
        ),
        ([0.0, 0.0], "column 'n': all 2 training rows are 0; loss poisson needs a count"),
    ],
)
def test_what_cannot_be_counts_is_refused(values, message):
    with pytest.raises(DataError, match=message):
        fit_task(numbers_table(n=values), "regression", MLP, POISSON)


def test_negative_counts_of_other_rows_are_refused_too():
    task = fit_task(numbers_table(n=[1.0, 2.0]), "regression", MLP, POISSON)
    with pytest.raises(DataError, match="1 of 1 rows are negative, the lowest is -3"):
        task.encode(numbers_table(n=[-3.0]))


def test_a_count_beyond_float64_is_not_measured():
    task = fit_task(numbers_table(n=[1.0, 2.0]), "regression", MLP, POISSON)
    decoded = task.decode(torch.tensor([[800.0], [0.0]]))
    assert why_unmeasurable(decoded) == "1 of 2 predictions are not finite numbers"


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (["b", "a", "b"], ("a", "b")),
        (["10", "9", "9"], ("9", "10")),
        (["-1", "1"], ("-1", "1")),
        (["x", "2", "10"], ("2", "10", "x")),
    ],
)
def test_classes_are_ordered_as_numbers_then_as_text(labels, expected):
    assert fit_task(classes_table(labels), "classification", MLP, AUTO).classes == expected


def test_the_positive_class_is_the_second():
    task = fit_task(classes_table(["yes", "no", "no"]), "classification", MLP, AUTO, positive="no")
    assert task.classes == ("yes", "no")
    assert task.counts == (1, 2)
    assert task.truth(classes_table(["no", "yes"])).tolist() == [1, 0]


@pytest.mark.parametrize(
    ("n_classes", "model", "loss", "output", "has_probabilities", "n_outputs"),
    [
        (2, MLP, AUTO, "sigmoid", True, 1),
        (3, MLP, AUTO, "softmax", True, 3),
        (2, MlpConfig(output="softmax"), AUTO, "softmax", True, 2),
        (2, MLP, CrossEntropyLoss(name="cross_entropy"), "softmax", True, 2),
        (2, MLP, CrossEntropyLoss(name="bce"), "sigmoid", True, 1),
        (2, MlpConfig(output="step"), AUTO, "step", False, 1),
        (2, MLP, MarginLoss(name="hinge"), "step", False, 1),
    ],
)
def test_the_target_fixes_the_output_layer(n_classes, model, loss, output, has_probabilities, n_outputs):
    task = fit_task(classes_table([f"c{i}" for i in range(n_classes)]), "classification", model, loss)
    assert (task.output, task.has_probabilities, task.n_outputs) == (output, has_probabilities, n_outputs)


@pytest.mark.parametrize(
    ("labels", "kind", "model", "loss", "says"),
    [
        (["a", "b", "c"], "classification", MLP, CrossEntropyLoss(name="bce"), "bce is for two classes"),
        (["a", "b", "c"], "classification", MlpConfig(output="sigmoid"), AUTO, "sigmoid is for two classes"),
        (["a", "b"], "classification", MLP, RegressionLoss(name="mse"), "mse is for regression"),
        ([1.0, 2.0], "regression", MLP, MarginLoss(name="hinge"), "hinge is for classification"),
        ([1.0, 2.0], "regression", MlpConfig(output="softmax"), AUTO, "softmax is for classification"),
    ],
)
def test_what_does_not_fit_the_target_is_refused(labels, kind, model, loss, says):
    table = classes_table(labels) if kind == "classification" else numbers_table(y=labels)
    with pytest.raises(ConfigError, match=says):
        fit_task(table, kind, model, loss)


def test_one_class_is_refused():
    with pytest.raises(DataError, match="only one class"):
        fit_task(classes_table(["a", "a"]), "classification", MLP, AUTO)


def test_a_class_unknown_to_training_is_refused():
    task = fit_task(classes_table(["a", "b"]), "classification", MLP, AUTO)
    with pytest.raises(DataError, match="class 'z' does not occur"):
        task.truth(classes_table(["a", "z"]))


def test_decode_agrees_with_the_formulas():
    z = torch.tensor([[2.0], [-1.0], [0.0]])
    task = fit_task(classes_table(["a", "b"]), "classification", MLP, AUTO)
    answers = task.decode(z)
    np.testing.assert_allclose(answers.probabilities[:, 1], 1 / (1 + np.exp(-z[:, 0].numpy())))
    assert answers.values.tolist() == [1, 0, 1]
    assert task.with_threshold(0.9).decode(z).values.tolist() == [0, 0, 0]

    z = torch.tensor([[1.0, 2.0, 3.0], [5.0, 0.0, 0.0]])
    answers = fit_task(classes_table(["a", "b", "c"]), "classification", MLP, AUTO).decode(z)
    expected = np.exp(z.numpy()) / np.exp(z.numpy()).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(answers.probabilities, expected, rtol=1e-6)
    assert answers.values.tolist() == [2, 0]


def test_a_step_output_has_no_probabilities():
    task = fit_task(classes_table(["a", "b"]), "classification", MlpConfig(output="step"), AUTO)
    answers = task.decode(torch.tensor([[0.1], [-0.1]]))
    assert answers.probabilities is None
    assert answers.values.tolist() == [1, 0]


def test_images_use_their_class_names():
    images = Images(np.zeros((3, 2, 2), np.uint8), np.array([0, 1, 1]), ("cat", "dog"))
    task = fit_task(images, "classification", MLP, AUTO, positive="cat")
    assert task.classes == ("dog", "cat")
    assert task.truth(images).tolist() == [1, 0, 0]
    assert task.encode(images).tolist() == [[1.0], [0.0], [0.0]]


@pytest.mark.parametrize(
    "task",
    [
        Regression(("a", "b"), (1.5, 0.1), (2.0, 1e-17)),
        Classification("y", ("a", "b"), (3, 4), "sigmoid", True, 0.123456789),
    ],
)
def test_json_round_trip(task):
    assert task_from_json(json.loads(json.dumps(task_to_json(task))), "here") == task


@pytest.mark.parametrize("value", [None, [], {}, {"kind": "regression"}, {"kind": "classification", "classes": 3}])
def test_json_that_is_no_task_is_refused(value):
    with pytest.raises(ArtefactError, match="here"):
        task_from_json(value, "here")


@pytest.mark.parametrize("counts", [(60, 40), (60, 30, 10)])
def test_corrected_probabilities_are_divided_by_the_weights(counts):
    labels = np.repeat(list("abc")[: len(counts)], counts).tolist()
    loss = AutoLoss(class_weights="balanced")
    plain = fit_task(classes_table(labels), "classification", MLP, AUTO)
    task = fit_task(classes_table(labels), "classification", MLP, loss)
    outputs = torch.randn((50, task.n_outputs), generator=torch.Generator().manual_seed(0))
    before, after = plain.decode(outputs), task.decode(outputs)
    expected = before.probabilities * np.array(counts)  # balanced weights are as 1 / n_class
    expected /= expected.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(after.probabilities, expected, rtol=1e-12)
    # The weights still decide: classes are those of the probabilities before they are corrected.
    np.testing.assert_array_equal(after.values, before.values)
    assert (after.values != expected.argmax(axis=1)).any()
    np.testing.assert_array_equal(task.predicted_classes(outputs), after.values)
    assert task_from_json(json.loads(json.dumps(task_to_json(task))), "t") == task


def test_a_weighted_logistic_regression_corrected_is_the_unweighted_one():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(20_000, 2))
    y = rng.random(len(x)) < 1 / (1 + np.exp(3 - x @ [1.0, -0.5]))
    weighted, unweighted = (
        LogisticRegression(C=1e6, class_weight=own).fit(x, y) for own in ({False: 1.0, True: 20.0}, None)
    )
    loss = AutoLoss(class_weights={"True": 20.0})
    task = fit_task(classes_table(list(map(str, y))), "classification", MLP, loss)
    corrected = task.decode(torch.from_numpy(weighted.decision_function(x)[:, None])).probabilities[:, 1]
    assert weighted.predict_proba(x)[:, 1].mean() > 5 * y.mean()
    assert corrected.mean() == pytest.approx(y.mean(), rel=0.02)
    np.testing.assert_allclose(corrected, unweighted.predict_proba(x)[:, 1], atol=0.02)
    assert task.threshold == pytest.approx(1 / 21)
