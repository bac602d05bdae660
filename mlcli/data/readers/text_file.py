"""Text files as valid UTF-8, and limits on the size of unpacked files."""

from __future__ import annotations

import codecs
import gzip
import io
import mmap
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mlcli.errors import DataError, ResourceError

GZIP = b"\x1f\x8b"
# Files may unpack to this size, or to this many times their own.
_ALWAYS = 256 << 20
_FACTOR = 100
_BLOCK = 1 << 24
_BOM = b"\xef\xbb\xbf"
_NEWLINE = 10
_NOT_ASCII = 128
_FOREIGN = {
    b"PK\x03\x04": "a zip archive or an Excel workbook; save the sheet as CSV, or unpack it",
    b"PAR1": "a Parquet file; set dataset.name: parquet",
    b"SQLite format 3": "an SQLite database; set dataset.name: sql",
    b"\x93NUMPY": "a NumPy array; save it with numpy.savez and set dataset.name: npz",
}
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


@dataclass(frozen=True)
class TextFile:
    """Valid UTF-8 without byte order mark and NUL characters.

    label : how messages name the file
    path  : the file, when its bytes are exactly these; None for decoded, unpacked or piped text
    """

    label: str
    buffer: bytes | mmap.mmap
    path: Path | None

    def is_ascii(self) -> bool:
        """Whether no byte is above 127."""
        return bool(self.data.max() < _NOT_ASCII)

    @property
    def data(self) -> NDArray[np.uint8]:
        """uint8 (n_bytes,), a view."""
        return np.frombuffer(self.buffer, dtype=np.uint8)

    def contains(self, text: bytes) -> bool:
        """Whether text occurs anywhere."""
        return self.buffer.find(text) >= 0

    def line(self, offset: int) -> int:
        """Line, counted from 1, of the byte at offset."""
        return 1 + int(np.count_nonzero(self.data[:offset] == _NEWLINE))


def open_text(path: Path, encoding: str = "utf-8") -> TextFile:
    """Map or decode a file, gzipped or plain; raise DataError naming line and byte where it is not text."""
    label = str(path)
    if path.is_dir():
        raise DataError(f"{label}: a folder; name the file in it")
    try:
        with path.open("rb") as file:
            start = file.read(16)
            file.seek(0)
            size = path.stat().st_size  # 0 for the kernel's own files, which cannot be mapped
            if encoding == "utf-8" and size and start and not start.startswith((_BOM, GZIP)):
                return _validated(TextFile(label, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ), path))
            data = file.read()
    except FileNotFoundError as error:
        raise DataError(f"{label}: no such file") from error
    except OSError as error:
        raise ResourceError(f"{label}: cannot be read: {error.strerror or error}") from error
    return read_text(data, label, encoding)


def read_text(data: bytes, label: str, encoding: str = "utf-8") -> TextFile:
    """The same for bytes from stdin or an archive."""
    if data.startswith(GZIP):
        data = _unpacked(data, label)
    if encoding != "utf-8":
        data = _decoded(data, label, encoding).encode()
    return _validated(TextFile(label, data.removeprefix(_BOM), None))


def unpacked_limit(packed: int) -> int:
    """Largest size that so many compressed bytes may unpack to; tables and images rarely shrink to a twentieth."""
    return max(_ALWAYS, _FACTOR * packed)


def unpack_start(packed: bytes, most: int) -> bytes:
    """The first bytes of an unpacked gzip file; none where it is damaged, which its reader reports."""
    try:
        return zlib.decompressobj(wbits=31).decompress(packed, most)
    except zlib.error:
        return b""


def bomb_error(label: str, packed: int) -> DataError:
    """The error for a file that would become larger."""
    return DataError(
        f"{label}: {packed:,} compressed bytes unpack to more than {unpacked_limit(packed):,}, as no valid data does; "
        "if you trust it, unpack it yourself and name the unpacked file"
    )


def _unpacked(data: bytes, label: str) -> bytes:
    limit = unpacked_limit(len(data))
    try:
        with gzip.open(io.BytesIO(data)) as file:
            unpacked = file.read(limit + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{label}: damaged gzip file ({error}); copy or download it again") from error
    if len(unpacked) > limit:
        raise bomb_error(label, len(data))
    return unpacked


def _decoded(data: bytes, label: str, encoding: str) -> str:
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        line = 1 + data[: error.start].decode(encoding, errors="replace").count("\n")
        raise DataError(
            f"{label}:{line}: byte {error.start} ({data[error.start]:#04x}) is not {encoding}; "
            "set dataset.encoding to the file's encoding"
        ) from error


def _validated(text: TextFile) -> TextFile:
    start = bytes(text.buffer[:16])
    if not start.strip(b"\r\n\t ") and not bytes(text.buffer).strip():
        raise DataError(f"{text.label}: the file is empty; expected a header line and rows")
    for signature, meaning in _FOREIGN.items():
        if start.startswith(signature):
            raise DataError(f"{text.label}: is not text but {meaning}")
    if start.startswith(_UTF16):
        raise DataError(f"{text.label}: is UTF-16 text; set dataset.encoding: utf-16")
    _refuse_invalid(text)
    nul = text.buffer.find(b"\0")
    if nul >= 0:
        raise DataError(
            f"{text.label}:{text.line(nul)}: NUL character at byte {nul}; the file is damaged or binary, "
            "or it is UTF-16 text (dataset.encoding: utf-16)"
        )
    return text


def _refuse_invalid(text: TextFile) -> None:
    data = text.data
    decoder = codecs.getincrementaldecoder("utf-8")()
    for start in range(0, len(data), _BLOCK):
        block = data[start : start + _BLOCK]
        pending = decoder.getstate()[0]
        if not pending and block.max() < _NOT_ASCII:
            continue
        try:
            decoder.decode(block.tobytes(), final=start + _BLOCK >= len(data))
        except UnicodeDecodeError as error:
            offset = start - len(pending) + error.start
            raise DataError(
                f"{text.label}:{text.line(offset)}: byte {offset} ({data[offset]:#04x}) is not UTF-8; "
                "save the file as UTF-8, or set dataset.encoding: cp1252 or latin-1"
            ) from error
