"""Tables of a real PostgreSQL server."""

import psycopg
import pytest
from polars.testing import assert_frame_equal
from pydantic import TypeAdapter

from mlcli.config.sections.dataset import DatasetConfig, SqlConfig
from mlcli.data.prepare import prepare_dataset
from mlcli.data.readers import sql
from mlcli.data.readers.source import Source
from mlcli.errors import DataError, UsageError
from mlcli.reporter import SILENT
from tests.postgres import PASSWORD

CONFIGS = TypeAdapter(DatasetConfig)
# Half an hour apart around the end of summer time, when each local time comes twice.
TABLES = """
CREATE TABLE visits AS SELECT
  i AS id, i % 2 = 0 AS flag, 'k' || i % 2 AS y,
  CASE WHEN i % 11 > 0 THEN (i * 1.125)::numeric(12, 3) END AS price,
  i * 7919::bigint AS large, (i % 90)::smallint AS small, (i * 0.25)::real AS single, i / 3.0::float8 AS double,
  DATE '2020-01-01' + i % 70 AS day,
  TIMESTAMPTZ '2021-10-30 22:00+00' + i * INTERVAL '30 minutes' AS at,
  CASE WHEN i % 13 > 0 THEN TIMESTAMP '2021-01-01 00:00:00.5' + i * INTERVAL '1 hour' END AS local,
  CASE i % 4 WHEN 0 THEN E'he said "no",\\ntwice' WHEN 1 THEN NULL WHEN 2 THEN '' ELSE 'ä; b%' END AS word,
  ('c' || i % 3)::char(5) AS padded
FROM generate_series(1, 300) i;
CREATE TABLE odd AS SELECT 1 AS x, 'a' AS y, '{"a": 1}'::jsonb AS object, ARRAY[1, 2] AS list, 1e30::numeric AS huge,
  DATE 'infinity' AS ever;
CREATE TABLE long AS SELECT i AS id, repeat('x', 100) AS pad, i % 2 AS y FROM generate_series(1, 30000) i
"""
AS_TEXT = """COPY (SELECT id, flag::text AS flag, y, price, large, small, single, double,
  to_char(day, 'YYYY-MM-DD') AS day, to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS at,
  to_char(local, 'YYYY-MM-DD"T"HH24:MI:SS.US') AS local, word, padded
FROM visits ORDER BY id) TO STDOUT WITH (FORMAT csv, HEADER)"""


@pytest.fixture(scope="module")
def tables(postgres_server):
    """A database whose dates are written in the German way, in a zone with summer time."""
    postgres_server.execute("DROP DATABASE IF EXISTS tables WITH (FORCE)")
    postgres_server.execute("CREATE DATABASE tables")
    postgres_server.execute("ALTER DATABASE tables SET timezone = 'Europe/Berlin'")
    postgres_server.execute(TABLES, "tables")
    postgres_server.execute("ALTER DATABASE tables SET datestyle = 'German, DMY'")
    return postgres_server


@pytest.fixture
def ask(tables, monkeypatch, tmp_path):
    """The keys of a query."""
    monkeypatch.chdir(tmp_path)
    for name, value in {"MLCLI_OFFLINE": "0", "WORD": PASSWORD, "PORT": str(tables.port)}.items():
        monkeypatch.setenv(name, value)
    url = "postgresql://tester:${WORD}@127.0.0.1:${PORT}/tables"
    return lambda query, **keys: {"name": "sql", "url": url, "query": query, "target": "y", **keys}


def prepare(keys, monkeypatch, folder, *, fits=True):
    monkeypatch.setenv("MLCLI_PREPARED_DIR", folder)
    monkeypatch.setattr(Source, "fits_memory", lambda self: fits)
    return prepare_dataset(CONFIGS.validate_python(keys), 3, SILENT)


def test_rows_of_a_server_are_those_of_a_csv_file(ask, tables, tmp_path, monkeypatch):
    with tables.connect("tables") as connection, connection.cursor().copy(AS_TEXT) as copied:
        (tmp_path / "visits.csv").write_bytes(b"".join(copied))
    monkeypatch.setattr(sql, "_PORTION", 13 * 40)  # forty rows
    keys = ask("SELECT * FROM visits ORDER BY id;")
    csv = prepare({"name": "csv", "path": "visits.csv", "target": "y"}, monkeypatch, "csv")
    memory, files = (prepare(keys, monkeypatch, str(fits), fits=fits) for fits in (True, False))
    assert memory.fingerprint == files.fingerprint
    for split in ("train", "valid", "test"):
        expected = csv.splits[split]
        for found in (memory.splits[split], files.splits[split]):
            assert found.features == expected.features
            assert_frame_equal(found.frame, expected.frame)
    kinds = [column.kind for column in csv.splits.train.features]
    assert (kinds.count("date"), kinds.count("boolean")) == (3, 1)


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("SELECT object, y FROM odd", r"row 1: column 'object': {'a': 1} is dict; convert the column in the query"),
        ("SELECT list, y FROM odd", r"row 1: column 'list': \[1, 2\] is list; convert the column in the query"),
        ("SELECT huge, y FROM odd", r"row 1: column 'huge': 10{30} is beyond 2\^53 and would lose digits"),
        ("SELECT ever, y FROM odd", r"failed: date too large .*'infinity'; leave such cells out in the query"),
        ("SELECT x / 0 AS x, y FROM odd", "failed: division by zero$"),
        ("SELECT x, y FROM absent", 'failed: relation "absent" does not exist$'),
        ("SELECT x, y FROM odd WHERE x < 0", "the query returns no rows"),
        ("SELECT x, y FROM odd; SELECT 1", "failed: .*multiple commands.*; dataset.query must be one SELECT statement"),
        ("COMMIT; DELETE FROM odd RETURNING x, y", "failed: .*; dataset.query must be one SELECT statement"),
        ("DELETE FROM odd RETURNING x, y", "failed: .*; dataset.query must be one SELECT statement"),
        ("WITH gone AS (DELETE FROM odd RETURNING x, y) SELECT * FROM gone", "failed: .*must be one SELECT statement"),
    ],
)
@pytest.mark.parametrize("fits", [True, False])
def test_what_cannot_be_read_is_named_and_nothing_is_written(ask, tables, monkeypatch, query, said, fits):
    with pytest.raises(DataError, match=said):
        prepare(ask(query), monkeypatch, "prepared", fits=fits)
    assert tables.execute("SELECT COUNT(*) FROM odd", "tables") == [(1,)]


@pytest.mark.parametrize(
    ("old", "new", "error", "said"),
    [
        ("${WORD}", "${BAD}", DataError, 'failed: .*password authentication failed for user "tester"'),
        ("/tables", "/absent", DataError, 'failed: .*database "absent" does not exist'),
        ("/tables", "/tables?connect_timeout=1&port=1", DataError, "failed: .*Connection refused"),
        ("postgresql:", "postgresql+psycopg2:", UsageError, "the driver psycopg2 .*pip install psycopg2"),
    ],
)
def test_a_server_that_cannot_be_asked_is_named_without_the_password(ask, monkeypatch, old, new, error, said):
    monkeypatch.setenv("BAD", "a bad/word")
    keys = ask("SELECT x, y FROM odd")
    with pytest.raises(error, match=said) as raised:
        prepare({**keys, "url": keys["url"].replace(old, new)}, monkeypatch, "prepared")
    shown = str(raised.value)
    assert shown.startswith("postgresql")
    assert not [word for word in (PASSWORD, "a bad/word", "a%20bad%2Fword") if word in shown]


def test_a_server_that_ends_in_the_middle_is_an_error(ask, tables, monkeypatch):
    monkeypatch.setattr(sql, "_PORTION", 1000)
    frames = sql.portion_sql(SqlConfig.model_validate(ask("SELECT id, y FROM long"))).frames()
    assert len(next(frames)) == 500
    tables.disconnect_all("tables")
    with pytest.raises(DataError, match="failed: terminating connection due to administrator command"):
        list(frames)


def test_an_unchanged_table_comes_in_the_same_order_after_a_scan_that_was_given_up(ask, tables, monkeypatch):
    config = SqlConfig.model_validate(ask("SELECT id, y FROM long WHERE pad LIKE '%x'"))
    place = {"host": "127.0.0.1", "port": tables.port, "dbname": "tables", "user": "tester", "password": PASSWORD}
    with psycopg.connect(**place) as connection, connection.cursor(name="given_up") as cursor:
        cursor.execute("SELECT id FROM long")
        assert len(cursor.fetchmany(10_000)) == 10_000
    rows = sql.portion_sql(config).read()
    assert rows.frame["id"].to_list() == [*range(1, 30_001)]
    assert ["end the query with ORDER BY" in note for note in rows.notes] == [True]


@pytest.mark.parametrize(
    ("query", "is_ordered"),
    [
        ("SELECT * FROM t", False),
        ("select * from t order\n by lower(x), id", True),
        ("SELECT *, RANK() OVER (PARTITION BY f(x) ORDER BY g(y)) FROM (SELECT * FROM t ORDER BY id) AS s", False),
        ("SELECT * FROM (SELECT * FROM t) AS s ORDER BY id LIMIT 5", True),
    ],
)
def test_an_order_is_that_of_the_whole_query(query, is_ordered):
    keys = {"name": "sql", "url": "postgresql://h/d", "query": query, "target": "y"}
    assert bool(sql.order_notes(SqlConfig.model_validate(keys))) != is_ordered
    assert not sql.order_notes(SqlConfig.model_validate({**keys, "url": "sqlite:///t.db"}))
