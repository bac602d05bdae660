"""The result of a query: SQLite files through Python's own driver, other databases through SQLAlchemy."""

from __future__ import annotations

import datetime
import decimal
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from mlcli.config.sections.dataset import SqlConfig
from mlcli.data.clean_tables import clean_tables
from mlcli.data.readers.source import Source
from mlcli.data.tables.rows import EXACT, Origin, Rows, check_header
from mlcli.data.tables.types import SourceRead
from mlcli.errors import DataError, UsageError
from mlcli.io.network import VARIABLE, fill_variables, offline
from mlcli.io.paths import find_path
from mlcli.io.text import hide_password, hide_secrets, shown

if TYPE_CHECKING:
    import sqlite3

_NUMBERS = frozenset({int, float, decimal.Decimal})
_TYPES: dict[type, pl.DataType] = {
    str: pl.String(),
    bool: pl.Boolean(),
    datetime.date: pl.Date(),
    datetime.time: pl.Time(),
}
_ROWS_AT_ONCE = 64
_LONGEST_CELL = 1 << 20
_STEPS_BETWEEN_SIGNALS = 100_000
_READ_ONLY = {
    "postgresql": "SET TRANSACTION READ ONLY",
    "mysql": "SET SESSION TRANSACTION READ ONLY",
    "mariadb": "SET SESSION TRANSACTION READ ONLY",
}
# A join repeats cells, so a result may be larger than its file; in bytes, a number counting as eight.
_RESULT_ALWAYS = 8 << 20
_RESULT_A_BYTE = 100


class SqlSource(Source[SqlConfig]):
    """The result of one query."""

    def files(self) -> tuple[Path, ...] | None:
        """SQLite's file, and the write-ahead log with its latest rows."""
        if not self.config.path:
            return None
        path = find_path(self.config.path, self.config.origin)
        log = path.with_name(f"{path.name}-wal")
        return (path, log) if log.exists() else (path,)

    def read(self) -> SourceRead:
        return clean_tables(read_sql(self.config), None, self.config.target_names, self.config)


def read_sql(config: SqlConfig) -> Rows:
    """The rows of dataset.query with the types of the database."""
    if config.url is not None:
        label = f"{_shown_url(config.url)} (query)"
        names, records = _query_url(config.url, config.query)
    else:
        path = find_path(config.path or "", config.origin)
        label = f"{path} (query)"
        names, records = _query_sqlite(path, config.query)
    return Rows.read(records_frame(names, records, label), Origin(label))


def records_frame(names: Sequence[str], records: Sequence[Sequence[Any]], label: str) -> pl.DataFrame:
    """One column a name; raises DataError for values of mixed or unknown types, naming the row."""
    if not names:
        raise DataError(f"{label}: the query returns no columns; expected one SELECT statement")
    check_header(names, f"{label}: columns of the query")
    if not records:
        raise DataError(f"{label}: the query returns no rows")
    columns = zip(*records, strict=True)
    return pl.DataFrame([_series(name, values, label) for name, values in zip(names, columns, strict=True)])


def _series(name: str, values: tuple[Any, ...], label: str) -> pl.Series:
    kinds = set(map(type, values)) - {type(None)}
    if not kinds:
        return pl.Series(name, values, dtype=pl.Null)
    if kinds == {int}:
        return pl.Series(name, values, dtype=pl.Int128)
    if kinds <= _NUMBERS:
        return pl.Series(name, [_float(name, row, value, label) for row, value in enumerate(values)], dtype=pl.Float64)
    if kinds == {datetime.datetime}:
        return pl.Series(name, values)
    if len(kinds) == 1 and (dtype := _TYPES.get(next(iter(kinds)))) is not None:
        return pl.Series(name, values, dtype=dtype)
    raise _odd_value(name, values, label)


def _float(name: str, row: int, value: float | decimal.Decimal | None, label: str) -> float | None:
    if value is None:
        return None
    number = float(value)
    if abs(number) < EXACT or value == number or value != value // 1:
        return number
    raise DataError(
        f"{label}: row {row + 1}: column {name!r}: {value} is beyond 2^53 and would lose digits as a number; "
        "CAST the column to TEXT in the query, or leave it out"
    )


def _odd_value(name: str, values: tuple[Any, ...], label: str) -> DataError:
    known = {*_NUMBERS, *_TYPES, datetime.datetime}
    first = next(type(value) for value in values if value is not None)
    alike = _NUMBERS if first in _NUMBERS else {first}
    row = next(i for i, value in enumerate(values) if value is not None and type(value) not in known & alike)
    problem = f"{type(values[row]).__name__}" + (f" among {first.__name__}" if row and first in known else "")
    return DataError(
        f"{label}: row {row + 1}: column {name!r}: {shown(values[row])} is {problem}; "
        "convert the column in the query (CAST, NULLIF), or leave it out"
    )


def _query_sqlite(path: Path, query: str) -> tuple[list[str], Sequence[Sequence[Any]]]:
    import sqlite3

    reading = {sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_RECURSIVE}

    def only_reading(action: int, *_: object) -> int:
        return sqlite3.SQLITE_OK if action in reading else sqlite3.SQLITE_DENY

    try:
        connection = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)
        try:
            connection.set_authorizer(only_reading)
            connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _LONGEST_CELL)
            connection.set_progress_handler(lambda: 0, _STEPS_BETWEEN_SIGNALS)  # lets Ctrl-C through
            cursor = connection.execute(query)
            names = [column[0] for column in cursor.description or ()]
            return names, _fetch(cursor, max(_RESULT_ALWAYS, _RESULT_A_BYTE * path.stat().st_size), path)
        finally:
            connection.close()
    except (sqlite3.Error, sqlite3.Warning) as error:
        advice = "; dataset.query must be one SELECT statement" if "authorized" in str(error) else ""
        raise DataError(f"{path}: dataset.query failed: {error}{advice}") from error


def _fetch(cursor: sqlite3.Cursor, limit: int, path: Path) -> list[Sequence[Any]]:
    rows: list[Sequence[Any]] = []
    size = 0
    while portion := cursor.fetchmany(_ROWS_AT_ONCE):
        rows += portion
        size += sum(map(_weigh, zip(*portion, strict=True)))
        if size > limit:
            raise DataError(
                f"{path}: dataset.query gives more than {len(rows):,} rows, as no valid query on a file of this size "
                "does; look for a join or a recursion without end"
            )
    return rows


def _weigh(column: Sequence[Any]) -> int:
    """About the bytes of these cells."""
    if {str, bytes}.isdisjoint(map(type, column)):
        return 8 * len(column)
    return sum(len(cell) if isinstance(cell, str | bytes) else 8 for cell in column)


def _query_url(template: str, query: str) -> tuple[list[str], Sequence[Sequence[Any]]]:
    try:
        import sqlalchemy
    except ImportError as error:
        raise UsageError(
            "dataset.url needs SQLAlchemy, which is not installed; run: pip install 'mlcli[sql]' "
            "(an SQLite file needs dataset.path alone)"
        ) from error
    secrets = [os.environ.get(name, "") for name in VARIABLE.findall(template)]
    try:
        # Values in front of the host are percent-encoded, as URLs want names and passwords.
        front, at, host = template.rpartition("@")
        front = fill_variables(front, "dataset.url", DataError, encoded=True)
        url = sqlalchemy.make_url(front + at + fill_variables(host, "dataset.url", DataError, encoded=False))
        secrets.append(str(url.password or ""))
        if url.get_backend_name() == "sqlite":  # SQLAlchemy would create an absent file, and could attach others
            return _query_sqlite(find_path(url.database or ""), query)
        _require_network(template)
        engine = sqlalchemy.create_engine(url, poolclass=sqlalchemy.NullPool)
        with engine.connect() as connection:
            if begin := _READ_ONLY.get(connection.dialect.name):
                connection.exec_driver_sql(begin)
            result = connection.exec_driver_sql(query)
            return (list(result.keys()), result.fetchall()) if result.returns_rows else ([], [])
    except DataError as error:
        raise DataError(hide_secrets(str(error), secrets)) from None
    except (sqlalchemy.exc.SQLAlchemyError, ImportError, ValueError, OSError) as error:
        reason = str(error.orig) if isinstance(error, sqlalchemy.exc.DBAPIError) else str(error)
        raise DataError(f"{_shown_url(template)}: dataset.query failed: {hide_secrets(reason, secrets)}") from None


def _require_network(template: str) -> None:
    if offline():
        raise DataError(f"{_shown_url(template)}: not queried, because MLCLI_OFFLINE is set")


def _shown_url(template: str) -> str:
    """The URL as configured, without its options and without a password written into it."""
    return hide_password(template.partition("?")[0])
