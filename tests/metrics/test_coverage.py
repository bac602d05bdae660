"""A 95 % interval holds the score of endlessly many rows nineteen times in twenty."""

import numpy as np
import pytest

from mlcli.metrics.catalog import CATALOG
from mlcli.metrics.intervals import Resampler, noise_interval, percentile_interval
from mlcli.metrics.measure import sample_scores
from mlcli.metrics.probabilities import ECE_NOISE
from tests.evaluation.examples import class_predictions, classification, number_predictions, regression, sampled_classes

N_SAMPLES = 120


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
