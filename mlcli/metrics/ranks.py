"""Areas under curves: metrics of the order that scores put rows in.

Each is a function of how often each row counts, so that a thousand resamples need one sort.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mlcli.metrics.family import Floats, Scores
from mlcli.task import Predictions

RANK_METRICS = ("roc_auc", "pr_auc")


def ranking_scores(predictions: Predictions) -> np.ndarray:
    """What rows are ordered by, float64 (n, K): probabilities, else the one output and its negative."""
    if predictions.probabilities is not None:
        return predictions.probabilities
    margin = predictions.scores[:, :1]
    return np.hstack([-margin, margin])


@dataclass(frozen=True, eq=False)
class Ranking:
    """Rows of one class among the others, from the highest score down; rows of equal score are one level.

    order     : (n,) rows by falling score
    positives : (p,) places in that order of the rows of the class
    levels    : (g,) places among them at which a level that holds some ends
    before    : (g,) rows above those levels
    through   : (g,) rows above and in them
    """

    order: np.ndarray
    positives: np.ndarray
    levels: np.ndarray
    before: np.ndarray
    through: np.ndarray

    def areas(self, weights: np.ndarray) -> tuple[Floats, Floats]:
        """Under the ROC and the precision-recall curve, each (r,), of rows that count `weights` times, (r, n).

        NaN where the class has no rows or all.
        """
        ordered = weights[:, self.order]
        rows = _cumulate(ordered)
        hits = _cumulate(ordered[:, self.positives])[:, self.levels]
        n_hits, n_misses = hits[:, -1], rows[:, -1] - hits[:, -1]
        gained = np.diff(hits, axis=1)
        hits_before, hits = hits[:, :-1], hits[:, 1:]
        through = rows[:, self.through]
        misses = (rows[:, self.before] - hits_before) + (through - hits)
        defined = (n_hits > 0) & (n_misses > 0)
        with np.errstate(invalid="ignore", divide="ignore"):
            roc = 1 - np.einsum("rg,rg->r", gained, misses / 2) / (n_hits * n_misses.astype(float))
            precision = np.einsum("rg,rg->r", gained, hits / np.maximum(through, 1)) / n_hits
        return np.where(defined, roc, np.nan), np.where(defined, precision, np.nan)


def rank_class(truth: np.ndarray, scores: np.ndarray) -> Ranking:
    """truth: (n,) whether a row is of the class; scores: (n,)."""
    order = np.argsort(-scores, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(scores[order])) + 1, len(order))
    positives = np.flatnonzero(truth[order])
    through = ends[np.searchsorted(ends, positives, side="right")]
    last = np.append(np.flatnonzero(np.diff(through)), len(through) - 1)
    through = through[last]
    before = np.append(0, ends)[np.searchsorted(ends, through)]
    return Ranking(order, positives, np.append(0, last + 1), before, through)


def _cumulate(counts: np.ndarray) -> np.ndarray:
    """Running sums along rows, from 0 on: (r, n) → (r, n + 1)."""
    sums = np.zeros((len(counts), counts.shape[1] + 1), counts.dtype)
    np.cumsum(counts, axis=1, out=sums[:, 1:])
    return sums


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
