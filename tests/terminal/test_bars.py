import pytest

from mlcli.terminal.drawing import column_chart, draw_bar
from mlcli.terminal.plot import sparkline


@pytest.mark.parametrize(
    ("counts", "height", "each", "expected"),
    [
        ([0, 1, 4, 8], 1, 1, [" ▁▄█"]),
        ([1, 1000], 1, 1, ["▁█"]),
        ([4, 8, 12, 16], 2, 1, ["  ▄█", "▄███"]),
        ([1, 2], 1, 3, ["▄▄▄███"]),
        ([0, 0], 2, 1, ["  ", "  "]),
        ([], 1, 1, [""]),
    ],
)
def test_column_chart(counts, height, each, expected):
    assert column_chart(counts, height, each) == expected


@pytest.mark.parametrize(
    ("share", "expected"),
    [(0, ""), (1, "████"), (0.5, "██"), (0.28125, "█▏"), (1e-9, "▏"), (0.999, "████"), (2, "████")],
)
def test_draw_bar(share, expected):
    assert draw_bar(share, 4) == expected


@pytest.mark.parametrize(
    ("values", "expected"), [([0, 7], "▁█"), ([-1, None, 1], "▁ █"), ([3, 3], "▁▁"), ([None], " "), ([], "")]
)
def test_a_sparkline_is_blank_where_there_is_no_value(values, expected):
    assert sparkline(values) == expected
