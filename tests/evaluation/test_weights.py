"""What is chosen, fitted and kept by rows with weights, as by rows that are there several times."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeRegressor

from mlcli.config.sections.model import AutoLoss
from mlcli.diagnosis.experiment import measure_chance, skill_of
from mlcli.errors import DataError
from mlcli.evaluation.baselines import constant_baseline
from mlcli.evaluation.calibration import find_temperature
from mlcli.evaluation.estimators import fit_estimator, outputs_of
from mlcli.evaluation.threshold import choose_threshold
from mlcli.evaluation.training_sample import TrainingSample
from mlcli.metrics.weighting import describe_weighting
from mlcli.runs.predictions import SavedPredictions, _why_not_comparable, load_predictions, save_predictions
from mlcli.training.losses import build_loss
from tests.evaluation.examples import class_predictions, classification, number_predictions, regression, sampled_classes

TIMES = np.random.default_rng(0).integers(4, size=90)
PLACES = np.repeat(np.arange(90), TIMES)
TRUTH, PROBABILITIES = sampled_classes(2, 90)


@pytest.mark.parametrize("rule", ["f1", "balanced_accuracy", "recall=0.8", "precision=0.7", "cost=fp:1,fn:5"])
def test_a_threshold_is_that_of_repeated_rows(rule):
    positive = np.round(PROBABILITIES[:, 1], 2)
    repeated = choose_threshold(TRUTH[PLACES], positive[PLACES], rule)
    assert choose_threshold(TRUTH, positive, rule, weights=TIMES * 0.25) == pytest.approx(repeated)


def test_no_threshold_is_as_precise_as_weights_would_need():
    with pytest.raises(DataError, match=r"the highest precision is 0\.2$"):
        choose_threshold(np.array([0, 1]), np.array([0.5, 0.5]), "precision=0.5", weights=np.array([0.4, 0.1]))


def test_a_temperature_is_that_of_repeated_rows():
    logits = np.log(PROBABILITIES) * 3
    expected = find_temperature(logits[PLACES], TRUTH[PLACES])
    assert find_temperature(logits, TRUTH, TIMES * 7.0) == pytest.approx(expected)


def test_chance_and_skill_are_those_of_repeated_rows():
    sums = tuple(np.bincount(TRUTH, TIMES).tolist())
    task = replace(classification(2), output="sigmoid", weight_sums=sums)
    counted = replace(task, counts=tuple(map(int, sums)), weight_sums=())
    y, loss = torch.from_numpy(TRUTH[:, None]).float(), build_loss(AutoLoss(name="auto"), task, torch.device("cpu"))
    weighted = measure_chance(loss, task, y, torch.from_numpy(TIMES / TIMES.mean()))
    repeated = measure_chance(loss, counted, y[torch.from_numpy(PLACES)])
    assert (weighted.uniform_loss, weighted.prior_loss) == pytest.approx((repeated.uniform_loss, repeated.prior_loss))
    certain = np.eye(2)[TRUTH]
    assert skill_of(certain, PROBABILITIES, TIMES * 2.0) == pytest.approx(
        skill_of(certain[PLACES], PROBABILITIES[PLACES])
    )
    assert constant_baseline(task, 1).predictions.probabilities[0] == pytest.approx(np.array(sums) / sum(sums))
    shares = describe_weighting(
        task,
        AutoLoss(name="auto", class_weights="balanced"),
        lambda: class_predictions(PROBABILITIES).mean_probabilities(TIMES),
        TRUTH,
        TIMES * 1.0,
    )
    most = int(np.argmax(np.average(PROBABILITIES, axis=0, weights=TIMES) - np.array(sums) / sum(sums)))
    assert f"its share of these rows is {sums[most] / sum(sums):.3g}" in shares


def test_baselines_are_scikit_learns_with_sample_weight():
    x, weights = np.random.default_rng(1).normal(size=(90, 2)) * 9, TIMES / TIMES.mean()
    sample = TrainingSample(x, TRUTH, 90, weights=weights)
    fitted, text = fit_estimator("logistic", classification(2), sample, 90, 0)
    logistic = make_pipeline(StandardScaler(), LogisticRegression(max_iter=500))
    own = {"standardscaler__sample_weight": weights, "logisticregression__sample_weight": weights}
    expected = logistic.fit(x, TRUTH, **own).predict_proba(x)
    np.testing.assert_allclose(outputs_of(fitted, classification(2), x), expected, rtol=1e-6)
    numbers = replace(sample, y=x[:, :1] ** 2)
    fitted, _ = fit_estimator("tree", regression(), numbers, 90, 0)
    expected = DecisionTreeRegressor(min_samples_leaf=5, random_state=0).fit(x, numbers.y[:, 0], weights).predict(x)
    np.testing.assert_allclose(fitted.predict(x), expected)
    assert "count alike" not in text
    assert "count alike" in fit_estimator("knn", regression(), numbers, 90, 0)[1]


def test_saved_predictions_keep_weights_and_are_not_compared_by_others(tmp_path):
    predictions, truth = number_predictions(np.arange(3.0)), np.zeros((3, 1))
    saved = SavedPredictions("test", "rows", regression(), truth, predictions, None, np.array([0.1, 2.0, 0.9]))
    save_predictions(tmp_path, saved)
    again = load_predictions(tmp_path)
    np.testing.assert_array_equal(again.weights, saved.weights)
    assert again.groups is None
    assert _why_not_comparable(saved, again) is None
    for other in (None, np.ones(3)):
        assert "weighed differently" in _why_not_comparable(saved, replace(saved, weights=other))
