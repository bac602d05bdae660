import pytest
from rich.cells import cell_len

from mlcli.terminal.drawing import column_chart, cut_to, draw_bar, fitted, longest, wrapped
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


@pytest.mark.parametrize(
    ("text", "width", "expected"),
    [
        ("abc", 5, "abc  "),
        ("abcdef", 4, "abc…"),
        ("日本語", 6, "日本語"),
        ("日本語", 5, "日本…"),
        ("日本語", 4, "日… "),
        ("\x1b[31m", 9, "\\x1b[31m "),
        ("abc", 0, ""),
    ],
)
def test_fitted(text, width, expected):
    assert fitted(text, width) == expected
    assert cell_len(fitted(text, width)) == width


def test_numbers_stand_at_the_right():
    assert fitted("1", 3, right=True) == "  1"


def test_cut_and_longest():
    assert cut_to("a\nb", 9) == "a\\nb"
    assert longest(["a", "日本"]) == 4
    assert longest([]) == 0


def test_a_number_and_its_per_cent_sign_stay_together():
    assert wrapped("half is 50 % of it", 10) == ["half is", "50 % of it"]
    assert all(cell_len(one) <= 10 for one in wrapped("日本語 " * 9, 10, "  "))
