"""Rows as they come from a source, and their cells as numbers, trimmed text or booleans, null where missing."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import polars as pl

from mlcli.data.tables.types import Kind
from mlcli.errors import DataError
from mlcli.io.text import shown, suggestion

if TYPE_CHECKING:
    from mlcli.data.tables.spill import Spill

BLANKS = " \t\r\n\u00a0"
EXACT = 2**53  # whole numbers up to here are exact as float64
LAST_NANOSECOND = 2**63 - 1  # since 1970, in 64 bits
INDEX_LEFT_OUT = "the first column, without a name, names the rows, as the index of a data frame does; it is not read"
_DATE = re.compile(r"\d+[-/.]\d+[-/.]\d+")


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
                "or write the file without its row index (pandas: to_csv(index=False); R: row.names = FALSE)"
            )
    seen: dict[str, int] = {}
    for position, name in enumerate(names, start=1):
        if name in seen:
            raise DataError(
                f"{place}: columns {seen[name]} and {position} are both called {name!r}; rename one of them"
            )
        seen[name] = position


def names_rows(column: pl.Series) -> bool:
    """Whether its cells are whole numbers or words, no two of them alike; a measure or a date says something."""
    numbers, cells = column.cast(pl.Float64, strict=False).drop_nulls(), column.cast(pl.String).fill_null("")
    says_something = (numbers != numbers.round()).any() or _DATE.match(cells[0]) is not None
    return cells.n_unique() == len(cells) and "" not in cells and not says_something


@dataclass(frozen=True)
class Origin:
    """Where rows come from, as messages name it.

    line_of : line, counted from 1, on which a row (counted from 0) begins; None for sources without lines
    parts   : of several files, the first row of each and where it comes from; in the order of the rows
    """

    label: str
    line_of: Callable[[int], int] | None = None
    parts: tuple[tuple[int, Origin], ...] = ()

    def place(self, row: int) -> str:
        """`file:line` or `file: row n`."""
        for first, part in reversed(self.parts):
            if row >= first:
                return part.place(row - first)
        return f"{self.label}: row {row + 1}" if self.line_of is None else f"{self.label}:{self.line_of(row)}"


@dataclass(frozen=True)
class Rows:
    """Columns of one source.

    is_text : the cells are trimmed text of a delimited file, whose kinds are inferred; columns declared as numbers may
              be Float64
    numbers : UInt32, the row in the source (from 0) of each row of frame
    notes   : how the rows were read, for the report
    rounded : the first row and number by column in which reading changed a whole number beyond EXACT
    spill   : where columns are kept that memory does not hold; None for rows in memory
    text_of : the cells of a column as they are written, of delimited text whose numbers are parsed; None for others
    """

    frame: pl.DataFrame
    origin: Origin
    is_text: bool
    numbers: pl.Series = field(default_factory=lambda: pl.Series(dtype=pl.UInt32))
    notes: tuple[str, ...] = ()
    rounded: Mapping[str, tuple[int, str]] = field(default_factory=dict)
    spill: Spill | None = None
    text_of: Callable[[str], pl.Series] | None = None

    @classmethod
    def read(cls, frame: pl.DataFrame, origin: Origin, *, is_text: bool = False, spill: Spill | None = None) -> Rows:
        """All rows of a source, numbered in order."""
        numbers = pl.int_range(0, frame.height, dtype=pl.UInt32, eager=True)
        return cls(frame, origin, is_text, numbers, spill=spill)

    def __len__(self) -> int:
        return self.frame.height

    @property
    def columns(self) -> list[str]:
        """Their names."""
        return self.frame.columns

    def take(self, names: Iterable[str]) -> Rows:
        """These columns."""
        return self.with_frame(self.frame.select([*dict.fromkeys(names)]))

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
        frame = self.frame.filter(mask) if self.spill is None else self.spill.where(self.frame, mask)
        return replace(self, frame=frame, numbers=self.numbers.filter(mask))

    def with_file(self, frame: pl.DataFrame, origin: Origin) -> Rows:
        """All rows of another source, read alike."""
        return Rows.read(frame, origin, is_text=self.is_text)

    def with_frame(self, frame: pl.DataFrame, *notes: str) -> Rows:
        """The same rows with other columns, and notes about them."""
        return replace(self, frame=frame, notes=self.notes + notes)


DTYPES: Mapping[Kind, pl.DataType] = {
    "number": pl.Float64(),
    "category": pl.String(),
    "boolean": pl.Boolean(),
    "date": pl.Datetime("us"),
}
_MICROSECONDS_A_DAY = 86_400_000_000
_KINDS = {dtype: kind for kind, dtype in DTYPES.items()}


def kind_of(frame: pl.DataFrame, name: str) -> Kind:
    """The kind of a column of cleaned rows."""
    return _KINDS[frame.get_column(name).dtype]


def as_shown(column: pl.Series) -> pl.Series:
    """Cells other than numbers as text: true and false in lower case, dates in ISO 8601 without midnight."""
    if not isinstance(column.dtype, pl.Datetime):
        return column.cast(pl.String)
    return column.dt.to_string("%Y-%m-%dT%H:%M:%S%.f").str.strip_suffix("T00:00:00")


def as_days(column: pl.Series) -> pl.Series:
    """Dates as days since 1970, Float64."""
    return (column.dt.timestamp("us") / _MICROSECONDS_A_DAY).alias(column.name)


def readable(frame: pl.DataFrame) -> pl.DataFrame:
    """Cells as numbers and text."""
    return frame.with_columns(as_shown(column) for column in frame if column.dtype != pl.Float64)


def as_cells(rows: Rows, wanted: Mapping[str, Kind]) -> Rows:
    """Numbers as Float64; text, booleans and dates as String, as are numbers that `wanted` declares as another kind.

    NaN becomes null. Raises DataError for infinite numbers, for whole numbers that float64 cannot
    represent, and for columns of lists, structures or bytes.
    """
    if rows.is_text:
        return rows
    columns = [_cells(rows, column, wanted.get(column.name)) for column in rows.frame]
    return rows.with_frame(pl.DataFrame(columns), *_notes(rows.frame.schema))


def _notes(schema: pl.Schema) -> Iterator[str]:
    for name, dtype in schema.items():
        if dtype == pl.Time:
            yield f"column {name!r} has times of day; they are categories of ISO 8601 text"
        elif isinstance(dtype, pl.Datetime) and dtype.time_zone not in (None, "UTC"):
            yield f"column {name!r} has times of the zone {dtype.time_zone}; they are converted to UTC"


def _cells(rows: Rows, column: pl.Series, wanted: Kind | None) -> pl.Series:
    dtype, as_written = column.dtype, wanted not in (None, "number")
    if column.name in rows.rounded:
        raise too_wide(rows, column.name, *rows.rounded[column.name])
    if dtype in (pl.String, pl.Categorical, pl.Enum):
        return column.cast(pl.String).str.strip_chars(BLANKS)
    if dtype == pl.Null:
        return column.cast(pl.String)
    if dtype == pl.Boolean:
        return column.cast(pl.Float64 if wanted == "number" else pl.String)
    if dtype.is_integer():
        return column.cast(pl.String) if as_written else _exact(rows, column)
    if dtype.is_decimal():
        _exact(rows, column.cast(pl.Int128).alias(column.name))
    if dtype.is_numeric():
        numbers = _finite(rows, column.cast(pl.Float64))
        return as_text(numbers) if as_written else numbers
    if dtype in (pl.Date, pl.Time):
        return column.dt.to_string("iso:strict")
    if isinstance(dtype, pl.Datetime):
        if dtype.time_unit == "ns":
            _refuse_last_time(rows, column)
        utc = column if dtype.time_zone is None else column.dt.convert_time_zone("UTC")
        return utc.dt.to_string("iso:strict")
    kind = dtype.base_type() if dtype.is_nested() else dtype  # nested a thousand deep, its whole name has no end
    raise DataError(
        f"{rows.origin.label}: column {column.name!r} has type {kind}; expected numbers, text, true/false or dates; "
        "convert the column, or leave it out with dataset.drop"
    )


def _refuse_last_time(rows: Rows, column: pl.Series) -> None:
    """Raise DataError for the last of all nanoseconds, to which Polars moves later times of Parquet's INT96."""
    last = (column.to_physical() == LAST_NANOSECOND).fill_null(value=False)
    if last.any():
        raise DataError(
            f"{rows.place(rows.first(last))}: column {column.name!r}: a time after 2262-04-11, the last day that "
            "nanoseconds reach; write the column in microseconds, or leave it out with dataset.drop"
        )


def _exact(rows: Rows, column: pl.Series) -> pl.Series:
    for row, cell in first_changed(column):
        raise too_wide(rows, column.name, row, cell)
    return column.cast(pl.Float64)


def first_changed(whole: pl.Series) -> Iterator[tuple[int, str]]:
    """Row and value of the first whole number that float64 would change, if there is one."""
    numbers = whole.cast(pl.Float64)
    wide = ((numbers.abs() >= EXACT) & (numbers.cast(pl.Int128) != whole.cast(pl.Int128))).fill_null(value=False)
    if (row := wide.arg_max()) is not None and wide[row]:
        yield row, str(whole[row])


def _finite(rows: Rows, numbers: pl.Series) -> pl.Series:
    infinite = numbers.is_infinite().fill_null(value=False)
    if infinite.any():
        row = rows.first(infinite)
        raise DataError(
            f"{rows.place(row)}: column {numbers.name!r}: {numbers[row]} is not a finite number; "
            "fix the cell, or make it missing (null)"
        )
    return numbers.fill_nan(None)


def too_wide(rows: Rows, name: str, row: int, value: object) -> DataError:
    """The error of a whole number that would change as float64."""
    return DataError(
        f"{rows.place(row)}: column {name!r}: {shown(str(value))} is beyond 2^53 and would lose digits as a number; "
        f"leave an id out with dataset.drop: [{name}], or declare dataset.types: {{{name}: category}}"
    )


def as_text(numbers: pl.Series) -> pl.Series:
    """Numbers as class labels: whole ones as '3', others as '0.5'."""
    whole = (numbers == numbers.round()) & (numbers.abs() <= EXACT)
    integers = pl.select(pl.when(whole).then(numbers)).to_series().cast(pl.Int64).cast(pl.String)
    return integers.fill_null(numbers.cast(pl.String)).alias(numbers.name)
