import gzip

import numpy as np
import pytest
from PIL import Image

from mlcli.data.prediction_images import parse_images
from mlcli.errors import DataError

ARRAY = np.arange(2 * 3 * 4, dtype=np.uint8).reshape(2, 3, 4)
IDX = bytes([0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4]) + ARRAY.tobytes()


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def picture(path, value=7, size=(9, 5)):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", size, value).save(path)


def test_one_file(here):
    picture(here / "a.png")
    incoming = parse_images("a.png", (3, 4))
    assert incoming.names == ("a.png",)
    assert incoming.images.labels is None
    np.testing.assert_array_equal(incoming.images.pixels, np.full((1, 3, 4), 7))


@pytest.mark.parametrize(("shape", "found"), [((3, 4, 3), (1, 3, 4, 3)), ((3, 4, 1), (1, 3, 4, 1))])
def test_channels_follow_the_model(here, shape, found):
    picture(here / "a.png")
    assert parse_images("a.png", shape).images.pixels.shape == found


def test_folder_and_class_folders(here):
    for name, value in (("x/b.png", 2), ("x/a.png", 1), ("x/cat/c.png", 3), ("x/.hidden.png", 9)):
        picture(here / name, value)
    incoming = parse_images("x", (1, 1))
    assert incoming.names == ("a.png", "b.png", "cat/c.png")
    assert incoming.images.pixels.ravel().tolist() == [1, 2, 3]


def test_class_folders_alone(here):
    picture(here / "x/cat/a.png", 1)
    picture(here / "x/dog/a.png", 2)
    assert parse_images("x", (1, 1)).names == ("cat/a.png", "dog/a.png")


@pytest.mark.parametrize("content", [IDX, gzip.compress(IDX)], ids=["plain", "gzip"])
def test_idx(here, content):
    (here / "images-idx3-ubyte").write_bytes(content)
    incoming = parse_images("images-idx3-ubyte", (3, 4))
    np.testing.assert_array_equal(incoming.images.pixels, ARRAY)
    assert incoming.names == ("1", "2")


@pytest.mark.parametrize(("saved", "shape", "n"), [(ARRAY, (3, 4), 2), (ARRAY[0], (3, 4), 1), (ARRAY, (3, 4, 1), None)])
def test_npz(here, saved, shape, n):
    np.savez(here / "x.npz", pictures=saved)
    if n is None:
        with pytest.raises(
            DataError, match=r"uint8 of shape \(2, 3, 4\), but the model takes uint8 of shape \(n, 3, 4, 1\)"
        ):
            parse_images("x.npz", shape, array="pictures")
    else:
        incoming = parse_images("x.npz", shape, array="pictures")
        np.testing.assert_array_equal(incoming.images.pixels, saved.reshape(n, 3, 4))


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda here: None, "x: no such file or folder"),
        (lambda here: (here / "x").write_text("hello"), "x: cannot be read as an image"),
        (lambda here: (here / "x").mkdir(), "x: no images"),
        (lambda here: picture(here / "x" / "a.png") or (here / "x" / "b.txt").write_text(""), r"b\.txt: one of 1"),
        (lambda here: (here / "x").write_bytes(IDX[:-1]), "truncated"),
    ],
)
def test_errors(here, make, said):
    make(here)
    with pytest.raises(DataError, match=said):
        parse_images("x", (3, 4))


def test_other_size(here):
    (here / "x").write_bytes(IDX)
    with pytest.raises(DataError, match=r"model takes uint8 of shape \(n, 28, 28\)"):
        parse_images("x", (28, 28))
