"""A table that memory does not hold is prepared as one that it holds."""

import itertools
import json
import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import sqlalchemy
from PIL import Image
from polars.testing import assert_frame_equal
from pydantic import TypeAdapter

from mlcli.config.sections.dataset import DatasetConfig
from mlcli.data import prepare as module
from mlcli.data import profile
from mlcli.data.prepare import prepare_dataset
from mlcli.data.readers import csv, csv_layout, images, jsonl, sql
from mlcli.data.readers import source as source_module
from mlcli.data.readers.source import FileSource, Source
from mlcli.data.sources import source_of
from mlcli.data.tables import spill
from mlcli.data.tables.spill import NUMBER_ROW, TEXT_ROW, Spill
from mlcli.errors import DataError, ResourceError
from mlcli.io import disk, memory
from mlcli.reporter import SILENT, Silent

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
    typed = frame.with_columns(pl.col("na").cast(pl.Int64, strict=False))
    typed.write_parquet("t.parquet")
    typed.write_ndjson("t.jsonl")
    for folder, first, second in (("csv", 100, 220), ("parquet", 150, 170)):
        (tmp_path / f"{folder}s").mkdir()
        for number, part in enumerate((frame.head(first), frame.tail(second)), start=1):
            if folder == "csv":
                part.write_csv(f"csvs/{number}.csv", quote_style="non_numeric")
            else:
                part.with_columns(pl.col("na").cast(pl.Int64, strict=False)).write_parquet(f"parquets/{number}.parquet")
    return tmp_path


def both(monkeypatch, tmp_path, **keys):
    """What is stored from memory, and by way of files, of which each has some rows."""
    monkeypatch.setattr(csv, "PORTION", 1000)
    monkeypatch.setattr(jsonl, "PORTION", 1000)
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


KEYS = {
    "drop rows": {"target": "y", "missing": {"drop_rows": True}},
    "drop duplicates": {"target": "y", "missing": {"drop_rows": True}, "duplicates": "drop", "drop": ["zero", "na"]},
    "group": {"target": "y", "missing": {"drop_rows": True}, "split": {"by": "group", "column": "group"}},
    "time": {"target": "k", "split": {"by": "time", "column": "day"}, "drop": ["y"]},
    "keep and replace": {
        "target": "word",
        "keep": {"flag": ["yes"]},
        "replace": {"group": {"g1": "g2"}},
        "types": {"x": "category"},
    },
    "two targets": {"target": ["x", "y"], "missing": {"drop_rows": True, "values": ["", "NA", "1003"]}},
    "outliers": {"target": "y", "missing": {"drop_rows": True}, "outliers": {"name": "iqr", "threshold": 1.0}},
    "test rows": {"target": "word", "test_path": "same", "replace": {"group": {"g1": "g2"}}},
}
OTHERS = [(path, name) for path in ("t.jsonl", "csvs", "parquets") for name in ("drop rows", "test rows")]


@pytest.mark.parametrize(("path", "kept"), [*itertools.product(("t.csv", "t.parquet"), KEYS), *OTHERS])
def test_files_hold_what_memory_would(table, monkeypatch, path, kept):
    name = path.removeprefix("t.").removesuffix("s")
    keys = {**KEYS[kept], "test_path": path} if kept == "test rows" else KEYS[kept]
    memory, files = both(monkeypatch, table, name=name, path=path, **keys)
    assert memory.fingerprint == files.fingerprint
    assert without_doubts(memory.profile) == without_doubts(files.profile)
    assert np.array_equal(memory.splits.numbers, files.splits.numbers)
    for split in ("train", "valid", "test"):
        one, other = memory.splits[split], files.splits[split]
        assert (one.features, one.targets) == (other.features, other.targets)
        assert_frame_equal(one.frame, other.frame)
        assert one.groups is None or np.array_equal(one.groups, other.groups)
    assert (table / "memory" / memory.folder.name / "train.parquet").exists()


def write_database(folder):
    """Columns of each kind, whose first rows may have no values, whole numbers alone or short text."""
    rows = [
        (
            None if i < 150 else i / 8,
            i if i < 200 else i + 0.5,
            None if i % 6 == 0 else f"{'long ' * (i // 30)}text of row {i % 7}",
            f"2024-{1 + i % 12:02}-01",
            i % 2,
            f"c{i % 3}",
        )
        for i in range(N)
    ]
    with closing(sqlite3.connect(folder / "t.db")) as connection, connection:
        connection.execute("CREATE TABLE t (gap REAL, n NUMERIC, word TEXT, day TEXT, flag INT, y TEXT)")
        connection.executemany("INSERT INTO t VALUES (?, ?, ?, ?, ?, ?)", rows)


QUERY = "SELECT * FROM t WHERE n <> 7 -- all but one;"
PLACES = {"a file": {"path": "t.db"}, "a server": {"url": "postgresql://me@host/db"}}


@pytest.mark.parametrize("place", PLACES)
def test_files_hold_the_result_of_a_query_that_memory_would(tmp_path, monkeypatch, place):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sql, "_PORTION", 6 * 50)  # fifty rows
    write_database(tmp_path)
    connect = sqlalchemy.create_engine
    pool = {"poolclass": sqlalchemy.NullPool}
    monkeypatch.setattr(sqlalchemy, "create_engine", lambda url, **options: connect("sqlite:///t.db", **pool))
    monkeypatch.setattr(sql, "_READ_ONLY", {})
    keys = {"query": QUERY, "target": "y", "weight": "n", **PLACES[place]}
    memory, files = both(monkeypatch, tmp_path, name="sql", **keys)
    assert memory.fingerprint == files.fingerprint
    assert without_doubts(memory.profile) == without_doubts(files.profile)
    for split in ("train", "valid", "test"):
        one, other = memory.splits[split], files.splits[split]
        assert_frame_equal(one.frame, other.frame)
        assert np.array_equal(one.weights, other.weights)
    with closing(sqlite3.connect("t.db")) as connection, connection:
        connection.execute("UPDATE t SET word = word || ' ' WHERE rowid = 33")
    assert prepare_dataset(CONFIGS.validate_python({"name": "sql", **keys}), 3, SILENT).reused == (place != "a file")
    with closing(sqlite3.connect("t.db")) as connection, connection:
        connection.execute("UPDATE t SET word = word || '.' WHERE rowid = 33")
    assert not prepare_dataset(CONFIGS.validate_python({"name": "sql", **keys}), 3, SILENT).reused
    (need,) = source_of(CONFIGS.validate_python({"name": "sql", **keys})).memory_needs()
    expected = {"a file": f"{Path('t.db').stat().st_size:,} bytes of a database", "a server": f"{6 * (N - 1):,} cells"}
    assert need.basis == expected[place]


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("two", r"row 250: column 'n': 'two' is str among int"),
        (b"2", r"row 250: column 'n': b'2' is bytes"),
        (2**53 + 1, r"row 250: column 'n': 9007199254740993 is beyond 2\^53 and would lose digits"),
    ],
)
@pytest.mark.parametrize("fits", [True, False])
def test_a_bad_value_of_a_query_is_named_whatever_portion_it_is_in(tmp_path, monkeypatch, value, said, fits):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sql, "_PORTION", 6 * 50)
    monkeypatch.setattr(Source, "fits_memory", lambda self: fits)
    write_database(tmp_path)
    with closing(sqlite3.connect(tmp_path / "t.db")) as connection, connection:
        connection.execute("UPDATE t SET n = ? WHERE rowid = 250", (value,))
    config = CONFIGS.validate_python({"name": "sql", "path": "t.db", "query": "SELECT * FROM t", "target": "y"})
    with pytest.raises(DataError, match=said):
        prepare_dataset(config, 0, SILENT)


def write_pictures(folder):
    """Images of 3 × 5 pixels in three classes, as IDX files and as folders."""
    rng = np.random.default_rng(0)
    pixels, labels = rng.integers(0, 256, (90, 3, 5), np.uint8), (np.arange(90) % 3).astype(np.uint8)
    pixels[5] = pixels[50]
    for name, array in (("x", pixels), ("y", labels)):
        sizes = b"".join(size.to_bytes(4, "big") for size in array.shape)
        (folder / f"{name}.idx").write_bytes(bytes([0, 0, 8, array.ndim]) + sizes + array.tobytes())
    for row, (picture, label) in enumerate(zip(pixels, labels.tolist(), strict=True)):
        (folder / f"pictures/{label}").mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture).save(folder / f"pictures/{label}/{row}.png")


IDX = {"name": "idx", "images": "x.idx", "labels": "y.idx"}
PICTURES = {"name": "images", "path": "pictures", "size": [3, 5]}


@pytest.mark.parametrize(
    "keys",
    [IDX, {**IDX, "keep": [0, 2]}, {**IDX, "test_images": "x.idx", "test_labels": "y.idx"}, PICTURES],
    ids=["idx", "idx of some classes", "idx with test images", "folders"],
)
def test_files_hold_the_images_that_memory_would(tmp_path, monkeypatch, keys):
    monkeypatch.chdir(tmp_path)
    write_pictures(tmp_path)
    monkeypatch.setattr(images, "PORTION", 20)
    monkeypatch.setattr(spill, "_PIXELS", 100)
    monkeypatch.setattr(profile, "_HASHED", 100)
    memory, files = both(monkeypatch, tmp_path, **keys)
    assert memory.fingerprint == files.fingerprint
    assert memory.profile == files.profile
    for split in ("train", "valid", "test"):
        one, other = memory.splits[split], files.splits[split]
        assert np.array_equal(one.pixels, other.pixels)
        assert np.array_equal(one.labels, other.labels)
        assert one.class_names == other.class_names


def test_columns_come_back_from_their_files(tmp_path):
    own = Spill(tmp_path, "t")
    columns = [
        pl.Series("x", [1.5, -2.0, 3.0]),
        pl.Series("gap", [1.5, None, 3.0]),
        pl.Series("day", ["2024-01-01", "2024-02-29", "1969-12-31"]).str.to_datetime(time_unit="us"),
        pl.Series("text", ["a", "a text of more than twelve letters", None]),
        pl.Series("none", [], dtype=pl.Float64),
    ]
    for column in columns:
        kept = own.keep(column)
        assert kept.equals(column, check_names=True, check_dtypes=True)
    assert len([*tmp_path.iterdir()]) == 2  # those without gaps, of fixed width
    frame = pl.DataFrame(columns[:4])
    assert_frame_equal(own.where(frame, pl.Series([True, False, True])), frame[[0, 2]])
    assert_frame_equal(own.at(frame, np.array([2, 0])), frame[[2, 0]])
    assert_frame_equal(own.stage([frame[:1], frame[1:]]).collect(), frame)


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
    prepare(TEXT_ROW * 320)
    for folder in ("memory", "files"):
        [path] = [path for path in (table / folder).iterdir() if path.is_dir()]
        path.rename(path.with_name("other"))
    expected = r"t\.csv: reading '\w+', a column of 320 rows, takes about {} kB of memory, and {} kB are available"
    with pytest.raises(ResourceError, match=expected.format(26, 26)):
        prepare(TEXT_ROW * 320 - 1)
    with pytest.raises(ResourceError, match=expected.format(13, 13)):
        prepare(NUMBER_ROW * 320 - 1)


def test_a_full_disk_is_named_and_leaves_nothing(table, monkeypatch):
    def full(file, data):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(disk, "write", full)
    monkeypatch.setattr(FileSource, "fits_memory", lambda self: False)
    config = CONFIGS.validate_python({"name": "csv", "path": "t.csv", "target": "x", "drop": ["y"]})
    with pytest.raises(ResourceError, match="the disk is full"):
        prepare_dataset(config, 0, SILENT)
    assert not [*module.prepared_dir().glob("*")]


LINES = ['{"a": 1, "y": 1.5}', '{"a": 2, "y": 2.5, "b": "x"}'] * 40


@pytest.mark.parametrize(
    ("number", "line", "said"),
    [
        (70, '{"a": "2", "y": 1}', r"t\.jsonl:70: key 'a' is '2', which is text, but line (1|66) has a number"),
        (70, '{"a": 2, "a": 3, "y": 1}', r"t\.jsonl:70: .* key 'a' occurs twice"),
        (70, "", r"t\.jsonl:70: blank line between rows"),
        (1, '{"a": 9007199254740993, "y": 1}', r"t\.jsonl:1: column 'a': '?9007199254740993'? is beyond 2\^53"),
        (70, '{"a": 9007199254740993, "y": 1}', r"t\.jsonl:70: column 'a': '?9007199254740993'? is beyond 2\^53"),
    ],
)
@pytest.mark.parametrize("fits", [True, False])
def test_bad_lines_are_named_whatever_portion_they_are_in(tmp_path, monkeypatch, number, line, said, fits):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(jsonl, "PORTION", 300)
    monkeypatch.setattr(Source, "fits_memory", lambda self: fits)
    lines = [*LINES]
    lines[number - 1], lines[40] = line, '{"a": 2.5, "y": 3.5}'
    (tmp_path / "t.jsonl").write_text("\n".join(lines) + "\n")
    config = CONFIGS.validate_python({"name": "jsonl", "path": "t.jsonl", "target": "y"})
    with pytest.raises(DataError, match=said):
        prepare_dataset(config, 0, SILENT)


def test_whole_numbers_of_one_file_are_not_rounded_for_decimals_of_another(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "t").mkdir()
    y = [float(i) + 0.5 for i in range(20)]
    pl.DataFrame({"a": [0.5] * 20, "y": y}).write_parquet("t/1.parquet")
    pl.DataFrame({"a": [3, 2**53 + 1] * 10, "y": y}).write_parquet("t/2.parquet")
    config = CONFIGS.validate_python({"name": "parquet", "path": "t", "target": "y"})
    for fits in (True, False):
        monkeypatch.setattr(Source, "fits_memory", lambda self, fits=fits: fits)
        with pytest.raises(DataError, match=r"2\.parquet: row 2: column 'a': '?9007199254740993'? is beyond 2\^53"):
            prepare_dataset(config, 0, SILENT)


def test_what_the_files_take_is_told_before_they_are_written(table, monkeypatch):
    told = []
    monkeypatch.setattr(Silent, "say", lambda self, text: told.append(text))
    monkeypatch.setattr(Source, "fits_memory", lambda self: False)
    config = CONFIGS.validate_python({"name": "parquet", "path": "t.parquet", "target": "x", "drop": ["y"]})
    prepare_dataset(config, 0, Silent())
    assert (
        "it is prepared column by column, by way of files of up to 51 kB, in roughly 0.0 s" in told[0]
    )  # 320 × 10 × 16


def test_many_files_are_counted_not_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "t").mkdir()
    for k in range(3):
        pl.DataFrame({"a": [0.5, 1.5, 2.5] * 10, "y": [1.5, 2.5, k + 0.5] * 10}).write_parquet(f"t/{k}.parquet")
    told = []
    monkeypatch.setattr(Silent, "say", lambda self, text: told.append(text))
    monkeypatch.setattr(Source, "fits_memory", lambda self: False)
    prepare_dataset(CONFIGS.validate_python({"name": "parquet", "path": "t", "target": "y"}), 0, Silent())
    assert told[0].startswith("3 files take about ")
    assert "by way of files of up to 3 kB" in told[0]  # 3 × 30 rows × 2 cells × 16 bytes


def test_memory_that_is_gone_when_the_rows_are_read_is_not_counted_on(table, monkeypatch):
    told, free, content = [], [1 << 30], Source.content

    def content_of(source):
        free[0] = TEXT_ROW * 320  # of other programs, meanwhile
        return content(source)

    monkeypatch.setattr(Silent, "say", lambda self, text: told.append(text))
    monkeypatch.setattr(Source, "content", content_of)
    for place in (memory, source_module):
        monkeypatch.setattr(place, "available_memory", lambda: memory.Available(free[0], "a test"))
    config = CONFIGS.validate_python({"name": "parquet", "path": "t.parquet", "target": "x", "drop": ["y"]})
    prepare_dataset(config, 0, Silent())
    assert "it is prepared column by column" in told[0]
