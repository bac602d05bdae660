"""Rows of one split repeated in another, and shift between training and test rows."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Sequence
from statistics import NormalDist

import numpy as np
import polars as pl
from numpy.typing import NDArray

from mlcli.data.profile import Profile
from mlcli.data.quality.sample import FEWEST_ROWS, DataFinding, Floats, RowSample, draw_sample_rows, encode
from mlcli.data.tables.frames import portions
from mlcli.data.tables.types import Column, SplitName, Splits, Table

# Repeated rows are serious from these on: a model that remembers them changes the split's scores.
SERIOUS_SHARE, SERIOUS_ROWS = 0.01, 5
# Repeated rows are copies where there are this many times as many as independent columns would give by chance.
BEYOND_CHANCE = 10.0
SAME_FILE = (
    "set dataset.duplicates: drop, which removes rows equal in every column, or dataset.split.by: group, which keeps "
    "rows of one group in one split"
)
OTHER_FILE = "remove them from one of the two"
MEASURED: tuple[SplitName, ...] = ("valid", "test")
# Rows of each split that the test for shift looks at.
MOST_ROWS = 2_000
# An AUC of 0.5 is chance. Below LEAST_AUC, a shift matters little, however significant.
LEAST_AUC, LEVEL = 0.6, 0.001
TREES, DEPTH = 20, 8
SHIFT_REMEDY = "drop the column if it only marks where rows come from, or take both splits from the same source"


def find_repeated_rows(
    splits: Splits, sample: RowSample, ids: Collection[str], *, separate_test: bool
) -> Iterator[DataFinding]:
    """Rows of a table with the features of a training row, whatever their target.

    sample        : of the training rows
    ids           : columns that number or name the rows, which are left out
    separate_test : the test rows come from a source of their own
    """
    names = [name for name in sample.features if name not in ids]
    if not names or not isinstance(splits.train, Table):
        return
    known = _hashes(splits.train, names).unique().implode()
    chance = 1 - (1 - _collision_probability(sample, names)) ** len(splits.train)
    for split in MEASURED:
        rows = splits[split]
        if isinstance(rows, Table) and (count := int(_hashes(rows, names).is_in(known).sum())):
            remedy = OTHER_FILE if separate_test and split == "test" else SAME_FILE
            yield _repeats(split, count, len(rows), "have the features of a training row", remedy, chance)


def find_repeated_images(splits: Splits, profile: Profile) -> Iterator[DataFinding]:
    """Images equal to a training image in every pixel, which the profile has counted."""
    for split in MEASURED:
        if count := profile["repeated"][split]:
            yield _repeats(split, count, len(splits[split]), "are equal to a training image", OTHER_FILE)


def _repeats(split: SplitName, count: int, n_rows: int, what: str, remedy: str, by_chance: float = 0.0) -> DataFinding:
    """by_chance: the share of repeated rows that is to be expected."""
    share = count / n_rows
    copies = share > BEYOND_CHANCE * by_chance
    serious = copies and share >= SERIOUS_SHARE and count >= SERIOUS_ROWS
    hint = f", so a model may have memorised them; {remedy}" if serious else ""
    if not copies:
        hint = ", as is likely by chance: the columns have few distinct values"
    text = f"{count:,} of {n_rows:,} {split} rows ({share:.1%}) {what}{hint}"
    return DataFinding("duplicates", text, (), {"rows": count, "share": share, "by_chance": by_chance}, serious)


def _collision_probability(sample: RowSample, names: Sequence[str]) -> float:
    """Probability that two rows are equal if the columns are independent (Simpson's index, without replacement)."""
    n = len(sample)
    if n < 2:
        return 0.0
    counts = [np.unique(values, return_counts=True)[1] for values in map(sample.features.__getitem__, names)]
    return float(np.prod([(count * (count - 1.0)).sum() / (n * (n - 1.0)) for count in counts]))


def _hashes(table: Table, names: Sequence[str]) -> pl.Series:
    """UInt64 (n,), over these columns; a file is read a portion at a time."""
    return pl.concat([part.select(names).hash_rows() for _, part in portions(table.rows.select(names))])


def find_shift(splits: Splits, ids: Collection[str], *, expected: bool) -> Iterator[DataFinding]:
    """Covariate shift: whether a classifier separates test rows from training rows.

    ids      : columns that number or name the rows, which are left out
    expected : the split puts later rows, or other groups, in test
    """
    train, test = splits.train, splits.test
    if not (isinstance(train, Table) and isinstance(test, Table)) or min(len(train), len(test)) < FEWEST_ROWS:
        return
    columns, is_test = _stack(train, test, [column for column in train.features if column.name not in ids])
    if not columns:
        return
    auc = _separability(np.column_stack(list(columns.values())), is_test)
    p_value = _p_value(auc, is_test)
    if auc < LEAST_AUC or p_value > LEVEL:
        return
    column = max(columns, key=lambda name: abs(_auc(columns[name], is_test) - 0.5))
    chance = f"p {p_value:.1g}" if p_value > 1e-6 else "p below 1e-6"
    what = f"a classifier separates test rows from training rows (AUC {auc:.2f}, {chance}), best by column '{column}'"
    why = "expected from a split by time or group" if expected else SHIFT_REMEDY
    yield DataFinding("shift", f"{what}; {why}", (column,), {"auc": auc, "p_value": p_value}, serious=not expected)


def _stack(train: Table, test: Table, features: Sequence[Column]) -> tuple[dict[str, Floats], NDArray[np.bool_]]:
    """Features of rows of both, as ranks, and which rows are test rows."""
    parts = [draw_sample_rows(table, MOST_ROWS).select(column.name for column in features) for table in (train, test)]
    both = parts[0].vstack(parts[1])
    columns = {column.name: _ranks(encode(both[column.name], column)) for column in features}
    return columns, np.arange(len(both)) >= len(parts[0])


def _ranks(values: Floats) -> Floats:
    """Ranks, which are all that a tree uses; missing values come last."""
    return np.unique(values, return_inverse=True)[1].astype(np.float64)


def _separability(rows: Floats, is_test: NDArray[np.bool_]) -> float:
    """AUC of a forest on rows that it was not trained on."""
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.model_selection import StratifiedKFold, cross_val_predict

    forest = RandomForestClassifier(TREES, max_depth=DEPTH, random_state=0)
    halves = StratifiedKFold(2, shuffle=True, random_state=0)
    return _auc(cross_val_predict(forest, rows, is_test, cv=halves, method="predict_proba")[:, 1], is_test)


def _auc(scores: Floats, positive: NDArray[np.bool_]) -> float:
    """Probability that a positive row has the higher score, ties counting half (Mann-Whitney U)."""
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(positive, scores))


def _p_value(auc: float, positive: NDArray[np.bool_]) -> float:
    """One-sided p-value of an AUC, by the normal approximation of U."""
    n, m = int(positive.sum()), int((~positive).sum())
    deviation = math.sqrt((n + m + 1) / (12 * n * m))
    return NormalDist().cdf((0.5 - auc) / deviation)
