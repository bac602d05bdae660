"""How a delimited text file is written: its encoding, what stands between cells, and its decimal mark."""

from __future__ import annotations

import codecs
import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from mlcli.config.dataset import CsvConfig
from mlcli.data.unpacking import GZIP, start_of
from mlcli.files import resource_errors

Encoding = Literal["utf-8", "latin-1", "cp1252", "utf-16"]

DELIMITERS: tuple[str, ...] = get_args(CsvConfig.model_fields["delimiter"].annotation)
SAMPLE_LINES = 200
_SAMPLE = 1 << 20
_UTF16 = (b"\xff\xfe", b"\xfe\xff")


@dataclass(frozen=True)
class TextLayout:
    """What dataset.encoding and dataset.delimiter are to say."""

    encoding: Encoding
    delimiter: str


def find_layout(path: Path) -> TextLayout:
    """The layout by which the file's first lines have as many cells as its header, and the most of them."""
    start, whole = _read(path)
    encoding = find_encoding(whole)
    lines = start.decode(encoding, errors="replace").removeprefix("\ufeff").splitlines()
    # The last line of a sample may be cut; blanks separate cells only where nothing else does.
    sample = lines[: min(SAMPLE_LINES, max(1, len(lines) - (len(start) < len(whole))))]
    found = max(DELIMITERS, key=lambda mark: (*_fit(sample, mark), mark != " "))
    return TextLayout(encoding, found if _fit(sample, found)[1] > 1 else ",")


def find_encoding(data: bytes) -> Encoding:
    """UTF-8 or UTF-16 where it is sound; else cp1252, or latin-1 where a byte has no meaning in it or none needs it."""
    if data.startswith(_UTF16):
        return "utf-16"
    if _decodes(data, "utf-8"):
        return "utf-8"
    windows = any(0x80 <= byte <= 0x9F for byte in set(data))
    return "cp1252" if windows and _decodes(data, "cp1252") else "latin-1"


def _decodes(data: bytes, encoding: str) -> bool:
    """Whether data, which may end within a letter, is text in this encoding."""
    try:
        codecs.getincrementaldecoder(encoding)().decode(data)
    except UnicodeDecodeError:
        return False
    return True


def _fit(lines: list[str], delimiter: str) -> tuple[bool, int]:
    """Whether every line has as many cells as the first, and how many that are."""
    try:
        widths = [len(cells) for cells in csv.reader(lines, delimiter=delimiter, skipinitialspace=delimiter != " ")]
    except csv.Error:
        return False, 0
    width = widths[0] if widths else 0
    return width > 1 and all(one in (0, width) for one in widths), width


def _read(path: Path) -> tuple[bytes, bytes]:
    """The start of a file and all of it, unpacked; what is damaged is for its reader to explain."""
    with resource_errors(path):
        whole = path.read_bytes()
    if whole.startswith(GZIP):
        whole = start_of(whole, _SAMPLE)
    return whole[:_SAMPLE], whole
