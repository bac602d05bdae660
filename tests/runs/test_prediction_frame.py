"""The digits of predictions, compared with Python's own decimal notation."""

import math

import numpy as np
import pytest

from mlcli.runs.prediction_frame import round_digits


def test_numbers_have_the_digits_of_a_float32():
    rng = np.random.default_rng(0)
    numbers = rng.choice([-1.0, 1.0], 20_000) * 10.0 ** rng.uniform(-13, 13, 20_000)
    rounded = round_digits(numbers.reshape(-1, 2)).ravel()
    in_decimals = np.array([float(f"{number:.8e}") for number in numbers])
    # A quotient of two exact numbers may be one float64 beside the decimal.
    np.testing.assert_allclose(rounded, in_decimals, rtol=3e-16)
    assert (rounded == in_decimals).mean() > 0.99
    assert np.array_equal(round_digits(rounded), rounded)


@pytest.mark.parametrize(
    ("number", "rounded"),
    [
        (0.0, 0.0),
        (-0.0, 0.0),
        (0.1 + 0.2, 0.3),
        (1 - 1e-12, 1.0),
        (999_999_999.6, 1e9),
        (2.0**-13, 1.22070313e-4),  # 1.220703125e-4: halves go away from zero
        (-(2.0**-13), -1.22070313e-4),
        (3.141592653589793e-250, 3.14159265e-250),
        (-1.7e308, -1.7e308),
        (5e-324, 5e-324),
        (math.inf, math.inf),
        (-math.inf, -math.inf),
    ],
)
def test_ends_and_halves(number, rounded):
    assert round_digits(np.array([number]))[0] == pytest.approx(rounded, rel=3e-16, abs=0)
    assert math.isnan(round_digits(np.array([math.nan]))[0])
