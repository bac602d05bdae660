"""One measure of predictions for every task: the share of the constant guess's squared error that they avoid."""

from __future__ import annotations

import numpy as np


def skill_of(truth: np.ndarray, predicted: np.ndarray) -> float:
    """1 − Σ(predicted − truth)² / Σ(mean − truth)²: 0 is guessing and 1 perfect.

    truth, predicted : (n, K) classes as ones and zeros, and their probabilities: Brier's skill score (Murphy, 1973);
                       or (n, n_targets) numbers: R² over all targets
    """
    spread = np.square(truth - truth.mean(axis=0)).sum()
    return float(1 - np.square(predicted - truth).sum() / spread) if spread > 0 else 1.0
