"""`mlcli init` from stdin and from the clipboard: the table is kept where training finds it."""

import gzip
import io
import sys
from types import SimpleNamespace

import polars as pl
import pytest

from mlcli.io import clipboard
from mlcli.use_cases import check

ROWS = pl.DataFrame({"größe": [i % 7 for i in range(24)], "y": ["a", "b", "a"] * 8})
CELLS = ROWS.write_csv(separator="\t")


@pytest.fixture
def pipe(workspace, monkeypatch):
    """Puts bytes into stdin."""
    monkeypatch.setattr(check, "MEASURED_SECONDS", 0.0)
    return lambda content: monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(content), isatty=bool))


def parquet():
    packed = io.BytesIO()
    ROWS.write_parquet(packed)
    return packed.getvalue()


@pytest.mark.parametrize(
    ("content", "name", "kept"),
    [
        (CELLS.encode(), "table.csv", CELLS.encode()),
        (CELLS.encode("utf-16"), "table.csv", CELLS.encode("utf-16")),
        (gzip.compress(CELLS.encode()), "table.csv", CELLS.encode()),
        (ROWS.write_ndjson().encode(), "table.jsonl", ROWS.write_ndjson().encode()),
        (parquet(), "table.parquet", parquet()),
    ],
    ids=["tabs", "utf-16", "gzip", "json lines", "parquet"],
)
def test_stdin_is_kept_beside_the_configuration(workspace, mlcli, pipe, content, name, kept):
    for _ in range(2):  # the same table once more is no other file
        pipe(content)
        done = mlcli("init", "-", "--target", "y", "-o", "new/t.yaml")
        assert done.code == 0, done.err
        assert f"Table: new/{name}, as it came from stdin" in done.err
        assert (workspace / "new" / name).read_bytes() == kept
        assert f"path: new/{name}" in (workspace / "new/t.yaml").read_text()
        (workspace / "new/t.yaml").unlink()
    pipe(content)
    (workspace / "new" / name).write_text("mine")
    done = mlcli("init", "-", "--target", "y", "-o", "new/t.yaml")
    assert done.code == 2
    assert f"new/{name} already exists and is not overwritten; name another file with --save" in done.err


def test_cells_of_the_clipboard_are_a_table(workspace, mlcli, pipe, monkeypatch):
    monkeypatch.setattr(clipboard, "read_clipboard", lambda: CELLS)
    done = mlcli("init", "--clipboard", "--target", "y", "--save", "data/cells.tsv")
    assert done.code == 0, done.err
    assert pl.read_csv("data/cells.tsv", separator="\t").equals(ROWS)
    text = (workspace / "mlcli.yaml").read_text()
    assert "path: data/cells.tsv" in text
    assert r'delimiter: "\t"' in text
    assert mlcli("check", "-q").code == 0


@pytest.mark.parametrize(
    ("arguments", "content", "code", "told"),
    [
        (["-"], b" \n", 3, "stdin: there is nothing; expected a table with its header"),
        (["-"], CELLS.encode(), 2, "--target: name the column to predict; table.csv has: größe, y"),
        (["-", "--clipboard"], b"", 2, "name either the data"),
        (["data/houses.csv", "--save", "t.csv"], b"", 2, "--save: keeps a table from stdin"),
    ],
)
def test_what_is_no_table_is_refused(workspace, mlcli, pipe, arguments, content, code, told):
    pipe(content)
    done = mlcli("init", *arguments)
    assert done.code == code
    assert told in done.err
