"""Every call that changes the disk, in one place, so that a test can count and interrupt each."""

import contextlib
import errno
import io
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

from typing_extensions import Buffer

from mlcli.errors import ResourceError
from mlcli.io import platform

# Ending of the files that are locked where folders cannot be.
LOCK = ".lock"
_ELSEWHERE = "free some space or choose another folder"
_REMEDIES = {
    errno.ENOSPC: f"the disk is full; {_ELSEWHERE}",
    errno.EDQUOT: f"your disk quota is used up; {_ELSEWHERE}",
    errno.EFBIG: f"the file would be larger than allowed here; {_ELSEWHERE}",
    errno.EACCES: "permission denied; change its permissions or choose another folder",
    errno.EPERM: "operation not permitted; change its permissions or choose another folder",
    errno.EROFS: "the file system is read-only; choose another folder",
    errno.ENOMEM: "out of memory; close other programs or use less data",
    errno.ENOTDIR: "a part of this path is a file where a folder is needed; move it or choose another folder",
    errno.EEXIST: "there is a file where a folder is needed; move it or choose another folder",
    errno.EISDIR: "there is a folder where a file is needed; move it or choose another name",
    errno.ENAMETOOLONG: "the name is too long for this file system; choose a shorter one",
    errno.EINVAL: "the name is not allowed on this file system; choose another",
    errno.EIO: "the disk reports an input/output error; check it or choose another folder",
}


@contextmanager
def resource_errors(path: Path) -> Iterator[None]:
    """Turn a full disk, missing permission or lack of memory into a ResourceError that names `path`."""
    try:
        yield
    except MemoryError as error:
        raise ResourceError(f"{path}: {_REMEDIES[errno.ENOMEM]}") from error
    except OSError as error:
        if error.errno not in _REMEDIES:
            raise
        raise ResourceError(f"{path}: {_REMEDIES[error.errno]}") from error


@contextmanager
def locked_folder(folder: Path) -> Iterator[None]:
    """Hold an existing folder against other processes that ask for it too; waits while one has it.

    Write nothing atomic straight into a folder that is held: that asks for the same lock.
    """
    with _locked(folder, folder / LOCK, wait=True):
        yield


@contextmanager
def locked_temporary(path: Path, *, wait: bool = False) -> Iterator[bool]:
    """Hold a file or folder that is renamed or deleted meanwhile; False where it is held, or cannot be."""
    with _locked(path, path.with_name(f"{path.name}{LOCK}"), wait=wait) as taken:
        yield taken


@contextmanager
def _locked(path: Path, stand_in: Path, *, wait: bool) -> Iterator[bool]:
    """Lock `path` itself, or `stand_in` where folders cannot be opened, nor open files renamed."""
    descriptor, taken = _lock(path if platform.OPENS_FOLDERS else stand_in, wait=wait)
    try:
        yield taken
    finally:
        os.close(descriptor)
        if not platform.OPENS_FOLDERS:
            with contextlib.suppress(OSError):  # another has it open
                stand_in.unlink()


def _lock(path: Path, *, wait: bool) -> tuple[int, bool]:
    """A descriptor of what is at `path`, not of what has been deleted meanwhile; and whether it is locked."""
    while True:
        descriptor = os.open(path, platform.OPEN_TO_LOCK, 0o644)
        try:
            taken = platform.lock(descriptor, wait=wait)
        except OSError:  # a network file system that cannot lock
            taken = False
        if not taken or _is_at(descriptor, path):
            return descriptor, taken
        os.close(descriptor)


def _is_at(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


@contextmanager
def opened(path: Path, flags: int = platform.OPEN_TO_READ) -> Iterator[int]:
    """A descriptor of a file, or of a folder where folders can be opened."""
    descriptor = os.open(path, flags, 0o644)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def free_space(folder: Path) -> int:
    """Bytes that are free where a folder is, or would be made."""
    place = next(one for one in (folder, *folder.absolute().parents) if one.exists())
    return shutil.disk_usage(place).free


def make_folder(path: Path) -> None:
    """Create a folder and its parents where missing."""
    if path.is_dir():
        return
    make_folder(path.parent)
    with resource_errors(path):
        try:
            mkdir(path)
        except FileExistsError:
            if not path.is_dir():
                raise
        sync(path.parent)


def delete(path: Path) -> None:
    """Delete a file, a link, or a folder with its content; another process may be deleting it too."""
    with contextlib.suppress(FileNotFoundError):
        if path.is_dir() and not path.is_symlink():
            for child in path.iterdir():
                delete(child)
            rmdir(path)
        else:
            unlink(path)


def write_new(path: Path, *parts: bytes | memoryview) -> None:
    """Create a file with this content; raises FileExistsError."""
    touch(path)
    append(path, *parts)


def append(path: Path, *parts: bytes | memoryview) -> None:
    """Write at the end of a file, which is created where missing."""
    with open_end(path) as file:
        for part in parts:
            write(file, part)


def open_end(path: Path) -> BinaryIO:
    """A file, created where missing, for `write` to add to; unbuffered, so that each write is done at once."""
    return path.open("ab", buffering=0)


def fill_new(path: Path, fill: Callable[[BinaryIO], object]) -> None:
    """Create a file that another library fills, whose own errors do not say that the disk is full."""
    touch(path)
    with open_end(path) as file:
        stream = _Stream(file)
        try:
            fill(cast("BinaryIO", stream))
        except Exception:
            if stream.error is not None:
                raise stream.error from None
            raise


class _Stream(io.RawIOBase):
    """Passes on what is written, by `write`, and keeps the error of a write that failed."""

    def __init__(self, file: BinaryIO) -> None:
        super().__init__()
        self._file = file
        self.error: OSError | None = None

    def writable(self) -> bool:
        return True

    def write(self, data: Buffer, /) -> int:
        content = memoryview(data)
        try:
            write(self._file, content)
        except OSError as error:
            self.error = error
            raise
        return len(content)


def touch(path: Path) -> None:
    """Create an empty file; raises FileExistsError."""
    path.open("xb").close()


def mkdir(path: Path) -> None:
    """Create a folder; raises FileExistsError."""
    path.mkdir()


def open_unlinked(path: Path) -> int:
    """A descriptor to read and `overwrite` a file, created where missing; no link is followed, no pipe waited for.

    Raises OSError (ELOOP) for a link.
    """
    platform.stop_link(path)
    return os.open(path, platform.OPEN_UNLINKED, 0o644)


def write(file: BinaryIO, data: bytes | memoryview) -> None:
    """Write all of `data` to an unbuffered file."""
    rest = memoryview(data)
    while len(rest):
        rest = rest[file.write(rest) :]


def overwrite(descriptor: int, data: bytes) -> None:
    """Replace the content of an open file by `data`."""
    os.ftruncate(descriptor, 0)
    os.lseek(descriptor, 0, os.SEEK_SET)
    os.write(descriptor, data)


def sync(path: Path) -> None:
    """Make a file's content durable, or the names in a folder where folders can be opened."""
    if platform.OPENS_FOLDERS or not path.is_dir():
        with opened(path, platform.OPEN_TO_SYNC) as descriptor:
            platform.sync(descriptor)


def rename(source: Path, target: Path) -> None:
    """Rename, replacing a file at `target`, or an empty folder where the system does."""
    if target.is_dir() and not source.is_dir():  # Windows would speak of permission
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(target))
    platform.retry_busy(lambda: source.replace(target))


def unlink(path: Path) -> None:
    """Delete a file or a link."""
    platform.retry_busy(path.unlink)


def rmdir(path: Path) -> None:
    """Delete an empty folder."""
    platform.retry_busy(path.rmdir)
