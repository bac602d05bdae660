import io

import numpy as np
import pytest
from matplotlib.image import imread

from mlcli.reports.html import png_bytes, png_uri

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("shape", [(3, 5), (4, 2, 1), (4, 4, 3), (1, 1)])
def test_another_reader_sees_the_same_pixels(shape):
    pixels = RNG.integers(0, 256, shape).astype(np.uint8)
    seen = np.round(imread(io.BytesIO(png_bytes(pixels))) * 255).astype(np.uint8)
    assert (seen == (pixels[:, :, 0] if shape[2:] == (1,) else pixels)).all()


def test_other_channels_become_grey_and_large_pictures_small():
    assert imread(io.BytesIO(png_bytes(np.full((2, 2, 2), 100, np.uint8)))) == pytest.approx(100 / 255)
    assert imread(io.BytesIO(png_bytes(RNG.integers(0, 256, (400, 100)).astype(np.uint8)))).shape == (80, 20)


def test_uri():
    assert png_uri(np.zeros((2, 2), np.uint8)).startswith("data:image/png;base64,iVBORw0KGgo")
