"""Text files as valid UTF-8."""

from __future__ import annotations

import codecs
import io
import mmap
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mlcli.data.readers.compression import unpack
from mlcli.data.readers.encodings import BLOCK, Encoding, decodes, doubt_encoding, find_encoding
from mlcli.errors import DataError, ResourceError
from mlcli.io.text import shown

_BOM = b"\xef\xbb\xbf"
_NEWLINE = 10
_NOT_ASCII = 128
_FOREIGN = {
    b"\xd0\xcf\x11\xe0": "an Excel workbook (.xls); set dataset.name: excel",
    b"PAR1": "a Parquet file; set dataset.name: parquet",
    b"SQLite format 3": "an SQLite database; set dataset.name: sql",
    b"\x93NUMPY": "a NumPy array; save it with numpy.savez and set dataset.name: npz",
    b"7z\xbc\xaf": "a 7-Zip archive; unpack it",
    b"ARROW1": "an Arrow (Feather) file; save it as Parquet and set dataset.name: parquet",
    b"\x89HDF": "an HDF5 file; save the table as CSV or Parquet",
    b"%PDF": "a PDF document; save the table as CSV",
    b"<!DOCTYPE": "a web page, perhaps of a failed download; download the file itself",
    b"<html": "a web page, perhaps of a failed download; download the file itself",
    b"<?xml": "an XML document; save the table as CSV",
}
# UTF-8 read as Latin-1 or cp1252 and saved as UTF-8: Ã or Â before what is no letter.
# What a wrong encoding left, each with what is said of the word.
_DAMAGED = {
    "may be UTF-8 that was read as cp1252 and saved again": re.compile(
        rb"\xc3[\x82\x83](?:\xc2[\x80-\xbf]|\xc5[\x92\x93\xa0\xa1\xb8\xbd\xbe]|\xc6\x92|\xcb[\x86\x9c]|\xe2[\x80-\x84].)"
    ),
    "has the mark U+FFFD of a letter that a wrong encoding lost": re.compile("\ufffd".encode()),
    "has a control character (U+0080 to U+009F), as of cp1252 that was read as latin-1": re.compile(
        rb"\xc2[\x80-\x84\x86-\x9f]"  # U+0085 may be a line end
    ),
}


@dataclass(frozen=True)
class TextFile:
    """Valid UTF-8 without byte order mark and NUL characters.

    label : how messages name the file
    path  : the file, when its bytes are exactly these; None for decoded, unpacked, piped or shortened text
    left  : lines of the file, counted from 1, that are not in the buffer and have others below them
    notes : on an encoding that may be wrong
    """

    label: str
    buffer: bytes | mmap.mmap
    path: Path | None
    left: tuple[int, ...] = ()
    notes: tuple[str, ...] = ()

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
        """Line of the file, counted from 1, of the byte at offset."""
        line = 1 + int(np.count_nonzero(self.data[:offset] == _NEWLINE))
        for one in self.left:
            line += one <= line
        return line

    def without_lines(self, numbers: Collection[int], at_end: int = 0) -> TextFile:
        """The same without some lines, counted from 1, and without the last ones; blank lines at the end do not count.

        Raises DataError where nothing is left.
        """
        if not numbers and not at_end:
            return self
        end = len(self.buffer)
        while at_end and end and self.buffer[end - 1] in b"\r\n":
            end -= 1
        for _ in range(at_end):
            end = self.buffer.rfind(b"\n", 0, max(0, end - 1)) + 1
        kept, start, line = [], 0, 1
        for number in sorted(numbers):
            while line < number and start < end:
                begin, start, line = start, (self.buffer.find(b"\n", start, end) + 1) or end, line + 1
                kept.append((begin, start))
            start, line = (self.buffer.find(b"\n", start, end) + 1) or end, line + 1
        buffer = b"".join(self.buffer[a:b] for a, b in [*kept, (start, end)])
        if not buffer.strip():
            raise DataError(f"{self.label}: dataset.skip_rows and dataset.skip_footer leave no lines")
        return replace(self, buffer=buffer, path=None, left=tuple(sorted(numbers)))

    def doubts(self) -> Iterator[str]:
        """What is readable but was damaged by a wrong encoding before it was saved."""
        yield from self.notes
        if self.is_ascii():
            return
        for meaning, damage in _DAMAGED.items():
            if found := damage.search(self.buffer):
                yield f"{self.label}:{self.line(found.start())}: {self.word(found.start())} {meaning}"

    def word(self, offset: int) -> str:
        """The cell at offset, as far as a message needs it."""
        before, after = bytes(self.buffer[max(0, offset - 12) : offset]), bytes(self.buffer[offset : offset + 12])
        return shown((re.split(rb"[\n,;\t]", before)[-1] + re.split(rb"[\n,;\t]", after)[0]).decode(errors="ignore"))


def open_text(path: Path, encoding: str = "utf-8") -> TextFile:
    """Map or decode a file, compressed or plain; raise DataError naming line and byte where it is not text."""
    label = str(path)
    if path.is_dir():
        raise DataError(f"{label}: a folder; name the file in it")
    try:
        with path.open("rb") as file:
            size = path.stat().st_size  # 0 for the kernel's own files, which cannot be mapped
            data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) if size else file.read()
    except FileNotFoundError as error:
        raise DataError(f"{label}: no such file") from error
    except OSError as error:
        raise ResourceError(f"{label}: cannot be read: {error.strerror or error}") from error
    return read_text(data, label, encoding, path)


def read_text(data: bytes | mmap.mmap, label: str, encoding: str = "utf-8", path: Path | None = None) -> TextFile:
    """The same for bytes from stdin or an archive; path: the file of which these are the bytes."""
    data = unpack(data, label)
    _refuse_foreign(data, label)
    if codecs.lookup(encoding).name not in ("utf-8", "utf-8-sig"):
        text = _validated(TextFile(label, _decoded(data, label, encoding), None))
        return replace(text, notes=tuple(doubt_encoding(data, encoding)))
    if data[: len(_BOM)] == _BOM:
        data = data[len(_BOM) :]
    return _validated(TextFile(label, data, path if isinstance(data, mmap.mmap) else None))


def _refuse_foreign(data: bytes | mmap.mmap, label: str) -> None:
    start = bytes(data[:16])
    for signature, meaning in _FOREIGN.items():
        if start.startswith(signature):
            raise DataError(f"{label}: is not text but {meaning}")


def _decoded(data: bytes | mmap.mmap, label: str, encoding: str) -> bytes:
    """As UTF-8; decoded block by block."""
    if _is_utf8(data, encoding):
        raw = TextFile(label, data, None)
        at = _first_not_ascii(data)
        raise DataError(f"{label}:{raw.line(at)}: {raw.word(at)} is UTF-8, not {encoding}; set dataset.encoding: utf-8")
    decoder = codecs.getincrementaldecoder(encoding)()
    done = io.BytesIO()
    for start in range(0, len(data), BLOCK):
        block = data[start : start + BLOCK]
        try:
            done.write(decoder.decode(block, final=start + BLOCK >= len(data)).encode())
        except UnicodeDecodeError as error:
            at = start + error.start - (len(error.object) - len(block))
            line = (
                1 + done.getvalue().count(b"\n") + error.object[: error.start].decode(encoding, "replace").count("\n")
            )
            place = f"{label}:{line}: byte {at} ({data[at]:#04x}) is not {encoding}"
            raise DataError(f"{place}; {_advice(find_encoding(data))}") from error
        except UnicodeError as error:
            raise DataError(f"{label}: is not {encoding} text ({error}); {_advice(find_encoding(data))}") from error
    return done.getvalue().removeprefix(_BOM)


def _is_utf8(data: bytes | mmap.mmap, encoding: str) -> bool:
    """Whether text of one byte a letter, or of two or four, is UTF-8 instead, as such text never happens to be."""
    if encoding.lower().startswith("u"):
        return data.find(b"\0") < 0 and decodes(data, "utf-8", final=True)
    ascii_alone = int(np.frombuffer(data, dtype=np.uint8).max(initial=0)) < _NOT_ASCII
    return not ascii_alone and len("é".encode(encoding, "replace")) == 1 and decodes(data, "utf-8", final=True)


def _first_not_ascii(text: bytes | mmap.mmap) -> int:
    return int((np.frombuffer(text, dtype=np.uint8) >= _NOT_ASCII).argmax())


def _advice(found: Encoding) -> str:
    """What to do about bytes that are not in the encoding that the configuration names."""
    if found.mixed:
        return "other words are UTF-8, so the file mixes encodings; save it anew in one"
    if found.name == "utf-8":
        return "the file ends within a letter; copy or export it again"
    if not found.words:
        return f"set dataset.encoding: {found.name}"
    words = ", ".join(map(shown, found.words))
    return f"save the file as UTF-8, or set dataset.encoding: {found.name} if these words are right: {words}"


def _validated(text: TextFile) -> TextFile:
    start = bytes(text.buffer[:16])
    if not start.strip(b"\r\n\t ") and not bytes(text.buffer).strip():
        raise DataError(f"{text.label}: the file is empty; expected a header line and rows")
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        name = find_encoding(start).name
        raise DataError(f"{text.label}: is {name.upper()} text; set dataset.encoding: {name}")
    nul = text.buffer.find(b"\0")
    if nul >= 0 and (name := find_encoding(bytes(text.buffer[:4096])).name).startswith(("utf-16", "utf-32")):
        raise DataError(
            f"{text.label}:1: NUL character at byte {nul}: {name.upper()} text without a byte order mark; "
            f"set dataset.encoding: {name}"
        )
    _refuse_invalid(text)
    if nul >= 0:
        raise DataError(
            f"{text.label}:{text.line(nul)}: NUL character at byte {nul}; the file is damaged or binary: "
            "delete the character, or export the file again"
        )
    return text


def _refuse_invalid(text: TextFile) -> None:
    data = text.data
    decoder = codecs.getincrementaldecoder("utf-8")()
    for start in range(0, len(data), BLOCK):
        block = data[start : start + BLOCK]
        pending = decoder.getstate()[0]
        if not pending and block.max() < _NOT_ASCII:
            continue
        try:
            decoder.decode(block.tobytes(), final=start + BLOCK >= len(data))
        except UnicodeDecodeError as error:
            offset = start - len(pending) + error.start
            raise DataError(
                f"{text.label}:{text.line(offset)}: byte {offset} ({data[offset]:#04x}) is not UTF-8; "
                f"{_advice(find_encoding(text.buffer))}"
            ) from error
