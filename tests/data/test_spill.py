"""A table that memory does not hold is prepared as one that it holds."""

import json

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal
from pydantic import TypeAdapter

from mlcli.config.sections.dataset import DatasetConfig
from mlcli.data import prepare as module
from mlcli.data.prepare import prepare_dataset
from mlcli.data.readers import csv, csv_layout
from mlcli.data.readers.source import FileSource, Source
from mlcli.data.tables.spill import ROW, Spill
from mlcli.errors import DataError, ResourceError
from mlcli.io import disk, memory
from mlcli.reporter import SILENT

CONFIGS = TypeAdapter(DatasetConfig)
N = 300


@pytest.fixture
def table(tmp_path, monkeypatch):
    """A table of every kind of column, with missing cells, repeated rows, blanks and quotes."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLCLI_PREPARED_DIR", raising=False)
    rng = np.random.default_rng(0)
    frame = pl.DataFrame(
        {
            "x": rng.normal(size=N).round(3),
            "gaps": pl.Series([None if i % 7 == 0 else i % 50 for i in range(N)]),
            "word": [f"{'ab'[i % 2]} ,{i % 3}" for i in range(N)],
            "flag": ["yes" if i % 3 else "no" for i in range(N)],
            "day": [f"2024-{1 + i % 12:02}-{1 + i % 28:02}" for i in range(N)],
            "zero": [0.0 if i == 3 else 1000.0 + i % 90 for i in range(N)],
            "na": ["NA" if i % 5 == 0 else f"{i % 40}" for i in range(N)],
            "group": [f"g{i % 30}" for i in range(N)],
            "k": [f"{'01' if i % 2 else '2'}" for i in range(N)],
            "y": pl.Series([None if i == 10 else float(i % 90) + 0.5 for i in range(N)]),
        }
    )
    frame = pl.concat([frame, frame.head(20)])
    frame.write_csv("t.csv", quote_style="non_numeric")
    frame.with_columns(pl.col("na").cast(pl.Int64, strict=False)).write_parquet("t.parquet")
    return tmp_path


def both(monkeypatch, tmp_path, **keys):
    """What is stored from memory, and by way of files, of which each has some rows."""
    monkeypatch.setattr(csv, "PORTION", 1000)
    monkeypatch.setattr(csv_layout, "BLOCK", 300)
    config = CONFIGS.validate_python(keys)
    found = []
    for place, fits in (("memory", True), ("files", False)):
        monkeypatch.setenv("MLCLI_PREPARED_DIR", str(tmp_path / place))
        monkeypatch.setattr(Source, "fits_memory", lambda self, fits=fits: fits)
        found.append(prepare_dataset(config, 3, SILENT))
        assert not [*(tmp_path / place).glob(".*")]
    return found


def without_doubts(profile):
    cleaning = {**profile["cleaning"], "doubts": None}
    doubts = sorted(doubt["column"] for doubt in profile["cleaning"]["doubts"])
    return json.dumps({**profile, "cleaning": cleaning}), doubts


@pytest.mark.parametrize("name", ["csv", "parquet"])
@pytest.mark.parametrize(
    "keys",
    [
        {"target": "y", "missing": {"drop_rows": True}},
        {"target": "y", "missing": {"drop_rows": True}, "duplicates": "drop", "drop": ["zero", "na"]},
        {"target": "y", "missing": {"drop_rows": True}, "split": {"by": "group", "column": "group"}},
        {"target": "k", "split": {"by": "time", "column": "day"}, "drop": ["y"]},
        {"target": "word", "keep": {"flag": ["yes"]}, "replace": {"group": {"g1": "g2"}}, "types": {"x": "category"}},
        {"target": ["x", "y"], "missing": {"drop_rows": True, "values": ["", "NA", "1003"]}},
    ],
    ids=["drop rows", "drop duplicates", "group", "time", "keep and replace", "two targets"],
)
def test_files_hold_what_memory_would(table, monkeypatch, name, keys):
    memory, files = both(monkeypatch, table, name=name, path=f"t.{name}", **keys)
    assert memory.fingerprint == files.fingerprint
    assert without_doubts(memory.profile) == without_doubts(files.profile)
    assert np.array_equal(memory.splits.numbers, files.splits.numbers)
    for split in ("train", "valid", "test"):
        one, other = memory.splits[split], files.splits[split]
        assert (one.features, one.targets) == (other.features, other.targets)
        assert_frame_equal(one.frame, other.frame)
        assert one.groups is None or np.array_equal(one.groups, other.groups)
    assert (table / "memory" / memory.folder.name / "train.parquet").exists()


def test_columns_come_back_from_their_files(tmp_path):
    spill = Spill(tmp_path, "t")
    columns = [
        pl.Series("x", [1.5, -2.0, 3.0]),
        pl.Series("gap", [1.5, None, 3.0]),
        pl.Series("day", ["2024-01-01", "2024-02-29", "1969-12-31"]).str.to_datetime(time_unit="us"),
        pl.Series("text", ["a", "a text of more than twelve letters", None]),
        pl.Series("none", [], dtype=pl.Float64),
    ]
    for column in columns:
        kept = spill.keep(column)
        assert kept.equals(column, check_names=True, check_dtypes=True)
    assert len([*tmp_path.iterdir()]) == 2  # those without gaps, of fixed width
    frame = pl.DataFrame(columns[:4])
    assert_frame_equal(spill.where(frame, pl.Series([True, False, True])), frame[[0, 2]])
    assert_frame_equal(spill.at(frame, np.array([2, 0])), frame[[2, 0]])
    assert_frame_equal(spill.stage([frame[:1], frame[1:]]).collect(), frame)


def test_bad_cells_are_named_by_line(table, monkeypatch):
    (table / "t.csv").write_text((table / "t.csv").read_text().replace("1003.0", "1003;0"))
    with pytest.raises(DataError, match=r"t\.csv:95: column 'zero': '1003;0' is not a number") as error:
        both(monkeypatch, table, name="csv", path="t.csv", target="x", types={"zero": "number"}, drop=["y"])
    assert "fix the cell" in str(error.value)


def test_a_column_that_memory_does_not_hold_is_refused_with_its_size(table, monkeypatch):
    def prepare(available):
        monkeypatch.setattr(memory, "available_memory", lambda: memory.Available(available, "a test"))
        both(monkeypatch, table, name="csv", path="t.csv", target="x", drop=["y"])

    monkeypatch.setattr(Source, "require_memory", lambda self: None)
    prepare(ROW * 320)
    for folder in ("memory", "files"):
        [path] = [path for path in (table / folder).iterdir() if path.is_dir()]
        path.rename(path.with_name("other"))
    # x is the target, so that gaps is the first.
    expected = r"t\.csv: reading 'gaps', a column of 320 rows, takes about 26 kB of memory, and 26 kB are available"
    with pytest.raises(ResourceError, match=expected):
        prepare(ROW * 320 - 1)


def test_a_full_disk_is_named_and_leaves_nothing(table, monkeypatch):
    def full(file, data):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(disk, "write", full)
    monkeypatch.setattr(FileSource, "fits_memory", lambda self: False)
    config = CONFIGS.validate_python({"name": "csv", "path": "t.csv", "target": "x", "drop": ["y"]})
    with pytest.raises(ResourceError, match="the disk is full"):
        prepare_dataset(config, 0, SILENT)
    assert not [*module.prepared_dir().glob("*")]
