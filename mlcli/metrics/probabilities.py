"""Metrics of class probabilities that are means over rows, or made from such."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mlcli.metrics.family import Floats, Scores

# Of equal width; 15 are usual (Guo et al., 2017).
N_BINS = 15
# Σ over bins of how far each is from where it is without resampling.
ECE_NOISE = "ece_noise"
# What is left of promises that are kept to the letter.
ROUNDING = 1e-12


def log_loss_rows(truth: np.ndarray, probabilities: Floats) -> Floats:
    """−ln of the probability given to the true class, (n,); probabilities are kept off 0 as in scikit-learn."""
    given = probabilities[np.arange(len(truth)), truth]
    losses: Floats = -np.log(np.clip(given, np.finfo(np.float64).eps, 1.0))
    return losses


def brier_rows(truth: np.ndarray, probabilities: Floats) -> Floats:
    """Squared error of the probabilities (Brier, 1950), (n,): of the second of two classes, else summed over all."""
    of_true = probabilities[np.arange(len(truth)), truth]
    errors: Floats = np.square(1 - of_true)
    if probabilities.shape[1] > 2:
        errors += np.square(probabilities).sum(axis=1) - np.square(of_true)
    return errors


def top_rows(truth: np.ndarray, probabilities: Floats, k: int) -> Floats:
    """1 where the true class is among the k most probable, else 0, (n,); of equals the later class comes first."""
    given = probabilities[np.arange(len(truth)), truth][:, None]
    later = np.arange(probabilities.shape[1]) > truth[:, None]
    ahead = (probabilities > given) | ((probabilities == given) & later)
    hits: Floats = (ahead.sum(axis=1) < k).astype(np.float64)
    return hits


def promises(truth: np.ndarray, probabilities: Floats) -> tuple[Floats, NDArray[np.bool_]]:
    """What each row was promised, and whether it came true, (n,).

    Two classes: the second's probability. More: the highest, which promises a right answer.
    """
    if probabilities.shape[1] == 2:
        return probabilities[:, 1], truth == 1
    return probabilities.max(axis=1), truth == probabilities.argmax(axis=1)


def bins_of(promised: Floats) -> NDArray[np.int64]:
    """The bin of each probability, of N_BINS equally wide ones."""
    return np.clip(np.ceil(promised * N_BINS).astype(np.int64) - 1, 0, N_BINS - 1)


def calibration_columns(truth: np.ndarray, probabilities: Floats) -> Floats:
    """How much more was promised than came true, each row in its bin's column, (n, N_BINS)."""
    promised, came_true = promises(truth, probabilities)
    columns = np.zeros((len(truth), N_BINS))
    columns[np.arange(len(truth)), bins_of(promised)] = promised - came_true
    return columns


def _mean(means: Floats) -> Floats:
    return means[:, 0]


def _calibration_error(means: Floats) -> Floats:
    """Σ over bins of their share of rows · |mean probability − share that came true| (Naeini et al., 2015)."""
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
class ProbabilityFamily:
    """PROBABILITY_METRICS of rows, and ECE's noise.

    columns : (n, c), those of each metric side by side, ECE's last
    widths  : how many each has
    """

    columns: Floats
    widths: tuple[int, ...]
    names: tuple[str, ...]

    def scores(self, weights: np.ndarray) -> Scores:
        means = weights @ self.columns / weights.sum(axis=1, keepdims=True)
        parts = np.split(means, np.cumsum(self.widths)[:-1], axis=1)
        scores = {name: PROBABILITY_METRICS[name][1](part) for name, part in zip(self.names, parts, strict=True)}
        if "ece" in scores:
            bins = parts[self.names.index("ece")]
            scores[ECE_NOISE] = np.abs(bins - self.columns[:, -N_BINS:].mean(axis=0)).sum(axis=1)
        return scores


def probability_family(truth: np.ndarray, probabilities: Floats, names: Sequence[str]) -> ProbabilityFamily:
    """truth: (n,) class indices; probabilities: (n, K); names: of PROBABILITY_METRICS."""
    parts = [PROBABILITY_METRICS[name][0](truth, probabilities).reshape(len(truth), -1) for name in names]
    return ProbabilityFamily(np.hstack(parts), tuple(part.shape[1] for part in parts), tuple(names))
