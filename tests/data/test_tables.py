"""Kinds, tasks, labels and cleaning of tables, and one table from every source."""

import dataclasses
import datetime
import decimal
import json
import sqlite3
from contextlib import closing

import numpy as np
import polars as pl
import pytest
import sqlalchemy
from pydantic import TypeAdapter

from mlcli.config.sections.dataset import DatasetConfig
from mlcli.data.sources import read_source
from mlcli.data.tables.types import Column
from mlcli.errors import DataError

CONFIG = TypeAdapter(DatasetConfig)


def read(tmp_path, text, **options):
    path = tmp_path / "t.csv"
    path.write_text(text)
    return read_source(CONFIG.validate_python({"name": "csv", "path": str(path), "target": "y", **options}))


def column(cells):
    """A file with one feature, a, and classes p and q."""
    return "a,y\n" + "".join(f"{cell},{'pq'[i % 2]}\n" for i, cell in enumerate(cells))


FEBRUARY = datetime.datetime(2024, 2, 1)
KINDS = {
    "integers": (["1", "-2", "+3"], {}, [1.0, -2.0, 3.0]),
    "decimals": (["1.5", ".5", "2.", "-1e-3", "1E5"], {}, [1.5, 0.5, 2.0, -0.001, 1e5]),
    "every digit counts": (["0.1", "1e23", "2.2250738585072014e-308"], {}, [0.1, 1e23, 2.2250738585072014e-308]),
    "largest exact": (["9007199254740992", "9007199254740994"], {}, [2.0**53, 2.0**53 + 2]),
    "wide but not whole": (["1e300", "1"], {}, [1e300, 1.0]),
    "missing": (["1", "", "NA", "?", "NaN", "2"], {}, [1.0, None, None, None, None, 2.0]),
    "own missing": (["1", "-999", "3"], {"missing": {"values": ["-999"]}}, [1.0, None, 3.0]),
    "decimal comma": (['"1,5"', "2"], {"decimal": ","}, [1.5, 2.0]),
    "replaced": (["1", "two", "3"], {"replace": {"a": {"two": "2"}}}, [1.0, 2.0, 3.0]),
    "replaced by missing": (["1", "x", "3"], {"replace": {"a": {"x": "NA"}}}, [1.0, None, 3.0]),
    "text": (["u", "v", "NA"], {}, ["u", "v", None]),
    "truth": (["true", "false"], {}, [True, False]),
    "truth in any case": (["YES", "no", "NA", "Yes"], {}, [True, False, None, True]),
    "truth in letters": (["t", "F", "f"], {}, [True, False, False]),
    "truth in other letters": (["y", "n"], {}, [True, False]),
    "one word of two": (["yes", "yes"], {}, ["yes", "yes"]),
    "words of two pairs": (["yes", "false"], {}, ["yes", "false"]),
    "three answers": (["yes", "no", "maybe"], {}, ["yes", "no", "maybe"]),
    "replaced by truth": (["ja", "no"], {"replace": {"a": {"ja": "yes"}}}, [True, False]),
    "truth declared category": (["yes", "no"], {"types": {"a": "category"}}, ["yes", "no"]),
    "declared truth": (["1", "no", "0", "t"], {"types": {"a": "boolean"}}, [True, False, False, True]),
    "mostly text": (["1", "2", "u"], {}, ["1", "2", "u"]),
    "few numbers": ([*"123456789", "x"], {}, [*"123456789", "x"]),
    "declared category": (["01", "02"], {"types": {"a": "category"}}, ["01", "02"]),
    "wide category": (["9007199254740993", "1"], {"types": {"a": "category"}}, ["9007199254740993", "1"]),
    "dates": (["2024-01-31", "NA", "2024-02-01"], {}, [datetime.datetime(2024, 1, 31), None, FEBRUARY]),
    "times": (
        ["2024-02-01T00:00", "2024-02-01 23:59:59", '"2024-02-01T01:00:00,25"', "2024-02-01"],
        {},
        [
            FEBRUARY,
            datetime.datetime(2024, 2, 1, 23, 59, 59),
            datetime.datetime(2024, 2, 1, 1, 0, 0, 250_000),
            FEBRUARY,
        ],
    ),
    "times of zones": (
        ["2024-02-01T01:00Z", "2024-01-31T23:30:00-01:30", "2024-02-01 03:00:00.5+0200", "2024-02-01T00:30 +05:30"],
        {},
        [
            datetime.datetime(2024, 2, 1, 1),
            datetime.datetime(2024, 2, 1, 1),
            datetime.datetime(2024, 2, 1, 1, 0, 0, 500_000),
            datetime.datetime(2024, 1, 31, 19),
        ],
    ),
    "declared dates": (["1/2/2024", "01/02/2024"], {"dates": {"a": "%d/%m/%Y"}}, [FEBRUARY, FEBRUARY]),
    "declared times": (
        ["Feb 1 24 1:30 PM", "feb 1 24 01:30 am"],
        {"dates": {"a": "%b %d %y %I:%M %p"}},
        [datetime.datetime(2024, 2, 1, 13, 30), datetime.datetime(2024, 2, 1, 1, 30)],
    ),
    "declared zone": (
        ["01.02.2024 01:00 +0100", "31.01.2024 23:00 -0100"],
        {"dates": {"a": "%d.%m.%Y %H:%M %z"}},
        [FEBRUARY, FEBRUARY],
    ),
    "dates declared category": (["2024-01-31"] * 2, {"types": {"a": "category"}}, ["2024-01-31"] * 2),
    "months": (["2024-01", "2024-02"], {}, ["2024-01", "2024-02"]),
    "dates the other way": (
        ["31/01/2024", "01/02/2024"],
        {"types": {"a": "category"}},
        ["31/01/2024", "01/02/2024"],
    ),
    "declared months": (["Jan-24", "feb-24"], {"dates": {"a": "%b-%y"}}, [datetime.datetime(2024, 1, 1), FEBRUARY]),
    "declared amounts": (
        ['"$1,234.50"', "$7", '"($2,000)"', "NA"],
        {"numbers": {"a": {"thousands": ",", "unit": "$"}}},
        [1234.5, 7.0, -2000.0, None],
    ),
    "decimal mark of the file": (
        ['"1.234,5 kg"', "2 kg"],
        {"decimal": ",", "numbers": {"a": {"thousands": ".", "unit": "kg"}}},
        [1234.5, 2.0],
    ),
    "replaced, then an amount": (
        ["free", "5 €"],
        {"replace": {"a": {"free": "0 €"}}, "numbers": {"a": {"unit": "€"}}},
        [0.0, 5.0],
    ),
    "few dates": (["2024-01-31"] * 9 + ["x"], {}, ["2024-01-31"] * 9 + ["x"]),
}


KIND_OF = {
    str: ("category", pl.String),
    float: ("number", pl.Float64),
    bool: ("boolean", pl.Boolean),
    datetime.datetime: ("date", pl.Datetime("us")),
}


@pytest.mark.parametrize(("written", "options", "expected"), KINDS.values(), ids=KINDS)
def test_kinds(tmp_path, written, options, expected):
    table = read(tmp_path, column(written), **options).rows
    kind, dtype = KIND_OF[type(next(cell for cell in expected if cell is not None))]
    assert table.features == (Column("a", kind),)
    assert table.frame["a"].to_list() == expected
    assert table.frame["a"].dtype == dtype


TASKS = {
    "text": (["p", "q"] * 3, {}, "classification", "p"),
    "few whole numbers": (["3", "7"] * 10, {}, "classification", "3"),
    "whole numbers written with a point": (["3.0", "7.0"] * 10, {}, "classification", "3"),
    "each seen less than ten times": (["3", "7"] * 9, {}, "regression", 3.0),
    "twenty classes": ([str(i) for i in range(20)] * 10, {}, "classification", "0"),
    "twenty-one values": ([str(i) for i in range(21)] * 10, {}, "regression", 0.0),
    "not whole": (["0.5", "1"] * 10, {}, "regression", 0.5),
    "declared regression": (["3", "7"] * 10, {"task": "regression"}, "regression", 3.0),
    "declared classification": (["0.5", "1", "-2"], {"task": "classification"}, "classification", "0.5"),
    "declared category": (["03", "07"], {"types": {"y": "category"}}, "classification", "03"),
    "many texts, declared": ([f"id{i}" for i in range(30)], {"task": "classification"}, "classification", "id0"),
}


@pytest.mark.parametrize(("written", "options", "task", "first"), TASKS.values(), ids=TASKS)
def test_tasks(tmp_path, written, options, task, first):
    found = read(tmp_path, "a,y\n" + "".join(f"{i},{cell}\n" for i, cell in enumerate(written)), **options)
    assert found.task == task
    assert found.rows.frame["y"][0] == first
    assert found.rows.targets == (Column("y", "category" if task == "classification" else "number"),)


def test_several_targets_are_regression(tmp_path):
    found = read(tmp_path, "a,y,z\n" + "1,0,1\n2,1,0\n" * 20, target=["z", "y"])
    assert found.task == "regression"
    assert [column.name for column in found.rows.targets] == ["z", "y"]


CLEANED = {
    "drop": ("a,b,y\n1,2,p\n3,4,q\n", {"drop": ["a"]}, {"b": [2.0, 4.0]}),
    "keep text": ("a,u,y\n1,m,p\n2,n,q\n3,m,q\n", {"keep": {"u": ["m"]}, "drop": ["u"]}, {"a": [1.0, 3.0]}),
    "keep numbers": ("a,y\n1,p\n2.0,q\n3,q\n", {"keep": {"a": [1, 2]}}, {"a": [1.0, 2.0]}),
    "keep truth": ("a,u,y\n1,True,p\n2,false,q\n3,TRUE,q\n", {"keep": {"u": [True]}, "drop": ["u"]}, {"a": [1.0, 3.0]}),
    "keep several": (
        "a,u,v,y\n1,m,1,p\n2,n,1,q\n3,n,2,q\n4,n,1,p\n",
        {"keep": {"u": ["n"], "v": [1]}, "drop": ["u", "v"]},
        {"a": [2.0, 4.0]},
    ),
    "replace and keep": (
        "a,y\n1,p.\n2,q\n3,r\n",
        {"replace": {"y": {"p.": "p"}}, "keep": {"y": ["p", "q"]}},
        {"a": [1, 2]},
    ),
    "empty column": ("a,b,y\n1,,p\n2,NA,q\n", {}, {"a": [1.0, 2.0]}),
    "sparse column": ("a,b,y\n1,,p\n2,,q\n3,1,q\n", {"missing": {"drop_columns_over": 0.5}}, {"a": [1.0, 2.0, 3.0]}),
    "as sparse as allowed": ("b,y\n,p\n1,q\n", {"missing": {"drop_columns_over": 0.5}}, {"b": [None, 1.0]}),
    "rows with missing": (
        "a,b,y\n1,,p\n2,5,q\n3,6,\n4,7,p\n",
        {"missing": {"drop_rows": True}},
        {"a": [2, 4], "b": [5, 7]},
    ),
    "rows without a target": (
        "a,b,y\n1,,p\n2,5,q\n3,6,\n4,7,p\n",
        {"missing": {"drop_rows": "target"}},
        {"a": [1, 2, 4], "b": [None, 5, 7]},
    ),
    "duplicates kept": ("a,y\n1,p\n1,p\n2,q\n", {}, {"a": [1.0, 1.0, 2.0]}),
    "duplicates dropped": ("a,y\n1,p\n1,p\n1,q\n2,q\n1.0,p\n", {"duplicates": "drop"}, {"a": [1.0, 1.0, 2.0]}),
    "missing cells are alike": ("a,b,y\n,1,p\n,1,p\n2,1,q\n", {"duplicates": "drop"}, {"a": [None, 2.0], "b": [1, 1]}),
}


@pytest.mark.parametrize(("text", "options", "features"), CLEANED.values(), ids=CLEANED)
def test_cleaning(tmp_path, text, options, features):
    table = read(tmp_path, text, **options).rows
    assert table.frame.drop("y").to_dict(as_series=False) == features
    assert tuple(column.name for column in table.features) == tuple(features)


def test_report_counts_everything(tmp_path):
    text = "id,u,a,e,s,k,y\n" + "1,m,1,,,5,p\n2,m,1,,,5,p\n3,m,,,1,5,q\n4,n,2,,1,5,q\n5,m,3,,,5,\n6,m,4,,,5,q.\n"
    options = {
        "drop": ["id"],
        "keep": {"u": ["m"]},
        "replace": {"y": {"q.": "q"}},
        "missing": {"drop_rows": True, "drop_columns_over": 0.7},
        "duplicates": "drop",
    }
    report = read(tmp_path, text, **options).cleaning
    assert (report.rows_read, report.rows_kept, report.rows) == (6, 5, 2)
    assert (report.rows_without_target, report.rows_with_missing) == (1, 1)
    assert (report.duplicates, report.duplicates_dropped) == (1, 1)
    assert report.constant == ("u", "k")
    assert report.dropped_columns == {
        "id": "dataset.drop",
        "e": "every cell is missing",
        "s": "80.0% of the cells are missing, more than 70.0%",
    }
    by_name = {column.name: column for column in report.columns}
    assert list(by_name) == ["u", "a", "k", "y"]
    assert (by_name["a"].missing, by_name["a"].distinct, by_name["a"].kind) == (1, 2, "number")
    assert (by_name["y"].missing, by_name["y"].replaced, by_name["y"].role) == (1, 1, "target")
    assert json.loads(json.dumps(dataclasses.asdict(report)))["columns"][3]["kind"] == "category"


def test_missing_cells_are_no_distinct_value(tmp_path):
    report = read(tmp_path, "a,b,y\n1,,p\n1,5,q\n,6,q\n").cleaning
    assert [column.distinct for column in report.columns] == [1, 2, 2]
    assert report.constant == ("a",)


def test_estimated_distinct_counts_are_close_and_exact_for_constants(tmp_path):
    n = 100_001
    frame = pl.DataFrame(
        {"many": range(n), "few": [i % 2 for i in range(n)], "one": [7] * n, "y": [i / n for i in range(n)]}
    )
    frame.write_parquet(tmp_path / "t.parquet")
    config = {"name": "parquet", "path": str(tmp_path / "t.parquet"), "target": "y"}
    report = read_source(CONFIG.validate_python(config)).cleaning
    many, few, one, _ = (column.distinct for column in report.columns)
    assert abs(many - n) < 0.05 * n
    assert (few, one, report.constant) == (2, 1, ("one",))


def test_test_rows_take_the_kinds_of_the_others(tmp_path):
    (tmp_path / "test.csv").write_text("extra,y,b,a\nx,1.0,7,5\nx,0,8,NA\nx,0,8,NA\n")
    train = "a,b,e,y\n" + "1,u,,0\n2,v,,1\n" * 10
    found = read(tmp_path, train, test_path=str(tmp_path / "test.csv"), duplicates="drop")
    assert found.task == "classification"
    assert found.test.frame.to_dict(as_series=False) == {
        "a": [5.0, None, None],
        "b": ["7", "8", "8"],
        "y": ["1", "0", "0"],
    }
    assert (found.test.features, found.test.targets) == (found.rows.features, found.rows.targets)
    assert (found.cleaning.rows, found.cleaning.test.rows, found.cleaning.test.duplicates) == (2, 3, 1)


def test_test_rows_that_are_neither_true_nor_false_count_as_missing(tmp_path):
    (tmp_path / "test.csv").write_text("a,y\nTRUE,p\nmaybe,q\n0,p\n,q\n")
    found = read(tmp_path, column(["yes", "no"] * 5), test_path=str(tmp_path / "test.csv"))
    assert found.test.frame["a"].to_list() == [True, None, False, None]
    assert found.cleaning.test.notes == (
        "column 'a': 1 cell is neither true nor false, unlike the training rows', and is missing",
    )


@pytest.mark.parametrize("write", ["parquet", "ndjson"])
def test_truth_of_typed_sources(tmp_path, write):
    frame = pl.DataFrame(
        {"a": [True, True, None], "word": ["no", "yes", "no"], "n": [1, 0, 1], "y": [True, False, True]}
    )
    getattr(frame, f"write_{write}")(tmp_path / "t")
    source = {"parquet": "parquet", "ndjson": "jsonl"}[write]
    options = {"name": source, "path": str(tmp_path / "t"), "target": "y", "types": {"n": "boolean"}}
    rows = read_source(CONFIG.validate_python(options)).rows
    assert rows.frame.to_dict(as_series=False) == {
        "a": [True, True, None],
        "word": [False, True, False],
        "n": [True, False, True],
        "y": ["true", "false", "true"],
    }
    assert {column.kind for column in rows.features} == {"boolean"}
    assert rows.targets == (Column("y", "category"),)


SPLIT_KEYS = {
    "groups": ("group", "x1", ["007", "9007199254740993"]),
    "numbers as time": ("time", "x2", [20.0, 10.0]),
    "dates as time": ("time", "x3", ["2024-02-01", "2024-01-31"]),
    "declared dates as time": ("time", "x5", [datetime.datetime(2024, 2, 1), datetime.datetime(2024, 1, 31)]),
    "given": ("given", "x4", ["train", "test"]),
}


@pytest.mark.parametrize(("by", "name", "values"), SPLIT_KEYS.values(), ids=SPLIT_KEYS)
def test_split_key_is_no_feature(tmp_path, by, name, values):
    text = (
        "x1,x2,x3,x4,x5,a,u,y\n007,20,2024-02-01,train,1/2/2024,1,m,p\n1,1,1,1,1,1,n,p\n"
        "9007199254740993,10,2024-01-31,test,31/1/2024,2,m,q\n"
    )
    drop = [other for other in ("x1", "x2", "x3", "x4", "x5") if other != name]
    dates = {"x5": "%d/%m/%Y"}
    found = read(tmp_path, text, split={"by": by, "column": name}, drop=drop, keep={"u": ["m"]}, dates=dates)
    assert found.split_key.to_list() == values
    assert [column.name for column in found.rows.features] == ["a", "u"]


def test_dates_of_typed_sources_are_in_one_time_zone(tmp_path):
    east = datetime.timezone(datetime.timedelta(hours=2))
    frame = pl.DataFrame(
        {
            "d": [datetime.date(2024, 1, 31), None],
            "t": [
                datetime.datetime(2024, 1, 31, 1, 0, tzinfo=east),
                datetime.datetime(2024, 1, 31, 2, tzinfo=datetime.UTC),
            ],
            "c": [datetime.time(12, 30), None],
            "n": [decimal.Decimal("1.50"), decimal.Decimal(2)],
            "y": ["p", "q"],
        }
    )
    frame.with_columns(pl.col("t").dt.convert_time_zone("Asia/Tokyo")).write_parquet(tmp_path / "t.parquet")
    found = read_source(CONFIG.validate_python({"name": "parquet", "path": str(tmp_path / "t.parquet"), "target": "y"}))
    assert found.rows.frame["d"].to_list() == [datetime.datetime(2024, 1, 31), None]
    assert found.rows.frame["t"].to_list() == [datetime.datetime(2024, 1, 30, 23), datetime.datetime(2024, 1, 31, 2)]
    assert found.rows.frame["c"][0][:8] == "12:30:00"
    assert found.rows.frame["n"].to_list() == [1.5, 2.0]
    assert [column.kind for column in found.rows.features] == ["date", "date", "category", "number"]
    zone, clock = found.cleaning.notes
    assert "'t' has times of the zone Asia/Tokyo" in zone
    assert "'c' has times of day" in clock


FRAME = pl.DataFrame(
    {
        "count": [1, 2, None, 4],
        "size": [0.5, 1.5, 2.5, float("nan")],
        "flag": [True, False, None, True],
        "name": [" u", "v", "NA", "w"],
        "code": [10, 20, 30, 40],
        "y": [3, 5, 3, 5],
    },
    strict=False,
)
EXPECTED = {
    "count": [1.0, 2.0, None, 4.0],
    "size": [0.5, 1.5, 2.5, None],
    "flag": [True, False, None, True],
    "name": ["u", "v", None, "w"],
    "code": ["10", "20", "30", "40"],
    "y": ["3", "5", "3", "5"],
}


def as_csv(path):
    FRAME.write_csv(path)
    return {"name": "csv", "path": str(path)}


def as_parquet(path):
    FRAME.with_columns(pl.col("name").cast(pl.Categorical)).write_parquet(path)
    return {"name": "parquet", "path": str(path)}


def as_jsonl(path):
    lines = [{key: value for key, value in row.items() if value is not None} for row in FRAME.fill_nan(None).to_dicts()]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines) + "\n\n")
    return {"name": "jsonl", "path": str(path)}


def as_sqlite(path):
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE t (count INT, size REAL, flag TEXT, name TEXT, code INT, y INT)")
        rows = FRAME.fill_nan(None).with_columns(pl.col("flag").cast(pl.String)).rows()
        connection.executemany("INSERT INTO t VALUES (?, ?, ?, ?, ?, ?)", rows)
    return {"name": "sql", "path": str(path), "query": "SELECT * FROM t ORDER BY code"}


def as_url(path):
    as_sqlite(path)
    return {"name": "sql", "url": "sqlite:///${TABLE_FOLDER}/t", "query": "SELECT * FROM t ORDER BY code"}


@pytest.mark.parametrize("write", [as_csv, as_parquet, as_jsonl, as_sqlite, as_url])
def test_one_table_from_every_source(tmp_path, monkeypatch, write):
    monkeypatch.setenv("TABLE_FOLDER", str(tmp_path))
    options = {"target": "y", "task": "classification", "types": {"code": "category"}, **write(tmp_path / "t")}
    found = read_source(CONFIG.validate_python(options))
    assert found.rows.frame.to_dict(as_series=False) == EXPECTED
    assert found.cleaning.rows_read == 4


def test_another_database_is_read_through_sqlalchemy(tmp_path, monkeypatch):
    as_sqlite(tmp_path / "t")
    opened, connect = [], sqlalchemy.create_engine

    def engine(url, **options):
        opened.append(url)
        return connect(f"sqlite:///{tmp_path / 't'}", poolclass=options["poolclass"])

    monkeypatch.setattr(sqlalchemy, "create_engine", engine)
    monkeypatch.setenv("PASSWORD", "p@ss/word")
    config = {"name": "sql", "url": "postgresql://me:${PASSWORD}@host/db", "target": "y", "task": "classification"}
    query = "SELECT count, size, flag, name, CAST(code AS TEXT) AS code, y FROM t ORDER BY code"
    found = read_source(CONFIG.validate_python({**config, "query": query}))
    assert found.rows.frame.to_dict(as_series=False) == EXPECTED
    assert found.cleaning.source == "postgresql://me:${PASSWORD}@host/db (query)"
    assert [(url.host, url.database, url.password) for url in opened] == [("host", "db", "p@ss/word")]
    with pytest.raises(DataError, match="returns no columns; expected one SELECT"):
        read_source(CONFIG.validate_python({**config, "query": "DELETE FROM t"}))
    assert found.cleaning.rows == len(read_source(CONFIG.validate_python({**config, "query": query})).rows)


@pytest.mark.parametrize("dialect", ["postgresql", "mysql", "mariadb"])
def test_servers_are_asked_for_a_read_only_transaction(tmp_path, monkeypatch, dialect):
    asked = []

    def execute(connection, statement):
        asked.append(statement)
        raise sqlalchemy.exc.OperationalError(statement, None, Exception("enough"))

    engine = sqlalchemy.create_engine(f"sqlite:///{tmp_path / 't'}")
    engine.dialect.name = dialect
    monkeypatch.setattr(sqlalchemy, "create_engine", lambda url, **options: engine)
    monkeypatch.setattr(sqlalchemy.Connection, "exec_driver_sql", execute)
    with pytest.raises(DataError, match="enough"):
        read_source(CONFIG.validate_python({"name": "sql", "url": f"{dialect}://host/db", "query": "Q", "target": "y"}))
    assert len(asked) == 1
    assert asked[0].endswith("TRANSACTION READ ONLY")
    engine.dispose()


def test_keys_that_appear_late_in_json_lines(tmp_path):
    lines = ['{"a": 1, "y": "p"}\n'] * 5000 + ['{"a": 1.5, "late": "x", "y": "q"}\n']
    (tmp_path / "t.jsonl").write_text("".join(lines))
    config = {"name": "jsonl", "path": str(tmp_path / "t.jsonl"), "target": "y"}
    frame = read_source(CONFIG.validate_python(config)).rows.frame
    assert frame["late"].null_count() == 5000
    assert frame["a"][-1] == 1.5


def test_typed_cells_are_replaced_as_they_are_shown(tmp_path):
    pl.DataFrame({"a": [1, -9, 3], "b": [True, False, True], "y": ["p", "q", "q"]}).write_parquet(
        tmp_path / "t.parquet"
    )
    options = {"replace": {"a": {"-9": "2"}, "b": {"true": "yes"}}, "missing": {"values": ["3"]}}
    config = {"name": "parquet", "path": str(tmp_path / "t.parquet"), "target": "y", **options}
    frame = read_source(CONFIG.validate_python(config)).rows.frame
    assert frame["a"].to_list() == [1.0, 2.0, None]
    assert frame["b"].to_list() == ["yes", "false", "yes"]


def test_npz_table(tmp_path):
    np.savez(tmp_path / "t.npz", x=np.array([[1, 2], [3, 4], [5, 6]], np.uint8), y=np.array(["p", "q", "p"]))
    found = read_source(CONFIG.validate_python({"name": "npz", "path": str(tmp_path / "t.npz"), "target": "label"}))
    expected = {"x1": [1.0, 3.0, 5.0], "x2": [2.0, 4.0, 6.0], "label": ["p", "q", "p"]}
    assert found.rows.frame.to_dict(as_series=False) == expected


def test_npz_images(tmp_path):
    pixels = np.arange(12, dtype=np.uint8).reshape(3, 2, 2)
    np.savez(tmp_path / "t.npz", pictures=pixels, labels=np.array([7, 3, 7]))
    path = str(tmp_path / "t.npz")
    found = read_source(CONFIG.validate_python({"name": "npz", "path": path, "x": "pictures", "y": "labels"}))
    images, test = found.rows, found.test
    assert test is None
    assert images.class_names == ("3", "7")
    np.testing.assert_array_equal(images.labels, [1, 0, 1])
    np.testing.assert_array_equal(images.pixels, pixels)
