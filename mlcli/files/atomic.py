"""Writes that leave the old or the new one whole, whenever the process dies.

Written under a temporary name beside the target, synced, and renamed into place; a folder's
MANIFEST.json is written last.
"""

import contextlib
import json
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from mlcli.files import disk
from mlcli.files.leftovers import beside, claimed, discard, recover_folder
from mlcli.files.verified import MANIFEST, SCHEMA_VERSION, sha256_file


@contextmanager
def atomic_file(path: Path) -> Iterator[BinaryIO]:
    """Yield a binary file that takes the place of `path` when the block ends without an error."""
    with disk.resource_errors(path):
        disk.make_folder(path.parent)
        recover_folder(path)
        with claimed(path, disk.touch) as temporary:
            with temporary.open("wb") as file:
                yield file
                disk.sync(file)
            disk.rename(temporary, path)
            disk.fsync_folder(path.parent)


def write_json(path: Path, value: object) -> None:
    """Write JSON atomically, keys in their own order; raises ValueError for NaN and infinities."""
    text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False)
    with atomic_file(path) as file:
        disk.write(file, f"{text}\n".encode())


@contextmanager
def atomic_folder(target: Path, kind: str) -> Iterator[Path]:
    """Yield an empty folder to fill with files; it replaces `target` when the block ends without an error.

    kind goes into the manifest, and `verify_folder` asks for it. Raises ValueError for sub-folders.
    """
    with disk.resource_errors(target):
        disk.make_folder(target.parent)
        recover_folder(target)
        with claimed(target, disk.mkdir) as temporary:
            yield temporary
            _seal(temporary, kind)
            _swap_in(temporary, target)


def remove_folder(folder: Path) -> None:
    """Delete a folder; whenever the process dies, it is whole or gone."""
    with disk.resource_errors(folder):
        discard(folder, folder)


def _seal(folder: Path, kind: str) -> None:
    files = {path.name: _seal_file(path) for path in sorted(folder.iterdir())}
    text = json.dumps({"schema": SCHEMA_VERSION, "kind": kind, "files": files}, indent=2)
    with (folder / MANIFEST).open("xb") as file:
        disk.write(file, f"{text}\n".encode())
        disk.sync(file)
    disk.fsync_folder(folder)


def _seal_file(path: Path) -> dict[str, int | str]:
    found = path.lstat()
    if not stat.S_ISREG(found.st_mode):
        raise ValueError(f"{path} is not a regular file; only flat folders are written")
    with path.open("rb") as file:
        disk.fsync(file.fileno())
    return {"size": found.st_size, "sha256": sha256_file(path)}


def _swap_in(temporary: Path, target: Path) -> None:
    with disk.locked_folder(target.parent):
        if not os.path.lexists(target):
            disk.rename(temporary, target)
            disk.fsync_folder(target.parent)
            return
        old = beside(target, "old")
        disk.rename(target, old)
        try:
            disk.rename(temporary, target)
        except OSError:
            disk.rename(old, target)
            raise
        disk.fsync_folder(target.parent)
        with contextlib.suppress(OSError):  # the next recovery clears it
            discard(old, target)
