"""Rows in memory: the same table, however it is held."""

import datetime as dt

import numpy as np
import polars as pl
import pytest

from mlcli.data.readers.memory import read_memory
from mlcli.errors import DataError

ROWS = [{"n": 1, "t": "a", "b": True, "d": dt.date(2024, 5, 31)}, {"n": 2.5, "t": None, "b": False}]
COLUMNS = {"n": [1.0, 2.5], "t": ["a", None], "b": [True, False], "d": [dt.date(2024, 5, 31), None]}
TABLE = pl.DataFrame(COLUMNS)


@pytest.mark.parametrize("data", [ROWS, COLUMNS, TABLE, TABLE.lazy()], ids=lambda data: type(data).__name__)
def test_the_same_rows_are_the_same_table(data):
    assert read_memory(data).frame.equals(TABLE)


def test_a_dictionary_of_cells_is_one_row():
    assert read_memory({"n": 3, "t": "text"}).frame.equals(pl.DataFrame({"n": [3], "t": ["text"]}))


def test_pandas_columns_of_every_kind():
    pandas = pytest.importorskip("pandas")
    moment = pandas.Timestamp("2024-05-31 12:30", tz="Europe/Madrid")
    frame = pandas.DataFrame(
        {
            "whole": [1, 2],
            "number": [1.5, np.nan],
            "text": ["a", None],
            "category": pandas.Categorical(["x", None]),
            "nullable": pandas.array([1, None], dtype="Int64"),
            "flag": [True, False],
            "zoned": [moment, pandas.NaT],
        }
    )
    read = read_memory(frame).frame
    assert read["zoned"].to_list() == [dt.datetime(2024, 5, 31, 10, 30), None]
    assert read["number"].fill_nan(None).to_list() == [1.5, None]
    rest = {name: read[name].to_list() for name in ("whole", "text", "category", "nullable", "flag")}
    assert rest == {
        "whole": [1, 2], "text": ["a", None], "category": ["x", None], "nullable": [1, None], "flag": [True, False]
    }  # fmt: skip


def test_an_array_has_the_columns_of_the_model_in_their_order():
    x = np.array([[1, 2], [3, 4]], dtype=np.float32)
    assert read_memory(x, ["a", "b"]).frame.equals(pl.DataFrame({"a": [1.0, 3.0], "b": [2.0, 4.0]}))
    assert read_memory(x).frame.columns == ["x1", "x2"]
    with pytest.raises(DataError, match=r"an array of 2 columns, but the model needs 3, .*: a, b, c"):
        read_memory(x, ["a", "b", "c"])


@pytest.mark.parametrize(
    ("data", "told"),
    [
        ([{"n": 1}, {"n": "one"}], r"column 'n' has 1 \(int\) and 'one' \(str\); give values of one kind"),
        ([{"n": 2**60 + 1}, {"n": 0.5}], "beyond 2.53 and would lose digits"),
        ({"a": [1, 2], "b": [1]}, "different lengths"),
        ([], "an empty list; expected a data frame"),
        ({}, "no columns"),
        (None, "NoneType; expected a data frame"),
        (np.zeros(3), r"an array of shape \(3,\); expected \(n, d\)"),
        ({"a": [object()]}, r"column 'a' has <object .*\(object\); give numbers"),
    ],
)
def test_what_is_no_table_is_refused(data, told):
    with pytest.raises(DataError, match=told):
        read_memory(data)
