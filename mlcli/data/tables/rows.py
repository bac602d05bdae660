"""Rows as they come from a source, before they are cleaned."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import polars as pl

from mlcli.errors import DataError
from mlcli.io.text import suggestion


def require_columns(names: Iterable[str], available: Sequence[str], key: str, label: str) -> None:
    """Raise DataError for the names given by a configuration key that are no column of the source."""
    known = set(available)
    unknown = [name for name in names if name not in known]
    if unknown:
        parts = [f"no column {name!r}; {suggestion(name, available)}" for name in unknown[:5]]
        raise DataError(f"{label}: {key}: {'; '.join(parts)}")


def check_header(names: Sequence[str], place: str) -> None:
    """Raise DataError for empty or repeated column names; place: where the names stand."""
    for position, name in enumerate(names, start=1):
        if not name:
            raise DataError(
                f"{place}: column {position} of {len(names)} has no name; name it, "
                "or write the file without its row index (pandas: to_csv(index=False))"
            )
    seen: dict[str, int] = {}
    for position, name in enumerate(names, start=1):
        if name in seen:
            raise DataError(
                f"{place}: columns {seen[name]} and {position} are both called {name!r}; rename one of them"
            )
        seen[name] = position


EXACT = 2**53  # whole numbers up to here are exact as float64


@dataclass(frozen=True)
class Origin:
    """Where rows come from, as messages name it.

    line_of : line, counted from 1, on which a row (counted from 0) begins; None for sources without lines
    """

    label: str
    line_of: Callable[[int], int] | None = None

    def place(self, row: int) -> str:
        """`file:line` or `file: row n`."""
        return f"{self.label}: row {row + 1}" if self.line_of is None else f"{self.label}:{self.line_of(row)}"


@dataclass(frozen=True)
class Rows:
    """Columns of one source.

    is_text : the cells are trimmed text of a delimited file, so that kinds are to be inferred, but for
              numbers (Float64) that were declared and read at once
    numbers : UInt32, the row in the source (from 0) of each row of frame
    notes   : what the report should say about how the rows were read
    rounded : of columns in which reading changed a whole number beyond EXACT, the first such row and number
    """

    frame: pl.DataFrame
    source: Origin
    is_text: bool
    numbers: pl.Series = field(default_factory=lambda: pl.Series(dtype=pl.UInt32))
    notes: tuple[str, ...] = ()
    rounded: Mapping[str, tuple[int, str]] = field(default_factory=dict)

    @classmethod
    def read(cls, frame: pl.DataFrame, source: Origin, *, is_text: bool = False) -> Rows:
        """All rows of a source, numbered in order."""
        return cls(frame, source, is_text, pl.int_range(0, frame.height, dtype=pl.UInt32, eager=True))

    def __len__(self) -> int:
        return self.frame.height

    def place(self, row: int) -> str:
        """Where the row of that position in frame stands in the source."""
        return self.source.place(int(self.numbers[row]))

    def first(self, mask: pl.Series) -> int:
        """Position of the first row that mask marks."""
        position = mask.arg_max()
        if position is None:
            raise ValueError("the mask marks no row")
        return position

    def where(self, mask: pl.Series) -> Rows:
        """The rows that mask marks."""
        return replace(self, frame=self.frame.filter(mask), numbers=self.numbers.filter(mask))

    def with_frame(self, frame: pl.DataFrame, *notes: str) -> Rows:
        """The same rows with other columns, and what is to be noted about them."""
        return replace(self, frame=frame, notes=self.notes + notes)


BLANKS = " \t\r\n\u00a0"
