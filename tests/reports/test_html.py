"""Images and histograms as parts of a page."""

import base64
import io
import re

import numpy as np
import pytest
from matplotlib.image import imread

from mlcli.reports.html import HEIGHT, WIDTH, draw_histogram, png_uri

RNG = np.random.default_rng(0)


def seen(pixels):
    """The pixels as a reader other than Pillow's gives them, 0 to 1."""
    kind, encoded = png_uri(pixels).split(",")
    assert kind == "data:image/png;base64"
    return imread(io.BytesIO(base64.b64decode(encoded)))


@pytest.mark.parametrize("shape", [(3, 5), (4, 2, 1), (4, 4, 3), (1, 1)])
def test_another_reader_sees_the_same_pixels(shape):
    pixels = RNG.integers(0, 256, shape).astype(np.uint8)
    read = np.round(seen(pixels) * 255).astype(np.uint8)
    assert (read == (pixels[:, :, 0] if shape[2:] == (1,) else pixels)).all()


def test_few_colours_stay_themselves():
    pixels = np.array([[0, 255], [255, 128]], np.uint8)
    assert (np.round(seen(pixels) * 255) == pixels).all()
    assert (np.round(seen(np.stack([pixels] * 3, axis=2))[..., 0] * 255) == pixels).all()


def test_other_channels_become_grey_and_large_images_small():
    assert seen(np.full((2, 2, 2), 100, np.uint8)) == pytest.approx(100 / 255)
    assert seen(RNG.integers(0, 256, (400, 100)).astype(np.uint8)).shape == (80, 20)


def bars(path):
    """Left edge, bottom, height and width of each bar of a path."""
    found = re.findall(r"M([\d.]+) ([\d.]+)v-([\d.]+)h([\d.]+)v\3z", path)
    return [tuple(map(float, numbers)) for numbers in found]


def test_layers_are_stacked_and_the_highest_fills_the_height():
    first, second = re.findall(r'<path fill="(\S+)" d="([^"]*)"/>', draw_histogram([[1, 0], [3, 2]], ["red", "blue"]))
    assert (first[0], second[0]) == ("red", "blue")
    assert [(x, bottom, height) for x, bottom, height, _ in bars(first[1])] == [(0, HEIGHT, HEIGHT / 4)]
    assert [(x, bottom, height) for x, bottom, height, _ in bars(second[1])] == [
        (0, HEIGHT * 3 / 4, HEIGHT * 3 / 4),
        (WIDTH / 2, HEIGHT, HEIGHT / 2),
    ]


def test_every_count_above_0_is_visible():
    (path,) = re.findall(r'd="([^"]*)"', draw_histogram([[0, 1, 100_000]], ["red"]))
    assert [(x, height) for x, _, height, _ in bars(path)] == [(40, 2), (80, HEIGHT)]


@pytest.mark.parametrize(
    ("means", "moves"), [([1, 2, 3], "MLL"), ([1, None, 3, 4], "MML"), ([2, 2], ""), ([None, None], ""), ([], "")]
)
def test_the_line_is_broken_where_there_is_no_mean(means, moves):
    drawn = str(draw_histogram([[1] * len(means)], ["red"], means))
    line = re.search(r'class="means" d="([^"]*)"', drawn)
    assert re.sub("[^ML]", "", line[1] if line else "") == moves


def test_nothing_to_draw_is_an_empty_image():
    assert "<path" not in draw_histogram([], [])
    assert 'd=""' in draw_histogram([[0, 0]], ["red"])
