"""Scales and their round numbers; ranges are worked out by hand."""

import math
import random

import pytest

from mlcli.reports.scales import FAR, round_numbers, scale_for, typical_range

NAN = math.nan
SCALES = {
    "near": ([1.0, 2.0], (1.0, 2.0, False)),
    "far apart": ([0.01, 1.0], (0.01, 1.0, True)),
    "with a zero": ([0.0, 0.01, 1.0], (0.01, 1.0, True)),
    "negative": ([-1.0, 100.0], (-1.0, 100.0, False)),
    "equal": ([2.0, 2.0], (1.0, 3.0, False)),
    "zeros": ([0.0, 0.0], (-0.5, 0.5, False)),
    "nothing": ([NAN, math.inf], (-0.5, 0.5, False)),
    "deep": ([1e-300, 1.0], (1e-9, 1.0, True)),
    "huge": ([-1e308, 1e308], (-1e308, 1e308, False)),
}


@pytest.mark.parametrize(("values", "expected"), SCALES.values(), ids=SCALES)
def test_scales(values, expected):
    scale = scale_for(values)
    assert (scale.low, scale.high, scale.log) == expected
    assert scale(scale.low) == pytest.approx(0)
    assert scale(scale.high) == pytest.approx(1)


def test_whatever_the_scale_there_are_two_labels_within_it():
    draw = random.Random(0)
    for _ in range(2000):
        ends = [draw.choice([-1, 1]) * 10 ** draw.uniform(-12, 12) for _ in range(2)]
        scale, most = scale_for(ends), draw.randint(3, 20)
        numbers = round_numbers(scale, most)
        assert 2 <= len(numbers) <= most + 1
        assert numbers == sorted(numbers)
        assert scale.low <= numbers[0] < numbers[-1] <= scale.high


RANGES = {
    "none diverged": ([[2.3, 0.1, 0.01], [0.5, 0.4]], (0.01, 2.3)),
    "overfitting is no divergence": ([[0.2, 0.16, 0.15], [0.2, 0.7, 1.345]], (0.15, 1.345)),
    "one diverged": ([[0.5, 0.2], [1.0, 1e19], [8e22, 10.0]], (0.2, 10.0)),
    "most diverged": ([[0.5, 0.2], [1e9, 1e19], [8e22, 100.0]], (0.2, 0.5)),
    "one alone that diverges": ([[0.5, 0.4, 0.3, 1e5]], (0.3, 0.5)),
    "at the limit": ([[0.5, 0.5], [0.5, FAR * 0.5]], (0.5, FAR * 0.5)),
    "higher is better": ([[0.5, 0.9], [-1e6, 0.2]], (0.2, 0.9)),
    "negative and beyond 1": ([[-5.0, 2.0], [1e9]], (-5.0, 1e9)),
    "bounded": ([[0.001, 0.001, 0.9], [-0.9, 1.0]], (-0.9, 1.0)),
    "zeros": ([[0.0, 0.0], [0.0, 1.0]], (0.0, 1.0)),
    "gaps": ([[None, NAN, 1.0], [math.inf]], (1.0, 1.0)),
    "nothing": ([[None], []], None),
}


@pytest.mark.parametrize(("runs", "expected"), RANGES.values(), ids=RANGES)
def test_a_range_that_no_diverged_run_widens(runs, expected):
    assert typical_range(runs) == expected
