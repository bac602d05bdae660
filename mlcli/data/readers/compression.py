"""Compressed files: gzip, bzip2, xz, Zstandard, and a zip archive of one file; what they unpack to is bounded."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import mmap
import zipfile
import zlib
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import IO, Any

from mlcli.errors import DataError

GZIP = b"\x1f\x8b"
ZIP = b"PK\x03\x04"
SUFFIXES = (".gz", ".bz2", ".xz", ".zst", ".zip")
# Files may unpack to this size, or to this many times their own.
_ALWAYS = 256 << 20
_FACTOR = 100
# What tables usually unpack to, over their own size; for an estimate where the file does not say.
_USUAL = 6
_SMALLEST_GZIP = 18
_FOLDER_OF_MAC = "__MACOSX/"
_PARTS_OF_WORKBOOKS = {"[Content_Types].xml", "content.xml"}
# Given the packed bytes and how messages name the file, a file of what they unpack to.
_Opener = Callable[[io.BytesIO, str], Any]


def unpacked_limit(packed: int) -> int:
    """Largest size that so many compressed bytes may unpack to; tables and images rarely shrink to a twentieth."""
    return max(_ALWAYS, _FACTOR * packed)


def bomb_error(label: str, packed: int) -> DataError:
    """The error for a file that would become larger."""
    return DataError(
        f"{label}: {packed:,} compressed bytes unpack to more than {unpacked_limit(packed):,}, as no valid data does; "
        "if you trust it, unpack it yourself and name the unpacked file"
    )


def unpack(data: bytes | mmap.mmap, label: str) -> bytes | mmap.mmap:
    """What a compressed file holds; other data as they are. Raises DataError for a damaged one or a bomb."""
    opened = _opener(data)
    if opened is None:
        return data
    name, start = opened
    limit = unpacked_limit(len(data))
    try:
        with start(io.BytesIO(data), label) as file:
            unpacked: bytes = file.read(limit + 1)
    except DataError:
        raise
    except Exception as error:  # each format has errors of its own
        raise DataError(f"{label}: damaged {name} file ({error}); copy or download it again") from error
    if len(unpacked) > limit:
        raise bomb_error(label, len(data))
    return unpacked


def unpack_start(packed: bytes, most: int) -> bytes:
    """The first bytes of what the start of a file holds, unpacked; none where it is damaged, as its reader reports."""
    opened = _opener(packed)
    if opened is None:
        return packed
    if opened[0] == "gzip":  # of others, what the whole file says is needed
        try:
            return zlib.decompressobj(wbits=31).decompress(packed, most)
        except zlib.error:
            return b""
    return b""


def unpacked_size(start: bytes, end: bytes, size: int) -> int:
    """Bytes that a file of `size` bytes unpacks to: gzip says so, modulo 4 GiB; others are taken to be _USUAL.

    start, end : its first and last bytes, four or more
    """
    opened = _opener(start)
    if opened is None:
        return size
    if opened[0] == "gzip":
        return max(size, int.from_bytes(end[-4:], "little")) if size >= _SMALLEST_GZIP else size
    return _USUAL * size


def _opener(data: bytes | mmap.mmap) -> tuple[str, _Opener] | None:
    start = bytes(data[:6])
    return next((found for magic, found in _OPENERS.items() if start.startswith(magic)), None)


def _open_zstd(data: io.BytesIO, label: str) -> IO[bytes]:
    opened: IO[bytes] = _zstd(label).open(data)
    return opened


def _zstd(label: str) -> ModuleType:
    try:
        from compression import zstd  # type: ignore[import-not-found,unused-ignore] # Python 3.14
    except ImportError:
        try:
            from backports import zstd
        except ImportError:
            raise DataError(
                f"{label}: a Zstandard file, for which the extra `files` is needed: pip install 'mlcli[files]'; "
                "or unpack it (unzstd)"
            ) from None
    module: ModuleType = zstd
    return module


def _open_zip(data: io.BytesIO, label: str) -> IO[bytes]:
    """The one file of an archive; raises DataError where there is not one."""
    archive = zipfile.ZipFile(data)
    names = [one.filename for one in archive.infolist() if not one.is_dir()]
    names = [name for name in names if not name.startswith(_FOLDER_OF_MAC)]
    if not _PARTS_OF_WORKBOOKS.isdisjoint(names):
        raise DataError(f"{label}: is a workbook; set dataset.name: excel, or name the file .xlsx or .ods")
    if len(names) != 1:
        listed = ", ".join(sorted(names)[:5]) or "none"
        raise DataError(f"{label}: the archive has {len(names)} files ({listed}); unpack it and name one of them")
    if archive.getinfo(names[0]).flag_bits & 1:
        raise DataError(f"{label}: {names[0]} is encrypted; unpack it and name the unpacked file")
    return archive.open(names[0])


def _open_plain(kind: Callable[[io.BytesIO], Any]) -> _Opener:
    return lambda data, _: kind(data)


_OPENERS: Mapping[bytes, tuple[str, _Opener]] = {
    GZIP: ("gzip", _open_plain(gzip.open)),
    b"BZh": ("bzip2", _open_plain(bz2.open)),
    b"\xfd7zXZ": ("xz", _open_plain(lzma.open)),
    b"\x28\xb5\x2f\xfd": ("Zstandard", _open_zstd),
    ZIP: ("zip", _open_zip),
}
# How packed data begin.
SIGNATURES = tuple(_OPENERS)
