"""Where the rows and cells of delimited text begin and end, checked byte by byte before anything is parsed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NoReturn

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
    header    : offset behind the first record
    """

    text: TextFile
    delimiter: int
    quoted: bool
    end: int
    header: int

    @classmethod
    def of(cls, text: TextFile, delimiter: str) -> CsvLayout:
        """Find the header record; raise DataError for a quote that is never closed."""
        end = len(text.buffer)
        while end and text.buffer[end - 1] in b"\r\n":
            end -= 1
        layout = cls(text, ord(delimiter), text.contains(b'"'), end, end)
        for positions, ends in layout.boundaries():
            if ends.any():
                return cls(text, layout.delimiter, layout.quoted, end, int(positions[ends.argmax()]))
        return layout

    def boundaries(self) -> Iterator[tuple[Offsets, Flags]]:
        """Block by block: offsets of delimiters and line ends outside quotes, and which are line ends."""
        data = self.text.data[: self.end]
        n_quotes = 0
        for start in range(0, len(data), BLOCK):
            block = data[start : start + BLOCK]
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
        raise DataError(f"{_place(layout, last)}: the quote that opens {_excerpt(layout, last)} is never closed")
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
