"""Feature selection and extraction on scaled training rows."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Collection
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from mlcli.config.sections.features import FeaturesConfig, PcaConfig, SelectConfig
from mlcli.errors import DataError
from mlcli.features.encoding import Target
from mlcli.features.report import Dropped
from mlcli.features.state import TensorReader

BLOCK = 64
_LANES = 16


class Project(nn.Module):
    """(x − mean) @ components.

    mean : float64 (k,); components : float64 (k, c)
    """

    mean: torch.Tensor
    components: torch.Tensor
    padded: torch.Tensor

    def __init__(self, mean: torch.Tensor, components: torch.Tensor) -> None:
        super().__init__()
        self.register_buffer("mean", mean)
        self.register_buffer("components", components)
        padding = components.new_zeros(len(components), -components.shape[1] % _LANES)
        self.register_buffer("padded", torch.cat([components, padding], dim=1), persistent=False)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the components."""
        return tuple(f"pca{i + 1}" for i in range(self.components.shape[1]))

    @classmethod
    def read(cls, reader: TensorReader, n_features: int) -> Project | None:
        """The projection of a state, if it has one."""
        if not reader.has("project.mean"):
            return None
        return cls(reader.take("project.mean", n_features), reader.take("project.components", n_features, None))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Float64 (n, k) → (n, c); where n is a multiple of 64, a row's result does not depend on the others.

        Matrix products round differently for different shapes; blocks of one shape, with whole
        vectors of columns, give every row the same arithmetic.
        """
        centred = x - self.mean
        if torch.compiler.is_exporting() or len(x) % BLOCK:
            return centred @ self.components
        blocks = centred.reshape(-1, BLOCK, centred.shape[1])
        return torch.bmm(blocks, self.padded.expand(len(blocks), -1, -1)).flatten(0, 1)[:, : self.components.shape[1]]


def fit_pca(x: np.ndarray, config: PcaConfig, seed: int) -> tuple[Project, tuple[float, ...]]:
    """Fit to scaled training rows (n, k); also the share of variance of each component."""
    n, k = x.shape
    if n < 2 or not (x.min(axis=0) < x.max(axis=0)).any():
        raise DataError(
            f"features.extract: principal components need rows that differ, got {n} training row(s) of {k} features; "
            "remove extract"
        )
    if config.components > min(n, k):
        raise DataError(
            f"features.extract.components: {config.components} asked, but {k} features in {n} training rows "
            f"have at most {min(n, k)}; lower it"
        )
    from sklearn.decomposition import PCA

    pca = PCA(config.components, whiten=config.whiten, random_state=seed).fit(x)
    components = pca.components_.T
    if config.whiten:
        components = components / np.sqrt(np.maximum(pca.explained_variance_, np.finfo(np.float64).eps))
    project = Project(torch.from_numpy(pca.mean_), torch.from_numpy(np.ascontiguousarray(components)))
    return project, tuple(pca.explained_variance_ratio_.tolist())


MAX_CORRELATED = 8192
_ROWS = 8192


@dataclass(frozen=True)
class Selection:
    """Positions of the features kept, ascending, and what became of the others."""

    keep: np.ndarray
    dropped: tuple[Dropped, ...]


def by_variance(variances: np.ndarray, names: tuple[str, ...], threshold: float | None, n_rows: int) -> Selection:
    """Keep features whose variance exceeds the threshold; one row has no variance to judge by."""
    if threshold is None or n_rows < 2:
        return Selection(np.arange(len(names)), ())
    kept = variances > threshold
    dropped = [Dropped(names[i], "variance", float(variances[i])) for i in np.flatnonzero(~kept)]
    return Selection(np.flatnonzero(kept), tuple(dropped))


def without(selection: Selection, names: tuple[str, ...], gone: Collection[str]) -> Selection:
    """Leave these out of the features kept so far."""
    out = np.array([names[i] in gone for i in selection.keep], dtype=bool)
    dropped = [Dropped(names[i], "drop", 0.0) for i in selection.keep[out]]
    return Selection(selection.keep[~out], (*selection.dropped, *dropped))


def asks_for_rows(config: SelectConfig) -> bool:
    """Whether any filter but the variance one is on."""
    return config.correlation is not None or config.k_best is not None or config.rfe is not None


def select_features(x: np.ndarray, names: tuple[str, ...], config: SelectConfig, goal: Target | None) -> Selection:
    """Apply the correlation filter, k_best and rfe in turn to float64 x (n, k)."""
    keep, dropped = np.arange(len(names)), []
    if config.correlation is not None:
        keep, lost = _correlation_filter(x, names, config.correlation)
        dropped += lost
    for by, count in (("k_best", config.k_best), ("rfe", config.rfe)):
        if count is None:
            continue
        if count > len(keep):
            raise DataError(
                f"features.select.{by}: {count} features are to be kept, but only {len(keep)} are there; "
                "lower it, or set it to null"
            )
        if goal is None:
            raise ValueError(f"select.{by} needs the target")
        chosen, lost = _k_best(x, keep, names, count, goal) if by == "k_best" else _rfe(x, keep, names, count, goal)
        keep, dropped = chosen, dropped + lost
    return Selection(keep, tuple(dropped))


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
        rivals = correlation[j, kept]
        if len(kept) and np.abs(rivals).max() > bound:
            nearest = int(np.abs(rivals).argmax())
            dropped.append(Dropped(names[j], "correlation", float(rivals[nearest]), names[kept[nearest]]))
        else:
            kept.append(j)
    return np.array(kept, dtype=np.int64), dropped


def _k_best(
    x: np.ndarray, among: np.ndarray, names: tuple[str, ...], count: int, goal: Target
) -> tuple[np.ndarray, list[Dropped]]:
    """Keep the highest F statistics (of several targets, the best one counts), the earlier of equal ones."""
    scores = _f_statistics(x[:, among], goal)
    order = np.argsort(-scores, kind="stable")
    dropped = [Dropped(names[among[i]], "k_best", float(scores[i])) for i in np.sort(order[count:])]
    return among[np.sort(order[:count])], dropped


def _f_statistics(x: np.ndarray, goal: Target) -> np.ndarray:
    from sklearn.feature_selection import f_classif, f_regression

    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        if goal.classification:
            scores = f_classif(x, goal.y)[0]
        else:
            scores = np.max([f_regression(x, column)[0] for column in goal.y.T], axis=0)
    return np.nan_to_num(np.asarray(scores, dtype=np.float64), nan=0.0)


def _rfe(
    x: np.ndarray, among: np.ndarray, names: tuple[str, ...], count: int, goal: Target
) -> tuple[np.ndarray, list[Dropped]]:
    """Drop, one after another, the feature with the smallest weight in a ridge regression (α = 1).

    Classes are regressed on as ±1, as in scikit-learn's RidgeClassifier. Removing a feature updates
    the inverse and the weights in closed form, so the rows are read once.
    """
    y = goal.as_numbers() * 2.0 - 1.0 if goal.classification else goal.as_numbers()
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


@dataclass(frozen=True)
class FeatureSelection:
    """Positions kept of all features, what became of the others, and the components in place of the kept ones."""

    keep: np.ndarray
    dropped: tuple[Dropped, ...]
    project: Project | None = None
    explained_variance: tuple[float, ...] = ()


def fit_selection(
    rows: Callable[[], np.ndarray],
    varied: Selection,
    names: tuple[str, ...],
    config: FeaturesConfig,
    seed: int,
    goal: Target | None,
) -> FeatureSelection:
    """Fit the filters and PCA; rows() gives the scaled features kept by the variance filter, float64 (n, k).

    The rows are asked for only where the configuration needs them.
    """
    if not asks_for_rows(config.select) and config.extract is None:
        return FeatureSelection(varied.keep, varied.dropped)
    x = rows()
    selection = select_features(x, tuple(names[i] for i in varied.keep), config.select, goal)
    keep, dropped = varied.keep[selection.keep], varied.dropped + selection.dropped
    if config.extract is None:
        return FeatureSelection(keep, dropped)
    x = x if len(selection.keep) == x.shape[1] else x[:, selection.keep]
    return FeatureSelection(keep, dropped, *fit_pca(x, config.extract, seed))
