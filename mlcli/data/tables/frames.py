"""Rows of a table in memory, or in files that are read lazily."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from mlcli.errors import ArtefactError

# Rows read at once, and cells where columns are read: small beside the table, and large beside the overhead of a read.
PORTION, CELLS = 1 << 16, 1 << 20
# Cells of a portion of rows, at most, and of a group of rows that is written together; the fewest rows of either.
# Reading a whole group takes five times its size.
_PORTION_CELLS, GROUP_CELLS, _FEWEST = 1 << 21, 1 << 22, 1 << 10


@dataclass(frozen=True)
class SelectedRows:
    """Some rows of files, which are read where they are needed.

    parts : one after another, a file and the places of its rows, int64 (n,), ascending
    """

    parts: tuple[tuple[pl.LazyFrame, NDArray[np.int64]], ...]

    @classmethod
    def of(cls, files: Sequence[pl.LazyFrame]) -> SelectedRows:
        """All their rows."""
        return cls(tuple((rows, np.arange(height_of(rows))) for rows in files))

    def __len__(self) -> int:
        return sum(len(places) for _, places in self.parts)

    def at(self, places: NDArray[np.int64]) -> SelectedRows:
        """Those at these places among them, in this order; nothing is read. Each ascending run is a part."""
        ends = np.cumsum([len(own) for _, own in self.parts])
        of_part = np.searchsorted(ends, places, side="right")
        found = []
        for run in np.split(np.arange(len(places)), np.flatnonzero((np.diff(places) < 1) | np.diff(of_part)) + 1):
            part = int(of_part[run[0]]) if len(run) else 0
            rows, own = self.parts[part]
            found.append((rows, own[places[run] - (ends[part] - len(own))]))
        return SelectedRows(tuple(found))

    def slice(self, start: int, length: int) -> SelectedRows:
        """As of a lazy frame."""
        return self.at(np.arange(start, min(start + length, len(self))))

    def select(self, names: str | Iterable[str]) -> SelectedRows:
        """Some columns."""
        columns = [names] if isinstance(names, str) else list(names)
        return SelectedRows(tuple((rows.select(columns), places) for rows, places in self.parts))

    def collect_schema(self) -> pl.Schema:
        """As of a lazy frame."""
        return self.parts[0][0].collect_schema()

    def collect(self) -> pl.DataFrame:
        """The rows in memory, and at most CELLS of others."""
        return pl.concat([*self.read(max(1, CELLS // max(1, len(self.collect_schema()))))])

    def read(self, step: int) -> Iterator[pl.DataFrame]:
        """The rows, some at a time, of `step` rows of a file; of each file one part at least."""
        for rows, places in self.parts:
            for own in np.split(places, np.flatnonzero(np.diff(places // step)) + 1):
                first, end = (int(own[0]), int(own[-1]) + 1) if len(own) else (0, 0)
                yield collect(rows.slice(first, end - first))[own - first]


Frame = pl.DataFrame | pl.LazyFrame | SelectedRows


def collect(rows: Frame) -> pl.DataFrame:
    """The rows in memory; raises ArtefactError for a file that has changed since it was checked."""
    if isinstance(rows, pl.DataFrame):
        return rows
    try:
        return rows.collect()
    except (pl.exceptions.PolarsError, OSError) as error:
        raise ArtefactError(f"prepared rows cannot be read ({error}); prepare the data again") from error


def height_of(rows: Frame) -> int:
    """Number of rows."""
    match rows:
        case pl.DataFrame():
            return rows.height
        case SelectedRows():
            return len(rows)
        case _:
            return int(collect(rows.select(pl.len())).item())


def column_of(rows: Frame, name: str) -> pl.Series:
    """One column."""
    return collect(rows.select(name)).to_series()


def frames_with(rows: Frame, names: Sequence[str]) -> Iterator[pl.DataFrame]:
    """For each name in turn, rows in memory that have this column, if there is one.

    Columns of a file are read by CELLS cells, and one column at least: a read takes time for every column of the file.
    """
    if isinstance(rows, pl.DataFrame):
        yield from itertools.repeat(rows, len(names))
        return
    known, size = set(rows.collect_schema().names()), max(1, CELLS // max(1, height_of(rows)))
    for start in range(0, len(names), size):
        block = names[start : start + size]
        yield from itertools.repeat(
            collect(rows.select(name for name in dict.fromkeys(block) if name in known)), len(block)
        )


def portions(rows: Frame) -> Iterator[tuple[int, pl.DataFrame]]:
    """The rows in order, each part with the number of its first row; `portion_of` them where they are in a file.

    One part at least, so that columns can be checked where there are no rows.
    """
    if isinstance(rows, pl.DataFrame):
        yield 0, rows
        return
    if isinstance(rows, SelectedRows):  # beside those that are left out
        first = 0
        for part in rows.read(portion_of(len(rows.collect_schema()), CELLS)):
            yield first, part
            first += part.height
        return
    step = portion_of(len(rows.collect_schema()))
    for start in range(0, max(1, height_of(rows)), step):
        yield start, collect(rows.slice(start, step))


def portion_of(width: int, cells: int = _PORTION_CELLS) -> int:
    """How many rows of so many columns are read at once."""
    return min(PORTION, max(_FEWEST, cells // max(1, width)))


def rows_at(rows: Frame, places: NDArray[np.int64]) -> pl.DataFrame:
    """The rows at these places, which may repeat, in this order; a portion of others is in memory."""
    if isinstance(rows, pl.DataFrame):
        return rows[places]
    wanted, order = np.unique(places, return_inverse=True)
    step = portion_of(len(rows.collect_schema()))
    starts = np.unique(wanted // step * step).tolist() or [0]  # one at least, for the columns
    firsts = np.searchsorted(wanted, starts).tolist()
    chosen = [wanted[a:b] for a, b in zip(firsts, [*firsts[1:], len(wanted)], strict=True)]
    parts = [collect(rows.slice(start, step))[own - start] for start, own in zip(starts, chosen, strict=True)]
    found: pl.DataFrame = pl.concat(parts)[order]
    return found
