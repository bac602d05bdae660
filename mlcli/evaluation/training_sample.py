"""The training rows of the baselines: columns as they are, for few enough rows that fitting takes seconds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from mlcli.data.splitting import take_rows
from mlcli.data.tables.frames import rows_at
from mlcli.data.tables.types import Dataset, Images
from mlcli.features.fitted import FittedFeatures
from mlcli.features.table import TableFeatures
from mlcli.io.memory import require_memory
from mlcli.models.task import Classification, FittedTask

MIN_ROWS, MAX_ROWS = 200, 100_000
# Rows × inputs × outputs.
MAX_WORK = 40_000_000
# float64, and for a moment what is copied.
BYTES_PER_INPUT = 16
# Beyond, inputs are clipped: their squares and sums stay finite.
LARGEST = 1e15
# Inputs read at a time: 32 MiB.
PORTION = 2**22
# Pixels of an image, without channels; larger ones are averaged over squares.
MAX_PIXELS = 256


@dataclass(frozen=True, eq=False)
class TrainingSample:
    """Inputs and targets of n training rows.

    x             : float (n, n_columns), as `raw_inputs` gives them
    y             : classes int64 (n,); numbers float64 (n, n_targets), standardised
    n_rows        : number of training rows
    cardinalities : number of codes of each of the last columns, which are categories
    block         : side of the squares over which the pixels of images are averaged
    weights       : float64 (n,), how much each row counts; None where all count alike
    """

    x: np.ndarray
    y: np.ndarray
    n_rows: int
    cardinalities: tuple[int, ...] = ()
    block: int = 1
    weights: np.ndarray | None = None

    @property
    def n_inputs(self) -> int:
        """With a column of 0 and 1 for each code."""
        return int(self.x.shape[1]) - len(self.cardinalities) + sum(self.cardinalities)

    def part(self, n: int, seed: int) -> TrainingSample:
        """A smaller sample, of at most n rows."""
        if n >= len(self.x):
            return self
        kept = sample_rows(self.y, n, seed)
        weights = None if self.weights is None else self.weights[kept]
        return replace(self, x=self.x[kept], y=self.y[kept], weights=weights)


def sample_size(n_rows: int, n_inputs: int, n_outputs: int) -> int:
    """How many of the training rows are used; n_outputs is 1 for two classes."""
    return min(n_rows, MAX_ROWS, max(MIN_ROWS, MAX_WORK // (n_inputs * n_outputs)))


def cardinalities(features: FittedFeatures) -> tuple[int, ...]:
    """Number of codes of each category column."""
    return (
        tuple(v.size for v in features.source.plan.vocabularies) if isinstance(features.source, TableFeatures) else ()
    )


def draw_training_sample(task: FittedTask, features: FittedFeatures, train: Dataset, seed: int) -> TrainingSample:
    """A sample of a network's training rows."""
    truth, sizes = task.truth(train), cardinalities(features)
    width = raw_inputs(features, train.part(0, 1)).shape[1] - len(sizes) + sum(sizes)
    kept = sample_rows(truth, sample_size(len(train), width, n_model_outputs(task)), seed)
    n_numbers = len(kept) * width
    require_memory(n_numbers * BYTES_PER_INPUT, f"baselines: {n_numbers:,} inputs", "set evaluation.baselines: none")
    y = truth[kept]
    if not isinstance(task, Classification):
        y = (y - np.array(task.mean)) / np.array(task.std)
    if isinstance(train, Images):
        block = pixel_block(train.pixels.shape[1:])
        return TrainingSample(raw_inputs(features, take_rows(train, kept)), y, len(train), sizes, block)
    rows = train.with_rows(rows_at(train.rows, kept), kept)
    return TrainingSample(raw_inputs(features, rows), y, len(train), sizes, weights=rows.row_weights)


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


def pixel_block(shape: tuple[int, ...]) -> int:
    """Side of the squares over which pixels are averaged, so that MAX_PIXELS remain at most; 1 leaves them alone."""
    side = 1
    while max(1, shape[0] // side) * max(1, shape[1] // side) > MAX_PIXELS and side < min(shape[:2]):
        side += 1
    return side


def average_pixels(pixels: np.ndarray) -> np.ndarray:
    """(n, height, width[, channels]) → float32 (n, inputs); rows and columns that fill no square are left out."""
    side = pixel_block(pixels.shape[1:])
    n, height, width = len(pixels), pixels.shape[1] // side, pixels.shape[2] // side
    whole = pixels[:, : height * side, : width * side].reshape(n, height, side, width, side, -1)
    return np.asarray(whole.mean(axis=(2, 4), dtype=np.float32).reshape(n, height * width * whole.shape[-1]))


def raw_inputs(features: FittedFeatures, data: Dataset) -> np.ndarray:
    """Numbers, NaN where missing, then codes: float64 (n, columns); averaged pixels of images, float32."""
    if isinstance(data, Images):
        return average_pixels(data.pixels)
    if not isinstance(features.source, TableFeatures):
        raise TypeError("features of images cannot read a table")
    return features.source.raw_inputs(data.rows).clip(-LARGEST, LARGEST)


def input_portions(features: FittedFeatures, data: Dataset) -> Iterator[np.ndarray]:
    """The inputs of the rows, about PORTION numbers at a time."""
    step = max(1, PORTION // max(1, raw_inputs(features, data.part(0, 1)).shape[1]))
    for start in range(0, len(data), step):
        yield raw_inputs(features, data.part(start, step))
