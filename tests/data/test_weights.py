"""`dataset.weight`: which columns and cells it takes, and how far the weights come."""

import numpy as np
import pytest

from mlcli.config.loading.load import parse_config
from mlcli.data import prepare
from mlcli.data.prediction_input import parse_input
from mlcli.data.prepare import fingerprints, prepare_dataset
from mlcli.data.readers.source import Source
from mlcli.data.splitting import join_rows, take_rows
from mlcli.data.tables.types import Column, Schema
from mlcli.errors import ConfigError, DataError
from mlcli.reporter import SILENT

ROWS = [(i, i % 3, f"{i % 4}.5", "ab"[i % 2]) for i in range(40)]


def write(folder, rows=ROWS, name="t.csv", header="x,z,w,y"):
    (folder / name).write_text("\n".join([header, *(",".join(map(str, row)) for row in rows)]) + "\n")


def config_of(text="", weight="w"):
    weighed = f"  weight: {weight}\n" if weight else ""
    return parse_config(f"name: t\ndataset:\n  name: csv\n  path: t.csv\n  target: y\n{weighed}{text}", "t.yaml", "t")


@pytest.mark.parametrize(
    ("text", "weight", "told"),
    [
        ("", "y", "'y' is the target; name another column"),
        ("  drop: [w]\n", "w", "'w' is dropped by dataset.drop"),
        ("  split: {by: time, column: w}\n", "w", "'w' is the split column"),
        ("  dates: {w: '%d/%m/%Y'}\n", "w", "'w' is a date by dataset.dates"),
        ("  types: {w: category}\n", "w", "must be number: 'w' is dataset.weight; got category"),
        ("features: {columns: {w: {scale: none}}}\n", "w", "the column is dataset.weight, so it is not a feature"),
    ],
)
def test_a_column_has_one_use(text, weight, told):
    with pytest.raises(ConfigError, match=told.replace("(", r"\(")):
        config_of(text, weight)


@pytest.mark.parametrize(
    ("cells", "told"),
    [
        ({5: ""}, r"t\.csv:7: column 'w': the weight is missing in this row, the first of 1 of 40; expected a number"),
        ({5: "nan", 8: "-1"}, r"t\.csv:7: column 'w': the weight is missing in this row, the first of 2 of 40"),
        ({6: "-0.5"}, r"t\.csv:8: column 'w': the weight is -0\.5 in this row"),
        ({6: "inf"}, r"t\.csv:8: column 'w': 'inf' is not a number, as the dataset section says"),
        ({6: "many"}, r"t\.csv:8: column 'w': 'many' is not a number"),
        (dict.fromkeys(range(40), "0"), r"t\.csv: column 'w': the weights of all 40 rows sum to 0"),
        (dict.fromkeys(range(40), "1e308"), r"the weights of all 40 rows sum to inf"),
    ],
)
def test_cells_that_are_no_weights_are_refused(workspace, cells, told):
    write(workspace, [(x, z, cells.get(i, w), y) for i, (x, z, w, y) in enumerate(ROWS)])
    with pytest.raises(DataError, match=told):
        prepare_dataset(config_of().dataset, 0, SILENT)


def test_a_column_that_is_not_there_is_refused_also_in_test_rows(workspace):
    write(workspace)
    with pytest.raises(DataError, match=r"dataset\.weight: no column 'ww'; did you mean"):
        prepare_dataset(config_of(weight="ww").dataset, 0, SILENT)
    write(workspace, [(x, z, y) for x, z, _, y in ROWS], "test.csv", "x,z,y")
    with pytest.raises(DataError, match=r"test\.csv: .*no column 'w'"):
        prepare_dataset(config_of("  test_path: test.csv\n").dataset, 0, SILENT)


def test_a_split_of_weight_0_is_refused(workspace):
    parts = ["train" if i < 20 else "valid" if i < 30 else "test" for i in range(40)]
    rows = [(*row[:2], 0 if part == "valid" else 1, row[3], part) for row, part in zip(ROWS, parts, strict=True)]
    write(workspace, rows, header="x,z,w,y,part")
    with pytest.raises(DataError, match="the weights of all 10 valid rows are 0"):
        prepare_dataset(config_of("  split: {by: given, column: part}\n").dataset, 0, SILENT)


@pytest.mark.parametrize("by_column", [False, True], ids=["at once", "by column"])
def test_weights_are_stored_with_their_rows_and_are_no_feature(workspace, monkeypatch, by_column):
    write(workspace)
    if by_column:
        monkeypatch.setattr(Source, "fits_memory", lambda self: False)
    found = prepare_dataset(config_of("  missing: {drop_rows: true}\n").dataset, 0, SILENT)
    for part in (found.splits.train, found.splits.valid, found.splits.test):
        assert [column.name for column in part.features] == ["x", "z"]
        np.testing.assert_array_equal(part.weights, part.frame["x"].to_numpy() % 4 + 0.5)
        assert part.row_weights.mean() == pytest.approx(1)
    train, valid = found.splits.train, found.splits.valid
    both = join_rows(train, valid)
    np.testing.assert_array_equal(both.weights, [*train.weights, *valid.weights])
    np.testing.assert_array_equal(take_rows(both, np.array([3, 1])).weights, both.weights[[3, 1]])
    np.testing.assert_array_equal(train.part(2, 5).weights, train.weights[2:7])
    again = prepare_dataset(config_of("  missing: {drop_rows: true}\n").dataset, 0, SILENT)
    assert again.reused
    np.testing.assert_array_equal(again.splits.test.weights, found.splits.test.weights)
    [note] = [note for note in found.profile["cleaning"]["notes"] if "weighs" in note]
    weights = np.arange(40) % 4 + 0.5
    assert note == (
        f"column 'w' weighs the rows, from 0.5 to 3.5: 40 rows count as "
        f"{round(weights.sum() ** 2 / (weights**2).sum())} equal ones"
    )


def test_outliers_leave_with_their_weights(workspace):
    write(workspace, [*ROWS, (9999, 0, 77, "a"), (-9999, 0, 77, "b")])
    split = "  outliers: {name: zscore, threshold: 2}\n  split: {test: 0, valid: 0}\n"
    train = prepare_dataset(config_of(split).dataset, 0, SILENT).splits.train
    assert len(train.weights) == len(train) == 40
    assert train.weights.max() == 3.5


def test_fingerprints_of_data_without_weights_stay_as_they_are(workspace):
    plain, weighed = (config_of(weight=weight).dataset for weight in (None, "w"))
    assert fingerprints(plain, 0, []).data != fingerprints(weighed, 0, []).data
    section = plain.model_dump(mode="json")
    assert "weight" not in prepare._without_later(section)


def test_a_row_to_predict_needs_no_weight():
    schema = Schema((Column("x", "number"), Column("z", "number")))
    for content in (b"x,z\n1,0\n2,1\n", b"w,x,z\n?,1,0\n-3,2,1\n"):
        found = parse_input("new.csv", schema, config_of().dataset, content=content)
        assert found.table.frame.rows() == [(1.0, 0.0), (2.0, 1.0)]
        assert found.table.weights is None
    bare = config_of("  header: false\n", "x3").dataset.model_copy(update={"target": "x4"})
    found = parse_input(
        "new.csv", Schema((Column("x1", "number"), Column("x2", "number"))), bare, content=b"1,0,9\n2,1,9\n"
    )
    assert found.table.frame.rows() == [(1.0, 0.0), (2.0, 1.0)]
