import gzip
import hashlib
from dataclasses import replace

import numpy as np
import pytest

from mlcli.data.readers import mnist
from mlcli.data.readers.mnist import COLLECTIONS, fetch_mnist, find_mnist, read_mnist
from mlcli.errors import DataError, UnreachableError
from mlcli.io.network import RemoteFile
from mlcli.reporter import Silent

NAMES = [remote.name for remote in COLLECTIONS["mnist"].files]


def idx_bytes(array):
    header = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, dtype=">u4").tobytes()
    return header + array.tobytes()


@pytest.fixture
def contents():
    rng = np.random.default_rng(0)
    return [
        idx_bytes(rng.integers(0, 255, (12, 28, 28), dtype=np.uint8)),
        idx_bytes(np.arange(12, dtype=np.uint8) % 10),
        idx_bytes(rng.integers(0, 255, (5, 28, 28), dtype=np.uint8)),
        idx_bytes(np.arange(5, dtype=np.uint8)),
    ]


@pytest.fixture
def small_mnist(monkeypatch, tmp_path, contents):
    """MNIST as if it had 12 + 5 images."""
    monkeypatch.setenv("MLCLI_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("MLCLI_OFFLINE", "1")
    packed = [gzip.compress(content) for content in contents]
    files = [RemoteFile(n, len(p), hashlib.md5(p).hexdigest()) for n, p in zip(NAMES, packed, strict=True)]
    small = replace(
        COLLECTIONS["mnist"],
        files=tuple(files),
        contents=tuple(hashlib.sha256(content).hexdigest() for content in contents),
    )
    monkeypatch.setitem(COLLECTIONS, "mnist", small)
    return dict(zip(NAMES, packed, strict=True))


def put(folder, packed, *, plain=False, dotted=False):
    folder.mkdir(parents=True)
    for name, content in packed.items():
        bare = name.removesuffix(".gz")
        target = bare.replace("-idx", ".idx") if dotted else bare if plain else name
        (folder / target).write_bytes(gzip.decompress(content) if plain or dotted else content)


@pytest.mark.parametrize("folder", ["mnist", "MNIST/raw"])
@pytest.mark.parametrize("form", [{}, {"plain": True}, {"dotted": True}])
def test_a_folder_filled_by_hand(small_mnist, tmp_path, contents, folder, form):
    put(tmp_path / folder, small_mnist, **form)
    paths = fetch_mnist("mnist", Silent())
    assert paths == find_mnist("mnist")
    train, test = read_mnist("mnist", paths)
    assert train.pixels.tobytes() == contents[0][16:]
    assert test.pixels.tobytes() == contents[2][16:]
    assert train.labels.tolist() == [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1]
    assert train.labels.dtype == np.int64
    assert train.class_names == tuple("0123456789")


def test_other_contents_are_not_mnist(small_mnist, tmp_path):
    other = idx_bytes(np.zeros((12, 28, 28), np.uint8))
    put(tmp_path / "mnist", {**small_mnist, NAMES[0]: gzip.compress(other)})
    with pytest.raises(DataError, match=f"train-images.*sha256 {hashlib.sha256(other).hexdigest()}, expected"):
        read_mnist("mnist", fetch_mnist("mnist", Silent()))


def test_repacked_contents_are_mnist(small_mnist, tmp_path):
    put(tmp_path / "mnist", {name: gzip.compress(gzip.decompress(p), 1) for name, p in small_mnist.items()})
    assert len(read_mnist("mnist", fetch_mnist("mnist", Silent()))[0]) == 12


def test_neither_at_hand_nor_reachable(small_mnist, tmp_path):
    put(tmp_path / "mnist", {NAMES[0]: small_mnist[NAMES[0]]})
    assert len(find_mnist("mnist")) == 1
    with pytest.raises(UnreachableError) as caught:
        fetch_mnist("mnist", Silent())
    said = str(caught.value)
    assert "MLCLI_OFFLINE" in said
    assert all(name in said for name in NAMES)
    assert str(tmp_path / "mnist") in said


def test_only_what_is_missing_is_downloaded(small_mnist, tmp_path, monkeypatch):
    put(tmp_path / "MNIST" / "raw", {name: small_mnist[name] for name in NAMES[:3]})
    asked = []

    def fake(remote, mirrors, folder, reporter):
        asked.append((remote.name, folder))
        (folder / remote.name).write_bytes(small_mnist[remote.name])
        return folder / remote.name

    monkeypatch.setattr(mnist, "download", fake)
    assert mnist.download_megabytes("mnist") == pytest.approx(len(small_mnist[NAMES[3]]) / 1e6)
    assert len(read_mnist("mnist", fetch_mnist("mnist", Silent()))[1]) == 5
    assert asked == [(NAMES[3], tmp_path / "mnist")]


class TestFashion:
    """No contents hash is published, so the structure is what is checked."""

    def test_class_names(self, small_mnist, tmp_path):
        put(tmp_path / "FashionMNIST" / "raw", small_mnist)
        train, _ = read_mnist("fashion_mnist", fetch_mnist("fashion_mnist", Silent()))
        assert train.class_names[9] == "Ankle boot"
        assert len(train) == 12

    @pytest.mark.parametrize(
        ("index", "array", "said"),
        [
            (0, np.zeros((12, 27, 28), np.uint8), r"12 images of \(27, 28\)"),
            (0, np.zeros((11, 28, 28), np.uint8), "12 labels for the 11 images"),
            (1, np.full(12, 10, np.uint8), "labels up to 10"),
        ],
    )
    def test_structure(self, small_mnist, tmp_path, index, array, said):
        put(tmp_path / "fashion_mnist", {**small_mnist, NAMES[index]: gzip.compress(idx_bytes(array))})
        with pytest.raises(DataError, match=said):
            read_mnist("fashion_mnist", fetch_mnist("fashion_mnist", Silent()))


def test_the_real_one(real_data, monkeypatch):
    monkeypatch.setenv("MLCLI_DATA_DIR", str(real_data))
    train, test = read_mnist("mnist", fetch_mnist("mnist", Silent()))
    assert (train.pixels.shape, test.pixels.shape) == ((60_000, 28, 28), (10_000, 28, 28))
    assert train.labels[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
    assert train.pixels.mean() / 255 == pytest.approx(0.1307, abs=5e-5)  # the constants everyone normalises with
    assert train.pixels.std() / 255 == pytest.approx(0.3081, abs=5e-5)
