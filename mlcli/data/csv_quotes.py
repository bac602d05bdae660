"""Quotes of delimited text: each opens or closes a whole cell, or is doubled inside one."""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

from mlcli.data.csv_layout import Layout, Offsets
from mlcli.data.names import shown
from mlcli.errors import DataError

_BLOCK = 1 << 18
_QUOTE, _NEWLINE, _RETURN = ord('"'), ord("\n"), ord("\r")
_LONE_RETURN = re.compile(rb"\r(?![\r\n])")
_SHOWN = 20


def padding(layout: Layout) -> Offsets:
    """Offsets of the blanks around quoted cells, which parsers would take for text.

    Raises DataError for a quote inside an unquoted cell, for text behind a closing quote and for a
    quote that is never closed.
    """
    data = layout.text.data[: layout.end]
    found = [np.empty(0, dtype=np.int64)]
    n_quotes = last = 0
    usual = np.zeros(256, dtype=bool)
    usual[[layout.delimiter, _NEWLINE, _QUOTE]] = True
    for start in range(0, len(data), _BLOCK):
        quotes = np.flatnonzero(data[start : start + _BLOCK] == _QUOTE) + start
        opening, closing = quotes[n_quotes & 1 :: 2], quotes[1 - (n_quotes & 1) :: 2]
        found.append(_before(layout, opening[~usual[data[opening - 1]]]))
        found.append(_behind(layout, closing[~usual[data[np.minimum(closing + 1, len(data) - 1)]]]))
        n_quotes += len(quotes)
        last = int(quotes[-1]) if len(quotes) else last
    if n_quotes & 1:
        raise DataError(f"{_place(layout, last)}: the quote that opens {_excerpt(layout, last)} is never closed")
    return np.concatenate(found)


def refuse_lone_returns(layout: Layout) -> None:
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


def _before(layout: Layout, opening: Offsets) -> Offsets:
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


def _behind(layout: Layout, closing: Offsets) -> Offsets:
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


def _place(layout: Layout, offset: int) -> str:
    return f"{layout.text.label}:{layout.text.line(offset)}"


def _excerpt(layout: Layout, offset: int) -> str:
    cut = layout.text.data[offset : min(offset + _SHOWN, layout.end)].tobytes()
    return shown(cut.decode(errors="ignore"))
