import errno
import json
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from mlcli.data.profile import profile_splits
from mlcli.data.store import StoredData, load_prepared, save_prepared
from mlcli.data.tables.types import Column, Images, Splits, Table
from mlcli.errors import ArtefactError, ResourceError
from mlcli.io import disk
from mlcli.io.atomic import atomic_folder

FRAME = pl.DataFrame({"a": [1.5, None, -0.0, 1e300], "c": ["é", None, "", "x"], "y": ["n", "y", "n", "y"]})
FEATURES = (Column("a", "number"), Column("c", "category"))
TARGETS = (Column("y", "category"),)


def tables():
    parts = [Table(frame, FEATURES, TARGETS) for frame in (FRAME[:2], FRAME[2:], FRAME[:0])]
    return Splits(*parts, "classification")


def pictures(shape=(3, 5)):
    rng = np.random.default_rng(0)
    parts = [Images(rng.integers(0, 255, (n, *shape), dtype=np.uint8), np.arange(n) % 2, ("a", "b")) for n in (6, 3, 0)]
    return Splits(*parts, "classification")


def stored(splits):
    return StoredData(splits, profile_splits(splits, None, None))


def test_tables_come_back(tmp_path):
    save_prepared(tmp_path / "x", stored(tables()))
    found = load_prepared(tmp_path / "x")
    for name in ("train", "valid", "test"):
        assert_frame_equal(found.splits[name].frame, tables()[name].frame)
        assert (found.splits[name].features, found.splits[name].targets) == (FEATURES, TARGETS)
    assert found.profile == profile_splits(tables(), None, None)
    assert found.splits.task == "classification"


@pytest.mark.parametrize("shape", [(3, 5), (4, 4, 3)])
def test_pictures_come_back_mapped(tmp_path, shape):
    save_prepared(tmp_path / "x", stored(pictures(shape)))
    found = load_prepared(tmp_path / "x").splits
    for name in ("train", "valid", "test"):
        expected = pictures(shape)[name]
        np.testing.assert_array_equal(found[name].pixels, expected.pixels)
        assert found[name].pixels.dtype == np.uint8
        np.testing.assert_array_equal(found[name].labels, expected.labels)
        assert found[name].labels.dtype == np.int64
        assert found[name].class_names == ("a", "b")
    assert isinstance(found.train.pixels, np.memmap)
    assert not found.train.pixels.flags.writeable


def test_rows_taken_across_are_stored_in_order(tmp_path):
    splits = pictures()
    for name, pixels in (("x", splits.train.pixels.transpose(0, 2, 1)), ("y", np.asfortranarray(splits.train.pixels))):
        turned = replace(splits.train, pixels=pixels)
        save_prepared(tmp_path / name, stored(replace(splits, train=turned)))
        np.testing.assert_array_equal(load_prepared(tmp_path / name).splits.train.pixels, pixels)


@pytest.mark.parametrize("splits", [tables(), pictures()], ids=["tables", "pictures"])
def test_any_damaged_file_is_noticed(tmp_path, splits):
    save_prepared(tmp_path / "x", stored(splits))
    files = sorted((tmp_path / "x").iterdir())
    assert len(files) in (6, 9)
    for path in files:
        good = path.read_bytes()
        for bad in (good[:-3], good[:-3] + bytes([good[-3] ^ 1]) + good[-2:], b""):
            path.write_bytes(bad)
            with pytest.raises(ArtefactError):
                load_prepared(tmp_path / "x")
        path.write_bytes(good)
    load_prepared(tmp_path / "x")


def change_meta(folder, change):
    """Consistent hashes around a content that does not fit, as another version might write it."""
    contents = {path.name: path.read_bytes() for path in folder.iterdir() if path.name != "MANIFEST.json"}
    meta = json.loads(contents["meta.json"])
    change(meta)
    contents["meta.json"] = json.dumps(meta).encode()
    with atomic_folder(folder, "prepared") as temporary:
        for name, content in contents.items():
            (temporary / name).write_bytes(content)


@pytest.mark.parametrize(
    "change",
    [
        lambda meta: meta.pop("task"),
        lambda meta: meta.update(task="clustering"),
        lambda meta: meta["data"].update(name="pickle"),
        lambda meta: meta["data"]["features"].pop(),
        lambda meta: meta["data"]["features"][0].update(kind="category"),
        lambda meta: meta.update(extra=1),
    ],
)
def test_meta_that_does_not_fit(tmp_path, change):
    save_prepared(tmp_path / "x", stored(tables()))
    change_meta(tmp_path / "x", change)
    with pytest.raises(ArtefactError, match="not a prepared dataset of this version"):
        load_prepared(tmp_path / "x")


def test_labels_beyond_the_classes(tmp_path):
    save_prepared(tmp_path / "x", stored(pictures()))
    change_meta(tmp_path / "x", lambda meta: meta["data"].update(class_names=["a"]))
    with pytest.raises(ArtefactError, match="labels"):
        load_prepared(tmp_path / "x")


def test_objects_are_never_loaded(tmp_path):
    save_prepared(tmp_path / "x", stored(pictures()))
    contents = {path.name: path.read_bytes() for path in (tmp_path / "x").iterdir() if path.name != "MANIFEST.json"}
    with atomic_folder(tmp_path / "x", "prepared") as temporary:
        for name, content in contents.items():
            (temporary / name).write_bytes(content)
        np.save(temporary / "train_labels.npy", np.array([object()], dtype=object), allow_pickle=True)
    with pytest.raises(ArtefactError, match="allow_pickle"):
        load_prepared(tmp_path / "x")


@pytest.mark.parametrize("splits", [tables(), pictures()], ids=["tables", "pictures"])
def test_full_disk(tmp_path, monkeypatch, splits):
    def full(file, data):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(disk, "write", full)
    with pytest.raises(ResourceError, match="x: the disk is full"):
        save_prepared(tmp_path / "x", stored(splits))
    assert list(tmp_path.iterdir()) == []
