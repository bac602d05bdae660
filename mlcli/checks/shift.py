"""Whether test rows are told from training rows, by a classifier that is trained to (Lopez-Paz and Oquab, 2017)."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Sequence
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from mlcli.checks.finding import Finding
from mlcli.checks.sample import Floats, draw_rows, encode
from mlcli.data.types import Column, Splits, Table

# Rows looked at of each split, and how many there have to be.
MOST_ROWS, FEWEST_ROWS = 2_000, 50
# 0.5 is chance. Below the bound a shift is there only for the eye of many rows.
LEAST_AUC, LEVEL = 0.6, 0.001
TREES, DEPTH = 20, 8
REMEDY = "drop the column if it only marks where rows come from, or take both from the same source"


def find_shift(splits: Splits, ids: Collection[str], *, expected: bool) -> Iterator[Finding]:
    """A shift between training and test rows; of rows in time there is one as a matter of course.

    ids      : columns that number or name the rows, and so are not looked at
    expected : the split puts later rows, or other groups, in test
    """
    train, test = splits.train, splits.test
    if not isinstance(train, Table) or not isinstance(test, Table) or min(len(train), len(test)) < FEWEST_ROWS:
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
    yield Finding("shift", f"{what}; {why}", (apart,), {"auc": auc, "p_value": p_value}, serious=not expected)


def _stack(train: Table, test: Table, features: Sequence[Column]) -> tuple[dict[str, Floats], NDArray[np.bool_]]:
    """Features of rows of both, and which are test rows."""
    parts = [draw_rows(table, MOST_ROWS).select(column.name for column in features) for table in (train, test)]
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
