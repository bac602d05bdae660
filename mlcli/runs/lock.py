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
from mlcli.io import disk, platform
from mlcli.io.disk import resource_errors
from mlcli.runs.manifest import utc_now

_HOLDER_LIMIT = 4096
# Seconds: a holder writes its name right after it has the lock, and a check of the lock has it for a moment.
_PATIENCE, _PAUSE = 0.2, 0.005


@contextmanager
def held_lock(path: Path, label: str) -> Iterator[None]:
    """Keep `path` locked, with the holder's name in it; the lock ends with the process, however that ends.

    label names the run in messages. Raises LockedError when another process, or this one, holds it.
    """
    with _opened(path) as descriptor:
        _take(descriptor, path, label)
        with resource_errors(path):
            disk.overwrite(descriptor, json.dumps(this_process()).encode())
        try:
            yield
        finally:
            disk.overwrite(descriptor, b"")


def this_process() -> dict[str, Any]:
    """What names this process to others, with the time."""
    # Program and sub-command only: the rest may hold private paths and names.
    command = " ".join(Path(word).name for word in sys.argv[:2])
    return {"pid": os.getpid(), "host": socket.gethostname(), "since": utc_now(), "command": command}


def seems_held(path: Path) -> bool:
    """Whether a process holds the lock, as far as is known; a process that takes it meanwhile waits for this check."""
    with contextlib.suppress(OSError), disk.opened(path) as descriptor:
        return platform.is_locked(descriptor)
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
    return ResourceError(f"{path}: a link or a pipe in place of the lock file; delete it")


def _take(descriptor: int, path: Path, label: str) -> None:
    deadline = time.monotonic() + _PATIENCE
    try:
        while not platform.lock(descriptor):
            if time.monotonic() > deadline:
                raise LockedError(f"run {label} is in use by {_describe_holder(_read_holder(descriptor))}")
            time.sleep(_PAUSE)
    except OSError as error:
        raise ResourceError(
            f"{path}: this file system cannot lock files ({error.strerror}); set MLCLI_RUNS_DIR to a folder on another"
        ) from error


def _describe_holder(holder: dict[str, Any]) -> str:
    """Who holds the lock, and how to end it; a process that ended before it wrote its name is not named."""
    here = bool(holder) and holder["host"] == socket.gethostname()
    if not holder or (here and not platform.may_be_running(holder["pid"])):
        return "another process; wait for it to end, or stop it"
    place = "" if here else f" on {holder['host']}"
    remedy = f"stop it with: {platform.kill_command(holder['pid'])}" if here else "stop it there"
    return (
        f"process {holder['pid']}{place} ({holder['command']}, since {holder['since']}); "
        f"wait for it to end, or {remedy}"
    )


def _read_holder(descriptor: int) -> dict[str, Any]:
    """The holder's name in the lock; empty without one."""
    with contextlib.suppress(OSError, ValueError, RecursionError):
        os.lseek(descriptor, 0, os.SEEK_SET)
        holder = json.loads(os.read(descriptor, _HOLDER_LIMIT))
        if isinstance(holder, dict) and holder.keys() >= {"pid", "host", "since", "command"}:
            return holder
    return {}
