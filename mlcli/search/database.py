"""A search's trials in a database that several machines share, which may be away for a while."""

from __future__ import annotations

import contextlib
import os
import time
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread
from typing import TYPE_CHECKING, Any, TypeVar

from optuna.exceptions import StorageInternalError, UpdateFinishedTrialError
from optuna.storages import RDBStorage

from mlcli.errors import ResourceError, UsageError
from mlcli.io.network import VARIABLE, fill_variables, missing_driver, offline
from mlcli.io.paths import runs_dir
from mlcli.io.programs import stall_seconds
from mlcli.io.text import hide_secrets

if TYPE_CHECKING:
    import sqlalchemy

Result = TypeVar("Result")

# Seconds without a sign of life after which the process of a trial is given up, unless MLCLI_STALL_SECONDS says so;
# and the signs in that time.
GRACE, SIGNS = 120.0, 12
# Attempts to open a database, and seconds between attempts, which double up to LONGEST.
ATTEMPTS, PAUSE, LONGEST = 4, 0.3, 5.0


def grace() -> float:
    """Seconds without a sign of life after which the process of a trial is given up. Raises UsageError."""
    return stall_seconds(GRACE)


def open_database(template: str) -> RDBStorage:
    """Optuna's tables in a database, created where missing. Raises UsageError, which shows no password."""
    try:
        import sqlalchemy
    except ImportError as error:
        extra = "postgres" if template.startswith("postgres") else "sql"
        message = f"improve.storage needs SQLAlchemy, which is not installed; run: pip install 'mlcli[{extra}]'"
        raise UsageError(message) from error
    filled, secrets = fill_url(template), [os.environ[name] for name in VARIABLE.findall(template)]
    scheme = (
        template if template in map("${{{}}}".format, VARIABLE.findall(template)) else template.split("://")[0] + "://…"
    )
    try:
        url = sqlalchemy.make_url(filled)
        secrets.append(str(url.password or ""))
        _require_reach(url)
        return _with_tables(url)
    except ImportError as error:
        raise UsageError(f"improve.storage: {missing_driver(error, scheme)}") from None
    except (sqlalchemy.exc.SQLAlchemyError, StorageInternalError, ValueError, OSError) as error:
        reason = hide_secrets(describe_failure(error), secrets)
        raise UsageError(
            f"improve.storage: {scheme} cannot be used ({reason}); check address, name and password, and that the "
            "database exists (PostgreSQL: createdb NAME)"
        ) from None


def fill_url(template: str) -> str:
    """The URL with environment variables filled in; a variable alone is a whole URL. Raises UsageError."""
    is_part = VARIABLE.fullmatch(template) is None
    return fill_variables(template, "improve.storage", UsageError, encoded=is_part)


def describe_failure(error: BaseException) -> str:
    """The kind of an error of a database, and what its driver says, without the statement and its values."""
    found = error.__cause__ if isinstance(error, StorageInternalError) and error.__cause__ else error
    driver = getattr(found, "orig", None)
    # SQLAlchemy's own messages may have parts of the URL.
    said = str(driver).strip().splitlines()[:1] if driver is not None else []
    return ": ".join([type(driver or found).__name__, *said])


def _require_reach(url: sqlalchemy.URL) -> None:
    """Raise UsageError for a file that a configuration may not write to, and for a server while offline."""
    if url.get_backend_name() != "sqlite":
        if offline():
            raise UsageError("improve.storage: no database server is contacted while MLCLI_OFFLINE is set")
        return
    own = (Path(), runs_dir())
    if url.database and not any(Path(url.database).resolve().is_relative_to(folder.resolve()) for folder in own):
        raise UsageError(
            f"improve.storage: '{url.database}' is outside the working directory and the runs folder, the only places "
            "that a configuration may write to; start mlcli in the file's folder"
        )


def _with_tables(url: sqlalchemy.URL) -> RDBStorage:
    """The database; tries again where another machine is creating the tables, or the server starts."""
    from sqlalchemy.exc import DBAPIError

    options: dict[str, Any] = {}
    if url.get_driver_name() == "psycopg":
        from mlcli.search.postgres import connector

        options["creator"] = connector(url)
    text = url.render_as_string(hide_password=False)
    for attempt in range(ATTEMPTS - 1):
        with contextlib.suppress(DBAPIError):
            return _storage(text, options)
        time.sleep(PAUSE * 2**attempt)
    return _storage(text, options)


def _storage(url: str, options: dict[str, Any]) -> RDBStorage:
    """Its connections are closed at the latest where the program ends."""
    storage = RDBStorage(url, options)
    weakref.finalize(storage, storage.engine.dispose)
    return storage


def is_away(error: Exception) -> bool:
    """Whether the database may be away, or another process came first: the same action may succeed now."""
    from sqlalchemy.exc import SQLAlchemyError

    return isinstance(error, StorageInternalError | UpdateFinishedTrialError | SQLAlchemyError)


def persist(action: Callable[[], Result], patience: float) -> tuple[Result, bool]:
    """The action's result, and whether it took more than one attempt; for so many seconds while the database is away.

    Raises ResourceError after that. An action may have been done where it failed: done again, it must do no harm.
    """
    end, pause, is_first = time.monotonic() + patience, PAUSE, True
    while True:
        try:
            return action(), not is_first
        except Exception as error:
            if not is_away(error):
                raise
            if time.monotonic() + pause > end:
                raise ResourceError(
                    f"improve.storage: the database has not answered for {patience:g} seconds "
                    f"({describe_failure(error)}); when it answers again, the same command continues the search"
                ) from None
        time.sleep(pause)
        pause, is_first = min(2 * pause, LONGEST), False


def silences(storage: RDBStorage, trials: Sequence[int]) -> dict[int, float]:
    """Seconds since the last sign of life of each of these trials that has given one, by the database's clock."""
    import sqlalchemy

    trial = sqlalchemy.column("trial_id", sqlalchemy.Integer())
    sign = sqlalchemy.column("heartbeat", sqlalchemy.DateTime())
    signs = sqlalchemy.select(trial, sign).select_from(sqlalchemy.table("trial_heartbeats")).where(trial.in_(trials))
    with storage.engine.connect() as connection:
        now = connection.execute(sqlalchemy.select(sqlalchemy.func.now())).scalar_one().replace(tzinfo=None)
        return {number: (now - at).total_seconds() for number, at in connection.execute(signs)}


@contextmanager
def signs_of_life(storage: RDBStorage, trial: int, seconds: float) -> Iterator[None]:
    """Within it, a thread gives a sign of life for a trial every so many seconds, where the database is there."""
    over = Event()

    def beat() -> None:
        while not over.wait(seconds):
            try:
                storage.record_heartbeat(trial)
            except Exception as error:
                if not is_away(error):
                    raise

    thread = Thread(target=beat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(1.0)
