from dataclasses import replace

import numpy as np
import pytest
from pydantic import TypeAdapter

from mlcli.config.sections.dataset import DatasetConfig
from mlcli.data.readers.mnist import COLLECTIONS
from mlcli.data.sources import source_of

CONFIGS = TypeAdapter(DatasetConfig)


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLCLI_DATA_DIR", str(tmp_path / "data"))
    return tmp_path


def config(**keys):
    return CONFIGS.validate_python(keys)


@pytest.mark.parametrize("name", ["iris", "diabetes", "digits", "spiral", "plane"])
def test_built_in(name):
    assert source_of(config(name=name)).is_available()
    assert source_of(config(name=name)).download_size() is None


@pytest.mark.parametrize(
    ("keys", "files"),
    [
        ({"name": "csv", "path": "a.csv", "target": "y"}, ["a.csv"]),
        ({"name": "csv", "path": "a.csv", "test_path": "b.csv", "target": "y"}, ["a.csv", "data/b.csv"]),
        ({"name": "sql", "path": "a.db", "query": "select 1", "target": "y"}, ["a.db"]),
        ({"name": "idx", "images": "a", "labels": "b"}, ["a", "data/b"]),
        ({"name": "images", "path": "a"}, ["a"]),
        ({"name": "npz", "path": "a.npz"}, ["a.npz"]),
        ({"name": "stl10"}, [f"data/stl10_binary/{name}.bin" for name in ("train_X", "train_y", "test_X", "test_y")]),
    ],
)
def test_files_every_one_of_which_is_needed(here, keys, files):
    for file in files:
        assert not source_of(config(**keys)).is_available()
        (here / file).parent.mkdir(parents=True, exist_ok=True)
        np.zeros(3, np.uint8).tofile(here / file)
    assert source_of(config(**keys)).is_available()
    assert source_of(config(**keys)).download_size() is None


@pytest.mark.parametrize(("name", "said"), [("mnist", "MNIST, 11.6 MB"), ("fashion_mnist", "Fashion-MNIST, 30.9 MB")])
def test_downloads(here, monkeypatch, name, said):
    monkeypatch.setitem(COLLECTIONS, name, replace(COLLECTIONS[name], folders=(name,)))  # whatever is installed
    assert not source_of(config(name=name)).is_available()
    assert source_of(config(name=name)).download_size() == said
    folder = here / "data" / name
    folder.mkdir(parents=True)
    for file in ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1"):
        (folder / f"{file}-ubyte").write_bytes(b"")
    assert source_of(config(name=name)).is_available()
    assert source_of(config(name=name)).download_size() is None
