"""What the optimizers are given, beside the trajectories that they take."""

import pytest
from torch import nn

from mlcli.config.sections.config import Config
from mlcli.training.optimizers import penalty


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
