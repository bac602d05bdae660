import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from mlcli.config.sections.training import EvaluationConfig
from mlcli.errors import ConfigError, UsageError
from mlcli.evaluation.baselines import Baseline, constant_baseline
from mlcli.evaluation.evaluate import evaluate_predictions, find_misses, parse_bounds
from mlcli.metrics.measure import measure
from mlcli.models.coefficients import WeightsTable
from tests.evaluation.examples import class_predictions, classification, number_predictions, regression, three_classes


def test_majority_answers_the_most_frequent_training_class_with_the_training_shares():
    baseline = constant_baseline(classification(3, (2, 5, 3)), 4)
    assert baseline.predictions.values.tolist() == [1] * 4
    assert baseline.predictions.probabilities.tolist() == [[0.2, 0.5, 0.3]] * 4
    assert "'b'" in baseline.text


def test_mean_answers_the_training_mean():
    baseline = constant_baseline(regression(2), 3)
    assert baseline.predictions.values.tolist() == [[2.0, 2.0]] * 3


def test_baselines_are_measured_on_the_same_rows_with_the_same_metrics():
    truth = np.array([[1.0], [5.0]])
    evaluation = evaluate_predictions(
        regression(),
        truth,
        number_predictions(truth),
        EvaluationConfig(),
        split="valid",
        test_looks=0,
        baselines=[constant_baseline(regression(), 2)],
    )
    [baseline] = evaluation.baselines
    names = [score.name for score in evaluation.scores]
    assert [score.name for score in baseline.scores] == [own.name for own in baseline.differences] == names
    assert {score.name: score.value for score in baseline.scores}["mae"] == 2.0
    assert {own.name: own.value for own in baseline.differences}["mae"] == -2.0


def test_each_baseline_is_judged_on_the_same_rows():
    truth = np.repeat([0, 1], 50)
    right, chance = np.eye(2)[truth], np.eye(2)[np.tile([0, 1], 50)]
    noted = [Baseline("knn", "", class_predictions(chance)), Baseline("tree", "", class_predictions(right))]
    evaluation = evaluate_predictions(
        classification(2),
        truth,
        class_predictions(right),
        EvaluationConfig(),
        split="test",
        test_looks=1,
        baselines=noted,
    )
    assert [own.differences[evaluation.headline].verdict for own in evaluation.baselines] == ["better", "no difference"]
    knn = evaluation.to_json()["baselines"]["knn"]["differences"]["accuracy"]
    assert knn["value"] == 0.5
    assert 0 < knn["low"] < 0.5 < knn["high"]
    assert knn["verdict"] == "better"


def test_an_empty_class_in_training_has_a_finite_baseline_loss():
    evaluation = evaluate_predictions(
        classification(2, (4, 0)),
        np.array([1]),
        class_predictions([[0.5, 0.5]]),
        EvaluationConfig(metrics=("log_loss",)),
        split="test",
        test_looks=1,
        baselines=[constant_baseline(classification(2, (4, 0)), 1)],
    )
    assert evaluation.baselines[0].scores[0].value == pytest.approx(36.04, abs=0.01)


def test_evaluation_is_json():
    task, truth, predictions = three_classes()
    weights = WeightsTable(("x",), ("a", "b", "c"), ((1.0, 2.0, 3.0),), (0.0, 0.0, 0.0), "per unit")
    facts = {"split": "test", "test_looks": 2, "stand_in_for": "mnist", "weights": weights}
    facts["baselines"] = [constant_baseline(task, 60)]
    evaluation = evaluate_predictions(task, truth, predictions, EvaluationConfig(), **facts)
    document = json.loads(json.dumps(evaluation.to_json(), allow_nan=False))
    accuracy = document["scores"]["accuracy"]
    assert accuracy["value"] == pytest.approx((truth == predictions.values).mean())
    assert accuracy["low"] < accuracy["value"] < accuracy["high"]
    majority = document["baselines"]["majority"]
    assert majority["scores"]["accuracy"]["value"] == pytest.approx((truth == 0).mean())
    assert majority["scores"]["mcc"] | {"value": None} == majority["scores"]["mcc"]
    assert majority["differences"]["mcc"] == {"value": None, "low": None, "high": None, "verdict": "undefined"}
    assert np.array(document["confusion"]).sum() == document["n_rows"] == 60
    assert [row["name"] for row in document["per_class"]] == document["classes"] == ["a", "b", "c"]
    assert (document["split"], document["test_looks"], document["stand_in_for"]) == ("test", 2, "mnist")
    assert document["weights"]["weights"] == [[1.0, 2.0, 3.0]]
    assert document["threshold"] is None


def test_threshold_is_told_for_two_classes_with_probabilities():
    def threshold(**changes):
        task = classification(2, threshold=0.3, **changes)
        predictions = class_predictions([[0.5, 0.5]])
        return evaluate_predictions(
            task, np.array([0]), predictions, EvaluationConfig(), split="test", test_looks=1
        ).threshold

    assert threshold(output="sigmoid") == 0.3
    assert threshold(output="step", has_probabilities=False) is None


def test_too_many_classes_have_no_confusion_matrix():
    names = tuple(map(str, range(201)))
    task = classification(2).__class__("y", names, (1,) * 201, "softmax", True)
    truth = np.arange(201)
    config = EvaluationConfig(metrics=("accuracy",))
    evaluation = evaluate_predictions(task, truth, class_predictions(np.eye(201)), config, split="test", test_looks=1)
    assert evaluation.confusion is None
    assert evaluation.to_json()["confusion"] is None
    assert len(evaluation.per_class) == 201


def test_chosen_metrics_are_checked_against_the_task():
    with pytest.raises(ConfigError, match="'rmse' does not suit classification"):
        evaluate_predictions(*three_classes(), EvaluationConfig(metrics=("rmse",)), split="test", test_looks=1)


@pytest.fixture
def bounded():
    """accuracy 0.75, log_loss about 0.59, roc_auc undefined: all rows but one are right, and all are 'b'."""
    predictions = class_predictions([[0.2, 0.8]] * 3 + [[0.8, 0.2]])
    task = classification(2, (1, 3))

    def misses(texts):
        bounds = parse_bounds(task, texts)
        return find_misses(bounds, measure(task, np.ones(4, int), predictions, [metric for metric, _ in bounds]))

    return misses


@pytest.mark.parametrize(
    ("bounds", "missed"),
    [
        (["accuracy=0.75"], []),
        ([" accuracy = 0.7 "], []),
        (["accuracy=0.76"], ["accuracy is 0.75, but must be at least 0.76"]),
        (["log_loss=0.6", "accuracy=1e-1"], []),
        (["log_loss=0.5"], ["log_loss is 0.569717, but must be at most 0.5"]),
        (["roc_auc=0.1"], ["roc_auc is undefined (the rows contain a single class), but must be at least 0.1"]),
        (["recall_macro=0.9", "f1_macro=0.1"], ["recall_macro is 0.75"]),  # "auto" does not report these
        (["accuracy=0.9", "log_loss=0.1", "recall=0.5"], ["accuracy is 0.75", "log_loss is 0.569717"]),
        ([], []),
    ],
)
def test_bounds(bounded, bounds, missed):
    found = bounded(bounds)
    assert len(found) == len(missed)
    assert all(text.startswith(start) for text, start in zip(found, missed, strict=True))


@pytest.mark.parametrize(
    ("bound", "missed"),
    [
        ("coverage=0.5", []),
        ("coverage=1", []),
        ("coverage=0.6", ["coverage is 0.5, but must be from 0.6 to 0.9"]),
        ("coverage=0.9", ["coverage is 0.5, but must be from 0.6 to 0.9"]),
    ],
)
def test_a_bound_of_coverage_is_the_largest_distance_from_the_quantile(bound, missed):
    task = replace(regression(), q=0.75, constant=(0.0,))
    scores = measure(task, np.array([[1.0], [3.0]]), number_predictions([2.0, 2.0]), "auto")
    assert find_misses(parse_bounds(task, [bound]), scores) == tuple(missed)


def test_each_of_several_targets_has_its_scores_in_the_document():
    truth = np.array([[1.0, 5.0], [2.0, 5.0], [3.0, 5.0]])
    guess = number_predictions(truth + np.array([0.5, 1.0]))
    evaluation = evaluate_predictions(regression(2), truth, guess, EvaluationConfig(), split="test", test_looks=1)
    targets = json.loads(json.dumps(evaluation.to_json(), allow_nan=False))["targets"]
    assert {name: scores["mae"]["value"] for name, scores in targets.items()} == {"y1": 0.5, "y2": 1.0}
    assert targets["y1"]["r2"]["value"] == pytest.approx(1 - 0.25 / (2 / 3))
    assert (targets["y2"]["r2"]["value"], targets["y2"]["r2"]["reason"]) == (
        None,
        "a target has the same value in all rows",
    )


@pytest.mark.parametrize(
    ("bound", "message"),
    [
        ("accuracy", "expected METRIC=VALUE"),
        ("accuracy=", "'' is not a number"),
        ("accuracy=high", "'high' is not a number"),
        ("accuracy=nan", "'nan' is not a number"),
        (
            "acuracy=0.9",
            "'acuracy' is not a metric of this task; did you mean 'accuracy'? choose from accuracy, balanced",
        ),
        ("rmse=3", "'rmse' is not a metric of this task"),
    ],
)
def test_bounds_that_are_not_understood(bounded, bound, message):
    with pytest.raises(UsageError) as caught:
        bounded([bound])
    assert message in str(caught.value)
    assert bound in str(caught.value)


def test_nothing_heavy_is_imported_before_it_is_needed():
    code = """if True:
        import sys
        import mlcli.use_cases.evaluate
        print({"sklearn", "matplotlib", "jinja2", "scipy"} & set(sys.modules))
    """
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
