"""Selection and extraction on scaled rows, shared by tables and pictures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from mlcli.config.features import FeaturesConfig
from mlcli.features.extract import Project, fit_pca
from mlcli.features.report import Dropped
from mlcli.features.select import Selection, asks_for_rows, select_features
from mlcli.features.target import Goal


@dataclass(frozen=True)
class Narrowing:
    """Positions kept of all features, what became of the others, and the components in place of the kept ones."""

    keep: np.ndarray
    dropped: tuple[Dropped, ...]
    project: Project | None = None
    explained_variance: tuple[float, ...] = ()


def fit_narrowing(
    rows: Callable[[], np.ndarray],
    varied: Selection,
    names: tuple[str, ...],
    config: FeaturesConfig,
    seed: int,
    goal: Goal | None,
) -> Narrowing:
    """Fit the filters and PCA; rows() gives the scaled features kept by the variance filter, float64 (n, k).

    The rows are asked for only where the configuration needs them.
    """
    if not asks_for_rows(config.select) and config.extract is None:
        return Narrowing(varied.keep, varied.dropped)
    x = rows()
    selection = select_features(x, tuple(names[i] for i in varied.keep), config.select, goal)
    keep, dropped = varied.keep[selection.keep], varied.dropped + selection.dropped
    if config.extract is None:
        return Narrowing(keep, dropped)
    x = x if len(selection.keep) == x.shape[1] else x[:, selection.keep]
    return Narrowing(keep, dropped, *fit_pca(x, config.extract, seed))
