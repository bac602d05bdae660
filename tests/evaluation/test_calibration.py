import numpy as np
import pytest
import torch
from scipy.optimize import minimize_scalar
from scipy.special import log_expit, log_softmax

from mlcli.config.sections.config import Config
from mlcli.data.tables.types import Images
from mlcli.evaluation.calibration import calibrate, find_temperature
from tests.evaluation.examples import classification


def draw(n_classes, sharpness, n=500, seed=0):
    """Truth, and logits that are too bold by a factor: float64 (n, K), or (n, 1) for two classes."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(n, n_classes if n_classes > 2 else 1)) * 2
    wide = logits if n_classes > 2 else np.hstack([np.zeros((n, 1)), logits])
    shares = np.exp(log_softmax(wide, axis=1))
    truth = (shares.cumsum(axis=1) < rng.random(n)[:, None]).sum(axis=1)
    return truth, logits * sharpness


def log_loss(logits, truth):
    if logits.shape[1] == 1:
        return -log_expit(np.where(truth == 1, logits[:, 0], -logits[:, 0])).mean()
    return -log_softmax(logits, axis=1)[np.arange(len(truth)), truth].mean()


@pytest.mark.parametrize("sharpness", [0.3, 1.0, 4.0])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_the_temperature_is_that_of_scipy(n_classes, sharpness):
    truth, logits = draw(n_classes, sharpness)
    best = minimize_scalar(lambda t: log_loss(logits / t, truth), bounds=(0.05, 20), method="bounded")
    assert find_temperature(logits, truth) == pytest.approx(best.x, rel=1e-3)


def calibrated(n_classes, sharpness, n=500, classes_weights=False, **evaluation):
    truth, logits = draw(n_classes, sharpness, n)
    task = classification(n_classes, output="softmax" if n_classes > 2 else "sigmoid")
    y = torch.tensor(truth) if n_classes > 2 else torch.tensor(truth).float()[:, None]
    rows = Images(np.zeros((n, 1, 1), np.uint8), None, ())
    loss = {"name": "auto", "class_weights": "balanced" if classes_weights else "none"}
    dataset = {"name": "csv", "path": "t.csv", "target": "y"}
    config = Config.model_validate({"name": "x", "dataset": dataset, "loss": loss, "evaluation": evaluation})
    return truth, torch.tensor(logits), *calibrate(task, config, lambda: torch.tensor(logits), y, rows)


@pytest.mark.parametrize(
    ("sharpness", "n", "weights", "evaluation", "is_used"),
    [
        (4.0, 500, False, {}, True),
        (1.0, 500, False, {}, False),
        (4.0, 8, False, {}, False),
        (4.0, 500, True, {}, False),
        (4.0, 500, False, {"calibration": "none"}, False),
        (1.0, 500, False, {"calibration": "temperature"}, True),
    ],
)
@pytest.mark.parametrize("n_classes", [2, 3])
def test_a_temperature_is_used_where_it_clearly_helps_or_is_asked_for(
    n_classes, sharpness, n, weights, evaluation, is_used
):
    truth, outputs, task, kept = calibrated(n_classes, sharpness, n, weights, **evaluation)
    assert (task.temperature != 1) == is_used
    assert len(kept.truth) == n
    if not is_used:
        return
    found, temperature = task.decode(outputs), find_temperature(outputs.numpy(), truth)
    pure = np.exp(log_softmax(np.hstack([outputs * 0, outputs]) / temperature, axis=1)) if n_classes == 2 else None
    if pure is not None:
        assert found.probabilities == pytest.approx(pure * n / (n + 1) + 0.5 / (n + 1))
    assert found.probabilities.sum(axis=1) == pytest.approx(1)
    assert (found.values == found.probabilities.argmax(axis=1)).all()


def test_the_threshold_is_chosen_on_the_scaled_probabilities():
    truth, outputs, task, kept = calibrated(2, 4.0, threshold="recall=0.9")
    positive = task.decode(outputs).probabilities[:, 1]
    assert np.sort(kept.scores[:, 0]) == pytest.approx(np.sort(positive), abs=0)
    recall = (positive[truth == 1] >= task.threshold).mean()
    assert 0.9 <= recall <= 0.91
