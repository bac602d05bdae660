"""`mlcli init` from stdin and the clipboard, whose table is kept where training finds it; and from published splits."""

import gzip
import io
import sys
from types import SimpleNamespace

import polars as pl
import pytest

from mlcli.config.loading.load import load_config
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


@pytest.mark.parametrize("named", ["flowers", "flowers/data", "flowers/data/"])
@pytest.mark.parametrize(
    ("files", "test", "told"),
    [
        ({"train": 2}, None, "2 files with 48 rows"),
        ({"train": 2, "test": 1, "validation": 1}, "test", "validation-*.parquet is not read"),
        ({"train": 1, "validation": 2}, "validation", "the rows of validation-*.parquet are the test rows"),
    ],
)
def test_a_published_dataset_keeps_its_splits(workspace, mlcli, pipe, named, files, test, told):
    for name in ("data", ".cache"):
        (workspace / "flowers" / name).mkdir(parents=True)
    for split, count in files.items():
        for i in range(count):
            ROWS.write_parquet(f"flowers/data/{split}-{i:05}-of-{count:05}.parquet")
    (workspace / "flowers/README.md").write_text("# Flowers")
    done = mlcli("init", named, "--target", "y", "--json")
    assert done.code == 0, done.err
    assert told in " ".join(done.json["summary"])
    config = load_config(workspace / "mlcli.yaml")
    assert config.dataset.path == "flowers/data/train-*.parquet"
    assert config.dataset.test_path == (test and f"flowers/data/{test}-*.parquet")
    assert mlcli("check", "-q").code == 0


def test_files_of_other_names_are_one_table(workspace, mlcli, pipe):
    for name in ("train-1.parquet", "train-00000-of-00001.parquet"):
        (workspace / "rows").mkdir(exist_ok=True)
        ROWS.write_parquet(f"rows/{name}")
    assert mlcli("init", "rows", "--target", "y").code == 0
    assert load_config(workspace / "mlcli.yaml").dataset.path == "rows"


@pytest.mark.parametrize("missing", ["", "NA"])
def test_a_target_without_values_is_refused(workspace, mlcli, pipe, missing):
    (workspace / "t.csv").write_text("a,b,y\n" + "".join(f"{i},{i * 7 % 5},{missing}\n" for i in range(30)))
    done = mlcli("init", "t.csv", "--target", "y")
    assert done.code == 3
    assert "t.csv: column 'y' is missing in all 30 rows; expected what to learn from: fill it in" in done.err


@pytest.mark.parametrize(
    ("arguments", "content", "code", "told"),
    [
        (["-"], b" \n", 3, "stdin: there is nothing; expected a table with its header"),
        (["-"], CELLS.encode(), 2, "--target: name the column to predict; table.csv has: größe, y"),
        (["-", "--clipboard"], b"", 2, "name either the data"),
        (["data/houses.csv", "--save", "t.csv"], b"", 2, "--save: keeps a table from stdin"),
        (
            ["http://example.org/t.csv", "--target", "y"],
            b"",
            3,
            "plain http lets others change what arrives; use https",
        ),
    ],
)
def test_what_is_no_table_is_refused(workspace, mlcli, pipe, arguments, content, code, told):
    pipe(content)
    done = mlcli("init", *arguments)
    assert done.code == code
    assert told in done.err
