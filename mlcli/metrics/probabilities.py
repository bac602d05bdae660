"""Metrics of class probabilities, and of the ranking of rows by their scores."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mlcli.metrics.blocks import BlockRanking, Blocks, block_ranking
from mlcli.metrics.intervals import CACHED_ROWS, Floats, Scores, cached_portions
from mlcli.models.predictions import Predictions

# Calibration bins of equal width; 15 are usual (Guo et al., 2017).
N_BINS = 15
# A resample's distance from the sample: Σ over bins of the absolute change of their term of ECE.
ECE_NOISE = "ece_noise"
# ECE of perfectly calibrated predictions, up to rounding.
ROUNDING = 1e-12
RANK_METRICS = ("roc_auc", "pr_auc")
# Fewer rows are sorted by comparisons.
FEW = 20_000


def log_loss_rows(truth: np.ndarray, probabilities: Floats) -> Floats:
    """−ln of the true class's probability, (n,); probabilities are clipped above 0 as in scikit-learn."""
    of_true = probabilities[np.arange(len(truth)), truth]
    losses: Floats = -np.log(np.clip(of_true, np.finfo(np.float64).eps, 1.0))
    return losses


def brier_rows(truth: np.ndarray, probabilities: Floats) -> Floats:
    """Squared error of the probabilities (Brier, 1950), (n,): for two classes the second's, else the sum over all."""
    of_true = probabilities[np.arange(len(truth)), truth]
    errors: Floats = np.square(1 - of_true)
    if probabilities.shape[1] > 2:
        errors += np.square(probabilities).sum(axis=1) - np.square(of_true)
    return errors


def top_rows(truth: np.ndarray, probabilities: Floats, k: int) -> Floats:
    """1 where the true class is among the k most probable, else 0, (n,); of equal ones the later class comes first."""
    of_true = probabilities[np.arange(len(truth)), truth][:, None]
    later = np.arange(probabilities.shape[1]) > truth[:, None]
    ahead = (probabilities > of_true) | ((probabilities == of_true) & later)
    hits: Floats = (ahead.sum(axis=1) < k).astype(np.float64)
    return hits


def confidence(truth: np.ndarray, probabilities: Floats) -> tuple[Floats, NDArray[np.bool_]]:
    """The probability of an event in each row, and whether it occurred, (n,).

    The event is the second of two classes; with more classes, that the most probable one is the true one.
    """
    if probabilities.shape[1] == 2:
        return probabilities[:, 1], truth == 1
    return probabilities.max(axis=1), truth == probabilities.argmax(axis=1)


def bins_of(probability: Floats) -> NDArray[np.int64]:
    """The calibration bin of each probability."""
    return np.clip(np.ceil(probability * N_BINS).astype(np.int64) - 1, 0, N_BINS - 1)


def calibration_columns(truth: np.ndarray, probabilities: Floats) -> Floats:
    """Predicted probability minus outcome (0 or 1) of each row, in its bin's column, (n, N_BINS)."""
    probability, occurred = confidence(truth, probabilities)
    columns = np.zeros((N_BINS, len(truth)))
    columns[bins_of(probability), np.arange(len(truth))] = probability - occurred
    return columns.T


def _mean(means: Floats) -> Floats:
    return means[:, 0]


def _calibration_error(means: Floats) -> Floats:
    """Sum over bins of (share of rows) · |mean probability − observed share| (Naeini et al., 2015)."""
    error: Floats = np.abs(means).sum(axis=1)
    return np.where(error > ROUNDING, error, 0.0)


Columns = Callable[[np.ndarray, Floats], Floats]
PROBABILITY_METRICS: dict[str, tuple[Columns, Callable[[Floats], Floats]]] = {
    "log_loss": (log_loss_rows, _mean),
    "brier": (brier_rows, _mean),
    "top_3_accuracy": (lambda truth, probabilities: top_rows(truth, probabilities, 3), _mean),
    "top_5_accuracy": (lambda truth, probabilities: top_rows(truth, probabilities, 5), _mean),
    "ece": (calibration_columns, _calibration_error),
}


@dataclass(frozen=True, eq=False)
class ProbabilityMetrics:
    """PROBABILITY_METRICS of rows, and ECE's noise.

    columns : (n, c), those of each metric side by side, ECE's last
    widths  : how many each has
    means   : (c,), over the rows
    """

    columns: Floats
    widths: tuple[int, ...]
    names: tuple[str, ...]
    means: Floats

    def scores(self, weights: np.ndarray) -> Scores:
        means = weights @ self.columns / weights.sum(axis=1, keepdims=True)
        parts = np.split(means, np.cumsum(self.widths)[:-1], axis=1)
        scores = {name: PROBABILITY_METRICS[name][1](part) for name, part in zip(self.names, parts, strict=True)}
        if "ece" in scores:
            bins = parts[self.names.index("ece")]
            scores[ECE_NOISE] = np.abs(bins - self.means[-N_BINS:]).sum(axis=1)
        return scores

    def in_blocks(self, blocks: Blocks) -> ProbabilityMetrics:
        """Of blocks of rows in place of rows."""
        return replace(self, columns=blocks.means(self.columns))


def probability_metrics(
    truth: np.ndarray, probabilities: Floats, names: Sequence[str], weights: np.ndarray | None = None
) -> ProbabilityMetrics:
    """truth: (n,) class indices; probabilities: (n, K); names: of PROBABILITY_METRICS; weights: (n,)."""
    widths = tuple(N_BINS if name == "ece" else 1 for name in names)
    columns = np.empty((sum(widths), len(truth))).T  # each column in one piece of memory
    for start in range(0, len(truth), CACHED_ROWS):
        part = slice(start, start + CACHED_ROWS)
        own = [PROBABILITY_METRICS[name][0](truth[part], probabilities[part]) for name in names]
        columns[part] = np.column_stack(own)
    means = columns.mean(axis=0) if weights is None else weights @ columns / weights.sum()
    return ProbabilityMetrics(columns, widths, tuple(names), means)


def ranking_scores(predictions: Predictions) -> np.ndarray:
    """What rows are ranked by for each class, float64 (n, K): probabilities, else the output and its negative."""
    if predictions.probabilities is not None:
        return predictions.probabilities
    margin = predictions.scores[:, :1]
    return np.hstack([-margin, margin])


@dataclass(frozen=True, eq=False)
class Ranking:
    """The rows of one class among all rows, ranked by descending score.

    order     : (n,) the ranking; None where the rows are already in it
    positives : (p,) positions in the ranking of the rows of the class
    ties      : for each of these rows, (p,), the first and last position among all rows of equal score, and the same
                counting rows of the class only; None where all scores differ
    """

    order: np.ndarray | None
    positives: np.ndarray
    ties: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray] | None

    def areas(self, weights: np.ndarray) -> Floats:
        """Under the ROC and the precision-recall curve, (2, r), of rows that count `weights` times, (r, n)."""
        return np.concatenate([self._areas(portion) for portion in cached_portions(weights)], axis=1)

    def _areas(self, weights: np.ndarray) -> Floats:
        """NaN where no rows or all rows are of the class."""
        rows = weights if self.order is None else weights.take(self.order, axis=1)
        hits = rows.take(self.positives, axis=1)
        through, found = _running(rows), _running(hits)
        n_rows, n_hits = through[:, -1], found[:, -1]
        if self.ties is None:
            through = through.take(self.positives, axis=1)
            misses = (through - found).astype(np.float64)
        else:
            start, end, first, last = self.ties
            before = _from_zero(through).take(start, axis=1) - _from_zero(found).take(first, axis=1)
            through, found = through.take(end, axis=1), found.take(last, axis=1)
            misses = (before + (through - found)) / 2
        gained = hits.astype(np.float64)
        misranked = np.einsum("rp,rp->r", gained, misses)
        least = 1 if through.dtype.kind == "i" else np.finfo(np.float64).tiny
        precision = np.einsum("rp,rp->r", gained, found / np.maximum(through, least))
        pairs = n_hits * (n_rows - n_hits).astype(np.float64)
        areas = np.full((2, len(weights)), np.nan)
        np.divide(pairs - misranked, pairs, out=areas[0], where=pairs > 0)
        np.divide(precision, n_hits, out=areas[1], where=pairs > 0)
        return areas

    def in_blocks(self, blocks: Blocks, n_rankings: int) -> BlockRanking:
        """Of blocks of rows in place of rows."""
        order = np.arange(len(blocks.of_row)) if self.order is None else self.order
        ends = self.positives if self.ties is None else self.ties[1]
        return block_ranking(blocks, order, self.positives, ends, n_rankings)


def descending(scores: Floats) -> NDArray[np.int64]:
    """The stable order of finite scores (n,), highest first: many by 16 bits after the other (radix sort)."""
    if len(scores) < FEW:
        return np.argsort(-scores, kind="stable")
    bits = (0.0 - scores).view(np.int64)
    digits = (bits ^ (bits >> 63 | np.int64(-(2**63)))).astype("<i8", copy=False).view("<u2").reshape(-1, 4).T.copy()
    order = np.argsort(digits[0], kind="stable")
    for own in digits[1:]:
        order = order[np.argsort(own.take(order), kind="stable")]
    return order


def rank_class(truth: np.ndarray, scores: np.ndarray) -> Ranking:
    """truth: (n,) whether a row is of the class; scores: (n,)."""
    order = descending(scores)
    positives = np.flatnonzero(truth[order])
    starts = np.append(0, np.flatnonzero(np.diff(scores[order])) + 1)
    ties = None
    if len(starts) < len(order):
        level = np.searchsorted(starts, positives, side="right") - 1
        start, end = starts[level], np.append(starts, len(order))[level + 1] - 1
        first, last = np.searchsorted(positives, start), np.searchsorted(positives, end, side="right") - 1
        ties = start, end, first, last
    return Ranking(None if (np.diff(order) == 1).all() else order, positives, ties)


def _running(counts: np.ndarray) -> np.ndarray:
    """Cumulative sums along rows; counts fit their own type, since no sum exceeds the number of rows."""
    return np.cumsum(counts, axis=1, dtype=counts.dtype)


def _from_zero(running: np.ndarray) -> np.ndarray:
    return np.pad(running, ((0, 0), (1, 0)))


@dataclass(frozen=True, eq=False)
class RankMetrics:
    """ROC-AUC and PR-AUC (average precision) of the second of two classes.

    With more classes, each is ranked against the others, and the mean is over those for which the area is defined.
    """

    rankings: tuple[Ranking | BlockRanking, ...]

    def scores(self, weights: np.ndarray) -> Scores:
        areas = np.array([ranking.areas(weights) for ranking in self.rankings])
        if not len(areas):
            nothing = np.full(len(weights), np.nan)
            return dict.fromkeys(RANK_METRICS, nothing)
        defined = np.isfinite(areas)
        with np.errstate(invalid="ignore"):
            roc, precision = np.where(defined, areas, 0).sum(axis=0) / defined.sum(axis=0)
        return dict(zip(RANK_METRICS, (roc, precision), strict=True))

    def in_blocks(self, blocks: Blocks) -> RankMetrics:
        """Of blocks of rows in place of rows."""
        exact = [own for own in self.rankings if isinstance(own, Ranking)]
        return RankMetrics(tuple(own.in_blocks(blocks, len(exact)) for own in exact))


def rank_metrics(truth: np.ndarray, scores: np.ndarray) -> RankMetrics:
    """truth: (n,) class indices; scores: (n, K)."""
    present = np.unique(truth).tolist()
    classes: Sequence[int] = [1] if scores.shape[1] == 2 else present
    return RankMetrics(tuple(rank_class(truth == k, scores[:, k]) for k in classes if k in present))
