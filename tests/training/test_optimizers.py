"""Penalties beside the trajectories, and learning-rate factors against their formulas."""

import math

import pytest
from torch import nn

from mlcli.config.sections.config import Config
from mlcli.config.sections.model import (
    ConstantSchedule,
    CosineSchedule,
    ExponentialSchedule,
    InverseSqrtSchedule,
    OneCycleSchedule,
    PlateauSchedule,
    StepSchedule,
)
from mlcli.training.optimizers import lr_factor, penalty
from mlcli.training.state import EpochRecord


@pytest.mark.parametrize(
    ("optimizer", "expected"),
    [
        ({"name": "lbfgs"}, None),
        ({"name": "lbfgs", "l1": 0.5}, 0.5 * (4 * 2 + 2 * 3)),
        ({"name": "lbfgs", "l2": 3.0}, 1.5 * (4 * 4 + 2 * 9)),
        ({"name": "lbfgs", "l1": 0.5, "l2": 3.0}, 0.5 * 14 + 1.5 * 34),
        ({"name": "adam", "l2": 3.0}, None),  # its weight decay
        ({"name": "adam", "l1": 0.5, "l2": 3.0}, 0.5 * 14),
    ],
)
def test_penalty_sums_over_weights_and_leaves_out_biases(optimizer, expected):
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 1))
    for layer, weight in zip(model, (-2.0, 3.0), strict=True):
        nn.init.constant_(layer.weight, weight)
        nn.init.constant_(layer.bias, 100.0)
    config = Config.model_validate({"name": "x", "dataset": {"name": "iris"}, "optimizer": optimizer})
    found = penalty(config.optimizer, model)
    assert found is None if expected is None else found.item() == pytest.approx(expected)


def factor(config, step, total=101, per_epoch=10, history=()):
    return lr_factor(config, step, per_epoch, total, history)


@pytest.mark.parametrize(
    ("config", "step", "expected"),
    [
        (ConstantSchedule(), 77, 1.0),
        (ConstantSchedule(warmup=0.5), 9, 10 / 50.5),
        (ConstantSchedule(warmup=0.5), 90, 1.0),
        (StepSchedule(name="step", every=2, factor=0.1), 19, 1.0),
        (StepSchedule(name="step", every=2, factor=0.1), 20, 0.1),
        (StepSchedule(name="step", every=2, factor=0.1), 40, 0.01),
        (ExponentialSchedule(name="exponential", factor=0.5), 5, math.sqrt(0.5)),
        (CosineSchedule(name="cosine"), 0, 1.0),
        (CosineSchedule(name="cosine"), 50, 0.5),
        (CosineSchedule(name="cosine", end=0.1), 100, 0.1),
        (OneCycleSchedule(name="one_cycle", peak=0.5), 0, 1 / 25),
        (OneCycleSchedule(name="one_cycle", peak=0.5), 50, 1.0),
        (OneCycleSchedule(name="one_cycle", peak=0.5), 100, 1e-5),
        (InverseSqrtSchedule(name="inverse_sqrt", after=4), 3, 1.0),
        (InverseSqrtSchedule(name="inverse_sqrt", after=4), 15, 0.5),
    ],
)
def test_factor(config, step, expected):
    assert factor(config, step) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("losses", "drops"),
    [([3, 2, 1], 0), ([1, 2], 0), ([1, 2, 2], 1), ([1, 2, 2, 2, 2], 2), ([1, 2, 0.5, 2], 0), ([1, 2, 2, 0.5, 2, 2], 2)],
)
def test_plateau_drops_after_patience_epochs_without_a_new_lowest(losses, drops):
    history = [EpochRecord(i, i, 0.1, 9.0, float(loss), {}) for i, loss in enumerate(losses, start=1)]
    config = PlateauSchedule(name="plateau", factor=0.5, patience=2)
    assert factor(config, 0, history=history) == 0.5**drops


@pytest.mark.parametrize(
    ("scores", "drops"),
    [([0.1, 0.2, 0.3], 0), ([0.2, 0.1, 0.1], 1), ([None, None, 0.3], 1), ([0.2, None, 0.3], 0), ([0.2, None, None], 1)],
)
def test_plateau_watches_a_metric_that_can_be_undefined(scores, drops):
    history = [
        EpochRecord(i, i, 0.1, 9.0, float(-i), {} if score is None else {"f1": score})
        for i, score in enumerate(scores, start=1)
    ]
    config = PlateauSchedule(name="plateau", factor=0.5, patience=2, metric="f1")
    assert factor(config, 0, history=history) == 0.5**drops
