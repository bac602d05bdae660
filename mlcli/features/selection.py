"""Feature selection and extraction on scaled training rows."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mlcli.config.sections.features import FeaturesConfig, PcaConfig, SelectConfig
from mlcli.errors import DataError
from mlcli.features.blocks import BLOCK, multiply_rows
from mlcli.features.encoding import Floats, Target
from mlcli.features.report import Dropped
from mlcli.features.state import ArrayReader
from mlcli.io.text import counted

MAX_CORRELATED = 8192
# Rows of which cross products are taken at a time.
_ROWS = 8192


@dataclass(frozen=True, eq=False)
class Project:
    """(x − mean) @ components.

    mean : float64 (k,); components : float64 (k, c)
    """

    mean: Floats
    components: Floats

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the components."""
        return tuple(f"pca{i + 1}" for i in range(self.components.shape[1]))

    @classmethod
    def read(cls, reader: ArrayReader, n_features: int) -> Project | None:
        """The projection of a state, if it has one."""
        if not reader.has("project.mean"):
            return None
        return cls(reader.take("project.mean", n_features), reader.take("project.components", n_features, None))

    def state(self) -> dict[str, Floats]:
        """The fitted numbers by name."""
        return {"project.mean": self.mean, "project.components": self.components}

    def __call__(self, x: Floats) -> Floats:
        """Float64 (n, k) → (n, c); where n is a multiple of BLOCK, a row's result does not depend on the others."""
        centred = x - self.mean
        product: NDArray[np.float64] = (
            centred @ self.components if len(x) % BLOCK else multiply_rows(centred, self.components)
        )
        return product


@dataclass(frozen=True)
class FeatureSelection:
    """Ascending positions of the features kept, the dropped features, and the components of the kept ones."""

    keep: np.ndarray
    dropped: tuple[Dropped, ...] = ()
    project: Project | None = None
    explained_variance: tuple[float, ...] = ()

    def without(self, names: tuple[str, ...], excluded: Collection[str]) -> FeatureSelection:
        """Drop these features as well; names are of all features."""
        out = np.array([names[i] in excluded for i in self.keep], dtype=bool)
        dropped = [Dropped(names[i], "drop", 0.0) for i in self.keep[out]]
        return FeatureSelection(self.keep[~out], (*self.dropped, *dropped))


def by_variance(variances: np.ndarray, names: tuple[str, ...], bound: float | None, n_rows: int) -> FeatureSelection:
    """Keep features whose variance exceeds the bound; all of them for one row, which has no variance."""
    if bound is None or n_rows < 2:
        return FeatureSelection(np.arange(len(names)))
    kept = variances > bound
    dropped = [Dropped(names[i], "variance", float(variances[i])) for i in np.flatnonzero(~kept)]
    return FeatureSelection(np.flatnonzero(kept), tuple(dropped))


def fit_selection(
    rows: Callable[[], np.ndarray],
    varied: FeatureSelection,
    names: tuple[str, ...],
    config: FeaturesConfig,
    seed: int,
    target: Target | None,
) -> FeatureSelection:
    """Fit the filters and PCA.

    rows : gives the scaled features kept by the variance filter, float64 (n, k); called only where they are needed
    """
    select = config.select
    if all(part is None for part in (select.correlation, select.k_best, select.rfe, config.extract)):
        return varied
    x = rows()
    kept, dropped = _apply_filters(x, tuple(names[i] for i in varied.keep), select, target)
    selection = FeatureSelection(varied.keep[kept], (*varied.dropped, *dropped))
    if config.extract is None:
        return selection
    x = x if len(kept) == x.shape[1] else x[:, kept]
    project, explained = fit_pca(x, config.extract, seed)
    return replace(selection, project=project, explained_variance=explained)


def _apply_filters(
    x: np.ndarray, names: tuple[str, ...], config: SelectConfig, target: Target | None
) -> tuple[np.ndarray, list[Dropped]]:
    """Positions kept by the correlation filter, k_best and rfe in turn, of float64 x (n, k)."""
    keep = np.arange(len(names))
    dropped: list[Dropped] = []
    if config.correlation is not None:
        keep, dropped = _correlation_filter(x, names, config.correlation)
    for by, count in (("k_best", config.k_best), ("rfe", config.rfe)):
        if count is None:
            continue
        if count > len(keep):
            raise DataError(
                f"features.select.{by}: cannot keep {count} features of {len(keep)}; lower it, or set it to null"
            )
        if target is None:
            raise ValueError(f"select.{by} needs the target")
        select = _k_best if by == "k_best" else _rfe
        keep, lost = select(x, keep, names, count, target)
        dropped += lost
    return keep, dropped


def _correlation_filter(x: np.ndarray, names: tuple[str, ...], bound: float) -> tuple[np.ndarray, list[Dropped]]:
    """Drop each feature whose |Pearson correlation| with an earlier kept one exceeds the bound."""
    if x.shape[1] > MAX_CORRELATED:
        raise DataError(
            f"features.select.correlation: {x.shape[1]} features are too many to compare pairwise "
            f"(at most {MAX_CORRELATED}); set it to null"
        )
    gram = _centred_gram(x)
    deviation = np.sqrt(np.diag(gram))
    deviation[deviation == 0] = np.inf
    correlation = np.clip(gram / deviation[:, None] / deviation, -1.0, 1.0)
    kept: list[int] = []
    dropped = []
    for j in range(len(names)):
        earlier = correlation[j, kept]
        if len(kept) and np.abs(earlier).max() > bound:
            nearest = int(np.abs(earlier).argmax())
            dropped.append(Dropped(names[j], "correlation", float(earlier[nearest]), names[kept[nearest]]))
        else:
            kept.append(j)
    return np.array(kept, dtype=np.int64), dropped


def _k_best(
    x: np.ndarray, among: np.ndarray, names: tuple[str, ...], count: int, target: Target
) -> tuple[np.ndarray, list[Dropped]]:
    """Keep the highest F statistics (of several targets, the best one counts), the earlier of equal ones."""
    scores = _f_statistics(x[:, among], target)
    order = np.argsort(-scores, kind="stable")
    dropped = [Dropped(names[among[i]], "k_best", float(scores[i])) for i in np.sort(order[count:])]
    return among[np.sort(order[:count])], dropped


def _f_statistics(x: np.ndarray, target: Target) -> np.ndarray:
    from sklearn.feature_selection import f_classif, f_regression

    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        if target.classification:
            scores = f_classif(x, target.y)[0]
        else:
            scores = np.max([f_regression(x, column)[0] for column in target.y.T], axis=0)
    return np.nan_to_num(np.asarray(scores, dtype=np.float64), nan=0.0)


def _rfe(
    x: np.ndarray, among: np.ndarray, names: tuple[str, ...], count: int, target: Target
) -> tuple[np.ndarray, list[Dropped]]:
    """Drop, one after another, the feature with the smallest weight in a ridge regression (α = 1).

    Classes are regressed on as ±1, as in scikit-learn's RidgeClassifier. Removing a feature updates
    the inverse and the weights in closed form, so the rows are read once.
    """
    y = target.as_numbers() * 2.0 - 1.0 if target.classification else target.as_numbers()
    x = x[:, among]
    inverse = np.linalg.inv(_centred_gram(x) + np.eye(x.shape[1]))
    weights = inverse @ (x.T @ (y - y.mean(axis=0)))
    left = np.ones(len(among), dtype=bool)
    dropped = []
    for turn in range(1, len(among) - count + 1):
        importance = np.where(left, (weights**2).sum(axis=1), np.inf)
        j = int(importance.argmin())
        left[j] = False
        dropped.append(Dropped(names[among[j]], "rfe", float(turn)))
        column = inverse[:, j] / inverse[j, j]
        weights -= np.outer(column, weights[j])
        inverse -= np.outer(column, inverse[j])
    return among[left], dropped


def _centred_gram(x: np.ndarray) -> np.ndarray:
    """Cross products of the centred columns, float64 (k, k), without a centred copy of x."""
    mean = x.mean(axis=0)
    gram = np.zeros((x.shape[1], x.shape[1]))
    for start in range(0, len(x), _ROWS):
        centred = x[start : start + _ROWS] - mean
        gram += centred.T @ centred
    return gram


def fit_pca(x: np.ndarray, config: PcaConfig, seed: int) -> tuple[Project, tuple[float, ...]]:
    """Fit to scaled training rows (n, k); also the share of variance of each component."""
    n, k = x.shape
    if n < 2 or not (x.min(axis=0) < x.max(axis=0)).any():
        raise DataError(
            f"features.extract: principal components need different rows, got {counted(n, 'training row')} of "
            f"{counted(k, 'feature')}; "
            "remove extract"
        )
    if config.components > min(n, k):
        raise DataError(
            f"features.extract.components: {counted(k, 'feature')} in {n} training rows have at most "
            f"{counted(min(n, k), 'component')}, "
            f"got {config.components}; lower it"
        )
    from sklearn.decomposition import PCA

    pca = PCA(config.components, whiten=config.whiten, random_state=seed).fit(x)
    components = pca.components_.T
    if config.whiten:
        variance = pca.explained_variance_
        # A component that varies by rounding alone would multiply what new rows have of it by millions.
        some = variance > k * np.finfo(np.float64).eps * variance.max()
        components = np.where(some, components / np.sqrt(np.where(some, variance, 1.0)), 0.0)
    project = Project(pca.mean_, np.ascontiguousarray(components))
    return project, tuple(pca.explained_variance_ratio_.tolist())
