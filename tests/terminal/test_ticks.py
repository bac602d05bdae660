"""Round numbers along an axis, by what a person would write there."""

import random

import pytest

from mlcli.terminal.plot import AxisScale, round_numbers, scale_for, tick_labels

AXES = {
    "0 to 1": (AxisScale(0, 1), 17, ["1.0", "0.8", "0.6", "0.4", "0.2", "0.0"]),
    "between": (AxisScale(0.13, 0.41), 17, ["0.40", "0.35", "0.30", "0.25", "0.20", "0.15"]),
    "few rows": (AxisScale(0.13, 0.41), 5, ["0.4", "0.3", "0.2"]),
    "negative": (AxisScale(-130, 90), 12, ["50", "0", "-50", "-100"]),
    "tiny": (AxisScale(1.39e-10, 4.16e-10), 9, ["4e-10", "3e-10", "2e-10"]),
    "far from zero": (AxisScale(1234567, 1234569), 9, ["1234569", "1234568", "1234567"]),
    "huge": (AxisScale(-1e308, 1e308), 9, ["1e+308", "0", "-1e+308"]),
    "denormal": (AxisScale(5e-324, 2e-323), 9, ["1.97626258336e-323", "4.94065645841e-324"]),
    "decades": (AxisScale(0.000981, 0.724, log=True), 17, ["0.1", "0.01", "0.001"]),
    "more than asked for": (AxisScale(0.012, 0.88, log=True), 3, ["0.8", "0.2"]),
    "few decades": (AxisScale(0.01, 0.21, log=True), 17, ["0.2", "0.1", "0.05", "0.02", "0.01"]),
    "many decades": (AxisScale(1e-9, 1, log=True), 17, ["1", "0.01", "0.0001", "1e-06", "1e-08"]),
}


@pytest.mark.parametrize(("scale", "height", "expected"), AXES.values(), ids=AXES)
def test_labels(scale, height, expected):
    labels = tick_labels(scale, height)
    assert [label.strip() for label in labels if label.strip()] == expected
    assert len(labels) == height
    assert len(set(map(len, labels))) == 1


def test_a_label_stands_in_the_row_of_its_number():
    assert tick_labels(AxisScale(0, 1), 5) == ["1.0", "   ", "0.5", "   ", "0.0"]


def test_whatever_the_scale_there_are_two_labels_within_it():
    draw = random.Random(0)
    for _ in range(2000):
        ends = [draw.choice([-1, 1]) * 10 ** draw.uniform(-12, 12) for _ in range(2)]
        scale, most = scale_for(ends), draw.randint(3, 20)
        numbers = round_numbers(scale, most)
        assert 2 <= len(numbers) <= most + 1
        assert numbers == sorted(numbers)
        assert scale.low <= numbers[0] < numbers[-1] <= scale.high
