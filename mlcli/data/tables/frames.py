"""Rows of a table in memory, or in a file that is read lazily."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from mlcli.errors import ArtefactError

Frame = pl.DataFrame | pl.LazyFrame

# Rows read at once, and cells where columns are read: small beside the table, and large beside the overhead of a read.
PORTION, CELLS = 1 << 16, 1 << 20
# Cells of a portion of rows, at most; and its fewest rows.
_PORTION_CELLS, _FEWEST = 1 << 22, 1 << 10


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
    return rows.height if isinstance(rows, pl.DataFrame) else int(collect(rows.select(pl.len())).item())


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
    step = portion_of(len(rows.collect_schema()))
    for start in range(0, max(1, height_of(rows)), step):
        yield start, collect(rows.slice(start, step))


def portion_of(width: int) -> int:
    """How many rows of so many columns are read at once."""
    return min(PORTION, max(_FEWEST, _PORTION_CELLS // max(1, width)))


def rows_at(rows: Frame, places: NDArray[np.int64]) -> pl.DataFrame:
    """The rows at these places, which may repeat, in this order; at most PORTION others are in memory."""
    if isinstance(rows, pl.DataFrame):
        return rows[places]
    wanted, order = np.unique(places, return_inverse=True)
    starts = np.unique(wanted // PORTION * PORTION).tolist() or [0]  # one at least, for the columns
    firsts = np.searchsorted(wanted, starts).tolist()
    chosen = [wanted[a:b] for a, b in zip(firsts, [*firsts[1:], len(wanted)], strict=True)]
    parts = [collect(rows.slice(start, PORTION))[own - start] for start, own in zip(starts, chosen, strict=True)]
    found: pl.DataFrame = pl.concat(parts)[order]
    return found
