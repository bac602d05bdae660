"""Covariate shift: rows of another distribution than those before them."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from mlcli.data.quality.sample import FEWEST_ROWS, DataFinding, Floats, draw_sample_rows, encode
from mlcli.data.tables.types import Dataset, Kind, Table

# Rows of each split that the test for shift looks at.
MOST_ROWS = 2_000
# An AUC of 0.5 is chance. Below LEAST_AUC, a shift matters little, however significant.
LEAST_AUC, LEVEL = 0.6, 0.001
TREES, DEPTH = 20, 8


def find_shift(
    before: Dataset, after: Dataset, ids: Collection[str], names: tuple[str, str], why: str, most: int = 1
) -> Iterator[DataFinding]:
    """Covariate shift: whether a classifier separates the rows after from those before.

    ids   : columns that number or name the rows, which are left out
    names : of the rows before and after, for the message; why : what ends it
    most  : columns named; those beyond the first separate the rows alone
    """
    if not (isinstance(before, Table) and isinstance(after, Table)) or min(len(before), len(after)) < FEWEST_ROWS:
        return
    features = [column for column in before.features if column.name not in ids]
    if not features:
        return
    tables = before, after
    parts = [draw_sample_rows(table, MOST_ROWS).select(column.name for column in features) for table in tables]
    both, is_test = parts[0].vstack(parts[1]), np.repeat([False, True], [len(part) for part in parts])
    # A tree uses ranks alone; those of missing values come last.
    ranks = {column.name: np.unique(encode(both[column.name], column), return_inverse=True)[1] for column in features}
    columns = {name: places.astype(np.float64) for name, places in ranks.items()}
    auc = _separability(np.column_stack(list(columns.values())), is_test)
    p_value = _p_value(auc, is_test)
    if auc < LEAST_AUC or p_value > LEVEL:
        return
    alone = {one.name: abs(_auc_alone(one.kind, columns[one.name], is_test) - 0.5) for one in features}
    best, *others = sorted(alone, key=lambda name: -alone[name])
    named = [best, *(name for name in others if alone[name] >= LEAST_AUC - 0.5)][:most]
    chance = f"p {p_value:.1g}" if p_value > 1e-6 else "p below 1e-6"
    by = f"column{'s' * (len(named) > 1)} {', '.join(map(repr, named))}"
    what = f"a classifier separates {names[1]} from {names[0]} (AUC {auc:.2f}, {chance}), best by {by}"
    yield DataFinding("shift", f"{what}; {why}", tuple(named), {"auc": auc, "p_value": p_value})


def _auc_alone(kind: Kind, ranks: Floats, is_test: NDArray[np.bool_]) -> float:
    """AUC of one column; of categories, which have no order, by their shares in the other half of the rows."""
    if kind != "category":
        return _auc(ranks, is_test)
    codes, half = ranks.astype(np.int64), np.arange(len(ranks)) % 2 == 0
    count, after = (np.bincount(codes[half], weights, codes.max() + 1) for weights in (None, is_test[half]))
    shares = np.where(count > 0, after / np.maximum(count, 1), 0.5)
    return _auc(shares[codes[~half]], is_test[~half])


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
    """One-sided p-value of an AUC, by the normal approximation of Mann and Whitney's U."""
    n, m = int(positive.sum()), int((~positive).sum())
    return NormalDist().cdf((0.5 - auc) / math.sqrt((n + m + 1) / (12 * n * m)))
