import json
import os
import shutil
import sqlite3
import subprocess
import sys
from typing import ClassVar

import numpy as np
import polars as pl
import pytest
from PIL import Image
from polars.testing import assert_frame_equal
from pydantic import TypeAdapter
from sklearn.datasets import load_digits

from mlcli.config.sections.dataset import DatasetConfig
from mlcli.data.prepare import prepare_dataset
from mlcli.data.tables.types import Table
from mlcli.errors import DataError, ResourceError
from mlcli.io.atomic import atomic_folder
from tests.campaigns.simulated_disks import dies_after

CONFIGS = TypeAdapter(DatasetConfig)


class Collecting:
    def __init__(self):
        self.warnings = []

    def say(self, text):
        pass

    def warn(self, text):
        self.warnings.append(text)

    def progress(self, label, done, total):
        pass


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLCLI_DATA_DIR", raising=False)
    monkeypatch.delenv("MLCLI_PREPARED_DIR", raising=False)
    monkeypatch.setenv("MLCLI_OFFLINE", "1")
    return tmp_path


def prepare(seed=0, reporter=None, **keys):
    return prepare_dataset(CONFIGS.validate_python(keys), seed, reporter or Collecting())


def write_csv(path, n=60, seed=0):
    rng = np.random.default_rng(seed)
    frame = pl.DataFrame({"a": rng.normal(size=n), "b": rng.choice(["u", "v"], n), "y": rng.normal(size=n)})
    path.write_text(frame.write_csv())
    return frame


def idx_bytes(array):
    header = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, dtype=">u4").tobytes()
    return header + array.tobytes()


def make_source(here, name):
    """A small dataset of that kind and the configuration that reads it."""
    rng = np.random.default_rng(0)
    pixels, labels = rng.integers(0, 255, (40, 4, 5), dtype=np.uint8), np.arange(40, dtype=np.uint8) % 2
    match name:
        case "csv":
            write_csv(here / "t.csv")
            return {"name": "csv", "path": "t.csv", "target": "y"}
        case "parquet":
            write_csv(here / "t.csv").write_parquet(here / "t.parquet")
            return {"name": "parquet", "path": "t.parquet", "target": "y"}
        case "jsonl":
            (here / "t.jsonl").write_text(write_csv(here / "t.csv").write_ndjson())
            return {"name": "jsonl", "path": "t.jsonl", "target": "y"}
        case "sql":
            with sqlite3.connect(here / "t.db") as connection:
                connection.execute("create table t (a real, y real)")
                connection.executemany("insert into t values (?, ?)", rng.normal(size=(40, 2)).tolist())
            connection.close()
            return {"name": "sql", "path": "t.db", "query": "select * from t", "target": "y"}
        case "npz":
            np.savez(here / "t.npz", x=rng.normal(size=(40, 3)), y=rng.normal(size=40))
            return {"name": "npz", "path": "t.npz"}
        case "npz images":
            np.savez(here / "t.npz", x=pixels, y=labels)
            return {"name": "npz", "path": "t.npz"}
        case "idx":
            (here / "images").write_bytes(idx_bytes(pixels))
            (here / "labels").write_bytes(idx_bytes(labels))
            return {"name": "idx", "images": "images", "labels": "labels"}
        case "images":
            for index, row in enumerate(pixels):
                folder = here / "pictures" / str(labels[index])
                folder.mkdir(parents=True, exist_ok=True)
                Image.fromarray(row).save(folder / f"{index}.png")
            return {"name": "images", "path": "pictures", "size": (4, 5)}
        case "stl10":
            (here / "stl10_binary").mkdir()
            for split in ("train", "test"):
                rng.integers(0, 255, (20, 3 * 96 * 96), dtype=np.uint8).tofile(here / f"stl10_binary/{split}_X.bin")
                (np.arange(20, dtype=np.uint8) % 10 + 1).tofile(here / f"stl10_binary/{split}_y.bin")
            return {"name": "stl10", "size": (8, 8), "split": {"valid": 0.5}}
        case _:
            return {"name": name}


KINDS = [
    "csv", "parquet", "jsonl", "sql", "npz", "npz images", "idx", "images", "stl10", "iris", "wine",
    "breast_cancer", "diabetes", "digits", "circle", "xor", "gauss", "spiral", "plane", "multi_gauss",
]  # fmt: skip


def assert_same(first, second):
    if isinstance(first, Table):
        assert_frame_equal(first.frame, second.frame)
        assert (first.features, first.targets) == (second.features, second.targets)
    else:
        np.testing.assert_array_equal(first.pixels, second.pixels)
        np.testing.assert_array_equal(first.labels, second.labels)
        assert first.class_names == second.class_names


@pytest.mark.parametrize("kind", KINDS)
def test_prepared_once_and_found_the_next_time(here, kind):
    keys = make_source(here, kind)
    made, found = prepare(**keys), prepare(**keys)
    assert (made.reused, found.reused) == (False, True)
    assert (made.fingerprint, made.folder) == (found.fingerprint, found.folder)
    assert made.profile == found.profile
    for name in ("train", "valid", "test"):
        assert_same(made.splits[name], found.splits[name])
        assert made.profile["rows"][name] == len(made.splits[name]) > 0
    assert made.splits.task == found.splits.task
    assert made.dataset == found.dataset == keys["name"]
    assert made.folder.parent == here.joinpath("data/prepared").relative_to(here)
    assert made.folder.name.endswith(made.fingerprint[:12])


class TestWhatDecides:
    """The fingerprint changes with what decides the rows, and with nothing else."""

    def test_content(self, here):
        keys = make_source(here, "csv")
        first = prepare(**keys)
        write_csv(here / "t.csv", seed=1)
        second = prepare(**keys)
        assert second.fingerprint != first.fingerprint
        assert not second.reused
        write_csv(here / "t.csv", seed=0)
        assert prepare(**keys).reused

    @pytest.mark.parametrize("change", [{"drop": ["b"]}, {"split": {"test": 0.3}}, {"duplicates": "drop"}])
    def test_section(self, here, change):
        keys = make_source(here, "csv")
        assert prepare(**keys).fingerprint != prepare(**keys, **change).fingerprint

    def test_seed(self, here):
        keys = make_source(here, "csv")
        first, second = prepare(seed=0, **keys), prepare(seed=1, **keys)
        assert first.fingerprint != second.fingerprint
        assert not first.splits.train.frame.equals(second.splits.train.frame)

    def test_own_seed_of_the_split(self, here):
        keys = {**make_source(here, "csv"), "split": {"seed": 3}}
        assert prepare(seed=0, **keys).fingerprint == prepare(seed=1, **keys).fingerprint

    def test_a_touched_picture(self, here):
        keys = make_source(here, "images")
        first = prepare(**keys)
        os.utime(next((here / "pictures" / "0").iterdir()), (1, 1))
        assert prepare(**keys).fingerprint != first.fingerprint

    def test_rows_of_a_database_without_a_file(self, here):
        keys = make_source(here, "sql")
        keys |= {"path": None, "url": f"sqlite:///{here / 't.db'}"}
        first = prepare(**keys)
        assert prepare(**keys).reused
        with sqlite3.connect(here / "t.db") as connection:
            connection.execute("insert into t values (1, 2)")
        connection.close()
        second = prepare(**keys)
        assert not second.reused
        assert sum(second.profile["rows"].values()) == sum(first.profile["rows"].values()) + 1


def test_test_rows_given_apart(here):
    keys = make_source(here, "csv")
    test = write_csv(here / "test.csv", n=7, seed=5)
    prepared = prepare(**keys, test_path="test.csv")
    assert prepared.profile["rows"] == {"train": 48, "valid": 12, "test": 7}
    assert prepared.splits.test.frame["a"].to_list() == pytest.approx(test["a"].to_list())


def test_outliers_leave_the_training_rows_only(here):
    values = [0.0, 1.0, 2.0, 3.0] * 25
    for row in (0, 96, 97, 98, 99):
        values[row] = 1000.0
    key = ["train"] * 96 + ["valid"] * 2 + ["test"] * 2
    pl.DataFrame({"a": values, "k": key, "y": np.arange(100.0)}).write_csv(here / "t.csv")
    split = {"by": "given", "column": "k"}
    keys = {"name": "csv", "path": "t.csv", "target": "y", "split": split}
    prepared = prepare(**keys, outliers={"name": "iqr"})
    assert prepared.profile["rows"] == {"train": 95, "valid": 2, "test": 2}
    assert prepared.splits.test.frame["a"].to_list() == [1000.0, 1000.0]
    assert prepared.splits.train.frame["a"].max() == 3.0
    assert prepared.profile["outliers"]["dropped"] == 1
    missing = prepare(**keys, outliers={"name": "iqr", "action": "missing"})
    assert missing.profile["rows"]["train"] == 96
    assert missing.splits.train.frame["a"].null_count() == 1


def test_the_split_key_is_no_feature(here):
    pl.DataFrame({"a": np.arange(40.0), "k": ["p", "q", "r", "s"] * 10, "y": np.arange(40.0)}).write_csv(here / "t.csv")
    split = {"by": "group", "column": "k", "test": 0.25, "valid": 0.25}
    prepared = prepare(name="csv", path="t.csv", target="y", split=split)
    assert [column.name for column in prepared.splits.train.features] == ["a"]
    assert prepared.profile["rows"] == {"train": 20, "valid": 10, "test": 10}


class TestDamage:
    @pytest.mark.parametrize("kind", ["csv", "digits"])
    def test_made_again_with_a_warning(self, here, kind):
        keys = make_source(here, kind)
        made, reporter = prepare(**keys), Collecting()
        path = next(iter(sorted(made.folder.glob("train*"))))
        path.write_bytes(path.read_bytes()[:-1])
        again = prepare(**keys, reporter=reporter)
        assert not again.reused
        assert len(reporter.warnings) == 1
        assert f"{path.name}: damaged" in reporter.warnings[0]
        assert_same(made.splits.train, again.splits.train)
        assert prepare(**keys).reused

    def test_killed_between_two_renames(self, here):
        made = prepare(name="spiral")
        made.folder.rename(made.folder.with_name(f".{made.folder.name}.old-00000000"))
        assert prepare(name="spiral").reused

    def test_killed_at_any_operation(self, here):
        prepared_dir = here / "data" / "prepared"
        prepared_dir.mkdir(parents=True)
        last = 0
        while dies_after(lambda: prepare(name="spiral", rows=30), last):
            reporter = Collecting()
            whole = prepare(name="spiral", rows=30, reporter=reporter)
            assert reporter.warnings == []
            assert [path.name for path in prepared_dir.iterdir()] == [whole.folder.name]
            shutil.rmtree(whole.folder)
            last += 3
        assert last > 15


class TestKindsThatCameLater:
    """Data of none of them keeps the fingerprint that earlier versions gave it; other data is another dataset now."""

    OPTIONS: ClassVar = {"name": "csv", "path": "t.csv", "target": "y"}

    def test_truth_makes_another_dataset(self, here):
        words = [f"{['yes', 'no'][i % 2]},{i}.5" for i in range(60)]
        (here / "t.csv").write_text("\n".join(["b,y", *words]))
        found = prepare(**self.OPTIONS)
        assert found.splits.train.features[0].kind == "boolean"
        assert not found.folder.name.endswith(found.fingerprint[:12])
        assert prepare(**self.OPTIONS).fingerprint == found.fingerprint
        declared = prepare(**self.OPTIONS, types={"b": "category"})
        assert declared.folder.name.endswith(declared.fingerprint[:12])

    @pytest.mark.parametrize(("column", "again"), [("b", True), ("a", False)])
    def test_categories_prepared_by_earlier_versions_are_looked_at_anew(self, here, column, again):
        write_csv(here / "t.csv")
        options = {**self.OPTIONS, "drop": [{"a": "b", "b": "a"}[column]]}
        place = prepare(**options).folder
        files = {path.name: path.read_bytes() for path in place.iterdir() if path.name != "MANIFEST.json"}
        meta = json.loads(files["meta.json"])
        del meta["kinds"]
        with atomic_folder(place, "prepared") as new:
            for name, content in {**files, "meta.json": json.dumps(meta).encode()}.items():
                (new / name).write_bytes(content)
        reporter = Collecting()
        assert prepare(reporter=reporter, **options).reused is not again
        assert ["inferred by an earlier version" in text for text in reporter.warnings] == [True] * again


class TestGroups:
    OPTIONS: ClassVar = {"name": "csv", "path": "t.csv", "target": "y"}

    @pytest.mark.parametrize("by", ["group", "time"])
    def test_the_number_of_each_rows_group_or_time_is_stored(self, here, by):
        days = [f"2024-03-{1 + i % 13:02}" for i in range(60)]
        (here / "t.csv").write_text("\n".join(["k,a,y", *(f"{day},{i},{i}.5" for i, day in enumerate(days))]))
        made = prepare(**self.OPTIONS, split={"by": by, "column": "k"}).splits
        for part in (made.train, made.valid, made.test):
            assert part.groups.tolist() == [int(i) % 13 for i in part.frame["a"]]
        assert prepare(**self.OPTIONS).splits.train.groups is None

    def test_data_that_earlier_versions_prepared_without_them_is_prepared_again(self, here):
        write_csv(here / "t.csv")
        options = {**self.OPTIONS, "split": {"by": "group", "column": "b"}, "types": {"b": "category"}}
        (here / "t.csv").write_text("\n".join(["b,a,y", *(f"g{i % 7},{i},{i}.5" for i in range(60))]))
        made = prepare(**options)
        files = {path.name: path.read_bytes() for path in made.folder.iterdir() if path.name != "MANIFEST.json"}
        with atomic_folder(made.folder, "prepared") as new:
            for name in files.keys() - {f"{split}_groups.npy" for split in ("train", "valid", "test")}:
                (new / name).write_bytes(files[name])
        reporter = Collecting()
        again = prepare(reporter=reporter, **options)
        assert "an earlier version did not store each row's group" in reporter.warnings[0]
        assert again.fingerprint == made.fingerprint
        assert again.splits.train.groups.tolist() == made.splits.train.groups.tolist()

    def test_borders_moved_by_equal_times_are_said_and_make_another_dataset(self, here):
        def write(rows_a_day):
            rows = (f"2024-03-{1 + i // rows_a_day:02},{i},{i}.5" for i in range(60))
            (here / "t.csv").write_text("\n".join(["day,a,y", *rows]))

        split, said = {"by": "time", "column": "day"}, "rows of one time stay together"
        write(3)  # 12 rows are four days
        exact = prepare(**self.OPTIONS, split=split)
        assert exact.folder.name.endswith(exact.fingerprint[:12])
        write(5)
        reporter = Collecting()
        moved = prepare(**self.OPTIONS, split=split, reporter=reporter)
        assert moved.profile["rows"] == {"train": 35, "valid": 15, "test": 10}
        assert [said in note for note in moved.profile["cleaning"]["notes"]] == [True]
        assert not moved.folder.name.endswith(moved.fingerprint[:12])
        assert prepare(**self.OPTIONS, split=split).fingerprint == moved.fingerprint


def test_two_processes_at_once(here):
    write_csv(here / "t.csv", n=2000)
    code = (
        "from mlcli.config.sections.dataset import CsvConfig\n"
        "from mlcli.data.prepare import prepare_dataset\n"
        "from mlcli.reporter import Silent\n"
        "config = CsvConfig(name='csv', path='t.csv', target='y')\n"
        "print(prepare_dataset(config, 0, Silent()).profile['rows'])"
    )
    running = [
        subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    for process in running:
        out, err = process.communicate(timeout=60)
        assert (process.returncode, err) == (0, "")
        assert out == "{'train': 1200, 'valid': 400, 'test': 400}\n"
    assert len(list((here / "data" / "prepared").iterdir())) == 1
    assert prepare(name="csv", path="t.csv", target="y").reused


class TestPlaces:
    def test_named_folder(self, here, monkeypatch):
        monkeypatch.setenv("MLCLI_PREPARED_DIR", str(here / "elsewhere"))
        assert prepare(name="iris").folder.parent == here / "elsewhere"

    def test_folder_that_cannot_be_written(self, here):
        (here / "data").write_text("a file")
        with pytest.raises(ResourceError, match=r"data: .*MLCLI_PREPARED_DIR"):
            prepare(name="iris")

    @pytest.mark.parametrize(
        ("path", "start"), [("a b/é t.v2.csv", "t_v2-"), ("..csv", "csv-"), ("x" * 90 + ".csv", "x" * 40 + "-")]
    )
    def test_readable_folder_names(self, here, path, start):
        (here / "a b").mkdir()
        write_csv(here / path)
        assert prepare(name="csv", path=path, target="y").folder.name.startswith(start)


class TestStandIn:
    def test_digits_for_mnist(self):
        reporter = Collecting()
        prepared = prepare(name="mnist", offline="digits", split={"valid": 6000}, reporter=reporter)
        assert (prepared.dataset, prepared.stand_in_for) == ("digits", "mnist")
        assert len(reporter.warnings) == 1
        assert "MNIST IS NOT AVAILABLE" in reporter.warnings[0]
        assert prepared.profile["rows"] == {"train": 1258, "valid": 180, "test": 359}

    def test_told_every_time_whoever_prepared_them(self):
        assert prepare(name="digits").stand_in_for is None
        for _ in range(2):
            reporter = Collecting()
            prepared = prepare(name="mnist", offline="digits", reporter=reporter)
            assert prepared.reused
            assert (prepared.dataset, prepared.stand_in_for) == ("digits", "mnist")
            assert len(reporter.warnings) == 1

    def test_never_unasked(self):
        with pytest.raises(DataError, match=r"t10k-labels-idx1-ubyte\.gz"):
            prepare(name="mnist")


class TestRealData:
    def test_mnist(self, real_data, here, monkeypatch):
        monkeypatch.setenv("MLCLI_DATA_DIR", str(real_data))
        monkeypatch.setenv("MLCLI_PREPARED_DIR", str(here))
        for _ in range(2):
            prepared = prepare(name="mnist", split={"valid": 10_000})
        assert prepared.reused
        assert prepared.profile["rows"] == {"train": 50_000, "valid": 10_000, "test": 10_000}
        assert prepared.profile["pictures"]["shape"] == [28, 28]

    def test_adult(self, real_data, here, monkeypatch):
        monkeypatch.setenv("MLCLI_DATA_DIR", str(real_data))
        monkeypatch.setenv("MLCLI_PREPARED_DIR", str(here))
        target = "classification"
        prepared = prepare(
            name="csv",
            path="adult/adult.data",
            test_path="adult/adult.test",
            target=target,
            replace={target: {"<=50K.": "<=50K", ">50K.": ">50K"}},
        )
        assert prepared.profile["rows"] == {"train": 26_049, "valid": 6_512, "test": 16_281}
        counts = prepared.profile["classes"]
        assert counts["train"][">50K"] + counts["valid"][">50K"] == 7_841  # as UCI publishes
        assert counts["test"][">50K"] == 3_846


class TestRowNumbers:
    """Column a holds the number of the row in its file."""

    @pytest.mark.parametrize("drawn", [0, 7])
    @pytest.mark.parametrize(
        "options",
        [
            {},
            {"split": {"test": 0.3, "valid": 0.0}},
            {"split": {"by": "group", "column": "b"}},
            {"split": {"by": "time", "column": "c"}},
            {"missing": {"drop_rows": True}},
            {"duplicates": "drop", "drop": ["a"]},
            {"outliers": {"name": "iqr"}},
            {"keep": {"b": ["g1", "g2", "g3"]}},
            {"test_path": "test.csv"},
        ],
    )
    def test_training_rows_are_numbered_as_in_the_file(self, here, options, drawn):
        gaps = "missing" in options
        rows = [
            f"{row},g{row % 5},{'' if gaps and row % 11 == 0 else 1e6 if row % 23 == 0 else row % 9 * 0.5},"
            f"{'' if gaps and row % 7 == 0 else row % 13 / 2}"
            for row in range(1, 121)
        ]
        (here / "t.csv").write_text("\n".join(["a,b,c,y", *rows]))
        (here / "test.csv").write_text("a,b,c,y\n900,g1,0.5,1.5\n901,g2,0.5,2.5")
        config = {"name": "csv", "path": "t.csv", "target": "y", **options}
        made = prepare(seed=drawn, **config).splits
        assert len(made.numbers) == len(made.train) < 120
        again = prepare(seed=drawn, **config)
        assert again.reused
        np.testing.assert_array_equal(again.splits.numbers, made.numbers)
        written = [rows[number - 1].split(",") for number in made.numbers]
        assert made.train.frame["y"].to_list() == [float(row[3]) for row in written]
        if "a" in made.train.frame.columns:
            assert made.train.frame["a"].to_list() == made.numbers.tolist()

    def test_images_of_kept_classes_have_the_numbers_of_all(self, here):
        made = prepare(name="digits", keep=[3, 5]).splits
        pixels = load_digits().images[made.numbers - 1]
        np.testing.assert_array_equal(made.train.pixels, pixels)

    def test_data_that_earlier_versions_prepared_without_them_is_prepared_again(self, here):
        write_csv(here / "t.csv")
        options = {"name": "csv", "path": "t.csv", "target": "y"}
        made = prepare(**options)
        files = {path.name: path.read_bytes() for path in made.folder.iterdir() if path.name != "MANIFEST.json"}
        with atomic_folder(made.folder, "prepared") as new:
            for name in files.keys() - {"train_numbers.npy"}:
                (new / name).write_bytes(files[name])
        reporter = Collecting()
        again = prepare(reporter=reporter, **options)
        assert "an earlier version did not store each row's number" in reporter.warnings[0]
        assert again.fingerprint == made.fingerprint
        np.testing.assert_array_equal(again.splits.numbers, made.splits.numbers)
