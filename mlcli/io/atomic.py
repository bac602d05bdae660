"""Atomic writes: the old or the new file is left whole, whenever the process dies; manifests of folders."""

import contextlib
import hashlib
import os
import re
import secrets
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn, TypeVar

from mlcli.errors import ArtefactError, DataError, ResourceError
from mlcli.io import disk
from mlcli.io.json import LIMIT, REMEDY, check_version, encode_json, read_json
from mlcli.reporter import Reporter

T = TypeVar("T")

MANIFEST = "MANIFEST.json"
_SCHEMA_VERSION = 1
_LONGEST_NAME = 100

_LEFTOVER = re.compile(rf"(?P<path>\.(?P<name>.+)\.(?P<role>tmp|old)-[0-9a-f]{{8}})({re.escape(disk.LOCK)})?")


def temporary_beside(target: Path, role: str) -> Path:
    """A new hidden name next to `target`; role is tmp (being written or deleted) or old (whole, replaced)."""
    return target.with_name(f".{target.name}.{role}-{secrets.token_hex(4)}")


def discard(path: Path, target: Path) -> None:
    """Delete `path`, first renamed to a temporary: half a deleted folder must never be taken for a whole one."""
    doomed = temporary_beside(target, "tmp")
    disk.rename(path, doomed)
    disk.delete(doomed)


@contextmanager
def claimed(target: Path, create: Callable[[Path], None]) -> Iterator[Path]:
    """A new temporary beside `target`, locked while in use, deleted at the end unless renamed away."""
    with contextlib.ExitStack() as stack:
        while not _claim(temporary := temporary_beside(target, "tmp"), create, stack):
            pass
        try:
            yield temporary
        finally:
            if os.path.lexists(temporary):
                disk.delete(temporary)


def recover_folder(target: Path) -> None:
    """Undo what a crash left beside `target`: the old one comes back if there is no new one, the rest goes."""
    _recover(target.parent, target.name)


def recover_children(parent: Path) -> None:
    """`recover_folder` for everything in `parent`."""
    _recover(parent, None)


def _claim(temporary: Path, create: Callable[[Path], None], stack: contextlib.ExitStack) -> bool:
    """Create and lock; False when another process's recovery came between the two, and had the lock first."""
    create(temporary)
    try:
        stack.enter_context(disk.locked_temporary(temporary, wait=True))
    except FileNotFoundError:
        return False
    return os.path.lexists(temporary)


def _recover(parent: Path, name: str | None) -> None:
    """`recover_folder` for one name in `parent`, or for all."""
    # To read a folder that one may not write, or to lose a race to clean up, is no reason to fail.
    with contextlib.suppress(OSError):
        found = [match for path in sorted(parent.iterdir()) if (match := _LEFTOVER.fullmatch(path.name))]
        left = dict.fromkeys((m["path"], m["name"], m["role"]) for m in found if name in (None, m["name"]))
        if left:
            with disk.locked_folder(parent):
                for path, target, role in left:
                    with contextlib.suppress(OSError):
                        _settle(parent / path, parent / target, role)


def _settle(path: Path, target: Path, role: str) -> None:
    if role == "tmp":
        with disk.locked_temporary(path) as taken:
            if taken:
                disk.delete(path)
    elif os.path.lexists(target):
        discard(path, target)
    else:
        disk.rename(path, target)


def write_file(path: Path, content: bytes | memoryview) -> None:
    """Put a file with this content in the place of `path`, whole or not at all."""
    write_parts(path, [content])


def write_parts(path: Path, parts: Iterable[bytes | memoryview]) -> None:
    """The same with content that comes part by part."""
    with disk.resource_errors(path):
        disk.make_folder(path.parent)
        recover_folder(path)
        with claimed(path, disk.touch) as temporary:
            with disk.open_end(temporary) as file:
                for part in parts:
                    disk.write(file, part)
            disk.sync(temporary)
            disk.rename(temporary, path)
            disk.sync(path.parent)


def write_json(path: Path, value: object) -> None:
    """Write JSON atomically, as `encode_json` has it; DataError for more than `read_json` reads."""
    content = encode_json(value)
    if len(content) > LIMIT:
        raise DataError(
            f"{path.name} would be {len(content) >> 20} MiB, more than the {LIMIT >> 20} MiB that can be read again: "
            "there are too many columns, or their names are too long; leave columns out of the file, or by dataset.drop"
        )
    write_file(path, content)


@contextmanager
def atomic_folder(target: Path, kind: str) -> Iterator[Path]:
    """Yield an empty folder to fill with files; it replaces `target` when the block ends without an error.

    A whole `target` with the same files stays as it is. kind goes into the manifest, and `verify_folder` asks for it.
    Raises ValueError for sub-folders.
    """
    with disk.resource_errors(target):
        disk.make_folder(target.parent)
        recover_folder(target)
        with claimed(target, disk.mkdir) as temporary:
            yield temporary
            _seal(temporary, kind)
            _swap_in(temporary, target, kind)


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
    """Make the files of a folder durable, and list them in its manifest."""
    files = {}
    for path in sorted(folder.iterdir()):
        found = path.lstat()
        if not stat.S_ISREG(found.st_mode):
            raise ValueError(f"{path} is not a regular file; only flat folders are written")
        disk.sync(path)
        files[path.name] = {"size": found.st_size, "sha256": sha256_file(path)}
    disk.write_new(folder / MANIFEST, encode_json({"schema": _SCHEMA_VERSION, "kind": kind, "files": files}))
    disk.sync(folder / MANIFEST)
    disk.sync(folder)


def _take_name(temporary: Path, folder: Path) -> bool:
    try:
        disk.rename(temporary, folder)
    except OSError:  # which error depends on the system
        if not os.path.lexists(folder):
            raise
        return False
    return True


def _swap_in(temporary: Path, target: Path, kind: str) -> None:
    """Put a sealed folder in the place of another; one that is the same stays, since others may be reading it."""
    with disk.locked_folder(target.parent):
        if not os.path.lexists(target):
            disk.rename(temporary, target)
            disk.sync(target.parent)
            return
        if _is_same(temporary, target, kind):
            return
        old = temporary_beside(target, "old")
        disk.rename(target, old)
        try:
            disk.rename(temporary, target)
        except OSError:
            disk.rename(old, target)
            raise
        disk.sync(target.parent)
        with contextlib.suppress(OSError):  # the next recovery clears it
            discard(old, target)


def _is_same(sealed: Path, target: Path, kind: str) -> bool:
    """Whether a folder is whole and has the files of one that was just sealed."""
    try:
        if _read_manifest(target, kind) != _read_manifest(sealed, kind):
            return False
        verify_folder(target, kind)
    except (OSError, ArtefactError):
        return False
    return True


def load_cached(folder: Path, load: Callable[[Path], T], reporter: Reporter, otherwise: str) -> T | None:
    """The result of `load` for a folder; None where there is none, or where it is refused, after a warning.

    otherwise : what is done in that case, such as "fitting the features anew"
    """
    recover_folder(folder)
    if not folder.exists():
        return None
    try:
        return load(folder)
    except ArtefactError as error:
        reporter.warn(f"{error}; {otherwise}")
        return None


def sha256_file(path: Path) -> str:
    """Hexadecimal sha256 of a file's content."""
    with disk.resource_errors(path), path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def verify_file(path: Path, kind: str) -> None:
    """Check one file of a folder against the folder's manifest; raises ArtefactError."""
    files = _read_manifest(path.parent, kind)
    if path.name not in files:
        _refuse(path, "a file that the manifest does not list", "one that it does")
    with disk.resource_errors(path):
        _verify_file(path, *files[path.name])


def verify_folder(path: Path, kind: str) -> None:
    """Check a folder against its manifest; raises ArtefactError naming the first file that does not fit."""
    files = _read_manifest(path, kind)
    with disk.resource_errors(path):
        unlisted = sorted({entry.name for entry in path.iterdir()} - {*files, MANIFEST})
        if unlisted:
            _refuse(path / unlisted[0], "a file that the manifest does not list", "none")
        for name, (size, digest) in files.items():
            _verify_file(path / name, size, digest)


def _read_manifest(folder: Path, kind: str) -> dict[str, tuple[int, str]]:
    """Name → (size, sha256), with names that are safe to join to the folder."""
    path = folder / MANIFEST
    manifest = read_json(path)
    if not isinstance(manifest, dict) or not isinstance(manifest.get("files"), dict):
        _refuse(path, "no list of files", "one")
    check_version(manifest, _SCHEMA_VERSION, path)
    if manifest.get("kind") != kind:
        _refuse(path, f"kind {manifest.get('kind')!r}", repr(kind))
    return {name: _read_entry(path, name, entry) for name, entry in manifest["files"].items()}


def _read_entry(path: Path, name: str, entry: object) -> tuple[int, str]:
    if name in {"", ".", "..", MANIFEST} or len(name) > _LONGEST_NAME or any(sign in name for sign in "/\\:\0"):
        _refuse(path, f"file name {name!r:.60}", "a plain name")
    size, digest = (entry.get("size"), entry.get("sha256")) if isinstance(entry, dict) else (None, None)
    if not isinstance(size, int) or not isinstance(digest, str):
        _refuse(path, f"{name}: {entry!r}", "its size and sha256")
    return size, digest


def _verify_file(path: Path, size: int, digest: str) -> None:
    try:
        found = path.lstat()
    except FileNotFoundError:
        _refuse(path, "no such file", f"{size:,} bytes")
    if not stat.S_ISREG(found.st_mode):
        _refuse(path, "a link, folder or device", "a regular file")
    if found.st_size != size:
        _refuse(path, f"{found.st_size:,} bytes", f"{size:,}")
    actual = sha256_file(path)
    if actual != digest:
        _refuse(path, f"sha256 {actual}", digest)


def _refuse(path: Path, found: str, expected: str) -> NoReturn:
    raise ArtefactError(f"{path}: damaged or of another program: found {found}, expected {expected}; {REMEDY}")
