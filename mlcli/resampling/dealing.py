"""Rows dealt into folds."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Literal

import numpy as np

from mlcli.errors import DataError, config_error

KEY = "evaluation.folds"
MOST_LEFT_OUT = 500
Folds = list[np.ndarray]


def deal_folds(
    n_rows: int,
    folds: int | Literal["leave_one_out"],
    repeats: int,
    seed: int,
    classes: np.ndarray | None,
    key: str = KEY,
) -> list[Folds]:
    """The rows that each fold holds out, ascending, for every repeat; each row is in one fold of a repeat.

    classes : (n_rows,) the class of each row, whose shares every fold keeps; None for regression
    key     : what asks for the folds, for messages

    Repeat r (from 0) deals as scikit-learn's StratifiedKFold or KFold (shuffle=True, random_state=seed + r) does.
    Raises ConfigError for more folds than rows, or than rows of any class, and for too many rows to leave out singly.
    """
    if folds == "leave_one_out":
        require_few_rows(n_rows)
        return [list(np.arange(n_rows)[:, np.newaxis])]
    require_enough_rows(n_rows, folds, classes, key)
    return [list(_deal(n_rows, folds, seed + repeat, classes)) for repeat in range(repeats)]


def _deal(n_rows: int, folds: int, seed: int, classes: np.ndarray | None) -> Iterator[np.ndarray]:
    from sklearn.model_selection import KFold, StratifiedKFold

    splitter = KFold if classes is None else StratifiedKFold
    with warnings.catch_warnings():  # a class with fewer rows than folds is in some folds only, as it must be
        warnings.simplefilter("ignore", UserWarning)
        for _, held_out in splitter(folds, shuffle=True, random_state=seed).split(np.empty(n_rows), classes):
            yield held_out


def require_few_rows(n_rows: int) -> None:
    """Raise ConfigError where leaving out each row would train too many networks."""
    if n_rows > MOST_LEFT_OUT:
        raise config_error(
            KEY,
            f"leave_one_out trains a network for each of the {n_rows:,} rows, and {MOST_LEFT_OUT} are the most; "
            "10 folds tell as much here",
        )
    if n_rows < 2:
        raise DataError(f"{KEY}: there must be two rows or more to leave one out; there are {n_rows}")


def require_enough_rows(n_rows: int, folds: int, classes: np.ndarray | None, key: str = KEY) -> None:
    """Raise ConfigError where a fold, or a fold of every class, would have no rows."""
    most = n_rows if classes is None else int(np.bincount(classes).max())
    if most < folds:
        what = "rows" if classes is None else "rows of the largest class"
        raise config_error(key, f"{folds} folds need as many {what}, and there are {most}; use fewer folds")
