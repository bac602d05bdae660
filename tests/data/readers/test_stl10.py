import numpy as np
import pytest

from mlcli.config.sections.dataset import Stl10Config
from mlcli.data.readers.stl10 import CLASS_NAMES
from mlcli.data.sources import read_source
from mlcli.errors import DataError


def read(config):
    found = read_source(config)
    return found.rows, found.test


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A picture whose red grows downwards and green to the right, and a white one."""
    monkeypatch.setenv("MLCLI_DATA_DIR", str(tmp_path))
    folder = tmp_path / "stl10_binary"
    folder.mkdir()
    first = np.zeros((3, 96, 96), np.uint8)  # (plane, column, row)
    first[0] = np.arange(96)[None, :]
    first[1] = np.arange(96)[:, None]
    both = np.stack([first, np.full_like(first, 255)])
    for split in ("train", "test"):
        both.tofile(folder / f"{split}_X.bin")
        np.array([10, 1], np.uint8).tofile(folder / f"{split}_y.bin")
    return folder


def test_rows_columns_planes(folder):
    train, test = read(Stl10Config(name="stl10"))
    assert train.pixels.shape == (2, 96, 96, 3)
    assert train.pixels.flags["C_CONTIGUOUS"]
    np.testing.assert_array_equal(train.pixels[0, 40, 7], [40, 7, 0])
    np.testing.assert_array_equal(test.pixels[1], 255)
    assert [CLASS_NAMES[label] for label in train.labels] == ["truck", "airplane"]
    assert train.class_names == test.class_names == CLASS_NAMES


def test_gray_is_luminance(folder):
    train, _ = read(Stl10Config(name="stl10", color="gray"))
    assert train.pixels.shape == (2, 96, 96)
    red, green = 40, 7
    assert train.pixels[0, 40, 7] == pytest.approx(0.299 * red + 0.587 * green, abs=1)  # ITU-R 601-2


def test_resized(folder):
    train, _ = read(Stl10Config(name="stl10", size=(32, 48)))
    assert train.pixels.shape == (2, 32, 48, 3)
    assert train.pixels[0, 16, 24].astype(float) == pytest.approx([49, 48.5, 0], abs=1.5)


def test_file_missing(folder):
    (folder / "test_y.bin").unlink()
    with pytest.raises(DataError, match=r"test_y\.bin missing.*cs\.stanford\.edu"):
        read(Stl10Config(name="stl10"))


def test_truncated(folder):
    path = folder / "train_X.bin"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(DataError, match=r"train_X\.bin: 55,295 bytes, expected 27,648 for each of the 2 labels"):
        read(Stl10Config(name="stl10"))


@pytest.mark.parametrize("bad", [0, 11])
def test_label_out_of_range(folder, bad):
    np.array([bad, 5], np.uint8).tofile(folder / "train_y.bin")
    with pytest.raises(DataError, match="expected 1–10"):
        read(Stl10Config(name="stl10"))
