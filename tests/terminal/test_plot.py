"""Curves in braille, of which the cells are worked out by hand."""

import math

import pytest

from mlcli.reports.scales import AxisScale
from mlcli.terminal.plot import KEPT, Curve, draw_dots, spread_labels, tick_labels

NAN, UNIT = math.nan, AxisScale(0, 1)
# Two cells side by side are 4 × 4 dots.
DRAWN = {
    "level at the bottom": ([[(0, 0), (1, 0)]], "⣀⣀"),
    "level at the top": ([[(0, 1), (1, 1)]], "⠉⠉"),
    "rising": ([[(0, 0), (1, 1)]], "⡠⠊"),
    "one point": ([[(0, 0)]], "⡀ "),
    "beyond the scale": ([[(0, 5), (1, 5)]], "⠉⠉"),
    "a gap": ([[(0, 0), (0.5, NAN), (1, 1)]], "⡀⠈"),
    "two curves": ([[(0, 0), (1, 0)], [(0, 1), (1, 1)]], "⣉⣉"),
    "none": ([[]], "  "),
}


@pytest.mark.parametrize(("curves", "expected"), DRAWN.values(), ids=DRAWN)
def test_cells(curves, expected):
    (row,) = draw_dots(curves, UNIT, UNIT, 2, 1)
    assert "".join(character for character, _ in row) == expected


def test_a_cell_belongs_to_the_last_curve_in_it():
    (row,) = draw_dots([[(0, 0), (1, 0)], [(0, 0)]], UNIT, UNIT, 2, 1)
    assert [owner for _, owner in row] == [1, 0]


@pytest.mark.parametrize("n", [1, KEPT - 1, KEPT, 100_000])
def test_a_curve_of_any_length_keeps_few_points_and_its_shape(n):
    curve = Curve()
    for place in range(1, n + 1):
        curve.add(place, float(place))
    assert min(n, KEPT // 2) <= len(curve.points) < KEPT + 1
    for place, value in curve.points:  # the mean of a stretch that ends at the place
        assert value == place - (curve.stretch - 1) / 2


def test_a_value_that_is_not_finite_spoils_no_stretch():
    curve = Curve(stretch=2)
    for place, value in enumerate([1.0, NAN, NAN, NAN]):
        curve.add(place, value)
    assert curve.points[0] == (1, 1.0)
    assert math.isnan(curve.points[1][1])


def test_spread_labels():
    assert spread_labels(["1", "epoch", "100"], 15) == "1    epoch  100"
    assert spread_labels(["1", "epoch", "100"], 8) == "1    100"


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
