"""Many rows in random blocks, which are resampled in their place: the time no longer grows with rows × resamples.

The sum over the rows of a random block varies as the sum over as many single rows does, so that drawing whole blocks
gives the bootstrap's spread, within 1 / √(2 · N_BLOCKS), or 2 %, of it (Künsch, 1989; Kleiner et al., 2014).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mlcli.metrics.intervals import Floats

# More rows are resampled in blocks.
MAX_SINGLE_ROWS, N_BLOCKS = 8_000, 1024
# Bins of ranked rows, over all classes that are ranked, and of each at least; rows of one bin count as tied.
N_RANKS, LEAST_RANKS = 1024, 128


@dataclass(frozen=True, eq=False)
class Blocks:
    """Rows by blocks.

    of_row  : int64 (n,), the block of each row
    sizes   : (m,), rows of each block, or the sum of their weights
    weights : (n,), of the rows as multiples of their mean; None where all count alike
    """

    of_row: np.ndarray
    sizes: np.ndarray
    weights: np.ndarray | None = None

    @classmethod
    def draw(cls, n_rows: int, groups: np.ndarray | None, seed: int, weights: np.ndarray | None = None) -> Blocks:
        """Each of as many rows, or groups, which are numbered from 0 without gaps; a group each where these are few."""
        n_units = n_rows if groups is None else int(groups.max()) + 1
        unit = np.random.default_rng(seed).permutation(n_units) % N_BLOCKS if n_units > N_BLOCKS else np.arange(n_units)
        of_row = unit if groups is None else unit[groups]
        weights = None if weights is None else weights / weights.mean()
        return cls(of_row, np.bincount(of_row, weights), weights)

    def means(self, columns: Floats) -> Floats:
        """Of each column over the rows of each block: (n, c) → (m, c)."""
        own = columns if self.weights is None else columns * self.weights[:, np.newaxis]
        sums = [np.bincount(self.of_row, weights=column, minlength=len(self.sizes)) for column in own.T]
        found: Floats = np.stack(sums, axis=1) / self.sizes[:, np.newaxis]
        return found

    def shares(self, rows: np.ndarray, bins: np.ndarray, n_bins: int) -> np.ndarray:
        """How many of these rows are in each bin, as a share of their block's rows: float32 (m, n_bins)."""
        own = None if self.weights is None else self.weights[rows]
        cells = np.bincount(self.of_row[rows] * n_bins + bins, own, minlength=len(self.sizes) * n_bins)
        found: np.ndarray = (cells.reshape(-1, n_bins) / self.sizes[:, np.newaxis]).astype(np.float32)
        return found


@dataclass(frozen=True, eq=False)
class BlockRanking:
    """Ranked rows of blocks in bins, the highest scores first; hits, rows: float32 (m, bins), `Blocks.shares`."""

    hits: np.ndarray
    rows: np.ndarray

    def areas(self, weights: np.ndarray) -> Floats:
        """Under the ROC and the precision-recall curve, (2, r), of weights (r, m) that are multiples of the sizes."""
        exact = weights.astype(np.float32)
        hits, rows = ((exact @ own).astype(np.float64) for own in (self.hits, self.rows))
        found, through = hits.cumsum(axis=1), rows.cumsum(axis=1)
        misses = through - found - (rows - hits) / 2
        n_hits, n_rows = found[:, -1], through[:, -1]
        pairs = n_hits * (n_rows - n_hits)
        areas = np.full((2, len(weights)), np.nan)
        defined = (n_hits > 0.5) & (n_rows - n_hits > 0.5)
        np.divide(pairs - (hits * misses).sum(axis=1), pairs, out=areas[0], where=defined)
        precision = np.divide(hits * found, through, out=np.zeros(hits.shape), where=through > 0).sum(axis=1)
        np.divide(precision, n_hits, out=areas[1], where=defined)
        return areas


@dataclass(frozen=True, eq=False)
class BlockOrder:
    """Sorted errors of one target in bins of as many rows: rows (m, bins) as `Blocks.shares`, edges (bins + 1,)."""

    rows: np.ndarray
    edges: Floats

    def median(self, weights: np.ndarray) -> Floats:
        """Interpolated within its bin, (r,), of weights (r, m) that are multiples of the sizes."""
        counts = (weights.astype(np.float32) @ self.rows).astype(np.float64)
        through = counts.cumsum(axis=1)
        half = through[:, -1:] / 2
        at = (through < half).sum(axis=1).clip(0, counts.shape[1] - 1)
        r = np.arange(len(weights))
        share = 1 - (through[r, at] - half[:, 0]) / np.maximum(counts[r, at], 1e-9)
        median: Floats = self.edges[at] + share.clip(0, 1) * (self.edges[at + 1] - self.edges[at])
        return median


def block_ranking(
    blocks: Blocks, order: np.ndarray, positives: np.ndarray, ends: np.ndarray, n_rankings: int
) -> BlockRanking:
    """order: (n,) rows by rank; positives, ends: ranks of the class's rows, and of the last row of equal score.

    n_rankings : classes that are ranked
    """
    most = min(max(LEAST_RANKS, N_RANKS // n_rankings), len(ends))
    found, through = np.arange(1, len(ends) + 1), ends + 1
    # Cuts are where the areas are decided: bins share the class's rows, the misranked pairs and the lost precision.
    parts = [np.cumsum(own) for own in (np.ones(len(ends)), through - found, 1 - found / through)]
    measure = sum(own / own[-1] for own in parts if own[-1] > 0)
    cuts = np.unique(ends[np.searchsorted(measure, np.linspace(0, measure[-1], most)).clip(0, len(ends) - 1)])
    n_bins = len(cuts) + 1
    bins = np.repeat(np.arange(n_bins), np.diff(cuts, prepend=-1, append=len(order) - 1))
    hits = blocks.shares(order[positives], bins[positives], n_bins)
    return BlockRanking(hits, blocks.shares(order, bins, n_bins))


def block_order(blocks: Blocks, order: np.ndarray, errors: Floats) -> BlockOrder:
    """order: (n,) rows by ascending error; errors: (n,), sorted."""
    n = len(order)
    edges = errors[np.linspace(0, n - 1, N_RANKS + 1).astype(int)]
    return BlockOrder(blocks.shares(order, np.arange(n) * N_RANKS // n, N_RANKS), edges)
