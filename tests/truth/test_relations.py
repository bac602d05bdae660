"""Relations between a training and the same training told in another way; no expected value is computed here.

A column in other units, the rows twice or the same table in another format must lead to the same predictions: to the
bit where no sum is taken in another order, else to the rounding of float32.
"""

import gzip
import json
import sqlite3
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from mlcli.metrics.catalog import names_for
from mlcli.metrics.measure import measure
from tests.conftest import clear_settings
from tests.evaluation.examples import (
    class_predictions,
    classification,
    number_predictions,
    regression,
    sampled_classes,
)
from tests.truth.command import mlcli

ROWS, NEW = 48, 16
ROUNDING = {"check_exact": False, "abs_tol": 1e-4, "rel_tol": 1e-4}
LINEAR = {"model": {"hidden": [], "init": "zeros"}}
NAMES = {"a": "width", "b": "7", "c": "c d", "group": "Ñandú"}


def numbers_and_groups():
    """Quarters and eighths, so that powers of two and text leave every number exact."""
    rng = np.random.default_rng(11)
    x = rng.integers(-40, 40, size=(ROWS + NEW, 3)) / 4
    group = np.array(["left", "mid", "right"])[rng.integers(3, size=ROWS + NEW)]
    y = np.round(8 * (x[:, 0] - 0.5 * x[:, 1] * x[:, 2] + 2 * (group == "mid"))) / 8
    kind = np.select([y < -3, y < 3], ["low", "even"], "up")
    frame = pl.DataFrame({"a": x[:, 0], "b": x[:, 1], "c": x[:, 2], "group": group, "y": y, "kind": kind})
    return frame[:ROWS], frame[ROWS:]


TRAIN, NEW_ROWS = numbers_and_groups()


@pytest.fixture(scope="module")
def fit(tmp_path_factory):
    """Train on a table and predict new rows: fit(train, new, **sections) gives the predictions, a row a row."""

    def run(train=TRAIN, new=NEW_ROWS, write=pl.DataFrame.write_csv, file="table.csv", dataset=(), **sections):
        new_file, write_new = (
            (f"new-{file}", write) if write is not write_database else ("new.csv", pl.DataFrame.write_csv)
        )
        write(train, file)
        write_new(new, new_file)
        source = {"name": "csv", "path": file, "target": "y", "drop": ["kind"], "split": {"valid": 0, "test": 0}}
        config = {
            "name": "relation",
            "dataset": source | dict(dataset),
            "model": {"hidden": [6], "activation": "tanh"},
            "optimizer": {"name": "sgd", "lr": 0.1, "momentum": 0.9},
            "training": {"epochs": 6, "batch_size": "full"},
        }
        Path("relation.yaml").write_text(json.dumps(config | sections))
        mlcli("train", "relation.yaml")
        mlcli("predict", new_file, "-o", "predicted.parquet")
        return pl.read_parquet("predicted.parquet")

    with pytest.MonkeyPatch.context() as patch:
        clear_settings(patch)
        patch.chdir(tmp_path_factory.mktemp("relations"))
        yield run


@pytest.fixture(scope="module")
def predicted(fit):
    return fit()


@pytest.fixture(scope="module")
def linear(fit):
    return fit(**LINEAR)


@pytest.fixture(scope="module")
def probabilities(fit):
    return fit(dataset={"target": "kind", "drop": ["y"]}, **LINEAR)


def test_columns_in_other_units(fit, predicted):
    units = (pl.col("a") * 4, pl.col("b") / 8, pl.col("c") * 1024)
    assert_frame_equal(fit(TRAIN.with_columns(units), NEW_ROWS.with_columns(units)), predicted)


def test_target_in_other_units(fit, predicted):
    found = fit(TRAIN.with_columns(pl.col("y") * 16))
    assert_frame_equal(found, predicted.with_columns(pl.col("prediction") * 16))


def test_target_from_another_zero(fit, predicted):
    found = fit(TRAIN.with_columns(pl.col("y") + 1000))
    assert_frame_equal(found.with_columns(pl.col("prediction") - 1000), predicted, check_exact=False, abs_tol=1e-3)


def test_columns_of_other_names(fit, predicted):
    assert_frame_equal(fit(TRAIN.rename(NAMES), NEW_ROWS.rename(NAMES)), predicted)


def test_categories_of_other_names_in_the_same_order(fit, predicted):
    names = pl.col("group").replace({"left": "Ä", "mid": "Ö", "right": "ß"})
    assert_frame_equal(fit(TRAIN.with_columns(names), NEW_ROWS.with_columns(names)), predicted)


def test_a_column_that_never_changes(fit, predicted):
    assert_frame_equal(fit(TRAIN.with_columns(d=pl.lit(5)), NEW_ROWS.with_columns(d=pl.lit(7))), predicted)


def test_new_rows_in_two_files(fit):
    whole = fit()
    for name, part in {"head.csv": NEW_ROWS[:5], "rest.csv": NEW_ROWS[5:].select("y", "group", "c", "b", "a")}.items():
        part.write_csv(name)
        mlcli("predict", name, "-o", f"{name}.parquet")
    assert_frame_equal(pl.concat([pl.read_parquet("head.csv.parquet"), pl.read_parquet("rest.csv.parquet")]), whole)


def test_rows_in_another_order(fit, predicted):
    assert_frame_equal(fit(TRAIN.sample(fraction=1, shuffle=True, seed=1)), predicted, **ROUNDING)


def test_rows_twice(fit, predicted):
    assert_frame_equal(fit(pl.concat([TRAIN, TRAIN])), predicted, **ROUNDING)


def test_columns_in_another_order(fit, linear):
    assert_frame_equal(fit(TRAIN.select("group", "y", "kind", "c", "a", "b"), **LINEAR), linear, **ROUNDING)


def test_a_column_with_the_other_sign(fit, linear):
    assert_frame_equal(fit(TRAIN.with_columns(-pl.col("a")), NEW_ROWS.with_columns(-pl.col("a")), **LINEAR), linear)


def test_categories_in_another_order(fit, linear):
    names = pl.col("group").replace({"left": "z", "mid": "y", "right": "x"})
    assert_frame_equal(fit(TRAIN.with_columns(names), NEW_ROWS.with_columns(names), **LINEAR), linear, **ROUNDING)


def test_classes_in_another_order(fit, probabilities):
    names = {"low": "z", "even": "y", "up": "x"}
    found = fit(TRAIN.with_columns(pl.col("kind").replace(names)), dataset={"target": "kind", "drop": ["y"]}, **LINEAR)
    expected = probabilities.with_columns(pl.col("prediction").replace(names)).rename(
        {f"probability_{old}": f"probability_{new}" for old, new in names.items()}
    )
    assert_frame_equal(found.select(expected.columns), expected, **ROUNDING)


def test_two_classes_that_change_their_names(fit):
    section = {"dataset": {"target": "kind", "drop": ["y"]}, **LINEAR}
    two = (pl.col("kind") == "low").replace_strict({True: "p", False: "q"}).alias("kind")
    swapped = pl.col("kind").replace_strict({"p": "q", "q": "p"})
    there, back = fit(TRAIN.with_columns(two), **section), fit(TRAIN.with_columns(two).with_columns(swapped), **section)
    assert_frame_equal(back.select(probability_q="probability_p"), there.select("probability_q"), **ROUNDING)


def write_database(frame, file):
    with sqlite3.connect(file) as connection:
        connection.execute("CREATE TABLE t (a REAL, b REAL, c REAL, [group] TEXT, y REAL, kind TEXT)")
        connection.executemany("INSERT INTO t VALUES (?, ?, ?, ?, ?, ?)", frame.rows())


def write_text(encoding="utf-8", pack=bytes, **options):
    """A writer of delimited text."""
    return lambda frame, file: Path(file).write_bytes(pack(frame.write_csv(**options).encode(encoding)))


FORMATS = {
    "parquet": (pl.DataFrame.write_parquet, "t.parquet", {"name": "parquet"}),
    "json lines": (pl.DataFrame.write_ndjson, "t.jsonl", {"name": "jsonl"}),
    "sqlite": (write_database, "t.db", {"name": "sql", "query": "SELECT * FROM t"}),
    "gzip, UTF-16, semicolons": (
        write_text("utf-16", gzip.compress, separator=";"), "t.csv.gz", {"delimiter": ";", "encoding": "utf-16"}
    ),
    "byte order mark, tabs, quotes, carriage returns": (
        write_text("utf-8-sig", separator="\t", quote_style="always", line_terminator="\r\n"),
        "t.tsv",
        {"delimiter": "\t"},
    ),
}  # fmt: skip


@pytest.mark.parametrize(("write", "file", "dataset"), FORMATS.values(), ids=FORMATS)
def test_formats(fit, predicted, write, file, dataset):
    assert_frame_equal(fit(write=write, file=file, dataset={"path": file, **dataset}), predicted)


@pytest.mark.parametrize(("kind", "n_classes"), [("classification", 2), ("classification", 4), ("regression", 0)])
def test_every_metric_of_rows_twice(kind, n_classes):
    if n_classes:
        task = classification(n_classes)
        truth, chances = sampled_classes(n_classes, 60)
        predictions = class_predictions(chances)
    else:
        task = regression()
        rng = np.random.default_rng(0)
        truth = rng.gamma(2, size=(60, len(task.targets)))
        predictions = number_predictions(truth + rng.normal(size=truth.shape))
    twice = predictions.at(np.tile(np.arange(len(truth)), 2))
    expected = {score.name: score.value for score in measure(task, truth, predictions, names_for(kind))}
    found = {score.name: score.value for score in measure(task, np.concatenate([truth, truth]), twice, [*expected])}
    assert [name for name, value in found.items() if value is None] == [
        name for name in expected if expected[name] is None
    ]
    for name in expected:
        assert found[name] is None or found[name] == pytest.approx(expected[name], rel=1e-9), name
