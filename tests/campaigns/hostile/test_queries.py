"""Queries and databases from a stranger: they read, or are refused."""

import sqlite3
from contextlib import closing

import pytest
import yaml

from tests.campaigns.hostile.cases import cases
from tests.campaigns.hostile.watch import CANARY

FOREVER = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c)"

QUERIES = {
    "delete": "DELETE FROM t",
    "drop": "DROP TABLE t",
    "insert": "INSERT INTO t SELECT * FROM t",
    "create": "CREATE TABLE u AS SELECT * FROM t",
    "writing hidden in a WITH": "WITH u AS (SELECT 1) DELETE FROM t",
    "two statements": "SELECT * FROM t; DROP TABLE t",
    "attach": f"ATTACH '../outside/{CANARY}' AS o",
    "vacuum into": f"VACUUM INTO '../outside/{CANARY}'",
    "pragma": "PRAGMA writable_schema = 1",
    "pragma as a table": "SELECT * FROM pragma_database_list",
    "load_extension": f"SELECT load_extension('./{CANARY}') AS a, kind FROM t",
    "readfile": "SELECT readfile('/etc/passwd') AS a, kind FROM t",
    "writefile": f"SELECT writefile('{CANARY}', 'x') AS a, kind FROM t",
    "edit": "SELECT edit('x', 'touch') AS a, kind FROM t",
    "tokenizer": "SELECT fts3_tokenizer('simple', x'4141414141414141') AS a, kind FROM t",
    "rows without end": f"{FOREVER} SELECT x AS a, 'p' AS kind FROM c",
    "text without end": f"{FOREVER} SELECT hex(zeroblob(400000)) AS a, 'p' AS kind FROM c",
    "a cell of a gigabyte": "SELECT zeroblob(1000000000) AS a, kind FROM t",
    "a join of everything": "SELECT a.a, b.kind FROM t a, t b, t c, t d, t e, t f, t g",
    "nested deep": "SELECT " + "(" * 3000 + "1" + ")" * 3000 + " AS a, kind FROM t",
    "no select": "BEGIN",
    "explain": "EXPLAIN SELECT * FROM t",
    "a view with a trigger": "INSERT INTO v VALUES (1, 'x')",
}


@pytest.fixture
def database(home):
    path = home / "data" / "stranger.db"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE t (a INT, kind TEXT)")
        connection.executemany("INSERT INTO t VALUES (?, ?)", [(i, "pq"[i % 2]) for i in range(40)])
        connection.execute("CREATE VIEW v AS SELECT * FROM t")
        connection.execute("CREATE TRIGGER w INSTEAD OF INSERT ON v BEGIN DELETE FROM t; END")
    return path


def ask(home, **keys):
    (home / "q.yaml").write_text(yaml.safe_dump({"dataset": {"name": "sql", "target": "kind", **keys}}))
    return "q.yaml"


@cases("query", QUERIES, 6)
def test_queries(home, database, strike, query):
    before = database.read_bytes()
    result = strike("prepare", ask(home, path="stranger.db", query=QUERIES[query]), code=3)
    assert result.err.count("error: ") == 1
    assert database.read_bytes() == before


def test_a_driver_that_is_not_there(home, strike):
    for url in ("nothing://h/db", f"{CANARY}.module://h/db", "sqlite+os.system://x", "duckdb:///x", "access://h"):
        strike("prepare", ask(home, url=url, query="SELECT 1"), code=3)


def test_the_network_is_left_alone_when_asked(home, strike):
    """MLCLI_OFFLINE is set here, and the watch refuses every connection."""
    for url in ("postgresql://h/db", "mysql://h/db", "postgresql+psycopg2://h/db"):
        strike("prepare", ask(home, url=url, query="SELECT 1"), code=3)
