import re

import pytest

from mlcli.reports.html import TALL, WIDTH, draw_stack


def bars(path):
    """Left edge, bottom, height and width of each bar of a path."""
    found = re.findall(r"M([\d.]+) ([\d.]+)v-([\d.]+)h([\d.]+)v\3z", path)
    return [tuple(map(float, numbers)) for numbers in found]


def test_layers_stand_on_one_another_and_the_highest_fills_the_picture():
    first, second = re.findall(r'<path fill="(\S+)" d="([^"]*)"/>', draw_stack([[1, 0], [3, 2]], ["red", "blue"]))
    assert (first[0], second[0]) == ("red", "blue")
    assert [(x, bottom, height) for x, bottom, height, _ in bars(first[1])] == [(0, TALL, TALL / 4)]
    assert [(x, bottom, height) for x, bottom, height, _ in bars(second[1])] == [
        (0, TALL * 3 / 4, TALL * 3 / 4),
        (WIDTH / 2, TALL, TALL / 2),
    ]


@pytest.mark.parametrize(
    ("means", "moves"), [([1, 2, 3], "MLL"), ([1, None, 3, 4], "MML"), ([2, 2], ""), ([None, None], ""), ([], "")]
)
def test_the_line_is_broken_where_there_is_no_mean(means, moves):
    drawn = str(draw_stack([[1] * len(means)], ["red"], means))
    along = re.search(r'class="along" d="([^"]*)"', drawn)
    assert re.sub("[^ML]", "", along[1] if along else "") == moves


def test_nothing_to_draw_is_an_empty_picture():
    assert "<path" not in draw_stack([], [])
    assert 'd=""' in draw_stack([[0, 0]], ["red"])
