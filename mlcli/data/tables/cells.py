"""Columns of any type as cells: numbers, trimmed text or booleans, null where missing."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

import polars as pl

from mlcli.data.tables.rows import BLANKS, EXACT, Rows
from mlcli.data.tables.types import Kind
from mlcli.errors import DataError
from mlcli.io.text import shown

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
    return _KINDS[frame.schema[name]]


def as_shown(column: pl.Series) -> pl.Series:
    """Cells that are no numbers, as text: true and false in lower case, dates as ISO has them, midnight left out."""
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
    """Numbers as Float64; text, true/false and dates as String, as are numbers that `wanted` declares to be no numbers.

    NaN becomes null. Raises DataError for infinite numbers, for whole numbers that float64 cannot
    hold exactly, and for columns of lists, structures or bytes.
    """
    if rows.is_text:
        return rows
    columns = [_cells(rows, column, wanted.get(column.name)) for column in rows.frame]
    return rows.with_frame(pl.DataFrame(columns), *_notes(rows.frame.schema))


def _notes(schema: pl.Schema) -> Iterator[str]:
    for name, dtype in schema.items():
        if dtype == pl.Time:
            yield f"column {name!r} holds times of day; they are categories of ISO 8601 text"
        elif isinstance(dtype, pl.Datetime) and dtype.time_zone not in (None, "UTC"):
            yield f"column {name!r} holds times of the zone {dtype.time_zone}; they are taken in UTC"


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
        utc = column if dtype.time_zone is None else column.dt.convert_time_zone("UTC")
        return utc.dt.to_string("iso:strict")
    raise DataError(
        f"{rows.source.label}: column {column.name!r} holds {dtype}; expected numbers, text, true/false or dates; "
        "convert the column, or leave it out with dataset.drop"
    )


def _exact(rows: Rows, column: pl.Series) -> pl.Series:
    numbers = column.cast(pl.Float64)
    wide = ((numbers.abs() >= EXACT) & (numbers.cast(pl.Int128) != column.cast(pl.Int128))).fill_null(value=False)
    if wide.any():
        raise too_wide(rows, column.name, rows.first(wide), column[rows.first(wide)])
    return numbers


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


_PAIRS = (("false", "true"), ("f", "t"), ("no", "yes"), ("n", "y"))
# 0 and 1 by themselves are numbers; in a column known to be of true and false they are these.
_VALUES = {word: word in pair[1:] for pair in (*_PAIRS, ("0", "1"), ("0.0", "1.0")) for word in pair}


def parse_booleans(
    rows: Rows, wanted: Mapping[str, Kind], inferred: Collection[str], because: str | None
) -> tuple[Rows, dict[str, int]]:
    """Turn text columns into Boolean where `wanted` says so, or where all their cells are both words of a pair.

    inferred : columns whose kind is read off the cells unless `wanted` tells it
    because  : why cells must be true or false, for the DataError of one that is neither; None makes such cells
               missing, and their counts are returned, as of categories never seen
    """
    texts = [name for name, dtype in rows.frame.schema.items() if dtype == pl.String]
    unsaid = {name for name in inferred if name not in wanted}
    chosen = [
        name for name in texts if wanted.get(name) == "boolean" or (name in unsaid and looks_boolean(rows.frame[name]))
    ]
    parsed = rows.frame.select(pl.col(name).pipe(_as_boolean) for name in chosen)
    odd = {column.name: column.null_count() - rows.frame[column.name].null_count() for column in parsed}
    odd = {name: count for name, count in odd.items() if count}
    if odd and because is not None:
        raise _neither(rows, parsed[next(iter(odd))], because)
    return rows.with_frame(rows.frame.with_columns(parsed)), odd


def looks_boolean(text: pl.Series) -> bool:
    """Whether the cells are both words of one pair, in any case, and nothing else."""
    known = text.drop_nulls()
    if not len(known) or known[0].lower() not in _VALUES:
        return False
    words = set(known.unique().str.to_lowercase())
    return any(words == set(pair) for pair in _PAIRS)


def _as_boolean(text: pl.Expr) -> pl.Expr:
    """Whatever the pair, for rows to predict may write it otherwise; null where a cell is no such word."""
    return text.str.to_lowercase().replace_strict(_VALUES, default=None, return_dtype=pl.Boolean)


def _neither(rows: Rows, parsed: pl.Series, because: str) -> DataError:
    text = rows.frame[parsed.name]
    row = rows.first(parsed.is_null() & text.is_not_null())
    return DataError(
        f"{rows.place(row)}: column {text.name!r}: {shown(text[row])} is neither true nor false, {because}; "
        f"fix the cell, list it in dataset.missing.values, or declare dataset.types: {{{text.name}: category}}"
    )


# With fewer texts, all of them being distinct proves nothing.
FEWEST_TEXTS = 20
WORDS = 5


def is_free_text(cells: pl.Series) -> bool:
    """Whether more than half of the texts are distinct, and they have five words or more on average."""
    known = cells.drop_nulls()
    if len(known) < FEWEST_TEXTS or known.n_unique() <= len(known) / 2:
        return False
    return mean_words(known) >= WORDS


def mean_words(known: pl.Series) -> float:
    """Words of a text, as blanks part them."""
    return float(known.str.count_matches(r"\S+").sum()) / max(1, len(known))
