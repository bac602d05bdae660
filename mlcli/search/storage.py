"""Where a search's trials are stored: a journal in its folder, or a database that several machines share."""

from __future__ import annotations

import contextlib
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal, cast

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
    from optuna.storages.journal._file import BaseJournalFileLock
    from optuna.study import Study as OptunaStudy

JOURNAL = "journal.jsonl"
JOURNAL_LIMIT = 256 << 20
# A trial whose process has not been heard of for so many seconds is given up.
HEARTBEAT, GRACE = 10, 120
ATTEMPTS, PAUSE = 4, 0.3


class _FolderLock:
    """The lock that Optuna asks for: other processes of the same search wait for it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.held = contextlib.ExitStack()

    def acquire(self) -> bool:
        self.held.enter_context(locked_folder(self.folder))
        return True

    def release(self) -> None:
        self.held.close()


def open_study(place: Path, url: str | None, direction: Literal["minimize", "maximize"], mend: bool) -> OptunaStudy:
    """The study in a journal, or in the database at a URL; made where there is none.

    mend : cut off a last line that a crash left unfinished; for who opens a journal that nobody else has open
    """
    if url is not None:
        storage, name = _database(url), f"{place.parent.parent.name}/{place.parent.name}"
    else:
        storage, name = _journal(place, mend), "improve"
    return optuna.create_study(storage=storage, study_name=name, direction=direction, load_if_exists=True)


def _journal(place: Path, mend: bool) -> BaseStorage:
    make_folder(place.parent)
    if mend:
        _mend(place)
    lock = cast("BaseJournalFileLock", _FolderLock(place.parent))
    return JournalStorage(JournalFileBackend(str(place), lock_obj=lock))


def _mend(place: Path) -> None:
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
    """Raise UsageError for a file that a stranger's configuration may not write, and for a server while offline."""
    if url.get_backend_name() != "sqlite":
        if offline():
            raise UsageError("improve.storage: no server is asked while MLCLI_OFFLINE is set")
        return
    own = (Path(), runs_dir())
    if url.database and not any(Path(url.database).resolve().is_relative_to(folder.resolve()) for folder in own):
        raise UsageError(
            f"improve.storage: '{url.database}' lies neither in the working directory nor in the runs folder, and no "
            "configuration makes mlcli write elsewhere; start mlcli where the file lies"
        )


def _with_tables(url: str) -> BaseStorage:
    """The database; tried again where another machine is just making the tables."""
    from sqlalchemy.exc import DBAPIError

    for _ in range(ATTEMPTS):
        with contextlib.suppress(DBAPIError):
            return RDBStorage(url, heartbeat_interval=HEARTBEAT, grace_period=GRACE)
        time.sleep(PAUSE)
    return RDBStorage(url, heartbeat_interval=HEARTBEAT, grace_period=GRACE)


@contextmanager
def quiet() -> Iterator[None]:
    """A call to Optuna, whose notes on what it does and on its future versions are not for users."""
    optuna.logging.disable_default_handler()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@contextmanager
def calm(place: Path) -> Iterator[None]:
    """A quiet call that may write: errors of the disk name the journal."""
    with resource_errors(place), quiet():
        yield


@contextmanager
def reading(place: Path) -> Iterator[None]:
    """A journal that Optuna cannot make sense of is damaged."""
    try:
        with calm(place):
            yield
    except (ValueError, KeyError, TypeError, IndexError, AttributeError, AssertionError) as error:
        raise ArtefactError(
            f"{place}: damaged ({type(error).__name__}: {error}); delete its folder to search anew"
        ) from None
