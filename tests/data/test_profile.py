import json

import numpy as np
import polars as pl
import pytest

from mlcli.data.notes import profile_notes
from mlcli.data.profile import profile_splits
from mlcli.data.tables.types import Bounds, CleaningReport, Column, Images, OutlierReport, Splits, Table


def table(**columns):
    frame = pl.DataFrame(columns, schema={n: pl.String if n in ("c", "y") else pl.Float64 for n in columns})
    kinds = [Column(n, "category" if n in ("c", "y") else "number") for n in columns]
    return Table(frame, tuple(kinds[:-1]), tuple(kinds[-1:]))


@pytest.fixture
def splits():
    train = table(a=[1.0, 2.0, 4.0, None, 9.0], c=["x", "y", "x", None, "z"], y=["no", "yes", "no", "no", "no"])
    valid = table(a=[2.0, None], c=["y", None], y=["yes", "no"])
    test = table(a=[2.0], c=["y"], y=["no"])
    return Splits(train, valid, test, "classification")


def column(profile, name):
    return next(entry for entry in profile["columns"] if entry["name"] == name)


class TestTables:
    def test_rows_and_classes_of_every_split(self, splits):
        profile = profile_splits(splits, None, None)
        assert profile["task"] == "classification"
        assert profile["rows"] == {"train": 5, "valid": 2, "test": 1}
        assert profile["classes"] == {
            "train": {"no": 4, "yes": 1},
            "valid": {"no": 1, "yes": 1},
            "test": {"no": 1, "yes": 0},
        }

    def test_numbers_are_the_training_rows(self, splits):
        entry = column(profile_splits(splits, None, None), "a")
        values = np.array([1.0, 2.0, 4.0, 9.0])
        q1, median, q3 = np.quantile(values, [0.25, 0.5, 0.75])
        assert entry["numbers"] == pytest.approx(
            {"min": 1, "q1": q1, "median": median, "q3": q3, "max": 9, "mean": values.mean(), "std": values.std()}
        )
        assert (entry["role"], entry["kind"], entry["distinct"], entry["top"]) == ("feature", "number", 4, None)

    def test_missing(self, splits):
        entry = column(profile_splits(splits, None, None), "a")
        assert entry["missing"] == {"train": 1, "valid": 1, "test": 0}
        assert entry["missing_share"] == pytest.approx(2 / 8)

    def test_categories_by_frequency_then_name(self, splits):
        entry = column(profile_splits(splits, None, None), "c")
        assert [(v["value"], v["count"]) for v in entry["top"]] == [("x", 2), ("y", 1), ("z", 1)]
        assert (entry["distinct"], entry["numbers"]) == (3, None)

    def test_ten_most_frequent_at_most(self):
        train = table(c=[str(n) for n in range(30)], y=["a", "b"] * 15)
        profile = profile_splits(Splits(train, train, train, "classification"), None, None)
        assert len(column(profile, "c")["top"]) == 10

    def test_repeated_rows_need_every_column(self, splits):
        # valid's rows are training's second and fourth; test's differs from the second in the label
        assert profile_splits(splits, None, None)["repeated"] == {"valid": 2, "test": 0}

    def test_missing_cells_are_equal(self):
        train = table(a=[None, 1.0], y=["n", "n"])
        test = table(a=[None, 2.0], y=["n", "n"])
        assert profile_splits(Splits(train, train, test, "classification"), None, None)["repeated"]["test"] == 1

    def test_regression_has_no_classes(self):
        train = table(a=[1.0, 2.0], b=[0.5, 1.5])
        profile = profile_splits(Splits(train, train, train, "regression"), None, None)
        assert profile["classes"] is None
        assert column(profile, "b")["role"] == "target"
        assert column(profile, "b")["numbers"]["mean"] == 1.0

    def test_splits_without_rows(self, splits):
        empty = Table(splits.train.frame.clear(), splits.train.features, splits.train.targets)
        profile = profile_splits(Splits(splits.train, empty, empty, "classification"), None, None)
        assert profile["rows"] == {"train": 5, "valid": 0, "test": 0}
        assert profile["repeated"] == {"valid": 0, "test": 0}
        assert profile["classes"]["test"] == {"no": 0, "yes": 0}


class TestPictures:
    @pytest.mark.parametrize("shape", [(4, 4), (3, 5), (2, 4, 3)])
    def test_shape_and_pixels(self, shape):
        pixels = np.random.default_rng(0).integers(0, 256, (50, *shape), dtype=np.uint8)
        images = Images(pixels, np.arange(50) % 3, ("a", "b", "c"))
        other = Images(np.concatenate([pixels[7:9], pixels[:1] ^ 255]), np.array([0, 0, 0]), ("a", "b", "c"))
        empty = Images(pixels[:0], np.empty(0, np.int64), ("a", "b", "c"))
        profile = profile_splits(Splits(images, other, empty, "classification"), None, None)
        assert profile["pictures"]["shape"] == list(shape)
        q1, median, q3 = np.quantile(pixels, [0.25, 0.5, 0.75], method="inverted_cdf")
        assert profile["pictures"]["pixels"] == pytest.approx(
            {
                "min": pixels.min(),
                "q1": q1,
                "median": median,
                "q3": q3,
                "max": pixels.max(),
                "mean": pixels.mean(),
                "std": pixels.std(),
            }
        )
        assert profile["classes"]["train"] == {"a": 17, "b": 17, "c": 16}
        assert profile["repeated"] == {"valid": 2, "test": 0}
        assert profile["columns"] == []


def test_reports_are_taken_over_as_json(splits):
    cleaning = CleaningReport("f.csv", 10, 9, 1, 0, 0, 0, 8, (), {"id": "dataset.drop"}, (), ("note",))
    outliers = OutlierReport("iqr", {"a": Bounds(-1.0, float("inf"), 2)}, ("b",), 2)
    profile = profile_splits(splits, cleaning, outliers)
    assert profile["cleaning"]["dropped_columns"] == {"id": "dataset.drop"}
    assert profile["cleaning"]["notes"] == ["note"]
    assert profile["outliers"]["bounds"] == {"a": {"low": -1.0, "high": None, "cells": 2}}
    assert json.loads(json.dumps(profile, allow_nan=False)) == profile


def test_repeated_rows_are_noted_beside_classes_of_equal_size():
    columns = (Column("a", "number"),), (Column("y", "category"),)
    train, valid, test = (
        Table(pl.DataFrame({"a": a, "y": y}), *columns)
        for a, y in (([1.0, 2.0], ["p", "q"]), ([1.0], ["p"]), ([3.0], ["q"]))
    )
    notes = profile_notes(profile_splits(Splits(train, valid, test, "classification"), None, None))
    assert notes[1:] == (
        "2 classes of 1 training row each",
        "rare classes, without rows to measure them on: 'p' (none in test), 'q' (none in valid)",
        "1 valid row is also among the training rows",
    )
