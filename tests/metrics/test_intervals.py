"""Resampling and confidence intervals; a 95 % interval contains the true score nineteen times in twenty."""

import numpy as np
import pytest

from mlcli.metrics import intervals
from mlcli.metrics.catalog import CATALOG
from mlcli.metrics.intervals import Resampler, noise_interval, percentile_interval, wilson_interval
from mlcli.metrics.measure import measure
from mlcli.metrics.probabilities import ECE_NOISE
from mlcli.metrics.residuals import ErrorMetrics, error_columns
from mlcli.metrics.sampling import sample_scores
from tests.evaluation.examples import class_predictions, classification, number_predictions, regression, sampled_classes

N_SAMPLES = 120


@pytest.mark.parametrize(
    ("share", "n", "low", "high"),
    [
        # Newcombe (1998), Statistics in Medicine 17, table I, method 3.
        (81 / 263, 263, 0.2553, 0.3662),
        (15 / 148, 148, 0.0624, 0.1605),
        (0 / 20, 20, 0.0, 0.1611),
        (1 / 29, 29, 0.0061, 0.1718),
    ],
)
def test_wilson_interval(share, n, low, high):
    assert wilson_interval(share, n, 0.95) == pytest.approx((low, high), abs=5e-5)


@pytest.mark.parametrize(("n_rows", "n_resamples"), [(500, 500), (200_000, 40)])
def test_rows_are_drawn_with_replacement(n_rows, n_resamples):
    """A row is drawn Poisson(1) times nearly, and a resample's mean has the standard error of the mean."""
    values = np.random.default_rng(0).normal(3, 2, size=n_rows)
    drawn = np.concatenate(list(Resampler(0, n_resamples).counts(np.ones(n_rows, int))))
    assert drawn.shape == (n_resamples, n_rows)
    assert (drawn.sum(axis=1) == n_rows).all()
    assert np.bincount(drawn.ravel())[:4] / drawn.size == pytest.approx([0.368, 0.368, 0.184, 0.061], abs=0.002)
    means, error = drawn @ values / n_rows, values.std() / np.sqrt(n_rows)
    assert means.mean() == pytest.approx(values.mean(), abs=4 * error / np.sqrt(n_resamples))
    assert means.std() == pytest.approx(error, rel=4 / np.sqrt(2 * n_resamples))


def test_cells_are_drawn_as_their_rows_are():
    sizes = np.array([5, 0, 1, 94])
    drawn = np.concatenate(list(Resampler(3, 4000).counts(sizes)))
    assert (drawn.sum(axis=1) == 100).all()
    shares = sizes / 100
    assert drawn.mean(axis=0) == pytest.approx(sizes, abs=0.2)
    assert drawn.std(axis=0) == pytest.approx(np.sqrt(100 * shares * (1 - shares)), rel=0.05)


@pytest.mark.parametrize("sizes", [np.ones(30, int), np.array([3, 5, 9])])
def test_portions_do_not_change_the_draws(monkeypatch, sizes):
    whole = np.concatenate(list(Resampler(7).counts(sizes)))
    monkeypatch.setattr(intervals, "CHUNK", 64)
    assert (np.concatenate(list(Resampler(7).counts(sizes))) == whole).all()


@pytest.mark.parametrize(
    ("draws", "expected"),
    [
        (np.arange(1001) / 1000, (0.025, 0.975)),
        (np.concatenate([np.arange(1001) / 1000, [np.nan] * 1001]), (0.025, 0.975)),
        (np.concatenate([np.arange(1001) / 1000, [np.nan] * 1002]), None),
        (np.ones(100), None),
        (np.full(100, np.nan), None),
    ],
)
def test_percentile_interval(draws, expected):
    found = percentile_interval(draws, 0.95)
    assert found is None if expected is None else found == pytest.approx(expected)


@pytest.mark.parametrize("n_classes", [2, 3, 10])
def test_class_intervals_hold_their_score_and_repeat(n_classes):
    truth, probabilities = sampled_classes(n_classes, 300)
    arguments = (classification(n_classes), truth, class_predictions(probabilities), "auto", 0.95)
    scores = measure(*arguments)
    assert all(s.low < s.value < s.high and s.high - s.low < 0.25 for s in scores if s.name != "ece")
    assert measure(*arguments) == scores
    assert measure(*arguments, seed=1) != scores


def test_number_intervals_match_the_normal_theory():
    rng = np.random.default_rng(3)
    error = rng.normal(size=(2000, 1))
    truth = rng.normal(10, 4, size=(2000, 1))
    scores = {s.name: s for s in measure(regression(), truth, number_predictions(truth + error), "auto", 0.95)}
    half = 1.96 * np.abs(error).std() / np.sqrt(2000)
    assert scores["mae"].low == pytest.approx(scores["mae"].value - half, abs=0.005)
    assert scores["mae"].high == pytest.approx(scores["mae"].value + half, abs=0.005)
    assert scores["rmse"].low == pytest.approx(np.sqrt(scores["mse"].low))
    assert [name for name, score in scores.items() if score.low is None] == ["max_error"]


def test_a_wider_confidence_gives_a_wider_interval():
    truth, probabilities = sampled_classes(2, 100)
    widths = []
    for confidence in (0.5, 0.95):
        scores = measure(classification(2), truth, class_predictions(probabilities), ("accuracy", "f1"), confidence)
        widths.append([score.high - score.low for score in scores])
    assert (np.array(widths[1]) > 1.5 * np.array(widths[0])).all()


def test_perfect_predictions_have_an_interval():
    truth = np.array([0, 1] * 15)
    scores = measure(classification(2), truth, class_predictions(np.eye(2)[truth]), ("accuracy", "f1"), 0.95)
    assert (scores[0].low, scores[0].high) == pytest.approx((0.8865, 1.0), abs=1e-4)
    assert (scores[1].value, scores[1].low) == (1.0, None)


def test_r2_is_undefined_where_a_resample_is_one_row_over_and_over():
    truth = np.random.default_rng(4).normal(100, 3, size=(49, 1))
    family = ErrorMetrics(error_columns(truth, truth + 1, np.array([False])), ["r2"])
    assert np.isnan(family.scores(49 * np.eye(49, dtype=int))["r2"]).all()


def classes(n_rows, seed):
    truth, probabilities = sampled_classes(2, n_rows, seed)
    return classification(2), truth, class_predictions(probabilities)


def numbers(n_rows, seed):
    truth, error = np.random.default_rng(seed).gamma(2, 5, size=(2, n_rows, 1))
    return regression(), truth + 1, number_predictions(truth + 1 + error)


@pytest.mark.parametrize(
    ("sampled", "names", "most"),
    [
        (classes, ("f1", "kappa", "roc_auc", "pr_auc", "log_loss"), 0.99),
        (classes, ("ece",), 1.0),
        (numbers, ("rmse", "median_ae", "mape"), 0.99),
    ],
    ids=["classes", "calibration", "numbers"],
)
def test_coverage(sampled, names, most):
    """Percentiles of few rows fall a little short; the calibration error's interval is wider than it must be."""
    task, truth, predictions = sampled(100_000, N_SAMPLES)
    [endless] = sample_scores(task, truth, [predictions], names)
    held = dict.fromkeys(names, 0)
    for seed in range(N_SAMPLES):
        task, truth, predictions = sampled(150, seed)
        [sample] = sample_scores(task, truth, [predictions], names, Resampler(seed, 200))
        for name in names:
            value, draws = sample.values[name], sample.draws
            is_noise = CATALOG[name].interval == "noise"
            low, high = (
                noise_interval(value, draws[ECE_NOISE], 0.95) if is_noise else percentile_interval(draws[name], 0.95)
            )
            held[name] += low <= endless.values[name] <= high
    assert all(0.88 <= count / N_SAMPLES <= most for count in held.values()), held
