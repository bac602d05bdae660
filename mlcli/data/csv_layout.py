"""Where the rows of delimited text begin and end, checked byte by byte before anything is parsed.

A cell may be quoted; quotes inside a quoted cell are doubled; blanks around a quoted cell are ignored.
Everything is vectorised over blocks of bytes, so that the check costs a fraction of the parsing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NoReturn

import numpy as np
from numpy.typing import NDArray

from mlcli.data.textfile import TextFile
from mlcli.errors import DataError

_BLOCK = 1 << 18  # about the size of a core's cache: larger blocks were slower
_NEWLINE, _QUOTE = ord("\n"), ord('"')

Offsets = NDArray[np.int64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Layout:
    """Rows of a delimited file.

    text      : the file
    delimiter : its byte
    end       : offset behind the last row; only line ends follow
    header    : offset behind the first record
    """

    text: TextFile
    delimiter: int
    quoted: bool
    end: int
    header: int

    @classmethod
    def of(cls, text: TextFile, delimiter: str) -> Layout:
        """Find the header record; raise DataError for a quote that is never closed."""
        end = _end(text)
        layout = cls(text, ord(delimiter), text.holds(b'"'), end, end)
        for positions, ends in layout.boundaries():
            if ends.any():
                return cls(text, layout.delimiter, layout.quoted, end, int(positions[ends.argmax()]))
        return layout

    def boundaries(self) -> Iterator[tuple[Offsets, Flags]]:
        """Block by block: offsets of delimiters and line ends outside quotes, and which are line ends."""
        data = self.text.data[: self.end]
        n_quotes = 0
        for start in range(0, len(data), _BLOCK):
            block = data[start : start + _BLOCK]
            newline = block == _NEWLINE
            positions = np.flatnonzero(newline | (block == self.delimiter))
            if self.quoted:
                quotes = np.flatnonzero(block == _QUOTE)
                inside = (n_quotes + np.searchsorted(quotes, positions)) & 1
                positions = positions[inside == 0]
                n_quotes += len(quotes)
            yield positions + start, newline[positions]

    def count_rows(self, width: int) -> int:
        """Rows below the header; raise DataError for the first that has not `width` cells."""
        phase = n_records = 0
        for _, ends in self.boundaries():
            expected = ends[width - 1 - phase :: width]
            if not expected.all() or np.count_nonzero(ends) != expected.size:
                self._refuse_ragged(width)
            phase = (phase + ends.size) % width
            n_records += expected.size
        if phase != width - 1:
            self._refuse_ragged(width)
        return n_records

    def line(self, row: int) -> int:
        """Line, counted from 1, on which a row, counted from 0 below the header, begins."""
        seen = 0
        for positions, ends in self.boundaries():
            here = positions[ends]
            if seen + len(here) > row:
                return self.text.line(int(here[row - seen]) + 1)
            seen += len(here)
        raise IndexError(row)

    def _refuse_ragged(self, width: int) -> NoReturn:
        begin = carry = 0  # of the record that is open: its offset, its boundaries in earlier blocks
        for positions, ends in self.boundaries():
            last = np.flatnonzero(ends)
            stops = positions[last]
            begins = np.append(begin, stops + 1)
            sizes = np.diff(last, prepend=-1 - carry)
            wrong = np.flatnonzero(sizes != width)
            if wrong.size:
                first = int(wrong[0])
                raise self._ragged(int(begins[first]), int(stops[first]), int(sizes[first]), width)
            begin = int(begins[-1])
            carry = len(ends) - 1 - int(last[-1]) if last.size else carry + len(ends)
        raise self._ragged(begin, self.end, carry + 1, width)

    def _ragged(self, begin: int, end: int, size: int, width: int) -> DataError:
        place = f"{self.text.label}:{self.text.line(begin)}"
        if not self.text.data[begin:end].tobytes().strip():
            return DataError(f"{place}: blank line between rows; delete it, or write a missing cell as NA")
        cells = "1 cell" if size == 1 else f"{size} cells"
        mark = chr(self.delimiter)
        return DataError(
            f"{place}: {cells} where the header has {width}; complete the row, or quote cells that contain {mark!r}"
        )


def _end(text: TextFile) -> int:
    """Offset behind the last byte that is no line end."""
    end = len(text.buffer)
    while end and text.buffer[end - 1] in b"\r\n":
        end -= 1
    return end
