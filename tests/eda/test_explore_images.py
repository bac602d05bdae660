import numpy as np
import pytest

from mlcli.data.profile import profile_splits
from mlcli.data.tables.types import Images, Splits
from mlcli.eda import explore as module
from mlcli.eda.explore import MAX_EXAMPLES, explore_images


def images(n, top, rng=0):
    random = np.random.default_rng(rng)
    pixels = random.integers(0, top + 1, (n, 4, 6), dtype=np.uint8)
    pixels[0, 0, 0] = top
    return Images(pixels, np.arange(n) % 3, ("a", "b", "never"))


def explored(rows):
    rows = Images(rows.pixels, rows.labels % 2, rows.class_names)
    return rows, explore_images(rows, profile_splits(Splits(rows, rows, rows, "classification"), None, None), "train")


def test_the_mean_of_a_class_is_numpys():
    rows, found = explored(images(30, 255))
    assert found.shape == (4, 6)
    for place in (0, 1):
        own = rows.pixels[rows.labels == place]
        assert found.class_images[place].rows == len(own)
        np.testing.assert_array_equal(found.class_images[place].mean, np.round(own.mean(axis=0)))


def test_examples_are_rows_of_the_class():
    rows, found = explored(images(60, 255))
    for place, one in enumerate(found.class_images[:2]):
        assert len(one.places) == MAX_EXAMPLES
        assert (rows.labels[list(one.places)] == place).all()
        np.testing.assert_array_equal(one.examples, rows.pixels[list(one.places)])


def test_a_class_without_pictures_has_none():
    _, found = explored(images(30, 255))
    assert (found.class_images[2].rows, found.class_images[2].places, found.classes["never"]) == (0, (), 0)


def test_of_many_pictures_some_are_averaged(monkeypatch):
    monkeypatch.setattr(module, "MAX_AVERAGED", 5)
    rows, found = explored(images(60, 255))
    one = found.class_images[0]
    assert one.averaged == 5
    chosen = np.flatnonzero(rows.labels == 0)[np.arange(5) * one.rows // 5]
    np.testing.assert_array_equal(one.mean, np.round(rows.pixels[chosen].mean(axis=0)))


@pytest.mark.parametrize(("top", "factor"), [(16, 255 / 16), (255, 1), (200, 1)])
def test_dark_pictures_are_shown_brighter(top, factor):
    _, found = explored(images(30, top))
    assert found.factor == factor
    assert found.visible(np.array([[top]], dtype=np.uint8))[0, 0] == min(255, top * factor)
