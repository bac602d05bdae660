"""Compressed tables: the same rows from each format, and bounded refusals."""

import bz2
import gzip
import lzma

import pytest
from backports import zstd

from mlcli.data.readers.compression import unpack, unpacked_limit
from mlcli.data.readers.csv import read_delimited
from mlcli.data.readers.csv_dialect import Dialect
from mlcli.data.readers.text_file import open_text
from mlcli.errors import DataError
from tests.campaigns.hostile.payloads import zipped

TEXT = b"x,y\n1,a\n2,b\n"


PACKED = {
    "gz": gzip.compress,
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "zst": zstd.compress,
    "zip": lambda text: zipped({"folder/t.csv": text}),
}


@pytest.mark.parametrize("suffix", PACKED)
def test_the_rows_are_those_of_the_plain_file(tmp_path, suffix):
    path = tmp_path / f"t.csv.{suffix}"
    path.write_bytes(PACKED[suffix](TEXT))
    assert read_delimited(open_text(path), Dialect()).frame.rows() == [("1", "a"), ("2", "b")]


@pytest.mark.parametrize("suffix", PACKED)
def test_a_damaged_file_is_refused(suffix):
    whole = PACKED[suffix](TEXT * 50)
    for data in (whole[: len(whole) // 2], whole[:-20] + b"\0" * 20):
        with pytest.raises(DataError, match=r"^t: damaged \w+ file"):
            unpack(data, "t")


@pytest.mark.parametrize("suffix", PACKED)
def test_a_bomb_is_refused(suffix, monkeypatch):
    monkeypatch.setattr("mlcli.data.readers.compression._ALWAYS", 1 << 20)
    with pytest.raises(DataError, match="compressed bytes unpack to more than"):
        unpack(PACKED[suffix](bytes(unpacked_limit(1) + 1)), "t")


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"a.csv": TEXT, "b.csv": TEXT}, r"the archive has 2 files \(a.csv, b.csv\); unpack it and name one of them"),
        ({"folder/": b""}, r"the archive has 0 files \(none\)"),
        ({"content.xml": b"<x/>"}, "is a workbook; set dataset.name: excel"),
    ],
)
def test_an_archive_has_one_file(files, message):
    with pytest.raises(DataError, match=message):
        unpack(zipped(files), "t")


def test_what_a_mac_adds_to_an_archive_is_no_table():
    assert unpack(zipped({"t.csv": TEXT, "__MACOSX/._t.csv": b"x"}), "t") == TEXT


def test_init_and_predict_take_them(workspace, mlcli):
    rows = "".join(f"{i},{i % 7},{'ab'[i % 2]}\n" for i in range(60))
    (workspace / "t.csv.xz").write_bytes(lzma.compress(f"x,z,y\n{rows}".encode()))
    assert mlcli("init", "t.csv.xz", "--target", "y").code == 0
    assert mlcli("train", "-q", "-S", "training.epochs=1", "-S", "training.ensemble=1").code == 0
    (workspace / "new.csv.zst").write_bytes(zstd.compress(b"x,z\n3,4\n"))
    assert len(mlcli("predict", "new.csv.zst", "-q").out.splitlines()) == 2
