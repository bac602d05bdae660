"""What cannot be read into memory is refused by sizes and headers, unread; what fits is not."""

import gzip
import os
import struct

import numpy as np
import polars as pl
import pytest
from PIL import Image
from pydantic import TypeAdapter

from mlcli.config.sections.dataset import DatasetConfig
from mlcli.data.prepare import prepare_dataset
from mlcli.data.readers import source
from mlcli.data.sources import source_of
from mlcli.errors import ResourceError
from mlcli.reporter import Silent

CONFIG = TypeAdapter(DatasetConfig)
ROWS = 20_000


def grown(path, start, size):
    """A file of that size on paper: reading it would take minutes."""
    path.write_bytes(start)
    os.truncate(path, size)


def csv(folder):
    grown(folder / "t.csv", b"a,y\n" + b"1,p\n2,q\n" * 10_000, 300 << 30)


def jsonl(folder):
    grown(folder / "t.jsonl", b'{"a": 1, "y": "p"}\n' * 10_000, 300 << 30)


def packed_csv(folder):
    (folder / "t.csv").write_bytes(gzip.compress(b"a,y\n" + b"1,p\n2,q\n" * ROWS * 50))


def parquet(folder):
    pl.DataFrame({"a": range(ROWS), "b": 0, "y": "p"}).write_parquet(folder / "t.parquet")


def table_npz(folder):
    np.savez_compressed(folder / "t.npz", x=np.zeros((ROWS, 10)), y=np.zeros(ROWS))


def picture_npz(folder):
    np.savez_compressed(folder / "t.npz", x=np.zeros((ROWS, 28, 28), np.uint8), y=np.zeros(ROWS))


def idx(folder):
    grown(folder / "x.idx", b"\0\0\x08\x03" + struct.pack(">3I", 100_000, 200, 200), 16 + 4 * 10**9)
    (folder / "y.idx").write_bytes(b"\0\0\x08\x01" + struct.pack(">I", 4) + bytes(4))


def stl10(folder):
    for name in ("train_X.bin", "train_y.bin", "test_X.bin", "test_y.bin"):
        grown(folder / name, b"", 100 << 30)


def images(folder):
    for label in "ab":
        (folder / "pictures" / label).mkdir(parents=True)
        Image.new("L", (6, 5)).save(folder / "pictures" / label / "1.png")


def nothing(folder):
    pass


TABLE = {"target": "y"}
SOURCES = {
    "csv": (csv, {"name": "csv", "path": "t.csv", **TABLE}, "40GB", "t.csv: reading 322,122,547,200 bytes of"),
    "packed csv": (packed_csv, {"name": "csv", "path": "t.csv", **TABLE}, "100MB", "reading 8,000,004 bytes"),
    "jsonl": (jsonl, {"name": "jsonl", "path": "t.jsonl", **TABLE}, "40GB", "t.jsonl: reading 322,122,547,200"),
    "parquet": (parquet, {"name": "parquet", "path": "t.parquet", **TABLE}, "2MB", "reading 60,000 cells"),
    "npz": (table_npz, {"name": "npz", "path": "t.npz"}, "8MB", "t.npz: reading 220,000 values"),
    "npz of pictures": (picture_npz, {"name": "npz", "path": "t.npz"}, "40MB", "t.npz: reading 15,700,000 values"),
    "idx": (idx, {"name": "idx", "images": "x.idx", "labels": "y.idx"}, "8GB", "reading 4,000,000,000 bytes of pixels"),
    "stl10": (stl10, {"name": "stl10", "path": "."}, "200GB", "train_X.bin: reading 107,374,182,400 bytes of pixels"),
    "images": (
        images,
        {"name": "images", "path": "pictures", "size": [1000, 1000], "color": "rgb"},
        "5MB",
        "pictures: reading 6,000,000 bytes of pixels",
    ),
    "playground": (nothing, {"name": "spiral", "rows": 10_000_000}, "1GB", "spiral: reading 10,000,000 points"),
}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("mlcli.io.memory.file_text", lambda path: "")  # as if all memory were free, and none taken yet
    monkeypatch.setattr(source, "free_space", lambda folder: 999)  # for files that would take the place of memory
    return tmp_path


@pytest.mark.parametrize(("make", "options", "limit", "said"), SOURCES.values(), ids=SOURCES)
def test_is_refused_unread(folder, monkeypatch, make, options, limit, said):
    make(folder)
    config = CONFIG.validate_python(options)
    monkeypatch.setenv("MLCLI_MEMORY", limit)
    with pytest.raises(ResourceError, match=rf"MLCLI_MEMORY is {limit}\); use fewer rows") as caught:
        prepare_dataset(config, 0, Silent())
    assert said in str(caught.value)
    monkeypatch.setenv("MLCLI_MEMORY", "100TB")
    source_of(config).require_memory()


@pytest.mark.parametrize(
    ("options", "file", "content"),
    [
        ({"name": "parquet", "path": "t", "target": "y"}, "t", b"PAR1"),
        ({"name": "npz", "path": "t"}, "t", b"PK\x03\x04"),
        ({"name": "idx", "images": "t", "labels": "t"}, "t", b"\0\0\x08\x03" + b"\xff" * 12),
        ({"name": "idx", "images": "t", "labels": "t"}, "t", b"\0\0"),
        ({"name": "csv", "path": "t", "target": "y"}, "t", b""),
        ({"name": "csv", "path": "t", "target": "y"}, "t", b"\x1f\x8b"),
        ({"name": "jsonl", "path": "t", "target": "y"}, "t", b"\x1f\x8b" + bytes(20)),
    ],
)  # fmt: skip
def test_damaged_files_are_left_to_their_readers(folder, monkeypatch, options, file, content):
    (folder / file).write_bytes(content)
    monkeypatch.setenv("MLCLI_MEMORY", "1MB")
    source_of(CONFIG.validate_python(options)).require_memory()


def test_what_is_prepared_already_needs_no_reading(folder, monkeypatch):
    (folder / "t.csv").write_text("a,y\n" + "1.5,p\n2.5,q\n" * 1000)
    config = CONFIG.validate_python({"name": "csv", "path": "t.csv", "target": "y"})
    prepare_dataset(config, 0, Silent())
    monkeypatch.setenv("MLCLI_MEMORY", "1kB")
    assert prepare_dataset(config, 0, Silent()).reused
    with pytest.raises(ResourceError):
        prepare_dataset(config, 1, Silent())
