"""A parser that panics says nothing to the screen, and its file is refused like any other that is damaged."""

import io
import os

import polars as pl
import pytest

from mlcli.data.readers.jsonl import read_jsonl
from mlcli.data.readers.parquet import contained_panics, read_parquet
from mlcli.data.readers.text_file import read_text
from mlcli.errors import DataError


def panic(*arguments, **options):
    os.write(2, b"thread 'pool-1' panicked at src/lib.rs:1:1\n")
    raise pl.exceptions.PanicException("called `Option::unwrap()` on a `None` value")


def sound_parquet():
    buffer = io.BytesIO()
    pl.DataFrame({"a": [1]}).write_parquet(buffer)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("reader", "read"),
    [
        ("scan_parquet", lambda: read_parquet(b"PAR1", "t")),
        ("read_parquet", lambda: read_parquet(sound_parquet(), "t")),
        ("read_ndjson", lambda: read_jsonl(read_text(b'{"a": 1}', "t"))),
    ],
)
def test_is_an_error_of_the_data(monkeypatch, capfd, reader, read):
    monkeypatch.setattr(pl, reader, panic)
    with pytest.raises(DataError, match=r"^t: .*called `Option::unwrap\(\)`"):
        read()
    os.write(2, b"after")
    assert capfd.readouterr().err == "after"


def test_other_errors_pass():
    with pytest.raises(KeyError), contained_panics():
        raise KeyError
