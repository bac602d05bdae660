"""A contract of every source: rows of the task that its configuration settles, content that changes with its files."""

import sqlite3
import struct
from contextlib import closing
from pathlib import Path
from typing import get_args

import numpy as np
import polars as pl
import pytest
from PIL import Image
from pydantic import TypeAdapter

from mlcli.config.sections.dataset import DatasetConfig
from mlcli.data.sources import source_of
from mlcli.errors import DataError

CONFIG = TypeAdapter(DatasetConfig)
FRAME = pl.DataFrame({"a": [1.5, 2.5, 3.5, 4.5], "b": [0.5, 0.25, 1.5, 2.0], "y": ["p", "q", "p", "q"]})
LABELS = np.arange(4, dtype=np.uint8) % 2


def csv(_):
    FRAME.write_csv("t.csv")


def parquet(_):
    FRAME.write_parquet("t.parquet")


def jsonl(_):
    FRAME.write_ndjson("t.jsonl")


def sql(_):
    with closing(sqlite3.connect("t.db")) as connection, connection:
        connection.execute("CREATE TABLE t (a REAL, b REAL, y TEXT)")
        connection.executemany("INSERT INTO t VALUES (?, ?, ?)", FRAME.rows())


def npz(shape):
    np.savez("t.npz", x=np.arange(4 * np.prod(shape), dtype=np.uint8).reshape(4, *shape), y=LABELS.astype(str))


def idx(_):
    for name, array in (("x", np.zeros((4, 3, 3), np.uint8)), ("y", LABELS)):
        header = bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
        Path(name).write_bytes(header + array.tobytes())


def images(folder):
    for name in ("cat", "dog"):
        (folder / "p" / name).mkdir(parents=True)
        Image.new("L", (5, 6)).save(folder / "p" / name / "1.png")


def stl10(folder):
    (folder / "s").mkdir()
    for split in ("train", "test"):
        np.zeros(3 * 96 * 96, np.uint8).tofile(folder / "s" / f"{split}_X.bin")
        np.array([1], np.uint8).tofile(folder / "s" / f"{split}_y.bin")


SOURCES = {
    "csv": (csv, {"name": "csv", "path": "t.csv", "target": "y"}),
    "csv, several targets": (csv, {"name": "csv", "path": "t.csv", "target": ["a", "b"]}),
    "csv, task": (csv, {"name": "csv", "path": "t.csv", "target": "a", "task": "regression"}),
    "parquet": (parquet, {"name": "parquet", "path": "t.parquet", "target": "y"}),
    "jsonl": (jsonl, {"name": "jsonl", "path": "t.jsonl", "target": "y"}),
    "sql": (sql, {"name": "sql", "path": "t.db", "query": "SELECT * FROM t", "target": "y"}),
    "npz, table": (lambda _: npz((2,)), {"name": "npz", "path": "t.npz"}),
    "npz, images": (lambda _: npz((2, 3)), {"name": "npz", "path": "t.npz"}),
    "idx": (idx, {"name": "idx", "images": "x", "labels": "y"}),
    "images": (images, {"name": "images", "path": "p"}),
    "stl10": (stl10, {"name": "stl10", "path": "s"}),
    **{
        name: (lambda _: None, {"name": name})
        for name in ("iris", "wine", "breast_cancer", "diabetes", "digits", "circle", "xor", "gauss", "spiral", "plane")
    },
    "multi_gauss": (lambda _: None, {"name": "multi_gauss"}),
}


@pytest.fixture(params=SOURCES)
def config(request, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    make, options = SOURCES[request.param]
    make(tmp_path)
    return CONFIG.validate_python(options)


def own_files(source):
    """Those in the working directory: the digits' file belongs to scikit-learn, and is left as it is."""
    return [path for path in source.files() if not path.is_absolute()]


def test_there_is_one_for_every_dataset(tmp_path, monkeypatch):
    monkeypatch.setenv("MLCLI_DATA_DIR", str(tmp_path))
    for kind in get_args(get_args(DatasetConfig)[0]):
        assert source_of(kind.model_construct(name="mnist")).config.__class__ is kind


def test_the_task_is_the_one_that_the_configuration_settles(config):
    read = source_of(config).read()
    assert read.task == (config.known_task or read.task)
    assert len(read.rows)
    assert (read.test is not None) == config.gives_test_rows


def test_content_changes_with_each_file(config):
    source = source_of(config)
    assert source.is_available()
    before = list(source.content())
    assert before == list(source.content())
    for path in own_files(source):
        path.write_bytes(path.read_bytes() + b"\n")
        after = list(source.content())
        assert after != before
        before = after


def test_without_its_files_it_is_not_available(config):
    source = source_of(config)
    files = own_files(source)
    for path in files:
        path.unlink()
    if files and config.name != "images":
        assert not source.is_available()
    if files:
        with pytest.raises(DataError):
            source.read()
