"""Storage of a search's trials: a journal in its folder, or a database that several machines share."""

from __future__ import annotations

import contextlib
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import optuna
from optuna.storages import JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend

from mlcli.errors import ArtefactError, UsageError
from mlcli.io.atomic import write_file
from mlcli.io.disk import locked_folder, make_folder, resource_errors
from mlcli.io.network import fill_variables, offline
from mlcli.io.paths import runs_dir
from mlcli.io.verified import read_limited

if TYPE_CHECKING:
    import sqlalchemy
    from optuna.storages import BaseStorage

JOURNAL = "journal.jsonl"
JOURNAL_LIMIT = 256 << 20
# Seconds between heartbeats, and after which a trial without one has failed.
HEARTBEAT, GRACE = 10, 120
ATTEMPTS, PAUSE = 4, 0.3


class _FolderLock:
    """Optuna's journal lock: the other processes of the search wait for it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.held = contextlib.ExitStack()

    def acquire(self) -> bool:
        self.held.enter_context(locked_folder(self.folder))
        return True

    def release(self) -> None:
        self.held.close()


def open_storage(place: Path, url: str | None, repair: bool) -> tuple[BaseStorage, str]:
    """The journal, or the database at a URL, created where missing, and the study's name in it.

    repair : cut off a last line that a crash left unfinished; only while no other process has the journal open
    """
    if url is not None:
        return _database(url), f"{place.parent.parent.name}/{place.parent.name}"
    return _journal(place, repair), "improve"


def _journal(place: Path, repair: bool) -> BaseStorage:
    make_folder(place.parent)
    if repair:
        _repair(place)
    lock: Any = _FolderLock(place.parent)  # Optuna does not export the type
    return JournalStorage(JournalFileBackend(str(place), lock_obj=lock))


def _repair(place: Path) -> None:
    """Cut off a last line that a crash left unfinished: the next one would be written into it."""
    if not place.exists():
        return
    content = read_limited(place, JOURNAL_LIMIT)
    whole = content[: content.rfind(b"\n") + 1]
    if whole != content:
        write_file(place, whole)


def _database(template: str) -> BaseStorage:
    """Optuna's tables in a database. Raises UsageError, which shows no password."""
    try:
        import sqlalchemy
    except ImportError as error:
        raise UsageError(
            "improve.storage needs SQLAlchemy, which is not installed; run: pip install 'mlcli[sql]'"
        ) from error
    try:
        url = sqlalchemy.make_url(fill_variables(template, "improve.storage", UsageError, encoded=True))
        _require_reach(url)
        return _with_tables(url.render_as_string(hide_password=False))
    except (sqlalchemy.exc.SQLAlchemyError, ImportError, ValueError, OSError) as error:
        kind = type(getattr(error, "orig", None) or error).__name__
        raise UsageError(
            f"improve.storage: {template.partition('://')[0]}://… cannot be used ({kind}); check address, name and "
            "password, and that its driver is installed"
        ) from None


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


def _with_tables(url: str) -> BaseStorage:
    """The database; tries again where another machine is creating the tables."""
    from sqlalchemy.exc import DBAPIError

    for _ in range(ATTEMPTS):
        with contextlib.suppress(DBAPIError):
            return RDBStorage(url, heartbeat_interval=HEARTBEAT, grace_period=GRACE)
        time.sleep(PAUSE)
    return RDBStorage(url, heartbeat_interval=HEARTBEAT, grace_period=GRACE)


@contextmanager
def quiet() -> Iterator[None]:
    """A call to Optuna without its log and warnings, which are not for users."""
    optuna.logging.disable_default_handler()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@contextmanager
def calm(place: Path) -> Iterator[None]:
    """A quiet call that may write; errors of the disk name the journal."""
    with resource_errors(place), quiet():
        yield


@contextmanager
def reading(place: Path) -> Iterator[None]:
    """A call that reads; raises ArtefactError for a journal that Optuna cannot read."""
    try:
        with calm(place):
            yield
    except (ValueError, KeyError, TypeError, IndexError, AttributeError, AssertionError) as error:
        raise ArtefactError(
            f"{place}: damaged ({type(error).__name__}: {error}); delete its folder to start a new search"
        ) from None
