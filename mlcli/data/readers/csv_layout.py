"""Where the rows and cells of delimited text begin and end, checked byte by byte before anything is parsed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mlcli.data.readers.text_file import TextFile
from mlcli.errors import DataError
from mlcli.io.text import shown

BLOCK = 1 << 18  # about the size of a core's cache: larger blocks were slower
_QUOTE, _NEWLINE, _RETURN = ord('"'), ord("\n"), ord("\r")
_LONE_RETURN = re.compile(rb"\r(?![\r\n])")
_SHOWN = 20

Offsets = NDArray[np.int64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class CsvLayout:
    """Where rows and cells begin in a delimited file.

    text      : the file
    delimiter : its byte
    quoted    : whether there is any quote
    end       : offset behind the last row; only line ends follow
    header    : offset behind the header, which is the first record; 0 without one
    """

    text: TextFile
    delimiter: int
    quoted: bool
    end: int
    header: int

    @classmethod
    def of(cls, text: TextFile, delimiter: str, *, header: bool = True) -> CsvLayout:
        """Find the end of the rows, and that of the header."""
        end = len(text.buffer)
        while end and text.buffer[end - 1] in b"\r\n":
            end -= 1
        layout = cls(text, ord(delimiter), text.contains(b'"'), end, 0)
        return replace(layout, header=layout.first_end()[0]) if header else layout

    def first_end(self) -> tuple[int, int]:
        """Offset behind the first record, and its cells."""
        n_cells = 1
        for positions, ends in self.boundaries():
            if ends.any():
                first = int(ends.argmax())
                return int(positions[first]), n_cells + first
            n_cells += len(ends)
        return self.end, n_cells

    @property
    def start(self) -> int:
        """Offset of the first row."""
        return self.header + 1 if self.header else 0

    def boundaries(self, begin: int = 0) -> Iterator[tuple[Offsets, Flags]]:
        """Block by block: offsets of delimiters and line ends outside quotes, and which are line ends.

        begin : offset of a record
        """
        data = self.text.data[: self.end]
        n_quotes = 0
        for start in range(begin, len(data), BLOCK):
            block = data[start : start + BLOCK]
            newline = block == _NEWLINE
            positions = np.flatnonzero(newline | (block == self.delimiter))
            if self.quoted:
                quotes = np.flatnonzero(block == _QUOTE)
                inside = (n_quotes + np.searchsorted(quotes, positions)) & 1
                positions = positions[inside == 0]
                n_quotes += len(quotes)
            yield positions + start, newline[positions]

    def portions(self, size: int) -> Iterator[tuple[int, int]]:
        """Offsets of the beginning and end of rows that have together about `size` bytes, one portion after another."""
        begin = self.start
        if self.quoted:
            for positions, ends in self.boundaries(begin):
                if ends.any() and (last := int(positions[ends][-1])) - begin >= size:
                    yield begin, last
                    begin = last + 1
        else:  # every line end ends a row
            while self.end - begin > size and (end := self.text.buffer.find(b"\n", begin + size, self.end)) >= 0:
                yield begin, end
                begin = end + 1
        if begin < self.end:
            yield begin, self.end

    def count_rows(self, width: int) -> int | None:
        """Rows; None where not every one has `width` cells."""
        if self.start >= self.end:
            return 0
        phase, n_rows = 0, 1
        for _, ends in self.boundaries(self.start):
            expected = ends[width - 1 - phase :: width]
            if not expected.all() or np.count_nonzero(ends) != expected.size:
                return None
            phase = (phase + ends.size) % width
            n_rows += expected.size
        return n_rows if phase == width - 1 else None

    def line(self, row: int) -> int:
        """Line of the file on which a row, counted from 0 below the header, begins."""
        if row == 0:
            return self.text.line(self.start)
        seen = 1
        for positions, ends in self.boundaries(self.start):
            here = positions[ends]
            if seen + len(here) > row:
                return self.text.line(int(here[row - seen]) + 1)
            seen += len(here)
        raise IndexError(row)

    def first_ragged(self, width: int) -> tuple[int, int, int]:
        """Offsets of the beginning and end of the first row that has not `width` cells, and how many it has."""
        begin, carry = self.start, 0  # of the row that is open: its offset, its boundaries in earlier blocks
        for positions, ends in self.boundaries(begin):
            last = np.flatnonzero(ends)
            stops = positions[last]
            begins = np.append(begin, stops + 1)
            sizes = np.diff(last, prepend=-1 - carry)
            wrong = np.flatnonzero(sizes != width)
            if wrong.size:
                first = int(wrong[0])
                return int(begins[first]), int(stops[first]), int(sizes[first])
            begin = int(begins[-1])
            carry = len(ends) - 1 - int(last[-1]) if last.size else carry + len(ends)
        return begin, self.end, carry + 1

    def ragged(self, begin: int, end: int, size: int, width: int) -> DataError:
        """The error of a row of another width."""
        place = f"{self.text.label}:{self.text.line(begin)}"
        line = self.text.data[begin:end].tobytes().decode().strip("\r")
        if not line.strip():
            return DataError(f"{place}: blank line between rows; delete it, or write a missing cell as NA")
        cells = "1 cell" if size == 1 else f"{size} cells"
        expected = f"where the header has {width}" if self.header else f"where {width} are expected"
        first = self.text.data[self.start : self.end][:BLOCK].tobytes().split(b"\n")
        other = first[1 if begin == self.start and len(first) > 1 else 0].rstrip(b"\r")
        usual = other.endswith(bytes([self.delimiter]))
        return DataError(
            f"{place}: {cells} {expected}; {_advice(line, chr(self.delimiter), size - width, usual=usual)}"
        )


def _advice(line: str, delimiter: str, surplus: int, *, usual: bool) -> str:
    """What a row of this text, with so many cells too many, probably needs; usual: others end in the delimiter, too."""
    if surplus < 0:
        return "complete the row"
    if surplus == 1 and line.endswith(delimiter) and not usual:
        return f"the line ends in {delimiter!r}: delete it there, or put it behind each row"
    if delimiter == " " and "  " in line:
        return "each blank separates cells: write one between two cells"
    if delimiter == "," and (found := re.search(r"(?<![\d.])\d+,\d+(?![\d.])", line)):
        return f"quote cells that contain ',', or write a decimal point: is {found[0]} one number?"
    return f"quote cells that contain {delimiter!r}"


def padding(layout: CsvLayout) -> Offsets:
    """Offsets of the blanks around quoted cells, which parsers would take for text.

    Raises DataError for a quote inside an unquoted cell, for text behind a closing quote and for a
    quote that is never closed.
    """
    data = layout.text.data[: layout.end]
    found = [np.empty(0, dtype=np.int64)]
    n_quotes = last = 0
    usual = np.zeros(256, dtype=bool)
    usual[[layout.delimiter, _NEWLINE, _QUOTE]] = True
    for start in range(0, len(data), BLOCK):
        quotes = np.flatnonzero(data[start : start + BLOCK] == _QUOTE) + start
        opening, closing = quotes[n_quotes & 1 :: 2], quotes[1 - (n_quotes & 1) :: 2]
        found.append(_before(layout, opening[~usual[data[opening - 1]]]))
        found.append(_behind(layout, closing[~usual[data[np.minimum(closing + 1, len(data) - 1)]]]))
        n_quotes += len(quotes)
        last = int(quotes[-1]) if len(quotes) else last
    if n_quotes & 1:
        what = f"the quote that opens {_excerpt(layout, last)} is never closed"
        raise DataError(f"{_place(layout, last)}: {what}; delete it, or close it behind the cell")
    return np.concatenate(found)


def refuse_lone_returns(layout: CsvLayout) -> None:
    """Raise DataError for a carriage return alone inside an unquoted cell: to other programs it ends a row."""
    data = layout.text.data[: layout.end]
    lone = np.array(
        [match.start() for match in _LONE_RETURN.finditer(layout.text.buffer, 0, layout.end)], dtype=np.int64
    )
    if lone.size and layout.quoted:
        lone = lone[np.searchsorted(np.flatnonzero(data == _QUOTE), lone) & 1 == 0]
    if lone.size:
        raise DataError(
            f"{_place(layout, int(lone[0]))}: a carriage return alone, before {_excerpt(layout, int(lone[0]) + 1)}; "
            "delete it, or save the file with \\n or \\r\\n line ends"
        )


def _before(layout: CsvLayout, opening: Offsets) -> Offsets:
    """Blanks in front of opening quotes that do not directly follow a delimiter, a line end or a quote."""
    data = layout.text.data[: layout.end]
    left = _skip(data, opening - 1, -1, _blanks(layout.delimiter))
    fine = (left < 0) | np.isin(data[left], (layout.delimiter, _NEWLINE))
    if not fine.all():
        bad = int(opening[fine.argmin()])
        raise DataError(
            f"{_place(layout, bad)}: a quote inside an unquoted cell, at {_excerpt(layout, bad)}; "
            'write the whole cell in quotes and double those inside ("5"" pipe")'
        )
    return _ranges(left + 1, opening - 1 - left)


def _behind(layout: CsvLayout, closing: Offsets) -> Offsets:
    """Blanks behind closing quotes that no delimiter, line end or quote directly follows."""
    data = layout.text.data[: layout.end]
    blank = _blanks(layout.delimiter)
    blank[_RETURN] = True
    right = _skip(data, closing + 1, 1, blank)
    last = len(data) - 1
    fine = (right > last) | np.isin(data[np.minimum(right, last)], (layout.delimiter, _NEWLINE))
    if not fine.all():
        bad = int(closing[fine.argmin()])
        raise DataError(
            f"{_place(layout, bad)}: text behind a closing quote, at {_excerpt(layout, bad)}; double the "
            'quotes inside a cell ("5"" pipe"), and see whether an earlier cell was left open'
        )
    width = right - closing - 1
    is_line_end = (width == 1) & (data[np.minimum(closing + 1, last)] == _RETURN)
    return _ranges(closing + 1, np.where(is_line_end, 0, width))


def _blanks(delimiter: int) -> NDArray[np.bool_]:
    table = np.zeros(256, dtype=bool)
    table[[ord(" "), ord("\t")]] = True
    table[delimiter] = False
    return table


def _skip(data: NDArray[np.uint8], at: Offsets, step: int, blank: NDArray[np.bool_]) -> Offsets:
    """Walk every offset over blanks; stops at -1 or len(data) at the latest."""
    at = at.copy()
    moving = np.arange(len(at))
    while len(moving):
        moving = moving[(at[moving] >= 0) & (at[moving] < len(data))]
        moving = moving[blank[data[at[moving]]]]
        at[moving] += step
    return at


def _ranges(starts: Offsets, widths: Offsets) -> Offsets:
    """All offsets start … start + width - 1, one range behind the other."""
    skipped = np.cumsum(widths) - widths
    ranges: Offsets = np.repeat(starts - skipped, widths) + np.arange(int(widths.sum()))
    return ranges


def _place(layout: CsvLayout, offset: int) -> str:
    return f"{layout.text.label}:{layout.text.line(offset)}"


def _excerpt(layout: CsvLayout, offset: int) -> str:
    cut = layout.text.data[offset : min(offset + _SHOWN, layout.end)].tobytes()
    return shown(cut.decode(errors="ignore"))
