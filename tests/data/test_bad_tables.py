"""Files that must be refused: what is written, what is configured, what the message must say."""

import datetime
import decimal
import gzip
import io
import sqlite3
from contextlib import closing

import numpy as np
import polars as pl
import pytest
from pydantic import TypeAdapter

from mlcli.config.sections.dataset import DatasetConfig
from mlcli.data.sources import read_source
from mlcli.errors import DataError

CONFIG = TypeAdapter(DatasetConfig)
TEN = b"".join(b"%d,%s\n" % (i, b"pq"[i % 2 : i % 2 + 1]) for i in range(20))


def many(cell, header="a,y"):
    """A column of twenty numbers with one bad cell on line 22."""
    return header.encode() + b"\n" + TEN + cell.encode() + b",p\n"


CSV = {
    # the text itself
    "empty": (b"", {}, ["t.csv: the file is empty"]),
    "only blank lines": (b"\n\r\n\n", {}, ["the file is empty"]),
    "header only": (b"a,y\n", {}, ["only a header line"]),
    "blank first line": (
        b"\na,y\n1,p\n",
        {},
        ["t.csv:1: blank line above the table; expected the header. Line 2", "dataset.skip_rows: 1"],
    ),
    "not utf-8": (
        b"a,y\n1,p\n2,caf\xe9\n",
        {},
        ["t.csv:3", "byte 13 (0xe9) is not UTF-8", "dataset.encoding: latin-1", "'café'"],
    ),
    "cut multi-byte character": (b"a,y\n1,caf\xc3", {}, ["t.csv:2", "byte 9 (0xc3) is not UTF-8"]),
    "not cp1252": (b"a,y\n1,p\n\x81,q\n", {"encoding": "cp1252"}, ["t.csv:3", "byte 8 (0x81) is not cp1252"]),
    "utf-16 undeclared": ("a,y\n1,p\n".encode("utf-16"), {}, ["is UTF-16 text; set dataset.encoding: utf-16"]),
    "utf-16 without mark": ("a,y\n1,p\n".encode("utf-16-le"), {}, ["t.csv:1: NUL character at byte 1"]),
    "NUL": (b"a,y\n1,p\n2,q\0\n", {}, ["t.csv:3: NUL character at byte 11"]),
    "damaged gzip": (gzip.compress(b"a,y\n1,p\n" * 99)[:-12], {}, ["damaged gzip file"]),
    "zip": (b"PK\x03\x04rest", {}, ["t.csv: damaged zip file"]),
    "parquet": (b"PAR1rest", {}, ["a Parquet file; set dataset.name: parquet"]),
    "database": (b"SQLite format 3\0rest", {}, ["an SQLite database; set dataset.name: sql"]),
    "old Mac line ends": (b"a,y\r1,p\r2,q\r", {}, ["t.csv:1", "carriage return alone"]),
    "carriage return alone": (b"a,y\r\n1,p\r\n2,q\rr\r\n", {}, ["t.csv:3: a carriage return alone, before 'r"]),
    "carriage return alone beside quoted ones": (b'a,y\n"1\r2",p\n2,q\rr\n', {}, ["t.csv:3: a carriage return alone"]),
    # the header
    "repeated name": (b"a,y,a\n1,p,2\n", {}, ["t.csv:1: columns 1 and 3 are both called 'a'"]),
    "repeated after trimming": (b"a, a,y\n1,2,p\n", {}, ["columns 1 and 2 are both called 'a'"]),
    "empty name": (b",a,y\n7.5,1,p\n", {}, ["t.csv:1: column 1 of 3 has no name", "to_csv(index=False)"]),
    "semicolons": (b"a;y\n1;p\n", {}, ["one column only, called 'a;y'", "set dataset.delimiter: ';'?"]),
    "tabs": (b"a\ty\n1\tp\n", {}, [r"set dataset.delimiter: '\t'?"]),
    # the shape
    "too few cells": (b"a,b,y\n1,2,p\n3,q\n", {}, ["t.csv:3: 2 cells where the header has 3"]),
    "too many cells": (b"a,y\n1,p\n2,q,r\n", {}, ["t.csv:3: 3 cells where the header has 2", "contain ','"]),
    "short last line": (b"a,y\n1,p\n2", {}, ["t.csv:3: 1 cell where the header has 2"]),
    "long last line": (b"a,y\n1,p\n2,q,", {}, ["t.csv:3: 3 cells where"]),
    "ragged rows that sum up": (b"a,y\n1\n2,p,q\n", {}, ["t.csv:2: 1 cell where the header has 2"]),
    "ragged behind a quoted line end": (b'a,y\n"1\n\n1",p\n2\n', {}, ["t.csv:5: 1 cell where"]),
    "ragged far down": (b"a,y\n" + b"1,p\n" * 99_999 + b"1\n1,p\n", {}, ["t.csv:100001: 1 cell where"]),
    "blank line inside": (b"a,y\n1,p\n\n2,q\n", {}, ["t.csv:3: blank line between rows"]),
    # quotes
    "unclosed quote": (b'a,y\n1,p\n2,"q\n3,r\n', {}, ["t.csv:3: the quote that opens '\"q", "is never closed"]),
    "quote inside a cell": (b'a,y\n1,p\n5" pipe,q"\n', {}, ["t.csv:3: a quote inside an unquoted cell", "pipe"]),
    "text behind a quote": (b'a,y\n1,p\n2,"q"r\n', {}, ["t.csv:3: text behind a closing quote"]),
    "two quoted texts": (b'a,y\n1,"p" "q"\n', {}, ["t.csv:2: a quote inside an unquoted cell, at '\"q\"'"]),
    # cells
    "text among numbers": (
        many("abc"),
        {},
        ["t.csv:22: column 'a': 'abc' is not a number", "20 of 21 cells", "dataset.missing.values", "{a: category}"],
    ),
    "hexadecimal": (many("0x1A"), {}, ["t.csv:22: column 'a': '0x1A' is not a number"]),
    "underscore": (many("1_000"), {}, ["t.csv:22: column 'a': '1_000' looks like a number", "{a: {thousands: _}}"]),
    "infinite": (many("inf"), {}, ["t.csv:22: column 'a': 'inf' is not a number"]),
    "overflow": (many("1e999"), {}, ["t.csv:22: column 'a': '1e999' is not a number"]),
    "undeclared nan": (many("nan"), {"missing": {"values": ["-"]}}, ["t.csv:22: column 'a': 'nan' is not a number"]),
    "thousands among numbers": (
        many('"1,234"'),
        {},
        ["t.csv:22", "'1,234'", "{thousands: ','}} for 1234", "for 1.234"],
    ),
    "decimal commas": (
        b"a;y\n3,14;p\n2,71;q\n",
        {"delimiter": ";"},
        ["t.csv:2: column 'a': '3,14'", "{a: {decimal: ','}} (dataset.decimal for all columns)", "{a: category}"],
    ),
    "decimal points": (b"a;y\n3.14;p\n2;q\n", {"delimiter": ";", "decimal": ","}, ["t.csv:2: column 'a': '3.14'"]),
    "declared number": (
        b"a,y\n1,p\nx,q\n",
        {"types": {"a": "number"}},
        ["t.csv:3: column 'a': 'x' is not a number, as the dataset section says"],
    ),
    "declared truth": (
        b"a,y\nyes,p\nperhaps,q\n",
        {"types": {"a": "boolean"}},
        ["t.csv:3: column 'a': 'perhaps' is neither true nor false, as the dataset section says", "{a: category}"],
    ),
    "no date among dates": (
        b"a,y\n" + b"2024-01-31,p\n2024-02-01 10:30,q\n" * 10 + b"2024-02-30,p\n",
        {},
        ["t.csv:22: column 'a': '2024-02-30' is not a date such as 2024-05-31", "20 of 21 cells", "missing.values"],
    ),
    "no time among dates": (
        b"a,y\n" + b"2024-01-31 10:00,p\n" * 20 + b"2024-02-01 24:00,p\n",
        {},
        ["t.csv:22: column 'a': '2024-02-01 24:00' is not a date", "20 of 21"],
    ),
    "digits of another script": (
        "a,y\n2024-01-31 10:00,p\n2024-01-31 0৪:00,q\n".encode(),
        {"types": {"a": "date"}},
        ["t.csv:3: column 'a': '2024-01-31 0৪:00' is not a date"],
    ),
    "zone beyond a day": (
        b"a,y\n2024-01-31T10:00+10:60,p\n",
        {"types": {"a": "date"}},
        ["t.csv:2: column 'a': '2024-01-31T10:00+10:60' is not a date"],
    ),
    "another form of date": (
        b"a,y\n31/1/2024,p\n2/14/2024,q\n",
        {"dates": {"a": "%d/%m/%Y"}},
        ["t.csv:3: column 'a': '2/14/2024' is not a date of the form %d/%m/%Y, as the dataset section says"],
    ),
    "a year of two digits": (
        b"a,y\n1/1/2024,p\n1/1/24,q\n",
        {"dates": {"a": "%d/%m/%Y"}},
        ["t.csv:3: column 'a': '1/1/24'"],
    ),
    "declared date": (
        b"a,y\n1/1/2024,p\n",
        {"types": {"a": "date"}},
        ["t.csv:2: column 'a': '1/1/2024' is not a date"],
    ),
    "format of nothing": (b"a,y\n1,p\n", {"dates": {"b": "%d/%m/%Y"}}, ["dataset.dates: no column 'b'"]),
    "bad cell behind dropped rows": (
        b"a,u,y\n" + b"1,m,p\n2,n,q\n" * 20 + b"x,m,p\n",
        {"keep": {"u": ["m"]}},
        ["t.csv:42: column 'a': 'x' is not a number, while 20 of 21"],
    ),
    "wide id": (
        b"a,y\n1,p\n9007199254740993,q\n",
        {},
        ["t.csv:3: column 'a': '9007199254740993' is beyond 2^53", "dataset.drop: [a]", "{a: category}"],
    ),
    "id beyond 64 bits": (b"a,y\n1,p\n+99999999999999999999,q\n", {}, ["t.csv:3", "is beyond 2^53"]),
    # names in the configuration
    "unknown target": (b"a,label\n1,p\n2,q\n", {"target": "lable"}, ["dataset.target: no column 'lable'", "'label'?"]),
    "unknown target, nothing near": (b"a,b\n1,p\n", {"target": "zzz"}, ["no column 'zzz'; there are: a, b"]),
    "unknown drop": (b"a,y\n1,p\n2,q\n", {"drop": ["A1"]}, ["dataset.drop: no column 'A1'; did you mean 'a'?"]),
    "unknown type": (b"a,y\n1,p\n2,q\n", {"types": {"bb": "number"}}, ["dataset.types: no column 'bb'"]),
    "unknown keep": (b"a,y\n1,p\n2,q\n", {"keep": {"bb": [1]}}, ["dataset.keep: no column 'bb'"]),
    "unknown replace": (b"a,y\n1,p\n2,q\n", {"replace": {"bb": {"1": "2"}}}, ["dataset.replace: no column 'bb'"]),
    "unknown split column": (b"a,y\n1,p\n2,q\n", {"split": {"column": "bb"}}, ["split.column: no column 'bb'"]),
    "dropped target": (b"a,y\n1,p\n2,q\n", {"drop": ["y"]}, ["'y' is dataset.target"]),
    # rows and columns that are left
    "keep leaves nothing": (b"a,y\n1,p\n2,q\n", {"keep": {"a": [3]}}, ["dataset.keep", "is never 3", "1", "2"]),
    "target missing": (
        b"a,y\n1,p\n2,?\n3,\n4,q\n",
        {},
        ["t.csv:3: 2 of 4 rows have no target (y), this one first", "drop_rows: target"],
    ),
    "target wholly missing": (b"a,y\n1,\n2,\n", {"missing": {"drop_rows": True}}, ["every row lacks the target"]),
    "every row incomplete": (
        b"a,b,y\n1,,p\n,2,q\n",
        {"missing": {"drop_rows": True}},
        ["every row has a missing cell"],
    ),
    "no features": (b"a,y\n1,p\n2,q\n", {"drop": ["a"]}, ["no feature columns are left beside y"]),
    "only empty features": (b"a,y\n,p\n,q\n", {}, ["no feature columns are left"]),
    "missing split cell": (
        b"g,a,y\n1,1,p\n,2,q\n",
        {"split": {"by": "group", "column": "g"}},
        ["t.csv:3: dataset.split.column 'g' is missing in 1 of 2 rows"],
    ),
    # targets
    "one class": (b"a,y\n1,p\n2,p\n", {}, ["target 'y' is 'p' in all 2 rows", "at least two classes"]),
    "constant number": (b"a,y\n1,0.5\n2,0.5\n", {}, ["target 'y' is 0.5 in all 2 rows; there is nothing to learn"]),
    "text for regression": (b"a,y\n1,p\n2,q\n", {"task": "regression"}, ["t.csv:2: target 'y': 'p' is not a number"]),
    "several targets, one text": (
        b"a,y,z\n1,2,p\n2,3,q\n",
        {"target": ["y", "z"]},
        ["t.csv:2: target 'z': 'p' is not a number"],
    ),
    "several targets as classes": (
        b"a,y,z\n1,2,3\n2,3,4\n",
        {"target": ["y", "z"], "task": "classification"},
        ["classification takes one target, but dataset.target names 2"],
    ),
    "an id as target": (
        b"a,y\n" + b"".join(b"1,id%d\n" % i for i in range(30)),
        {},
        ["t.csv:2: target 'y' has 30 distinct texts in 30 rows", "looks like an id"],
    ),
}


@pytest.mark.parametrize(("data", "options", "fragments"), CSV.values(), ids=CSV)
def test_csv(tmp_path, data, options, fragments):
    path = tmp_path / "t.csv"
    path.write_bytes(data)
    refuse({"name": "csv", "path": str(path), "target": "y", **options}, fragments)


def refuse(options, fragments):
    config = CONFIG.validate_python(options)
    with pytest.raises(DataError) as caught:
        read_source(config)
    for fragment in fragments:
        assert fragment in str(caught.value)
    assert "\n" not in str(caught.value)


APART = {
    "absent column": (b"b,y\n1,p\n", ["columns of", "no column 'a'"]),
    "text in a number column": (b"a,y\n1,p\nx,q\n", ["test.csv:3: column 'a': 'x' is not a number, as it is in"]),
    "new class": (
        b"a,y\n1,p\n2,q.\n",
        ["test.csv:3: target 'y': class 'q.' does not occur", "'q'?", "dataset.replace"],
    ),
    "target missing": (b"a,y\n1,p\n2,NA\n", ["test.csv:3: 1 of 2 rows has no target"]),
    "ragged": (b"a,y\n1\n", ["test.csv:2: 1 cell where"]),
}


@pytest.mark.parametrize(("data", "fragments"), APART.values(), ids=APART)
def test_csv_of_test_rows(tmp_path, data, fragments):
    (tmp_path / "train.csv").write_bytes(b"a,y\n1,p\n2,q\n")
    (tmp_path / "test.csv").write_bytes(data)
    options = {"path": str(tmp_path / "train.csv"), "test_path": str(tmp_path / "test.csv")}
    refuse({"name": "csv", "target": "y", **options}, fragments)


JSONL = {
    "cut object": (b'{"a": 1, "y": "p"}\n{"a": 2\n', ["t.jsonl:2: '{\"a\": 2' is not JSON"]),
    "rubbish behind": (b'{"a": 1, "y": "p"}\n{"a": 2} x\n', ["t.jsonl:2", "is not JSON: Extra data"]),
    "two objects on a line": (b'{"a": 1, "y": "p"} {"a": 1, "y": "p"}\n', ["t.jsonl:1", "Extra data"]),
    "blank line": (b'{"a": 1, "y": "p"}\n\n{"a": 2, "y": "q"}\n', ["t.jsonl:2: blank line"]),
    "no object": (b'{"a": 1, "y": "p"}\n[1, 2]\n', ["t.jsonl:2: [1, 2] is not an object"]),
    "number among text": (
        b'{"a": "x", "y": "p"}\n{"a": 1, "y": "q"}\n',
        ["t.jsonl:2: key 'a' is 1", "line 1 has"],
    ),
    "text among numbers": (b'{"a": 1, "y": "p"}\n{"a": "2", "y": "q"}\n', ["t.jsonl:2: key 'a' is '2'"]),
    "truth among text": (b'{"a": "x", "y": "p"}\n{"a": true, "y": "q"}\n', ["t.jsonl:2: key 'a' is True"]),
    "truth among numbers": (b'{"a": 1.5, "y": "p"}\n{"a": true, "y": "q"}\n', ["t.jsonl:2: key 'a' is True"]),
    "list among numbers": (b'{"a": 1, "y": "p"}\n{"a": [2], "y": "q"}\n', ["t.jsonl:2: key 'a' is [2]"]),
    "lists": (b'{"a": [1], "y": "p"}\n{"a": [2], "y": "q"}\n', ["column 'a' has type List;", "dataset.drop"]),
    "lists without end": (b'{"a": ' + b"[" * 250 + b"]" * 250 + b', "y": "p"}\n', ["column 'a' has type List;"]),
    "NaN": (b'{"a": 1, "y": "p"}\n{"a": NaN, "y": "q"}\n', ["t.jsonl:2", "NaN is not a JSON number; write null"]),
    "long exponent": (
        b'{"a": 1.5, "y": "2e99999"}\n{"a": 1e-21474836311, "y": "q"}\n',
        ["t.jsonl:2", "'1e-21474836311' has an exponent beyond float64"],
    ),
    "not utf-8": (b'{"a": 1, "y": "\xff"}\n', ["t.jsonl:1: byte 15 (0xff) is not UTF-8"]),
    "wide id": (b'{"a": 1, "y": "p"}\n{"a": 9007199254740993, "y": "q"}\n', ["t.jsonl:2: column 'a'", "beyond 2^53"]),
    "wide id among decimals": (
        b'{"a": 0.5, "y": "p"}\n{"a": 9007199254740993, "y": "q"}\n',
        ["t.jsonl:2: column 'a': '9007199254740993' is beyond 2^53"],
    ),
    "repeated key": (b'{"a": 1, "y": "p"}\n{"a": 2, "y": "q", "a" : 3}\n', ["t.jsonl:2", "key 'a' occurs twice"]),
    "repeated key, one of them null": (
        b'{"a": 1, "b": null, "y": "p"}\n{"a": null, "y": "q", "a": 3}\n',
        ["t.jsonl:2", "key 'a' occurs twice"],
    ),
    "half a pair": (
        b'{"a": "\\ud83d\\ude00", "y": "p"}\n{"a": "\\ud83d", "y": "q"}\n',
        ["t.jsonl:2", "\\ud83d is half a character"],
    ),
    "no keys": (b"{}\n{}\n", ["no line has a key"]),
    "empty name": (b'{"": 1, "y": "p"}\n', ["column 1 of 2 has no name"]),
    "empty": (b" \n", ["the file is empty"]),
}


@pytest.mark.parametrize(("data", "fragments"), JSONL.values(), ids=JSONL)
def test_jsonl(tmp_path, data, fragments):
    path = tmp_path / "t.jsonl"
    path.write_bytes(data)
    refuse({"name": "jsonl", "path": str(path), "target": "y"}, fragments)


Y = ["p", "q"]
PARQUET = {
    "infinite": (
        pl.DataFrame({"a": [1.0, float("inf")], "y": Y}),
        ["t.parquet: row 2: column 'a': inf is not a finite"],
    ),
    "wide id": (pl.DataFrame({"a": [1, 2**53 + 1], "y": Y}), ["row 2: column 'a': '9007199254740993' is beyond 2^53"]),
    "wide decimal": (
        pl.DataFrame({"a": [decimal.Decimal("0.5"), decimal.Decimal("9007199254740993")], "y": Y}),
        ["row 2: column 'a': '9007199254740993' is beyond 2^53"],
    ),
    "lists": (pl.DataFrame({"a": [[1], [2]], "y": Y}), ["column 'a' has type List;"]),
    "structures": (pl.DataFrame({"a": [{"b": 1}, {"b": 2}], "y": Y}), ["column 'a' has type Struct"]),
    "bytes": (pl.DataFrame({"a": [b"1", b"2"], "y": Y}), ["column 'a' has type Binary"]),
    "a time beyond nanoseconds": (
        pl.DataFrame({"a": pl.Series([0, 2**63 - 1], dtype=pl.Datetime("ns")), "y": Y}),
        ["t.parquet: row 2: column 'a': a time after 2262-04-11", "dataset.drop"],
    ),
    "durations": (pl.DataFrame({"a": [datetime.timedelta(1)] * 2, "y": Y}), ["column 'a' has type Duration"]),
    "no rows": (pl.DataFrame({"a": [1], "y": ["p"]}).clear(), ["the table has no rows"]),
    "text as declared number": (pl.DataFrame({"z": ["1", "x"], "y": Y}), ["row 2: column 'z': 'x' is not a number"]),
}


@pytest.mark.parametrize(("frame", "fragments"), PARQUET.values(), ids=PARQUET)
def test_parquet(tmp_path, frame, fragments):
    path = tmp_path / "t.parquet"
    frame.write_parquet(path)
    types = {"z": "number"} if "z" in frame.columns else {}
    refuse({"name": "parquet", "path": str(path), "target": "y", "types": types}, fragments)


def test_damaged_parquet(tmp_path):
    buffer = io.BytesIO()
    pl.DataFrame({"a": [1, 2], "y": Y}).write_parquet(buffer)
    for data in (b"no parquet", buffer.getvalue()[:-9], b""):
        (tmp_path / "t.parquet").write_bytes(data)
        refuse({"name": "parquet", "path": str(tmp_path / "t.parquet"), "target": "y"}, ["t.parquet: not a readable"])


SQL = {
    "syntax": ("SELEC 1", ['near "SELEC": syntax error']),
    "no table": ("SELECT * FROM u", ["no such table: u"]),
    "writing": ("DELETE FROM t", ["not authorized", "one SELECT statement"]),
    "attaching": ("ATTACH 'other.db' AS o", ["not authorized"]),
    "two statements": ("SELECT * FROM t; DELETE FROM t", ["one statement at a time"]),
    "no rows": ("SELECT * FROM t WHERE a > 9", ["the query returns no rows"]),
    "repeated name": ("SELECT a, a, y FROM t", ["columns 1 and 2 are both called 'a'"]),
    "mixed": ("SELECT mixed, y FROM t", ["row 2: column 'mixed': 'x' is str among int", "CAST"]),
    "bytes": ("SELECT raw, y FROM t", ["row 1: column 'raw': b'1' is bytes"]),
    "wide id": ("SELECT 9007199254740992 + a AS a, y FROM t", ["row 1: column 'a'", "beyond 2^53"]),
    "wide id among decimals": (
        "SELECT iif(a = 1, 0.5, 9007199254740993) AS a, y FROM t",
        ["row 2: column 'a': 9007199254740993 is beyond 2^53", "CAST"],
    ),
    "unknown target": ("SELECT a, y AS label FROM t", ["dataset.target: no column 'y'; there are: a, label"]),
}


@pytest.mark.parametrize("by_url", [False, True])
@pytest.mark.parametrize(("query", "fragments"), SQL.values(), ids=SQL)
def test_sql(tmp_path, query, fragments, by_url):
    path = database(tmp_path / "t.db")
    where = {"url": f"sqlite:///{path}"} if by_url else {"path": str(path)}
    refuse({"name": "sql", **where, "query": query, "target": "y"}, fragments)
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT count(*) FROM t").fetchone() == (2,)


def database(path):
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE t (a INT, mixed, raw BLOB, y TEXT)")
        connection.executemany("INSERT INTO t VALUES (?, ?, ?, ?)", [(1, 1, b"1", "p"), (2, "x", b"2", "q")])
    return path


def test_sql_creates_no_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    refuse(
        {"name": "sql", "url": "sqlite:///absent.db", "query": "SELECT 1", "target": "y"}, ["absent.db: no such file"]
    )
    assert list(tmp_path.iterdir()) == []


def test_sql_that_is_no_database(tmp_path):
    (tmp_path / "t.db").write_bytes(b"text" * 999)
    refuse(
        {"name": "sql", "path": str(tmp_path / "t.db"), "query": "SELECT * FROM t", "target": "y"}, ["not a database"]
    )


@pytest.mark.parametrize(
    "url",
    [
        "nothing://me:s3cret@host/db",
        "nothing://me:s3/c@ret@host/db?password=s3cret",
        "nothing://me:${SQL_PASSWORD}@host/db",
        "nothing+${SQL_PASSWORD}://me@host/db",
        "sqlite:///file:/nowhere/${SQL_PASSWORD}/db?mode=ro&uri=true",
        "${SQL_PASSWORD}",
    ],
)
def test_sql_never_shows_a_password(monkeypatch, url):
    monkeypatch.setenv("SQL_PASSWORD", "s3cret")
    with pytest.raises(DataError, match=r"query failed|no such file") as caught:
        read_source(CONFIG.validate_python({"name": "sql", "url": url, "query": "SELECT 1", "target": "y"}))
    assert not any(secret in str(caught.value) for secret in ("s3cret", "s3/c", "ret@"))


def test_sql_variable_that_is_not_set(monkeypatch):
    monkeypatch.delenv("SQL_PASSWORD", raising=False)
    options = {"name": "sql", "url": "sqlite://${SQL_PASSWORD}", "query": "SELECT 1", "target": "y"}
    refuse(options, ["environment variable SQL_PASSWORD is not set"])


X = np.arange(6.0).reshape(3, 2)
IMAGES = np.zeros((3, 2, 2), np.uint8)
NPZ = {
    "wrong name": ({"X": X, "y": [0, 1, 0]}, ["no array 'x'; did you mean 'X'?"]),
    "objects": ({"x": X, "y": np.array([{}, 1, 2], dtype=object)}, ["has Python objects, which are never loaded"]),
    "row counts": ({"x": X, "y": [0, 1]}, ["'x' has 3 rows but 'y' has 2"]),
    "one dimension": ({"x": X[0], "y": [0, 1]}, ["'x' has shape (2,)", "(n, d)"]),
    "wide target": ({"x": X, "y": X}, ["'y' has shape (3, 2); expected (n,)"]),
    "complex": ({"x": X * 1j, "y": [0, 1, 0]}, ["has type complex128; expected numbers"]),
    "infinite": ({"x": X * [1, np.inf], "y": ["p", "q", "p"]}, ["row 1: column 'x2': inf is not a finite number"]),
    "bytes": ({"x": X, "y": [b"p", b"q", b"p"]}, ["the target array has type |S1"]),
    "float images": (
        {"x": IMAGES / 255, "y": [0, 1, 0]},
        ["images have shape (3, 2, 2) and type float64; expected uint8"],
    ),
    "four channels": ({"x": np.zeros((3, 2, 2, 4), np.uint8), "y": [0, 1, 0]}, ["(3, 2, 2, 4)", "1 or 3"]),
    "one class of images": ({"x": IMAGES, "y": [1, 1, 1]}, ["every label is 1"]),
    "labels of images": ({"x": IMAGES, "y": [0.5, 1, 1]}, ["labels of images have type float64"]),
}


@pytest.mark.parametrize(("arrays", "fragments"), NPZ.values(), ids=NPZ)
def test_npz(tmp_path, arrays, fragments):
    np.savez(tmp_path / "t.npz", **arrays)
    refuse({"name": "npz", "path": str(tmp_path / "t.npz")}, ["t.npz", *fragments])


def test_npz_test_rows_must_fit(tmp_path):
    np.savez(tmp_path / "train.npz", x=IMAGES, y=[0, 1, 0])
    paths = {"path": str(tmp_path / "train.npz"), "test_path": str(tmp_path / "test.npz")}
    np.savez(tmp_path / "test.npz", x=IMAGES, y=[0, 2, 0])
    refuse({"name": "npz", **paths}, ["test.npz: row 2: label 2 does not occur"])
    np.savez(tmp_path / "test.npz", x=IMAGES[:, :1], y=[0, 1, 0])
    refuse({"name": "npz", **paths}, ["test images have shape (1, 2), training images (2, 2)"])


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04 nothing else", b"no archive"])
def test_damaged_npz(tmp_path, data):
    (tmp_path / "t.npz").write_bytes(data)
    refuse({"name": "npz", "path": str(tmp_path / "t.npz")}, ["t.npz: is not a valid npz"])


def test_npy_for_npz(tmp_path):
    np.save(tmp_path / "t.npy", X)
    refuse({"name": "npz", "path": str(tmp_path / "t.npy")}, ["one array without a name"])


@pytest.mark.parametrize("name", ["csv", "jsonl", "parquet"])
def test_a_folder_is_no_file(tmp_path, name):
    refuse({"name": name, "path": str(tmp_path), "target": "y"}, ["a folder without files"])


def test_an_absent_file_names_both_places_and_its_origin(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLCLI_DATA_DIR", "store")
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "house.csv").touch()
    expected = [
        "hose.csv",
        "tried hose.csv and store/hose.csv",
        "did you mean 'house.csv'?",
        "available from example.org",
    ]
    refuse({"name": "csv", "path": "hose.csv", "target": "y", "origin": "example.org"}, expected)
