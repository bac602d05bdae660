"""Rows as they come from a source, before they are cleaned."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import polars as pl

from mlcli.errors import DataError
from mlcli.io.text import suggestion

BLANKS = " \t\r\n\u00a0"
EXACT = 2**53  # whole numbers up to here are exact as float64


def require_columns(names: Iterable[str], available: Sequence[str], key: str, label: str) -> None:
    """Raise DataError for the names given by a configuration key that are no column of the source."""
    known = set(available)
    unknown = [name for name in names if name not in known]
    if unknown:
        parts = [f"no column {name!r}; {suggestion(name, available)}" for name in unknown[:5]]
        raise DataError(f"{label}: {key}: {'; '.join(parts)}")


def check_header(names: Sequence[str], place: str) -> None:
    """Raise DataError for empty or repeated column names; place: of the header, for the message."""
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

    is_text : the cells are trimmed text of a delimited file, whose kinds are inferred; columns declared as numbers may
              be Float64
    numbers : UInt32, the row in the source (from 0) of each row of frame
    notes   : how the rows were read, for the report
    rounded : the first row and number by column in which reading changed a whole number beyond EXACT
    """

    frame: pl.DataFrame
    origin: Origin
    is_text: bool
    numbers: pl.Series = field(default_factory=lambda: pl.Series(dtype=pl.UInt32))
    notes: tuple[str, ...] = ()
    rounded: Mapping[str, tuple[int, str]] = field(default_factory=dict)

    @classmethod
    def read(cls, frame: pl.DataFrame, origin: Origin, *, is_text: bool = False) -> Rows:
        """All rows of a source, numbered in order."""
        return cls(frame, origin, is_text, pl.int_range(0, frame.height, dtype=pl.UInt32, eager=True))

    def __len__(self) -> int:
        return self.frame.height

    def place(self, row: int) -> str:
        """`file:line` or `file: row n` of the row at this position in frame."""
        return self.origin.place(int(self.numbers[row]))

    def first(self, mask: pl.Series) -> int:
        """Position of the first row where mask is true."""
        position = mask.arg_max()
        if position is None:
            raise ValueError("no row is marked")
        return position

    def where(self, mask: pl.Series) -> Rows:
        """The rows where mask is true."""
        return replace(self, frame=self.frame.filter(mask), numbers=self.numbers.filter(mask))

    def with_frame(self, frame: pl.DataFrame, *notes: str) -> Rows:
        """The same rows with other columns, and notes about them."""
        return replace(self, frame=frame, notes=self.notes + notes)
