"""What the loss curve shows, where the range test or a forest gives it a meaning."""

from dataclasses import replace

import numpy as np
import pytest

from mlcli.diagnosis.curve_rules import is_falling
from mlcli.diagnosis.range_test import RateRange
from tests.diagnosis.evidence import BLIND, LEARNED, NETWORK, names, probed

SLOW = [1.1, 0.95, 0.92, 0.89, 0.86]


@pytest.mark.parametrize(
    "losses",
    [[5, 4, 3, 2, 1], [1, 2, 3, 4, 5], [1, 1, 1, 1], [9, 9, 1, 2, 1, 2, 1], [9, 5, 4.1, 3, 2.2, 1.1, 0.3],
     [3, 2, 1.9, 1.8, 1.9, 1.7, 1.6]],
)  # fmt: skip
def test_a_loss_falls_where_its_slope_exceeds_its_noise(losses):
    half = losses[-max(3, len(losses) // 2) :]
    (slope, _), covariance = np.polyfit(range(len(half)), half, 1, cov="unscaled")
    errors = np.polyval(np.polyfit(range(len(half)), half, 1), range(len(half))) - half
    noise = np.sqrt(covariance[0, 0] * np.square(errors).sum() / (len(half) - 2))
    assert is_falling(losses) == (slope < -2 * noise - 1e-12)


@pytest.mark.parametrize(("found", "forest"), [(["still_improving"], None), ([], BLIND)])
def test_a_slow_fall_is_worth_waiting_for_where_a_forest_is_ahead(make_config, found, forest):
    config = make_config("training.epochs=5", "model.hidden=[8]")
    more = {} if forest is None else {"forest": forest}
    assert names(probed(config, SLOW, trained=replace(NETWORK, skill=0.6), losses=(0.86, 0.88), **more)) == found


def test_a_rate_beyond_the_range_tests_best_is_too_high_where_the_validation_loss_ends_far_above_chance(make_config):
    rates = RateRange(1.0, (1e-3, 1e-2, 1e-1), (0.9, 0.4, 0.2), None)
    valid = [*LEARNED[:-1], 1146.0]
    assert names(probed(make_config("optimizer.lr=20.0"), LEARNED, valid, rates=rates)) == ["learning_rate_too_high"]
    assert "learning_rate_too_high" not in names(probed(make_config("optimizer.lr=0.01"), LEARNED, valid, rates=rates))
