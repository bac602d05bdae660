"""Areas under curves: metrics of the order that scores put rows in.

Each is a function of how often each row counts, so that a thousand resamples need one sort.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mlcli.metrics.family import Floats, Scores, cached_portions
from mlcli.task import Predictions

RANK_METRICS = ("roc_auc", "pr_auc")


def ranking_scores(predictions: Predictions) -> np.ndarray:
    """What rows are ordered by, float64 (n, K): probabilities, else the one output and its negative."""
    if predictions.probabilities is not None:
        return predictions.probabilities
    margin = predictions.scores[:, :1]
    return np.hstack([-margin, margin])


@dataclass(frozen=True, eq=False)
class Ties:
    """Levels of equal score, told for each row of a class that is ranked among others.

    start, end : (p,) rows above the level; the level's last row
    first, last : (p,) rows of the class above the level; the level's last one of them
    """

    start: np.ndarray
    end: np.ndarray
    first: np.ndarray
    last: np.ndarray


@dataclass(frozen=True, eq=False)
class Ranking:
    """Rows of one class among the others, from the highest score down.

    order     : (n,) rows by falling score; None where they stand in it
    positives : (p,) places in that order of the rows of the class
    ties      : None where no two rows have the same score
    """

    order: np.ndarray | None
    positives: np.ndarray
    ties: Ties | None

    def areas(self, weights: np.ndarray) -> Floats:
        """Under the ROC and the precision-recall curve, (2, r), of rows that count `weights` times, (r, n)."""
        return np.concatenate([self._areas(portion) for portion in cached_portions(weights)], axis=1)

    def _areas(self, weights: np.ndarray) -> Floats:
        """NaN where the class has no rows or all."""
        rows = weights if self.order is None else weights.take(self.order, axis=1)
        hits = rows.take(self.positives, axis=1)
        through, found = _running(rows), _running(hits)
        n_rows, n_hits = through[:, -1], found[:, -1]
        if self.ties is None:
            through = through.take(self.positives, axis=1)
            misses = (through - found).astype(np.float64)
        else:
            before = _from_zero(through).take(self.ties.start, axis=1) - _from_zero(found).take(self.ties.first, axis=1)
            through, found = through.take(self.ties.end, axis=1), found.take(self.ties.last, axis=1)
            misses = (before + (through - found)) / 2
        gained = hits.astype(np.float64)
        misranked = np.einsum("rp,rp->r", gained, misses)
        precision = np.einsum("rp,rp->r", gained, found / np.maximum(through, 1))
        pairs = n_hits * (n_rows - n_hits).astype(np.float64)
        areas = np.full((2, len(weights)), np.nan)
        np.divide(pairs - misranked, pairs, out=areas[0], where=pairs > 0)
        np.divide(precision, n_hits, out=areas[1], where=pairs > 0)
        return areas


def rank_class(truth: np.ndarray, scores: np.ndarray) -> Ranking:
    """truth: (n,) whether a row is of the class; scores: (n,)."""
    order = np.argsort(-scores, kind="stable")
    positives = np.flatnonzero(truth[order])
    starts = np.append(0, np.flatnonzero(np.diff(scores[order])) + 1)
    ties = None
    if len(starts) < len(order):
        level = np.searchsorted(starts, positives, side="right") - 1
        start, end = starts[level], np.append(starts, len(order))[level + 1] - 1
        first, last = np.searchsorted(positives, start), np.searchsorted(positives, end, side="right") - 1
        ties = Ties(start, end, first, last)
    return Ranking(None if (np.diff(order) == 1).all() else order, positives, ties)


def _running(counts: np.ndarray) -> np.ndarray:
    """Running sums along rows; as many rows as there are fit the counts' own type."""
    return np.cumsum(counts, axis=1, dtype=counts.dtype)


def _from_zero(running: np.ndarray) -> np.ndarray:
    return np.pad(running, ((0, 0), (1, 0)))


@dataclass(frozen=True, eq=False)
class RankFamily:
    """ROC-AUC and PR-AUC (average precision) of the second of two classes.

    Of more, each class is ranked against the others; the mean is over classes that some rows have and some have not.
    """

    rankings: tuple[Ranking, ...]

    def scores(self, weights: np.ndarray) -> Scores:
        areas = np.array([ranking.areas(weights) for ranking in self.rankings])
        if not len(areas):
            nothing = np.full(len(weights), np.nan)
            return dict.fromkeys(RANK_METRICS, nothing)
        defined = np.isfinite(areas)
        with np.errstate(invalid="ignore"):
            roc, precision = np.where(defined, areas, 0).sum(axis=0) / defined.sum(axis=0)
        return dict(zip(RANK_METRICS, (roc, precision), strict=True))


def rank_family(truth: np.ndarray, scores: np.ndarray) -> RankFamily:
    """truth: (n,) class indices; scores: (n, K)."""
    present = np.unique(truth).tolist()
    classes: Sequence[int] = [1] if scores.shape[1] == 2 else present
    return RankFamily(tuple(rank_class(truth == k, scores[:, k]) for k in classes if k in present))
