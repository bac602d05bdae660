"""Rows and columns dropped in step 1, outliers of the training rows, and checks of the target."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np
import polars as pl

from mlcli.config.loading.dump import flow
from mlcli.config.sections.rows import MissingConfig, OutliersConfig
from mlcli.config.tree import Value
from mlcli.data.tables.labels import near_duplicates
from mlcli.data.tables.rows import Rows
from mlcli.data.tables.spill import Spill
from mlcli.data.tables.types import Bounds, Doubt, OutlierReport, Table
from mlcli.errors import DataError
from mlcli.io.text import shown, some_of, suggestion

# Distinct values are counted exactly in as many rows, and estimated in more.
_EXACT_ROWS = 100_000
_FEW_CLASSES = 20
_LISTED = 6


def sparse_columns(rows: Rows, features: Sequence[str], config: MissingConfig) -> dict[str, str]:
    """Features to drop, each with the reason: empty, or more missing cells than config allows."""
    reasons = {}
    for name in features:
        share = rows.frame[name].null_count() / len(rows)
        if share == 1.0:
            reasons[name] = "every cell is missing"
        elif share > config.drop_columns_over:
            reasons[name] = f"{share:.1%} of the cells are missing, more than {config.drop_columns_over:.1%}"
    return reasons


def drop_without_target(
    rows: Rows, targets: Sequence[str], config: MissingConfig, words: Mapping[str, Mapping[str, int]]
) -> Rows:
    """Rows without missing targets; raises DataError for the others unless config drops rows.

    words : cells that are a word of config.values, by column and word
    """
    missing = _any_missing(rows.frame, targets)
    n_missing = int(missing.sum())
    if n_missing and not config.drop_rows:
        have = "has" if n_missing == 1 else "have"
        kept = next((f"{how_to_keep(name, words[name], config)}; else " for name in targets if name in words), "")
        raise DataError(
            f"{rows.place(rows.first(missing))}: {n_missing:,} of {len(rows):,} rows {have} no target "
            f"({', '.join(targets)}), this one first; {kept}fill it in, or set dataset.missing.drop_rows: target"
        )
    return _require_rows(rows.where(~missing), "every row lacks the target") if n_missing else rows


def how_to_keep(name: str, words: Mapping[str, int], config: MissingConfig) -> str:
    """What a column's words were read as, and how to keep them as values."""
    others = flow(tuple(token for token in config.values if token not in words))
    renamed = flow({name: dict[str, Value].fromkeys(words, "NAME")})
    are, it = ("are", "them") if len(words) > 1 else ("is", "it")
    return (
        f"{list_words(words)} of {name!r} {are} read as missing; to keep {it} as a value, "
        f"set dataset.missing.values: {others}, or rename {it} by dataset.replace: {renamed}"
    )


def doubt_words(rows: Rows, features: Sequence[str], words: Mapping[str, Mapping[str, int]]) -> Iterator[Doubt]:
    """The words read as missing in columns of categories, where they may be categories."""
    found = [name for name in features if name in words and rows.frame.get_column(name).dtype == pl.String]
    if found:
        listed = some_of([f"{name}: {list_words(words[name])}" for name in found], _LISTED)
        remedy = "to keep a word as a category, leave it out of dataset.missing.values"
        yield Doubt(found[0], f"words read as missing cells: {listed}; {remedy}", serious=False)


def doubt_labels(column: pl.Series, *, serious: bool) -> Iterator[Doubt]:
    """Labels of a column that may be meant to be the same, with their counts."""
    if groups := near_duplicates(column):
        listed = some_of([list_labels(group) for group in groups], _LISTED)
        merged: dict[str, Value] = {label: group[0][0] for group in groups[:_LISTED] for label, _ in group[1:]}
        yield Doubt(
            column.name,
            f"values of {column.name!r} that differ only by case, blanks, signs, zeros or Unicode form: {listed}; "
            f"if they are the same, set dataset.replace: {flow({column.name: merged})}",
            serious,
        )


def list_labels(counts: Sequence[tuple[str, int]]) -> str:
    """Labels with their rows: 'a' (90 rows) and 'A' (1 row)."""
    return " and ".join(f"{label!r} ({count:,} row{'' if count == 1 else 's'})" for label, count in counts)


def list_words(words: Mapping[str, int]) -> str:
    """Words with their counts: 'NA' (94 cells), '?' (1 cell)."""
    return ", ".join(f"{word!r} ({count:,} cell{'' if count == 1 else 's'})" for word, count in words.items())


def drop_incomplete(rows: Rows, features: Sequence[str], config: MissingConfig) -> Rows:
    """Rows without missing features, when config drops rows."""
    missing = _any_missing(rows.frame, features)
    if config.drop_rows is not True or not missing.any():
        return rows
    return _require_rows(rows.where(~missing), "every row has a missing cell; set dataset.missing.drop_rows: target")


def _any_missing(frame: pl.DataFrame, names: Sequence[str]) -> pl.Series:
    return frame.select(pl.any_horizontal(pl.col(names).is_null())).to_series()


def _require_rows(rows: Rows, why: str) -> Rows:
    if len(rows) == 0:
        raise DataError(f"{rows.origin.label}: no rows are left: {why}")
    return rows


def mark_duplicates(frame: pl.DataFrame) -> pl.Series:
    """Boolean (n_rows,): rows equal to an earlier one in every column, missing cells being equal."""
    hashes = frame.hash_rows()  # rows that are equal have equal hashes
    if hashes.n_unique() == frame.height:
        return pl.repeat(value=False, n=frame.height, eager=True)
    numbered = hashes.to_frame("hash").with_row_index("row")
    first = numbered.select(pl.col("row").first().over("hash")).to_series()
    later = first != numbered["row"]
    own, before = (rows.filter(later) for rows in (numbered["row"], first))
    alike = pl.repeat(value=True, n=len(own), eager=True)
    for column in frame:  # which memory may not hold at once
        alike &= column.gather(own).eq_missing(column.gather(before))
    if alike.all():
        return later.alias("")
    collided = hashes.is_in(hashes.gather(own.filter(~alike)).implode())
    exact = ~frame.filter(collided).select(pl.struct(pl.all()).is_first_distinct()).to_series()
    return later.scatter(collided.arg_true(), exact).alias("")


def drop_outliers(
    train: Table, config: OutliersConfig, spill: Spill | None = None
) -> tuple[Table, OutlierReport, np.ndarray]:
    """Drop training rows with a number feature out of bounds, or make those cells missing; bool (n,): the rows kept.

    spill  : for a table that memory does not hold
    iqr    : quartiles by linear interpolation; [q1 − t·(q3 − q1), q3 + t·(q3 − q1)]; columns whose
             quartiles are equal are left alone, for every other value would be an outlier
    zscore : [mean − t·std, mean + t·std] with the population's std (ddof 0)
    """
    all_rows = np.ones(len(train), dtype=bool)
    if config.name == "none" or len(train) == 0:
        return train, OutlierReport(config.name, {}, (), 0), all_rows
    bands = {c.name: _band(train.frame[c.name].drop_nulls(), config) for c in train.features if c.kind == "number"}
    flat = tuple(name for name, (low, high) in bands.items() if low == high)
    outside = {
        name: ~train.frame[name].is_between(low, high).fill_null(value=True)
        for name, (low, high) in bands.items()
        if name not in flat
    }
    bounds = {name: Bounds(*bands[name], int(mask.sum())) for name, mask in outside.items()}
    if config.action == "missing":
        cells = [pl.when(~mask).then(pl.col(name)).alias(name) for name, mask in outside.items()]
        masked = replace(train, rows=train.frame.with_columns(cells))
        return masked, OutlierReport(config.name, bounds, flat, 0), all_rows
    inside = ~pl.DataFrame(outside).select(pl.any_horizontal(pl.all())).to_series().to_numpy() if outside else all_rows
    if not inside.any():
        raise DataError("dataset.outliers: every training row is an outlier; raise threshold, or set action: missing")
    rows = train.frame.filter(inside) if spill is None else spill.where(train.frame, pl.Series(inside))
    kept = train.with_rows(rows, inside)
    return kept, OutlierReport(config.name, bounds, flat, len(train) - len(kept)), inside


def _band(values: pl.Series, config: OutliersConfig) -> tuple[float, float]:
    if len(values) == 0:
        return 0.0, 0.0
    array = values.to_numpy()
    if config.name == "zscore":
        centre, spread = float(array.mean()), float(array.std())
        return centre - config.threshold * spread, centre + config.threshold * spread
    q1, q3 = (float(values.quantile(q, "linear") or 0.0) for q in (0.25, 0.75))
    return q1 - config.threshold * (q3 - q1), q3 + config.threshold * (q3 - q1)


def distinct_counts(frame: pl.DataFrame) -> dict[str, int]:
    """Distinct values of every column, missing ones not counted; exact where there are 0 or 1."""
    values = pl.all().drop_nulls()
    if frame.height <= _EXACT_ROWS:
        return _counts(frame.select(values.n_unique()))
    counts = _counts(frame.select(values.approx_n_unique()))
    few = [name for name, count in counts.items() if count <= 2]
    return counts | _counts(frame.select(few).select(values.n_unique()))


def _counts(frame: pl.DataFrame) -> dict[str, int]:
    return {name: int(frame[name][0]) for name in frame.columns}


def check_classes(rows: Rows, target: str, *, asked: bool) -> None:
    """Raise DataError for a single class and, unless classes were asked for, for about as many classes as rows."""
    classes = rows.frame[target].unique()
    if len(classes) < 2:
        raise DataError(
            f"{rows.origin.label}: target {target!r} is {shown(classes[0])} in {_all_of(rows)}; "
            "classification needs at least two classes"
        )
    if not asked and len(classes) > max(_FEW_CLASSES, len(rows) / 2):
        raise DataError(
            f"{rows.place(0)}: target {target!r} has {len(classes):,} distinct texts in {len(rows):,} rows, "
            f"such as {shown(rows.frame[target][0])}, so it looks like an id and not like classes; "
            "choose another target, or set dataset.task: classification"
        )


def _all_of(rows: Rows) -> str:
    return f"all {len(rows):,} rows" if len(rows) > 1 else "the only row"


def check_spread(rows: Rows, targets: Sequence[str]) -> None:
    """Raise DataError for a target that is the same number in every row."""
    for name in targets:
        target = rows.frame[name]
        if target.min() == target.max():
            raise DataError(
                f"{rows.origin.label}: target {name!r} is {target[0]} in {_all_of(rows)}; there is nothing to learn"
            )


def check_weights(rows: Rows, name: str) -> None:
    """Raise DataError for weights that are missing or negative, or whose sum is 0 or no finite number."""
    weights = rows.frame[name]
    wrong = weights.is_null() | (weights < 0).fill_null(value=False)
    if wrong.any():
        row = rows.first(wrong)
        found = "missing" if weights[row] is None else f"{weights[row]:g}"
        raise DataError(
            f"{rows.place(row)}: column {name!r}: the weight is {found} in this row, the first of "
            f"{int(wrong.sum()):,} of {len(rows):,}; expected a number of 0 or more (dataset.weight); fix the cells, "
            "or leave the rows out"
        )
    if not 0 < (total := float(weights.sum())) < np.inf:
        raise DataError(
            f"{rows.origin.label}: column {name!r}: the weights of {_all_of(rows)} sum to {total:g}; "
            "dataset.weight needs a sum above 0, and a finite one"
        )


def refuse_new_classes(test: Rows, train: Rows, target: str) -> None:
    """Raise DataError for a class of the test rows that no training row has."""
    known = train.frame[target].unique().sort()
    new = ~test.frame[target].is_in(known.implode())
    if new.any():
        row = test.first(new)
        label = test.frame[target][row]
        raise DataError(
            f"{test.place(row)}: target {target!r}: class {shown(label)} does not occur in {train.origin.label} "
            f"({suggestion(label, known.to_list())}); leave such rows out with dataset.keep, or where the spelling "
            f"differs set dataset.replace: {{{target}: {{{label!r}: <class>}}}}"
        )
