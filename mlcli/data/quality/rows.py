"""Useless columns, rows of one split repeated in another, and shift between training and test rows."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import polars as pl
from numpy.typing import NDArray

from mlcli.data.profile import ColumnProfile, Profile
from mlcli.data.quality.sample import DataFinding, Floats, RowSample, draw_sample_rows, encode
from mlcli.data.tables.frames import column_of, portions
from mlcli.data.tables.types import Column, SplitName, Splits, Table

# With fewer rows, values that are all distinct prove nothing.
FEWEST_ROWS = 50
# Whole numbers that are all distinct number the rows where they span no more than this many times as many.
DENSE = 1.2
DISTINCT_TEXTS = 0.99


def find_useless_columns(train: Table, profile: Profile) -> Iterator[DataFinding]:
    """Constant columns, row numbers and names."""
    n_rows = sum(profile["rows"].values())
    for column in profile["columns"]:
        if column["role"] == "target" or len(train) == 0:
            continue
        name, drop = column["name"], f"dataset.drop: [{column['name']}]"
        if column["distinct"] <= 1:
            if column["distinct"] == 0 or not column["missing"]["train"]:
                yield DataFinding(
                    "constant", f"column '{name}' has the same value in all training rows; {drop}", (name,)
                )
        elif column["kind"] != "date" and len(train) >= FEWEST_ROWS and (reason := _why_id(train, column, n_rows)):
            yield DataFinding("id", f"column '{name}' {reason}, which tells nothing of new rows; {drop}", (name,))


def _why_id(train: Table, column: ColumnProfile, n_rows: int) -> str:
    """In what a column is the rows' own number or name; empty where it is neither."""
    distinct, known = column["distinct"], len(train) - column["missing"]["train"]
    if distinct < DISTINCT_TEXTS * known:  # an estimate in large tables
        return ""
    values = column_of(train.rows, column["name"]).drop_nulls()
    if column["kind"] == "category":
        distinct = values.n_unique()
        return (
            f"has a text of its own in {distinct:,} of {known:,} training rows"
            if distinct > DISTINCT_TEXTS * known
            else ""
        )
    return _why_number(values, n_rows)


def _why_number(values: pl.Series, n_rows: int) -> str:
    numbers = values.to_numpy()
    if len(numbers) < FEWEST_ROWS or not (numbers == np.floor(numbers)).all() or values.n_unique() < len(numbers):
        return ""
    steps = np.diff(numbers)
    if (steps > 0).all() or (steps < 0).all():
        return "holds distinct whole numbers in the order of the rows"
    if np.ptp(numbers) + 1 <= DENSE * n_rows:
        return "numbers the rows: its whole numbers are all distinct and leave hardly a gap"
    return ""


# From these on, what is remembered moves a split's scores.
SERIOUS_SHARE, SERIOUS_ROWS = 0.01, 5
# Rows that are alike are copies where there are this many times as many as independent columns would make so.
BEYOND_CHANCE = 10.0
SAME_FILE = "dataset.duplicates: drop removes rows equal in every column, dataset.split.by: group keeps kin together"
OTHER_FILE = "take them out of one of the two"
MEASURED: tuple[SplitName, ...] = ("valid", "test")


def find_repeated_rows(
    splits: Splits, sample: RowSample, ids: Collection[str], *, apart: bool
) -> Iterator[DataFinding]:
    """Rows of a table with the features of a training row, whatever their target.

    sample : of the training rows
    ids    : columns that number or name the rows, and so are not looked at
    apart  : the test rows come from a source of their own
    """
    names = [name for name in sample.features if name not in ids]
    if not names or not isinstance(splits.train, Table):
        return
    known = _hashes(splits.train, names).unique().implode()
    chance = 1 - (1 - _collision(sample, names)) ** len(splits.train)
    for split in MEASURED:
        rows = splits[split]
        if isinstance(rows, Table) and (count := int(_hashes(rows, names).is_in(known).sum())):
            remedy = OTHER_FILE if apart and split == "test" else SAME_FILE
            yield _tell(_Repeats(split, count, len(rows), "have the features of a training row", chance), remedy)


def find_repeated_pictures(splits: Splits, profile: Profile) -> Iterator[DataFinding]:
    """Pictures equal to a training picture in every pixel, which the profile has counted."""
    for split in MEASURED:
        if count := profile["repeated"][split]:
            yield _tell(_Repeats(split, count, len(splits[split]), "are equal to a training picture", 0.0), OTHER_FILE)


@dataclass(frozen=True)
class _Repeats:
    """by_chance : the share that may be expected."""

    split: SplitName
    count: int
    n_rows: int
    what: str
    by_chance: float


def _tell(found: _Repeats, remedy: str) -> DataFinding:
    share = found.count / found.n_rows
    copies = share > BEYOND_CHANCE * found.by_chance
    serious = copies and share >= SERIOUS_SHARE and found.count >= SERIOUS_ROWS
    hint = f": copies of what can be remembered; {remedy}" if serious else ""
    if not copies:
        hint = ", as may happen: the columns have few values to combine"
    text = f"{found.count:,} of {found.n_rows:,} {found.split} rows ({share:.1%}) {found.what}{hint}"
    numbers = {"rows": found.count, "share": share, "by_chance": found.by_chance}
    return DataFinding("duplicates", text, (), numbers, serious)


def _collision(sample: RowSample, names: Sequence[str]) -> float:
    """Chance that two rows are alike, were the columns independent (Simpson's index, without replacement)."""
    n = len(sample)
    if n < 2:
        return 0.0
    counts = [np.unique(values, return_counts=True)[1] for values in map(sample.features.__getitem__, names)]
    return float(np.prod([(count * (count - 1.0)).sum() / (n * (n - 1.0)) for count in counts]))


def _hashes(table: Table, names: Sequence[str]) -> pl.Series:
    """UInt64 (n,), over these columns; a file is read a portion at a time."""
    return pl.concat([part.select(names).hash_rows() for _, part in portions(table.rows.select(names))])


# Rows looked at of each split, and how many there have to be.
MOST_ROWS, FEWEST_ROWS_FOR_SHIFT = 2_000, 50
# 0.5 is chance. Below the bound a shift is there only for the eye of many rows.
LEAST_AUC, LEVEL = 0.6, 0.001
TREES, DEPTH = 20, 8
REMEDY = "drop the column if it only marks where rows come from, or take both from the same source"


def find_shift(splits: Splits, ids: Collection[str], *, expected: bool) -> Iterator[DataFinding]:
    """A shift between training and test rows; of rows in time there is one as a matter of course.

    ids      : columns that number or name the rows, and so are not looked at
    expected : the split puts later rows, or other groups, in test
    """
    train, test = splits.train, splits.test
    if (
        not isinstance(train, Table)
        or not isinstance(test, Table)
        or min(len(train), len(test)) < FEWEST_ROWS_FOR_SHIFT
    ):
        return
    columns, is_test = _stack(train, test, [column for column in train.features if column.name not in ids])
    if not columns:
        return
    auc = _separability(np.column_stack(list(columns.values())), is_test)
    p_value = _chance(auc, is_test)
    if auc < LEAST_AUC or p_value > LEVEL:
        return
    apart = max(columns, key=lambda name: abs(_auc(columns[name], is_test) - 0.5))
    chance = f"p {p_value:.1g}" if p_value > 1e-6 else "p below 1e-6"
    what = f"a classifier tells test rows from training rows (AUC {auc:.2f}, {chance}), best by column '{apart}'"
    why = "as a split by time or group makes it" if expected else REMEDY
    yield DataFinding("shift", f"{what}; {why}", (apart,), {"auc": auc, "p_value": p_value}, serious=not expected)


def _stack(train: Table, test: Table, features: Sequence[Column]) -> tuple[dict[str, Floats], NDArray[np.bool_]]:
    """Features of rows of both, and which are test rows."""
    parts = [draw_sample_rows(table, MOST_ROWS).select(column.name for column in features) for table in (train, test)]
    both = parts[0].vstack(parts[1])
    columns = {column.name: _ranks(encode(both[column.name], column)) for column in features}
    return columns, np.arange(len(both)) >= len(parts[0])


def _ranks(values: Floats) -> Floats:
    """All that a tree looks at; missing values, which are one, come last."""
    return np.unique(values, return_inverse=True)[1].astype(np.float64)


def _separability(rows: Floats, is_test: NDArray[np.bool_]) -> float:
    """AUC of a forest on rows that it was not trained on."""
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.model_selection import StratifiedKFold, cross_val_predict

    forest = RandomForestClassifier(TREES, max_depth=DEPTH, random_state=0)
    halves = StratifiedKFold(2, shuffle=True, random_state=0)
    return _auc(cross_val_predict(forest, rows, is_test, cv=halves, method="predict_proba")[:, 1], is_test)


def _auc(scores: Floats, positive: NDArray[np.bool_]) -> float:
    """Chance that a positive row has the higher score, a tie being half of one: Mann and Whitney's U."""
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(positive, scores))


def _chance(auc: float, positive: NDArray[np.bool_]) -> float:
    """One-sided p of an AUC as high where rows are alike, by the normal approximation of U."""
    n, m = int(positive.sum()), int((~positive).sum())
    deviation = math.sqrt((n + m + 1) / (12 * n * m))
    return NormalDist().cdf((0.5 - auc) / deviation)
