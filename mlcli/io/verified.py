"""Reads that trust nothing: sizes, hashes and names are checked before anything is parsed."""

import hashlib
import json
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, NoReturn

from mlcli.errors import ArtefactError
from mlcli.io.disk import resource_errors

MANIFEST = "MANIFEST.json"
SCHEMA_VERSION = 1
JSON_LIMIT = 64 << 20
_LONGEST_NAME = 100

_REMEDY = "restore it or make it anew"


def refuse_symlink(path: Path) -> Path:
    """The path itself; raises ArtefactError where a link stands there, which may lead anywhere."""
    if path.is_symlink():
        raise ArtefactError(f"{path}: a link, where a run or model keeps what is its own; {_REMEDY}")
    return path


def read_limited(path: Path, limit: int) -> bytes:
    """Read a regular file of at most `limit` bytes; raises ArtefactError for any other."""
    with _opened(path) as file:
        content = file.read(limit + 1)
    if len(content) > limit:
        raise ArtefactError(f"{path}: larger than the {limit:,} bytes allowed; {_REMEDY}")
    return content


def read_tail(path: Path, size: int) -> bytes:
    """Read the last bytes of a regular file, at most `size`; raises ArtefactError where there is none."""
    with _opened(path) as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - size))
        return file.read(size)


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    with resource_errors(path):
        try:
            if not stat.S_ISREG(path.lstat().st_mode):
                raise ArtefactError(f"{path}: a link, folder or device, not a regular file; {_REMEDY}")
            file = path.open("rb")
        except FileNotFoundError:
            raise ArtefactError(f"{path}: missing; {_REMEDY}") from None
        with file:
            yield file


def read_json(path: Path, limit: int = JSON_LIMIT) -> object:
    """Read a JSON document; raises ArtefactError when it is missing, damaged or larger than `limit` bytes."""
    content = read_limited(path, limit)
    try:
        value = json.loads(content.decode("utf-8"), parse_constant=_refuse_constant)
        if b"\\u" in content:
            json.dumps(value, ensure_ascii=False).encode()  # escapes can spell halves of letters, which are no text
    except (ValueError, RecursionError) as error:
        raise ArtefactError(f"{path}: not valid JSON ({error}); {_REMEDY}") from None
    return value


def sha256_file(path: Path) -> str:
    """Hexadecimal sha256 of a file's content."""
    with resource_errors(path), path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def verify_file(path: Path, kind: str) -> None:
    """Check one file of a folder against the folder's manifest; raises ArtefactError."""
    files = _read_manifest(path.parent, kind)
    if path.name not in files:
        _refuse(path, "a file that the manifest does not list", "one that it does")
    with resource_errors(path):
        _verify_file(path, *files[path.name])


def verify_folder(path: Path, kind: str) -> None:
    """Check a folder against its manifest; raises ArtefactError naming the first file that does not fit."""
    files = _read_manifest(path, kind)
    with resource_errors(path):
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
    schema = manifest.get("schema")
    if isinstance(schema, int) and schema > SCHEMA_VERSION:
        raise ArtefactError(
            f"{path}: made by a newer mlcli (format {schema}, this one reads {SCHEMA_VERSION}); upgrade mlcli"
        )
    if schema != SCHEMA_VERSION:
        _refuse(path, f"format {schema!r:.60}", str(SCHEMA_VERSION))
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
    raise ArtefactError(f"{path}: damaged or of another program: found {found}, expected {expected}; {_REMEDY}")


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
