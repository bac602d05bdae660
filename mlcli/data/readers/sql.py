"""The result of a query: SQLite files through Python's own driver, other databases through SQLAlchemy."""

from __future__ import annotations

import datetime
import decimal
import itertools
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import NoneType
from typing import TYPE_CHECKING, Any

import polars as pl

from mlcli.config.sections.dataset import SqlConfig
from mlcli.data.clean_tables import clean_tables
from mlcli.data.readers.source import CELL, KEPT, MemoryNeed, Source
from mlcli.data.tables.rows import EXACT, Origin, check_header, first_changed
from mlcli.data.tables.staged import RowPortions
from mlcli.data.tables.types import SourceRead
from mlcli.errors import DataError, UsageError
from mlcli.io.network import VARIABLE, fill_variables, missing_driver, offline
from mlcli.io.paths import find_path
from mlcli.io.text import hide_password, hide_secrets, shown

if TYPE_CHECKING:
    import sqlite3

    import sqlalchemy

_NUMBERS = frozenset({int, float, decimal.Decimal})
_TYPES: dict[type, pl.DataType] = {
    str: pl.String(),
    bool: pl.Boolean(),
    datetime.date: pl.Date(),
    datetime.time: pl.Time(),
}
# Rows that are fetched at a time, from an SQLite file and from a server.
_ROWS_AT_ONCE, _ROWS_SENT = 64, 512
# Cells that are Python's own at a time.
_PORTION = 1 << 18
# Bytes of a cell in an SQLite file, roughly.
_STORED = 6
_LONGEST_CELL = 1 << 20
_STEPS_BETWEEN_SIGNALS = 100_000
# PostgreSQL: dates as the driver reads them, and a scan that begins with a table's first row, not with that at which
# the last one was given up.
_READ_ONLY = {
    "postgresql": "SET LOCAL datestyle = ISO; SELECT set_config(name, 'off', true) FROM pg_settings "
    "WHERE name = 'synchronize_seqscans'; SET TRANSACTION READ ONLY",
    "mysql": "SET SESSION TRANSACTION READ ONLY",
    "mariadb": "SET SESSION TRANSACTION READ ONLY",
}
# Seconds of its drivers that use libpq: to connect, and of silence until a server is taken for gone.
_PATIENCE = {"connect_timeout": 10, "keepalives_idle": 30, "keepalives_interval": 10, "keepalives_count": 3}
_ADVICE = {
    "authorized|read-only|data-modifying|multiple commands|syntax error": "dataset.query must be one SELECT statement",
    "year 10K|before year 1|out of range": "leave such cells out in the query (NULLIF, CASE), or CAST them to TEXT",
}
_IN_BRACKETS, _ORDERED = re.compile(r"\([^()]*\)"), re.compile(r"\border\s+by\b", re.IGNORECASE)
_UNORDERED = (
    "the query does not say in which order the rows come, so the server may change it, and with it which rows are in "
    "which split; end the query with ORDER BY and a column that has no value twice"
)
Portion = Sequence[Sequence[Any]]
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

    @property
    def can_spill(self) -> bool:
        return True

    def memory_needs(self) -> Iterator[MemoryNeed]:
        if self.config.path is None:
            n_cells, basis = self._n_cells, f"{self._n_cells:,} cells"
        else:
            size = sum(path.stat().st_size for path in self.regular_files())
            n_cells, basis = size // _STORED, f"{size:,} bytes of a database"
        if n_cells:
            yield MemoryNeed(_label(self.config), CELL * n_cells, basis, KEPT * n_cells)

    def read(self) -> SourceRead:
        portions = portion_sql(self.config)
        rows = portions.read() if self.spill is None else portions.stage(self.spill)
        return clean_tables(rows, None, self.config.target_names, self.config)

    @cached_property
    def _n_cells(self) -> int:
        """Cells of the result, which a server counts; 0 where it cannot, as the query itself will explain.

        A query of an SQLite file may have no end, and no server's limits.
        """
        if not _is_on_server(self.config):
            return 0
        result = f"FROM ({self.config.query.strip().rstrip(';')}\n) AS result"
        with suppress(DataError, UsageError):
            _, *counted = _query(self.config, f"SELECT COUNT(*) {result}")
            names = next(_query(self.config, f"SELECT * {result} LIMIT 0"))
            return len(names) * int(counted[0][0][0])
        return 0


def portion_sql(config: SqlConfig) -> RowPortions:
    """The rows of dataset.query with the types of the database, some at a time, which it gives once."""
    label, found = _label(config), _query(config, config.query)
    columns = _columns_of(next(found), label)
    rows, each = itertools.chain.from_iterable(found), max(1, _PORTION // len(columns))
    portions = iter(lambda: [*itertools.islice(rows, each)], [])
    return RowPortions(lambda: _frames(columns, portions, label), Origin(label), notes=order_notes(config))


def records_frame(names: Sequence[str], records: Portion, label: str) -> pl.DataFrame:
    """One column a name; raises DataError for values of mixed or unknown types, naming the row."""
    (frame,) = _frames(_columns_of(names, label), [records] if records else [], label)
    return frame


def _is_on_server(config: SqlConfig) -> bool:
    return config.url is not None and not config.url.startswith("sqlite")


def order_notes(config: SqlConfig) -> tuple[str, ...]:
    """What to say of a server's query that leaves the order of its rows open, outside brackets, of windows and such."""
    outside, n_brackets = config.query, 1
    while n_brackets:
        outside, n_brackets = _IN_BRACKETS.subn("", outside)
    return () if not _is_on_server(config) or _ORDERED.search(outside) else (_UNORDERED,)


def _label(config: SqlConfig) -> str:
    place = find_path(config.path or "", config.origin) if config.url is None else _shown_url(config.url)
    return f"{place} (query)"


def _columns_of(names: Sequence[str], label: str) -> list[_Column]:
    if not names:
        raise DataError(f"{label}: the query returns no columns; expected one SELECT statement")
    check_header(names, f"{label}: columns of the query")
    return [_Column(name, label) for name in names]


def _frames(columns: Sequence[_Column], portions: Iterable[Portion], label: str) -> Iterator[pl.DataFrame]:
    for records in portions:
        yield pl.DataFrame([own.add(values) for own, values in zip(columns, zip(*records, strict=True), strict=True)])
    if not columns[0].n_rows:
        raise DataError(f"{label}: the query returns no rows")


@dataclass
class _Column:
    """A column of which some rows are read at a time.

    n_rows : read so far
    first  : row and value of the first of each type of values
    wide   : of the first whole number that float64 would change
    """

    name: str
    label: str
    n_rows: int = 0
    first: dict[type, tuple[int, Any]] = field(default_factory=dict)
    wide: tuple[int, Any] | None = None

    def add(self, values: tuple[Any, ...]) -> pl.Series:
        """The values of the next rows; raises DataError where all so far are of mixed or unknown types."""
        kinds = set(map(type, values)) - {NoneType}
        for kind in kinds - self.first.keys():
            row = next(row for row, value in enumerate(values) if type(value) is kind)
            self.first[kind] = self.n_rows + row, values[row]
        self._require_one_kind()
        series = self._series(values, kinds)
        if self.wide is not None and self.first.keys() != {int}:
            row, value = self.wide
            raise DataError(
                f"{self.label}: row {row + 1}: column {self.name!r}: {value} is beyond 2^53 and would lose digits as a "
                "number; CAST the column to TEXT in the query, or leave it out"
            )
        self.n_rows += len(values)
        return series

    def _series(self, values: tuple[Any, ...], kinds: set[type]) -> pl.Series:
        if kinds == {int}:
            whole = pl.Series(self.name, values, dtype=pl.Int128)
            self._note_wide(first_changed(whole))
            return whole
        if kinds and kinds <= _NUMBERS:
            numbers = [None if value is None else float(value) for value in values]
            series = pl.Series(self.name, numbers, dtype=pl.Float64)
            self._note_wide(_changed(values, series))
            return series
        if kinds == {datetime.datetime}:
            return pl.Series(self.name, values)
        return pl.Series(self.name, values, dtype=_TYPES[next(iter(kinds))] if kinds else pl.Null)

    def _note_wide(self, found: Iterator[tuple[int, Any]]) -> None:
        if self.wide is None:
            self.wide = next(((self.n_rows + row, value) for row, value in found), None)

    def _require_one_kind(self) -> None:
        known = {*_NUMBERS, *_TYPES, datetime.datetime}
        in_order = sorted((row, kind, value) for kind, (row, value) in self.first.items())
        first = in_order[0][1] if in_order else int
        alike = _NUMBERS if first in _NUMBERS else {first}
        for row, kind, value in in_order:
            if kind not in known & alike:
                problem = kind.__name__ + (f" among {first.__name__}" if row and first in known else "")
                raise DataError(
                    f"{self.label}: row {row + 1}: column {self.name!r}: {shown(value)} is {problem}; "
                    "convert the column in the query (CAST, NULLIF), or leave it out"
                )


def _changed(values: Sequence[Any], numbers: pl.Series) -> Iterator[tuple[int, Any]]:
    """Row and value of each whole number that is another as float64."""
    for row in (numbers.is_finite() & (numbers.abs() >= EXACT)).arg_true():
        if values[row] != numbers[row] and values[row] == int(values[row]):
            yield row, values[row]


def _query(config: SqlConfig, query: str) -> Iterator[Sequence[Any]]:
    """The names of the columns, then the rows, some at a time; the database keeps those that have not been fetched."""
    if config.url is not None:
        yield from _query_url(config.url, query)
    else:
        yield from _query_sqlite(find_path(config.path or "", config.origin), query)


def _query_sqlite(path: Path, query: str) -> Iterator[Sequence[Any]]:
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
            yield [column[0] for column in cursor.description or ()]
            yield from _fetch(cursor, max(_RESULT_ALWAYS, _RESULT_A_BYTE * path.stat().st_size), path)
        finally:
            connection.close()
    except (sqlite3.Error, sqlite3.Warning) as error:
        raise DataError(f"{path}: {_failure(str(error))}") from error


def _fetch(cursor: sqlite3.Cursor, limit: int, path: Path) -> Iterator[Portion]:
    n_rows = size = 0
    while portion := cursor.fetchmany(_ROWS_AT_ONCE):
        yield portion
        n_rows += len(portion)
        size += sum(map(_weigh, zip(*portion, strict=True)))
        if size > limit:
            raise DataError(
                f"{path}: dataset.query gives more than {n_rows:,} rows, as no valid query on a file of this size "
                "does; look for a join or a recursion without end"
            )


def _weigh(column: Sequence[Any]) -> int:
    """About the bytes of these cells."""
    if {str, bytes}.isdisjoint(map(type, column)):
        return 8 * len(column)
    return sum(len(cell) if isinstance(cell, str | bytes) else 8 for cell in column)


def _query_url(template: str, query: str) -> Iterator[Sequence[Any]]:
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
            yield from _query_sqlite(find_path(url.database or ""), query)
            return
        _require_network(template)
        engine = sqlalchemy.create_engine(url, poolclass=sqlalchemy.NullPool, connect_args=_patience(url))
        with engine.connect() as connection:
            if begin := _READ_ONLY.get(connection.dialect.name):
                connection.exec_driver_sql(begin)
            # A cursor of the server's takes one statement, and without parameters a % stands for itself.
            streamed = connection.execution_options(stream_results=True, no_parameters=True)
            with closing(streamed.exec_driver_sql(query)) as result:
                yield list(result.keys()) if result.returns_rows else []
                yield from result.partitions(_ROWS_SENT) if result.returns_rows else ()
    except DataError as error:
        raise DataError(hide_secrets(str(error), secrets)) from None
    except ImportError as error:
        raise UsageError(f"{_shown_url(template)}: {missing_driver(error, template.partition('://')[0])}") from None
    except (sqlalchemy.exc.SQLAlchemyError, ValueError, OSError) as error:
        reason = str(error.orig) if isinstance(error, sqlalchemy.exc.DBAPIError) else str(error)
        raise DataError(f"{_shown_url(template)}: {_failure(hide_secrets(reason, secrets))}") from None


def _patience(url: sqlalchemy.URL) -> dict[str, int]:
    """How long a driver waits, as far as the URL does not say it and the driver can be told."""
    told = _PATIENCE if url.get_driver_name() in ("psycopg", "psycopg2") else {}
    return {key: seconds for key, seconds in told.items() if key not in url.query}


def _failure(reason: str) -> str:
    advice = (remedy for words, remedy in _ADVICE.items() if re.search(words, reason))
    return "; ".join([f"dataset.query failed: {reason}", *advice])


def _require_network(template: str) -> None:
    if offline():
        raise DataError(f"{_shown_url(template)}: not queried, because MLCLI_OFFLINE is set")


def _shown_url(template: str) -> str:
    """The URL as configured, without its options and without a password written into it."""
    return hide_password(template.partition("?")[0])
