"""The rows of the folds of cross-validation: any rows, whole groups, or blocks of time."""

from __future__ import annotations

from typing import Literal

import numpy as np

from mlcli.data.splitting import time_borders
from mlcli.errors import DataError, config_error

MAX_LEAVE_ONE_OUT = 500
FoldCount = int | Literal["leave_one_out"]


def split_folds(
    key: str,
    n_rows: int,
    folds: FoldCount,
    repeats: int,
    seed: int,
    classes: np.ndarray | None,
    groups: np.ndarray | None = None,
    *,
    by_time: bool = False,
) -> list[list[np.ndarray]]:
    """The rows that each fold holds out, ascending, for every repeat; each row is in at most one fold of a repeat.

    key     : what asks for the folds, for messages
    classes : (n_rows,) the class of each row, whose shares every fold keeps as far as it can; None for regression
    groups  : (n_rows,) as `Table.groups` has them: rows of one number are in one fold
    by_time : the folds are blocks of time, and the rows before the first one are in none, as in scikit-learn's
              TimeSeriesSplit; repeats are then alike

    Repeat r (from 0) splits rows as scikit-learn's StratifiedKFold or KFold (shuffle=True, random_state=seed + r) does.
    Raises ConfigError for more folds than rows, groups or times, or than rows of any class, and for too many to leave
    out singly.
    """
    if groups is not None and by_time:
        return [_blocks(key, groups, folds)] * repeats
    if groups is not None:
        groups = np.unique(groups, return_inverse=True)[1]
    what, count = ("rows", n_rows) if groups is None else ("groups", int(groups.max(initial=-1)) + 1)
    if folds == "leave_one_out":
        _check_leave_one_out(key, what, count)
        return [_rows_of(np.arange(n_rows) if groups is None else groups, count)]
    if groups is None and classes is not None:
        what, count = "rows of the largest class", int(np.bincount(classes).max())
    if count < folds:
        raise config_error(key, f"{folds} folds need at least {folds} {what}, got {count}; use fewer folds")
    if groups is None:
        return [_k_fold(n_rows, folds, seed + repeat, classes) for repeat in range(repeats)]
    return [_rows_of(group_folds(groups, folds, seed + repeat, classes), folds) for repeat in range(repeats)]


def group_folds(groups: np.ndarray, folds: int, seed: int, classes: np.ndarray | None = None) -> np.ndarray:
    """The fold of each row, int64 (n,): whole groups, in folds of about as many rows and rows of each class.

    groups : (n,) numbers from 0 without gaps

    Groups come in random order, large ones (by powers of two) first; each goes to the fold that has the fewest rows of
    its classes and the fewest rows, as shares of all of them. Without classes no two folds differ by more rows than
    the largest group has.
    """
    kinds = np.zeros(len(groups), dtype=np.int64) if classes is None else classes
    n_kinds = int(kinds.max(initial=0)) + 1
    cells, counts = np.unique(groups * n_kinds + kinds, return_counts=True)  # of a group's rows of one class
    of_group, kind = np.divmod(cells, n_kinds)
    starts = np.searchsorted(of_group, np.arange(of_group.max(initial=-1) + 2)).tolist()
    sizes = np.bincount(groups)
    shuffled = np.random.default_rng(seed).permutation(len(sizes))
    order = shuffled[np.argsort(-np.floor(np.log2(sizes[shuffled])), kind="stable")]
    shares, whole = counts / np.bincount(kinds, minlength=n_kinds)[kind], sizes / len(groups)
    loads, filled, found = np.zeros((n_kinds, folds)), np.zeros(folds), np.empty(len(sizes), dtype=np.int64)
    for group in order.tolist():
        own = slice(starts[group], starts[group + 1])
        fold = int((shares[own] @ loads[kind[own]] + whole[group] * filled).argmin())
        loads[kind[own], fold] += shares[own]
        filled[fold] += whole[group]
        found[group] = fold
    of_row: np.ndarray = found[groups]
    return of_row


def rows_before(groups: np.ndarray, held_out: np.ndarray) -> np.ndarray:
    """The rows of earlier times than all that are held out, ascending."""
    return np.flatnonzero(groups < groups[held_out].min())


def _check_leave_one_out(key: str, what: str, count: int) -> None:
    if count > MAX_LEAVE_ONE_OUT:
        raise config_error(
            key,
            f"leave_one_out trains a network for each of the {count:,} {what} (at most {MAX_LEAVE_ONE_OUT}); "
            "use 10 folds, which estimate the score as well here",
        )
    if count < 2:
        raise DataError(f"{key}: leave_one_out needs at least two {what}, got {count}")


def _rows_of(fold_of_row: np.ndarray, n_folds: int) -> list[np.ndarray]:
    """The rows of every fold, ascending."""
    order = np.argsort(fold_of_row, kind="stable")
    return np.split(order, np.bincount(fold_of_row, minlength=n_folds).cumsum()[:-1])


def _k_fold(n_rows: int, folds: int, seed: int, classes: np.ndarray | None) -> list[np.ndarray]:
    """Those of scikit-learn, whose import takes longer than most of what folds are used for."""
    rng = np.random.RandomState(seed)
    if classes is None:
        order = np.arange(n_rows)
        rng.shuffle(order)
        return [np.sort(part) for part in np.array_split(order, folds)]
    firsts, numbers = np.unique(classes, return_index=True, return_inverse=True)[1:]
    kinds = firsts.argsort().argsort()[numbers]  # classes in the order in which they come
    sorted_kinds, of_row = np.sort(kinds), np.empty(n_rows, dtype=np.int64)
    shares = [np.bincount(sorted_kinds[fold::folds], minlength=len(firsts)) for fold in range(folds)]
    for kind, counts in enumerate(np.transpose(shares)):
        own = np.arange(folds).repeat(counts)
        rng.shuffle(own)
        of_row[kinds == kind] = own
    return _rows_of(of_row, folds)


def _blocks(key: str, times: np.ndarray, folds: FoldCount) -> list[np.ndarray]:
    """Blocks of as many rows as whole times allow; the rows before the first block train the first network."""
    if folds == "leave_one_out":
        raise config_error(key, "leave_one_out would train on later rows than it predicts; use a number of folds")
    size = len(times) // (folds + 1)
    borders = time_borders(times, [len(times) - (folds - i) * size for i in range(folds)]) if size else None
    if borders is None:
        n_times = len(np.unique(times))
        raise config_error(
            key, f"{folds} folds by time need at least {folds + 1} different times, got {n_times}; use fewer folds"
        )
    block = np.searchsorted(borders, times, side="right")  # 0 before the first border
    return _rows_of(block, folds + 1)[1:]
