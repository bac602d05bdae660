"""The training rows of the baselines: the network's inputs, for few enough rows that fitting takes seconds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from torch import Tensor

from mlcli.data.splitting import take_rows
from mlcli.data.tables.frames import rows_at
from mlcli.data.tables.types import Dataset, Images, Table
from mlcli.features.fitted import FittedFeatures
from mlcli.features.state import FeatureLayout
from mlcli.io.memory import require_memory
from mlcli.models.task import Classification, FittedTask

MIN_ROWS, MAX_ROWS = 200, 100_000
# Rows × inputs × outputs.
MAX_WORK = 40_000_000
# float32, and for a moment what is copied.
BYTES_PER_INPUT = 5
# Beyond, inputs are clipped: their squares and sums stay finite.
LARGEST = 1e15
# Inputs transformed at a time: 16 MiB.
PORTION = 2**22


@dataclass(frozen=True, eq=False)
class TrainingSample:
    """Inputs and targets of n training rows.

    x      : float32 (n, n_inputs), as `features_as_numbers` gives them
    y      : classes int64 (n,); numbers float64 (n, n_targets), standardised
    n_rows : number of training rows
    """

    x: np.ndarray
    y: np.ndarray
    n_rows: int

    def part(self, n: int, seed: int) -> TrainingSample:
        """A smaller sample, of at most n rows."""
        if n >= len(self.x):
            return self
        kept = sample_rows(self.y, n, seed)
        return replace(self, x=self.x[kept], y=self.y[kept])


def sample_size(n_rows: int, n_inputs: int, n_outputs: int) -> int:
    """How many of the training rows are used; n_outputs is 1 for two classes."""
    return min(n_rows, MAX_ROWS, max(MIN_ROWS, MAX_WORK // (n_inputs * n_outputs)))


def count_inputs(layout: FeatureLayout) -> int:
    """Columns of `features_as_numbers`."""
    return layout.n_numeric + sum(layout.cardinalities)


def draw_training_sample(task: FittedTask, features: FittedFeatures, train: Dataset, seed: int) -> TrainingSample:
    """A sample of a network's training rows."""
    truth = task.truth(train)
    kept = sample_rows(truth, sample_size(len(train), count_inputs(features.layout), n_model_outputs(task)), seed)
    x = features_as_numbers(_inputs_of(features, train, kept), features.layout)
    y = truth[kept]
    if not isinstance(task, Classification):
        y = (y - np.array(task.mean)) / np.array(task.std)
    return TrainingSample(x, y, len(train))


def n_model_outputs(task: FittedTask) -> int:
    """What a baseline models: each target, or each class where there are more than two."""
    if not isinstance(task, Classification):
        return task.n_outputs
    return 1 if len(task.classes) == 2 else len(task.classes)


def sample_rows(y: np.ndarray, n: int, seed: int) -> np.ndarray:
    """Ascending positions of n rows; of class indices (n_rows,) each class in proportion, one row at least."""
    order = np.random.default_rng(seed).permutation(len(y))
    if n >= len(y):
        return np.arange(len(y))
    if y.ndim > 1:
        return np.sort(order[:n])
    counts = np.bincount(y)
    by_class = order[np.argsort(y[order], kind="stable")]
    rank = np.arange(len(y)) - np.repeat(np.cumsum(counts) - counts, counts)
    # The first row of each class comes first, then rows by their rank as a share of their class.
    share = (rank + 0.5) / np.repeat(counts, counts)
    taken = np.lexsort((share, rank > 0))[:n]
    return np.sort(by_class[taken])


def features_as_numbers(x: Tensor, layout: FeatureLayout) -> np.ndarray:
    """Inputs with the codes of embedded categories as one column of 0 and 1 for each code: float32 (n, inputs)."""
    numbers = np.nan_to_num(x[:, : layout.n_numeric].numpy().clip(-LARGEST, LARGEST))
    codes = x[:, layout.n_numeric :].numpy().astype(np.int64)
    flags = [np.eye(size, dtype=np.float32)[codes[:, i]] for i, size in enumerate(layout.cardinalities)]
    return np.hstack([numbers, *flags]) if flags else numbers


def input_portions(features: FittedFeatures, data: Dataset) -> Iterator[np.ndarray]:
    """The inputs of the rows, PORTION numbers at a time."""
    step = max(1, PORTION // count_inputs(features.layout))
    for start in range(0, len(data), step):
        yield features_as_numbers(features.transform(data.part(start, step)), features.layout)


def _inputs_of(features: FittedFeatures, train: Dataset, kept: np.ndarray) -> Tensor:
    if isinstance(train, Images):
        return features.transform(take_rows(train, kept))
    n_numbers = len(train) * features.layout.width
    require_memory(n_numbers * BYTES_PER_INPUT, f"baselines: {n_numbers:,} inputs", "set evaluation.baselines: none")
    if not features.is_cross_fitted:
        return features.transform(Table(rows_at(train.rows, kept), train.features, train.targets))
    inputs = features.transform_training(train)
    return inputs if len(kept) == len(train) else inputs[kept]
