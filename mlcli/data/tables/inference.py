"""Kinds of text columns (numbers, true and false, free text), and the task that the target poses."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Literal

import polars as pl

from mlcli.data.tables.rows import EXACT, Rows, too_wide
from mlcli.data.tables.types import Kind, TaskKind
from mlcli.errors import DataError
from mlcli.io.text import shown

Decimal = Literal[".", ","]

# A column with so many number cells, and so large a share of them, is one of numbers whose other cells are mistakes.
ENOUGH, NEARLY = 10, 0.9
_MAX_CLASSES = 20
_ROWS_PER_CLASS = 10
_FIRST = 100
_PAIRS = (("false", "true"), ("f", "t"), ("no", "yes"), ("n", "y"))
# 0 and 1 are numbers, but in a column that is declared boolean they are false and true.
BOOLEANS = {word: word in pair[1:] for pair in (*_PAIRS, ("0", "1"), ("0.0", "1.0")) for word in pair}
# With fewer texts, all of them being distinct proves nothing.
FEWEST_TEXTS = 20
WORDS = 5


def parse_numbers(
    rows: Rows, wanted: Mapping[str, Kind], decimal: Decimal, inferred: Collection[str], because: str
) -> Rows:
    """Turn text columns into numbers (Float64) where `wanted` says so, or where all their cells are numbers.

    inferred : text columns whose kind is inferred unless it is in `wanted`
    because  : why a wanted number must be one, for messages

    Numbers are ASCII digits with an optional sign, decimal mark and exponent; not inf, nan, hexadecimal,
    underscores or thousands separators. Raises DataError for a cell that is not a number in a column declared so.
    """
    texts = [name for name, dtype in rows.frame.schema.items() if dtype == pl.String]
    maybe = [name for name in texts if wanted.get(name, "number" if name in inferred else "category") == "number"]
    numbers = as_numbers(rows.frame.select(maybe), decimal)
    largest = dict(zip(numbers.columns, numbers.select(pl.all().abs().max()).row(0), strict=True)) if maybe else {}
    parsed = [
        number
        if number.null_count() == rows.frame[number.name].null_count() and (largest[number.name] or 0) < EXACT
        else _settle(rows, number, wanted.get(number.name), because)
        for number in numbers
    ]
    return rows.with_frame(rows.frame.with_columns(parsed))


def parse_booleans(
    rows: Rows, wanted: Mapping[str, Kind], inferred: Collection[str], because: str | None
) -> tuple[Rows, dict[str, int]]:
    """Turn text columns into Boolean where `wanted` says so, or where all their cells are both words of a pair.

    inferred : columns whose kind is inferred unless it is in `wanted`
    because  : why cells must be true or false, for the DataError of one that is neither; None makes such cells
               missing, like unseen categories, and their counts are returned
    """
    texts = [name for name, dtype in rows.frame.schema.items() if dtype == pl.String]
    undeclared = {name for name in inferred if name not in wanted}
    chosen = [
        name
        for name in texts
        if wanted.get(name) == "boolean" or (name in undeclared and looks_boolean(rows.frame[name]))
    ]
    # By any pair of words, since rows to predict may use another; null for other cells.
    parsed = rows.frame.select(
        pl.col(name).str.to_lowercase().replace_strict(BOOLEANS, default=None, return_dtype=pl.Boolean)
        for name in chosen
    )
    counts = {column.name: column.null_count() - rows.frame[column.name].null_count() for column in parsed}
    invalid = {name: count for name, count in counts.items() if count}
    if invalid and because is not None:
        text = rows.frame[next(iter(invalid))]
        row = rows.first(parsed[text.name].is_null() & text.is_not_null())
        raise DataError(
            f"{rows.place(row)}: column {text.name!r}: {shown(text[row])} is neither true nor false, {because}; "
            f"fix the cell, list it in dataset.missing.values, or declare dataset.types: {{{text.name}: category}}"
        )
    return rows.with_frame(rows.frame.with_columns(parsed)), invalid


def looks_boolean(text: pl.Series) -> bool:
    """Whether the cells are both words of one pair, in any case, and nothing else."""
    known = text.drop_nulls()
    if not len(known) or known[0].lower() not in BOOLEANS:
        return False
    words = set(known.unique().str.to_lowercase())
    return any(words == set(pair) for pair in _PAIRS)


def infer_task(rows: Rows, targets: Sequence[str], asked: Literal["auto", "regression", "classification"]) -> TaskKind:
    """Regression or classification, from all target cells.

    Text is classes. Numbers are classes when they are whole, at most 20 of them distinct, and each
    is seen ten times on average. Several targets are regression.
    """
    if len(targets) > 1 and asked == "classification":
        raise DataError(
            f"{rows.origin.label}: classification takes one target, but dataset.target names {len(targets)}"
        )
    texts = [name for name in targets if rows.frame[name].dtype == pl.String]
    if texts and (asked == "regression" or len(targets) > 1):
        column = rows.frame[texts[0]]
        row = rows.first(column.is_not_null())
        raise DataError(
            f"{rows.place(row)}: target {texts[0]!r}: {shown(column[row])} is not a number, and regression needs "
            "numbers; choose another target, or classification with this one alone"
        )
    if asked != "auto":
        return asked
    if texts or len(targets) > 1:
        return "classification" if texts else "regression"
    target, most = rows.frame[targets[0]], min(_MAX_CLASSES, len(rows) / _ROWS_PER_CLASS)
    if target.head(_FIRST).n_unique() > most:  # as of most numbers
        return "regression"
    distinct = target.unique()
    return "classification" if len(distinct) <= most and (distinct == distinct.round()).all() else "regression"


def is_free_text(cells: pl.Series) -> bool:
    """Whether more than half of the texts are distinct, and they have five words or more on average."""
    known = cells.drop_nulls()
    if len(known) < FEWEST_TEXTS or known.n_unique() <= len(known) / 2:
        return False
    return mean_words(known) >= WORDS


def mean_words(known: pl.Series) -> float:
    """Mean number of words of a text, separated by blanks."""
    return float(known.str.count_matches(r"\S+").sum()) / max(1, len(known))


def as_numbers(texts: pl.DataFrame, decimal: Decimal) -> pl.DataFrame:
    """Text columns as finite numbers, null where a cell is not a number."""
    cell = pl.all()
    if decimal == ",":
        cell = pl.when(~cell.str.contains(".", literal=True)).then(cell.str.replace(",", ".", literal=True))
    numbers = texts.select(cell.cast(pl.Float64, strict=False))
    infinite = [column.name for column in numbers.select(pl.all().is_finite().all()) if not column[0]]
    return numbers.with_columns(pl.when(pl.col(name).is_finite()).then(pl.col(name)).alias(name) for name in infinite)


def _settle(rows: Rows, number: pl.Series, wanted: Kind | None, because: str) -> pl.Series:
    """The numbers where every cell is one, or else the text."""
    text = rows.frame[number.name]
    bad = number.is_null() & text.is_not_null()
    if not bad.any():
        refuse_too_wide(rows, text, number)
        return number
    if wanted != "number":
        return text
    row = rows.first(bad)
    raise DataError(
        f"{rows.place(row)}: column {text.name!r}: {shown(text[row])} is not a number, {because}; fix the cell, list "
        f"it in dataset.missing.values, or set dataset.numbers.{text.name} for thousands marks or units"
    )


def refuse_too_wide(rows: Rows, text: pl.Series, number: pl.Series) -> None:
    """Raise DataError for a whole number that float64 would change; text: plain numbers."""
    wide = (number.abs() >= EXACT).fill_null(value=False)
    if not wide.any():
        return
    whole = text.str.contains(r"^[+-]?\d+$")
    changed = wide & whole & number.cast(pl.Int64, strict=False).ne_missing(text.cast(pl.Int64, strict=False))
    changed |= wide & whole & text.cast(pl.Int64, strict=False).is_null()
    if changed.any():
        row = rows.first(changed)
        raise too_wide(rows, text.name, row, text[row])
