"""Columns of true and false, in the words people write for them."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import polars as pl

from mlcli.data.names import shown
from mlcli.data.rows import Rows
from mlcli.data.types import Kind
from mlcli.errors import DataError

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
