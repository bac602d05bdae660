"""Writes that leave the old or the new one whole, whenever the process dies.

Written under a temporary name beside the target, synced, and renamed into place; a folder's
MANIFEST.json is written last.
"""

import contextlib
import errno
import json
import os
import stat
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from mlcli.errors import ResourceError
from mlcli.files import disk
from mlcli.files.leftovers import beside, claimed, discard, recover_children, recover_folder
from mlcli.files.verified import MANIFEST, SCHEMA_VERSION, sha256_file


def write_file(path: Path, content: bytes | memoryview) -> None:
    """Put a file with this content in the place of `path`, whole or not at all."""
    with disk.resource_errors(path):
        disk.make_folder(path.parent)
        recover_folder(path)
        with claimed(path, disk.touch) as temporary:
            disk.append(temporary, content)
            disk.sync(temporary)
            disk.rename(temporary, path)
            disk.sync(path.parent)


def write_json(path: Path, value: object) -> None:
    """Write JSON atomically, as `encode_json` has it."""
    write_file(path, encode_json(value))


def encode_json(value: object) -> bytes:
    """JSON, keys in their own order; raises ValueError for NaN and infinities."""
    return f"{json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False)}\n".encode()


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


def create_folder(parent: Path, next_name: Callable[[], str], files: Mapping[str, bytes]) -> Path:
    """Make a folder with these files in `parent`, whole or not at all, under a name that no other process gets.

    next_name is asked again whenever another process was faster to take the name it gave.
    """
    with disk.resource_errors(parent):
        disk.make_folder(parent)
        recover_children(parent)
        with claimed(parent / "new", disk.mkdir) as temporary:
            for name, content in files.items():
                disk.write_new(temporary / name, content)
                disk.sync(temporary / name)
            disk.sync(temporary)
            while not _take_name(temporary, folder := parent / next_name()):
                pass
            disk.sync(parent)
    return folder


def try_writing(folder: Path) -> Path:
    """Write a block to a folder, or where it would be made, and delete it; the folder that was written to.

    Raises ResourceError where it cannot be written.
    """
    place = next((place for place in (folder, *folder.absolute().parents) if os.path.lexists(place)), folder)
    try:
        with disk.resource_errors(folder), claimed(place / "try", disk.touch) as temporary:
            disk.append(temporary, bytes(4096))
            disk.sync(temporary)
    except FileNotFoundError as error:  # a file system of the kernel's own
        raise ResourceError(f"{folder}: no file can be made there; choose another folder") from error
    return place


def remove_folder(folder: Path) -> None:
    """Delete a folder; whenever the process dies, it is whole or gone."""
    with disk.resource_errors(folder):
        discard(folder, folder)


def _seal(folder: Path, kind: str) -> None:
    files = {path.name: _seal_file(path) for path in sorted(folder.iterdir())}
    disk.write_new(folder / MANIFEST, encode_json({"schema": SCHEMA_VERSION, "kind": kind, "files": files}))
    disk.sync(folder / MANIFEST)
    disk.sync(folder)


def _seal_file(path: Path) -> dict[str, int | str]:
    found = path.lstat()
    if not stat.S_ISREG(found.st_mode):
        raise ValueError(f"{path} is not a regular file; only flat folders are written")
    disk.sync(path)
    return {"size": found.st_size, "sha256": sha256_file(path)}


def _take_name(temporary: Path, folder: Path) -> bool:
    try:
        disk.rename(temporary, folder)
    except OSError as error:
        if error.errno not in (errno.EEXIST, errno.ENOTEMPTY):
            raise
        return False
    return True


def _swap_in(temporary: Path, target: Path) -> None:
    with disk.locked_folder(target.parent):
        if not os.path.lexists(target):
            disk.rename(temporary, target)
            disk.sync(target.parent)
            return
        old = beside(target, "old")
        disk.rename(target, old)
        try:
            disk.rename(temporary, target)
        except OSError:
            disk.rename(old, target)
            raise
        disk.sync(target.parent)
        with contextlib.suppress(OSError):  # the next recovery clears it
            discard(old, target)
