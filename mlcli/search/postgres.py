"""Connections to PostgreSQL that fail where the server does not answer, instead of waiting for it forever."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from typing import Any, TypeVar

import psycopg
import sqlalchemy

Waited = TypeVar("Waited")

# Seconds that connecting, and the answer to one statement, may take.
ANSWER = 10
# Heartbeats are compared in one time zone; a session that waits for a client that is gone gives up its locks.
SESSION = f"SET TIME ZONE 'UTC'; SET statement_timeout = '{ANSWER}s'; SET idle_in_transaction_session_timeout = '30s'"


class PromptConnection(psycopg.Connection[Any]):
    """A connection that is closed where an answer takes longer than ANSWER seconds."""

    def wait(self, gen: Generator[Any, Any, Waited], *args: Any, **options: Any) -> Waited:  # noqa: ANN401 (psycopg's)
        try:
            return super().wait(_within(gen, ANSWER), *args, **options)
        except TimeoutError as error:
            self.pgconn.finish()
            raise psycopg.OperationalError(str(error)) from None


def _within(steps: Generator[Any, Any, Waited], seconds: float) -> Generator[Any, Any, Waited]:
    """Psycopg's steps, each resumed with what has come, nothing after a tenth of a second; raises TimeoutError."""
    end = time.monotonic() + seconds
    try:
        awaited = next(steps)
        while True:
            ready = yield awaited
            if not ready and time.monotonic() > end:
                raise TimeoutError(f"no answer within {seconds:g} seconds")
            awaited = steps.send(ready)
    except StopIteration as done:
        found: Waited = done.value
        return found


def connector(url: sqlalchemy.URL) -> Callable[[], PromptConnection]:
    """What opens a connection to this database. Raises ImportError without the driver."""
    arguments, options = sqlalchemy.create_engine(url).dialect.create_connect_args(url)

    def connect() -> PromptConnection:
        connection = PromptConnection.connect(*arguments, **{"connect_timeout": ANSWER, **options})
        connection.execute(SESSION)
        connection.commit()
        return connection

    return connect
