"""One process at a time in a run."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import socket
import stat
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mlcli.errors import LockedError, ResourceError
from mlcli.io import disk
from mlcli.io.disk import resource_errors
from mlcli.runs.manifest import utc_now

if os.name != "nt":
    import fcntl

_HOLDER_LIMIT = 4096
_SECONDS_TO_WRITE = 0.2


@contextmanager
def held_lock(path: Path, label: str) -> Iterator[None]:
    """Hold `path` locked, and tell in it who does; Windows has no flock and is not held.

    label names the run in messages. Raises LockedError when another process, or this one, holds it.
    """
    with _opened(path) as descriptor:
        _take(descriptor, path, label)
        _write_holder(descriptor, path)
        try:
            yield
        finally:
            disk.overwrite(descriptor, b"")


def seems_held(path: Path) -> bool:
    """Whether a lock's file names a process that may live. To look takes no lock, which would be in its way."""
    with contextlib.suppress(OSError), disk.opened(path) as descriptor:
        return descriptor is not None and _is_alive(_read_holder(descriptor))
    return False


@contextmanager
def _opened(path: Path) -> Iterator[int]:
    with resource_errors(path):
        try:
            descriptor = disk.open_unlinked(path)
        except OSError as error:
            if error.errno != errno.ELOOP:
                raise
            raise _no_lock(path) from None
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode) or found.st_nlink > 1:  # a hard link's other name may be anyone's file
            raise _no_lock(path)
        yield descriptor
    finally:
        os.close(descriptor)


def _no_lock(path: Path) -> ResourceError:
    return ResourceError(f"{path}: a link or a pipe stands where the lock is needed; delete it")


def _take(descriptor: int, path: Path, label: str) -> None:
    if os.name == "nt":
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise LockedError(f"run {label} is in use by {_describe_holder(descriptor)}") from None
    except OSError as error:
        raise ResourceError(
            f"{path}: this file system cannot lock files ({error.strerror}); set MLCLI_RUNS_DIR to a folder on another"
        ) from error


def _write_holder(descriptor: int, path: Path) -> None:
    holder = {"pid": os.getpid(), "host": socket.gethostname(), "since": utc_now(), "command": _command()}
    with resource_errors(path):
        disk.overwrite(descriptor, json.dumps(holder).encode())


def _command() -> str:
    """Program and sub-command; the rest may hold paths and names that are nobody's business."""
    return " ".join(Path(word).name for word in sys.argv[:2])


def _describe_holder(descriptor: int) -> str:
    holder = _await_holder(descriptor)
    if not holder:
        return "another process; wait for it to end, or stop it"
    here = holder["host"] == socket.gethostname()
    place = "" if here else f" on {holder['host']}"
    remedy = f"stop it with: kill {holder['pid']}" if here else "stop it there"
    return (
        f"process {holder['pid']}{place} ({holder['command']}, since {holder['since']}); "
        f"wait for it to end, or {remedy}"
    )


def _await_holder(descriptor: int) -> dict[str, Any]:
    """Who holds the lock; empty when nobody tells.

    A holder writes itself in right after it has the lock. Until then there is nobody, or the one before, who died.
    """
    deadline = time.monotonic() + _SECONDS_TO_WRITE
    while not _is_alive(holder := _read_holder(descriptor)):
        if time.monotonic() > deadline:
            return {}
        time.sleep(0.005)
    return holder


def _is_alive(holder: dict[str, Any]) -> bool:
    """Whether the process may run; of other machines' processes all may."""
    if not holder or holder["host"] != socket.gethostname():
        return bool(holder)
    try:
        os.kill(holder["pid"], 0)
    except PermissionError:  # someone else's
        return True
    except (OSError, OverflowError, TypeError):
        return False
    return True


def _read_holder(descriptor: int) -> dict[str, Any]:
    """What is written in the lock; empty when that names nobody."""
    with contextlib.suppress(OSError, ValueError, RecursionError):
        holder = json.loads(os.pread(descriptor, _HOLDER_LIMIT, 0))
        if isinstance(holder, dict) and holder.keys() >= {"pid", "host", "since", "command"}:
            return holder
    return {}
