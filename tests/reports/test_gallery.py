from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest

from mlcli.config.sections.training import EvaluationConfig
from mlcli.data.tables.types import Column, Table
from mlcli.evaluation.effects import Effect, Effects, Interaction
from mlcli.evaluation.evaluate import evaluate_predictions
from mlcli.evaluation.importance import Importance, Importances
from mlcli.models.predictions import Predictions
from mlcli.reports import gallery
from mlcli.reports.gallery import EvaluatedModel, draw_gallery
from mlcli.training.state import EpochRecord
from tests.evaluation.examples import class_predictions, classification, number_predictions, regression

X = np.random.default_rng(0).normal(size=(30, 3))


def table(n_inputs, kind="number"):
    columns = tuple(Column(f"x{i}", kind) for i in range(n_inputs))
    values = X[:, :n_inputs] if kind == "number" else X[:, :n_inputs].astype(str)
    return Table(pl.DataFrame({c.name: values[:, i] for i, c in enumerate(columns)}), columns, ())


def class_answers(data):
    positive = 1 / (1 + np.exp(-data.frame.to_numpy().sum(axis=1)))
    return class_predictions(np.column_stack([1 - positive, positive]))


def number_answers(data):
    return number_predictions(data.frame.to_numpy().sum(axis=1))


def subject(task, data, truth, predict, **changes):
    predictions = changes.pop("predictions", None) or predict(data)
    evaluation = evaluate_predictions(task, truth, predictions, EvaluationConfig(), split="test", test_looks=1)
    fields = {"history": [EpochRecord(1, 1, 0.1, 1.0, None, {})], "first_layer": None, **changes}
    return EvaluatedModel(task, data, truth, predictions, evaluation, best_epoch=1, predict=predict, **fields)


CLASSES = (classification(2, output="sigmoid"), X[:, 0] > 0)
CURVES = ["learning_curve", "confusion_matrix", "roc", "precision_recall", "calibration", "thresholds"]


@pytest.mark.parametrize(
    ("n_inputs", "changes", "names"),
    [
        (1, {}, CURVES),
        (2, {}, [*CURVES, "decision_boundary"]),
        (3, {"history": []}, CURVES[1:]),
        (3, {"first_layer": np.ones((2, 4, 4))}, [*CURVES, "first_layer"]),
        (3, {"input_weights": np.ones((3, 1)), "input_names": ("a", "b", "c")}, [*CURVES, "weights"]),
    ],
)
def test_figures_of_classes(n_inputs, changes, names):
    task, truth = CLASSES
    assert list(draw_gallery(subject(task, table(n_inputs), truth.astype(int), class_answers, **changes))) == names


@pytest.mark.parametrize(("n_inputs", "extra"), [(1, ["line_fit"]), (2, ["heat_map"]), (3, [])])
def test_figures_of_numbers(n_inputs, extra):
    gallery = draw_gallery(subject(regression(), table(n_inputs), X[:, :1], number_answers))
    assert list(gallery) == ["learning_curve", "residuals", *extra]


def test_what_training_recorded_is_drawn():
    history = [EpochRecord(epoch, epoch, 0.1 * epoch, 1.0, 1.0, {"rmse": 1.0}) for epoch in (1, 2)]
    gallery = draw_gallery(subject(regression(), table(3), X[:, :1], number_answers, history=history))
    assert list(gallery) == ["learning_curve", "metric_curve", "learning_rate", "residuals"]


def test_importances_and_effects_are_drawn_where_there_are_some():
    model = subject(regression(), table(3), X[:, :1], number_answers)
    some, none = (Importances("rmse", "y1", 30, own) for own in ((Importance(("x0",), 1.0, 0.5, 1.5),), ()))
    one = Effect("x0", "number", "prediction of y1", (0.0, 1.0), (0.0, 1.0), (0.0, 1.0), (0.0, 1.0))
    pair = Interaction(("x0", "x1"), ("number", "number"), one.output, (one.at, one.at), (one.mean, one.mean), 0.5)
    for importances, effects, drawn in (
        (some, Effects(30, (one, one), pair), ["importance", "effect_1", "effect_2", "effect_pair"]),
        (some, Effects(30, (one,), None), ["importance", "effect_1"]),
        (none, Effects(0, (), None, "none"), []),
    ):
        evaluation = replace(model.evaluation, importances=importances, effects=effects)
        assert list(draw_gallery(replace(model, evaluation=evaluation))) == ["learning_curve", "residuals", *drawn]


def test_each_of_several_targets_has_its_residuals():
    predictions = number_predictions(np.repeat(X, 3, axis=1))
    truth = np.repeat(X, 3, axis=1)
    gallery = draw_gallery(subject(regression(9), table(2), truth, number_answers, predictions=predictions))
    assert list(gallery) == ["learning_curve", *(f"residuals_{i}" for i in range(1, 7))]


def test_predictions_that_are_not_finite_leave_the_learning_curve():
    broken = Predictions(np.zeros(30, int), np.full((30, 2), np.nan), np.full((30, 2), np.nan))
    gallery = draw_gallery(subject(CLASSES[0], table(2), CLASSES[1].astype(int), class_answers, predictions=broken))
    assert list(gallery) == ["learning_curve"]


def test_rows_of_many_columns_are_not_read_for_figures_of_two():
    unread = Table(None, tuple(Column(name, "number") for name in "abc"), ())
    assert gallery._of_inputs(SimpleNamespace(data=unread, task=None)) == {}
