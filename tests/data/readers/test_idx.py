import gzip
import struct
import zlib

import numpy as np
import pytest

from mlcli.config.sections.dataset import IdxConfig
from mlcli.data.readers import idx
from mlcli.data.readers.idx import read_idx
from mlcli.data.sources import read_source
from mlcli.errors import DataError


def idx_bytes(array, kind=0x08):
    """By hand, after the format's description."""
    header = bytes([0, 0, kind, array.ndim]) + b"".join(struct.pack(">I", length) for length in array.shape)
    return header + array.tobytes()


def read_images(config):
    found = read_source(config)
    return found.rows, found.test


PIXELS = np.arange(2 * 3 * 5, dtype=np.uint8).reshape(2, 3, 5)
LABELS = np.array([7, 3], dtype=np.uint8)


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
@pytest.mark.parametrize("array", [PIXELS, LABELS, np.zeros((0, 3, 5), np.uint8)])
def test_reads_what_was_written(tmp_path, pack, array):
    (tmp_path / "x").write_bytes(pack(idx_bytes(array)))
    found = read_idx(tmp_path / "x", array.ndim)
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found, array)


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "starts with nothing, not an IDX file"),
        (b"id,label\n1,2\n", "starts with 69 64 2c 6c"),
        (b"\0\0\x07\x01" + bytes(20), "not an IDX file"),
        (b"\0\0\x08\0", "not an IDX file"),
        (idx_bytes(PIXELS.astype(np.float32), 0x0D), "contains 32-bit floats, expected unsigned bytes"),
        (idx_bytes(LABELS), r"has 1 dimensions \(2,\), expected images"),
        (idx_bytes(PIXELS)[:10], "ends within its header of 16 bytes"),
        (idx_bytes(PIXELS)[:-1], "says 46 bytes, it has 45: truncated"),
        (idx_bytes(PIXELS) + b"x", "says 46 bytes, it has more"),
        (b"\0\0\x08\x03" + b"\xff" * 12, "more than the 4,294,967,296 allowed"),
    ],
)
def test_damage_is_named(tmp_path, pack, content, said):
    (tmp_path / "bad-idx").write_bytes(pack(content))
    with pytest.raises(DataError, match=f"bad-idx: .*{said}"):
        read_idx(tmp_path / "bad-idx", 3)


def test_damaged_or_cut_gzip(tmp_path):
    packed = gzip.compress(idx_bytes(np.random.default_rng(0).integers(0, 255, (9, 9, 9), dtype=np.uint8)))
    flipped = bytearray(packed)
    flipped[-6] ^= 1  # within the checksum
    for content, said in [
        (bytes(flipped), "damaged gzip"),
        (packed[:-4], "ends early"),
        (packed[:60], "truncated|ends"),
    ]:
        (tmp_path / "x.gz").write_bytes(content)
        with pytest.raises(DataError, match=said):
            read_idx(tmp_path / "x.gz", 3)


def test_a_bomb_is_never_unpacked(tmp_path, monkeypatch):
    header = bytes([0, 0, 8, 3]) + struct.pack(">III", 10, 10, 10)
    (tmp_path / "bomb.gz").write_bytes(gzip.compress(header + bytes(50_000_000)))
    unpacked = []
    real = zlib.decompressobj

    class Counting:
        def __init__(self, wbits):
            self.inner = real(wbits)

        def decompress(self, data, limit):
            out = self.inner.decompress(data, limit)
            unpacked.append(len(out))
            return out

        def __getattr__(self, name):
            return getattr(self.inner, name)

    monkeypatch.setattr(idx.zlib, "decompressobj", Counting)
    with pytest.raises(DataError, match="says 1,016 bytes, it has more"):
        read_idx(tmp_path / "bomb.gz", 3)
    assert sum(unpacked) <= 1024 + 1


def test_missing_file(tmp_path):
    with pytest.raises(DataError, match="no such file"):
        read_idx(tmp_path / "none", 3)


class TestImages:
    @pytest.fixture
    def folder(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        (tmp_path / "images").write_bytes(idx_bytes(PIXELS))
        (tmp_path / "labels").write_bytes(idx_bytes(LABELS))
        return tmp_path

    def test_classes_are_the_labels_in_order(self, folder):
        images, test = read_images(IdxConfig(name="idx", images="images", labels="labels"))
        assert images.class_names == ("3", "7")
        assert images.labels.tolist() == [1, 0]
        assert test is None

    def test_test_images_have_the_same_classes(self, folder):
        (folder / "test").write_bytes(idx_bytes(np.array([3, 3], np.uint8)))
        config = IdxConfig(name="idx", images="images", labels="labels", test_images="images", test_labels="test")
        images, test = read_images(config)
        assert test.class_names == images.class_names
        assert test.labels.tolist() == [0, 0]

    def test_unknown_test_class(self, folder):
        (folder / "test").write_bytes(idx_bytes(np.array([3, 5], np.uint8)))
        config = IdxConfig(name="idx", images="images", labels="labels", test_images="images", test_labels="test")
        with pytest.raises(DataError, match=r"class 5 does not occur.*3, 7"):
            read_images(config)

    def test_as_many_labels_as_images(self, folder):
        (folder / "labels").write_bytes(idx_bytes(np.array([3, 5, 6], np.uint8)))
        with pytest.raises(DataError, match="labels: 3 labels for the 2 images of images"):
            read_images(IdxConfig(name="idx", images="images", labels="labels"))

    def test_swapped_files(self, folder):
        with pytest.raises(DataError, match="swapped"):
            read_images(IdxConfig(name="idx", images="labels", labels="images"))

    def test_no_images(self, folder):
        (folder / "images").write_bytes(idx_bytes(PIXELS[:0]))
        (folder / "labels").write_bytes(idx_bytes(LABELS[:0]))
        with pytest.raises(DataError, match="no pixels"):
            read_images(IdxConfig(name="idx", images="images", labels="labels"))


@pytest.mark.parametrize(
    ("keep", "expected"),
    [([9, "3"], ("3", "9")), ([4], "there is no class '4'"), ([3], "is one class")],
)
def test_images_of_the_classes_to_keep(tmp_path, monkeypatch, keep, expected):
    monkeypatch.chdir(tmp_path)
    labels = np.array([9, 3, 7, 3, 9, 7], np.uint8)
    (tmp_path / "x").write_bytes(idx_bytes(np.arange(24, dtype=np.uint8).reshape(6, 2, 2)))
    (tmp_path / "y").write_bytes(idx_bytes(labels))
    files = {"images": "x", "labels": "y", "test_images": "x", "test_labels": "y"}
    config = IdxConfig.model_validate({"name": "idx", **files, "keep": [str(name) for name in keep]})
    if isinstance(expected, str):
        with pytest.raises(DataError, match=expected):
            read_source(config)
        return
    for found in read_images(config):
        assert found.class_names == expected
        assert found.labels.tolist() == [1, 0, 0, 1]
        assert found.pixels[:, 0, 0].tolist() == [0, 4, 12, 16]
