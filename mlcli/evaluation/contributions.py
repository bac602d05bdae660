"""What columns, or patches of an image, add to a prediction: Shapley values (Štrumbelj and Kononenko, 2014)."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import product
from math import ceil, comb
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from mlcli.data.splitting import take_rows
from mlcli.data.tables.frames import collect
from mlcli.data.tables.types import Dataset, Images, Table
from mlcli.errors import UsageError
from mlcli.io.text import show_seconds
from mlcli.models.task import Classification, FittedTask, Predictions, Regression
from mlcli.reporter import Reporter

Floats = NDArray[np.float64]
Masks = NDArray[np.bool_]
# All subsets of so few columns are predicted; of more columns, those along random orders.
MAX_EXACT = 6
# Background rows: so many that a row is predicted SUBSETS times with them, between the least and the most.
SUBSETS, LEAST, MOST = 8_000, 10, 100
# Cells predicted in one block, and by one command at most.
BLOCK, MAX_CELLS = 1 << 22, 10**10
# Patches along a side of an image, at most.
PATCHES = 14
# Digits of the largest number of a row; seconds from which the time is estimated aloud.
DIGITS, LONG = 10, 10.0


@dataclass(frozen=True, eq=False)
class Contributions:
    """output = base + the sum of values over the columns, for each of n rows and t targets (t = 1 for classes).

    quantity : what the output is, such as "probability of 'yes'"
    names    : of d columns, or of the patches of an image, row by row
    output   : (n, t); base : (n, t), the mean output of the background rows; values : (n, d, t)
    suffixes : of the t targets in names of columns
    """

    quantity: str
    names: tuple[str, ...]
    output: Floats
    base: Floats
    values: Floats
    suffixes: tuple[str, ...] = ("",)

    def largest(self, k: int) -> tuple[NDArray[np.int64], Floats, Floats]:
        """Of each row and target the k largest, rounded so that all sums hold in decimals.

        Returns places among the columns (n, k, t), their values (n, k, t), and (n, 3, t): output, base, all others.
        """
        places = np.argsort(-np.abs(self.values), axis=1, kind="stable")[:, :k]
        ends = np.stack([self.output, self.base], axis=1)
        known = np.concatenate([ends, np.take_along_axis(self.values, places, axis=1)], axis=1)
        with np.errstate(divide="ignore", invalid="ignore"):
            size = np.ceil(np.log10(np.abs(known).max(axis=1, keepdims=True)))
            unit = 10.0 ** np.clip(DIGITS - np.where(np.isfinite(size), size, 0.0), -300, 300)
            whole = np.rint(known * unit)
            others = whole[:, :1] - whole[:, 1:].sum(axis=1, keepdims=True)
            if k >= len(self.names):  # what rounding leaves is no other column's
                whole[:, 2] += others[:, 0]
                others = np.zeros_like(others)
            return places, whole[:, 2:] / unit, np.concatenate([whole[:, :2], others], axis=1) / unit

    def frame(self, k: int) -> pl.DataFrame:
        """`explain_output`, `explain_base`, then `explain_column_1`, `explain_contribution_1` …, `explain_others`."""
        places, values, ends = self.largest(k)
        columns = []
        for t, suffix in enumerate(self.suffixes):
            columns += [pl.Series(f"explain_output{suffix}", ends[:, 0, t])]
            columns += [pl.Series(f"explain_base{suffix}", ends[:, 1, t])]
            for i in range(places.shape[1]):
                named = pl.Series(f"explain_column_{i + 1}{suffix}", list(self.names), dtype=pl.String)
                columns += [named.gather(places[:, i, t])]
                columns += [pl.Series(f"explain_contribution_{i + 1}{suffix}", values[:, i, t])]
            columns += [pl.Series(f"explain_others{suffix}", ends[:, 2, t])]
        return pl.DataFrame(columns)

    def to_json(self, k: int) -> dict[str, Any]:
        """The same for `predict --json`; one entry a row and target."""
        places, values, ends = self.largest(k)
        rows = [
            {
                "row": row,
                **({"target": suffix[1:]} if suffix else {}),
                **dict(zip(("output", "base", "others"), ends[row, :, t].tolist(), strict=True)),
                "contributions": [
                    {"column": self.names[place], "contribution": value}
                    for place, value in zip(places[row, :, t].tolist(), values[row, :, t].tolist(), strict=True)
                ],
            }
            for row, (t, suffix) in product(range(len(places)), enumerate(self.suffixes))
        ]
        return {"quantity": self.quantity, "rows": rows}


def draw_background(rows: Dataset, n_columns: int, seed: int) -> Dataset:
    """Rows drawn without replacement, to which predictions are compared."""
    n_rows = min(len(rows), int(np.clip(SUBSETS // (2 * n_columns), LEAST, MOST)))
    return take_rows(rows, np.sort(np.random.default_rng(seed).permutation(len(rows))[:n_rows]))


def name_parts(data: Dataset) -> tuple[str, ...]:
    """The columns of a table, or the patches of images, whose sizes are equal but for those at the ends."""
    if isinstance(data, Table):
        return tuple(column.name for column in data.features)
    (height, width), steps = data.pixels.shape[1:3], _patch_steps(data)
    return tuple(
        f"rows {i + 1}-{min(i + steps[0], height)}, columns {j + 1}-{min(j + steps[1], width)}"
        for i in range(0, height, steps[0])
        for j in range(0, width, steps[1])
    )


def patch_of_pixels(data: Images) -> NDArray[np.int64]:
    """The place of each pixel's patch among the names, int64 (height, width)."""
    (height, width), (down, across) = data.pixels.shape[1:3], _patch_steps(data)
    patches: NDArray[np.int64] = (np.arange(height) // down)[:, None] * ceil(width / across) + np.arange(
        width
    ) // across
    return patches


def explain_rows(
    task: FittedTask,
    data: Dataset,
    background: Dataset,
    predict: Callable[[Dataset], Predictions],
    seed: int,
    reporter: Reporter,
) -> Contributions:
    """Shapley values of the columns: cells of a row replace those of background rows, one column after another.

    A column's contribution is the mean change of the output over the background rows and over the orders of columns:
    over all orders of at most MAX_EXACT columns, else over a random order of each background row and its reverse,
    which is exact where columns interact in pairs. Raises UsageError for too many rows and columns.
    """
    names, predicted = name_parts(data), predict(data)
    outputs, quantity = _explained(task, predicted)
    _require_bounded(len(data), len(names), len(background), data)
    output = outputs(predicted, np.arange(len(data)))
    base, values = np.zeros_like(output), np.zeros((len(output), len(names), output.shape[1]))
    rng, begun = np.random.default_rng(seed), time.monotonic()
    for b in range(len(background)):
        masks, weights = _coalitions(len(names), rng)
        mix = partial(_mix, other=background.part(b, 1), masks=masks)
        step = max(1, BLOCK // (len(masks) * _cells(data)))
        for start in range(0, len(data), step):
            part = data.part(start, step)
            rows = np.arange(start, start + len(part))
            found = outputs(predict(mix(part)), np.repeat(rows, len(masks))).reshape(len(part), len(masks), -1)
            base[rows] += found[:, 0] / len(background)
            values[rows] += np.einsum("dm,nmt->ndt", weights, found, optimize=True) / len(background)
        seconds = (time.monotonic() - begun) * len(background)
        if b == 0 and seconds > LONG:
            reporter.say(f"Explaining {len(data):,} rows takes about {show_seconds(seconds)}")
    several = isinstance(task, Regression) and len(task.targets) > 1
    suffixes = tuple(f"_{name}" for name in task.targets) if several and isinstance(task, Regression) else ("",)
    return Contributions(quantity, names, output, base, values, suffixes)


def _explained(
    task: FittedTask, predicted: Predictions
) -> tuple[Callable[[Predictions, NDArray[np.int64]], Floats], str]:
    """What is explained of predictions, given the row that each belongs to, (n, t); and its name."""
    if isinstance(task, Regression):
        return lambda found, _: found.values, f"prediction of {', '.join(task.targets)}, in its units"
    return partial(_of_class, task, predicted.values), _name_class(task)


def _name_class(task: Classification) -> str:
    return (
        f"{task.quantity} of '{task.classes[1]}'"
        if len(task.classes) == 2
        else f"{task.quantity} of the predicted class"
    )


def _of_class(task: Classification, classes: NDArray[np.int64], found: Predictions, rows: NDArray[np.int64]) -> Floats:
    """The probability, or the score, of the second of two classes or of the class predicted for the row."""
    shares = found.probabilities_or_scores
    if len(task.classes) == 2:
        return np.asarray(shares[:, -1:])
    return np.asarray(np.take_along_axis(shares, classes[rows, None], axis=1))


def _require_bounded(n_rows: int, n_columns: int, n_background: int, data: Dataset) -> None:
    subsets = 2**n_columns if n_columns <= MAX_EXACT else 2 * n_columns
    cells = n_background * subsets * _cells(data)
    what = "images" if isinstance(data, Images) else f"rows of {n_columns:,} columns"
    if cells > MAX_CELLS:
        raise UsageError(f"--explain: {what} are too large; train with fewer columns (dataset.drop) or pixels")
    if n_rows * cells > MAX_CELLS:
        raise UsageError(
            f"--explain: {n_rows:,} {what} would take too long; give a file of at most {MAX_CELLS // cells:,}"
        )


def _cells(data: Dataset) -> int:
    """Cells, or pixels, of a row."""
    return int(np.prod(data.pixels.shape[1:])) if isinstance(data, Images) else max(1, len(data.features))


def _coalitions(n: int, rng: np.random.Generator) -> tuple[Masks, Floats]:
    """Subsets of n columns, bool (m, n), none first; and by which weights (n, m) of their outputs values are made."""
    if n <= MAX_EXACT:
        masks = np.array(list(product((False, True), repeat=n)))
        sizes = masks.sum(axis=1)
        shares = np.array([[1 / (n * comb(n - 1, size)) if size < n else 0.0 for size in sizes]])
        before = np.array([[1 / (n * comb(n - 1, size - 1)) if size else 0.0 for size in sizes]])
        return masks, np.where(masks.T, before, -shares)
    ranks = rng.permutation(n)
    lengths = np.arange(n + 1)[:, None]
    masks = np.concatenate([ranks < lengths, ranks >= n - lengths[1:-1]])
    weights = np.zeros((n, 2 * n))
    places = np.arange(n)
    # Forward, the subset of length k + 1 adds the column of rank k; backward, that of rank n − 1 − k.
    weights[places, ranks + 1] += 0.5
    weights[places, ranks] -= 0.5
    backward = np.concatenate([[0], np.arange(n + 1, 2 * n), [n]])
    weights[places, backward[n - ranks]] += 0.5
    weights[places, backward[n - 1 - ranks]] -= 0.5
    return masks, weights


def _mix(data: Dataset, other: Dataset, masks: Masks) -> Dataset:
    """For each row in turn and each mask: the row's cells where the mask is true, else those of the one other row."""
    n_rows, n_masks = len(data), len(masks)
    if isinstance(data, Images) and isinstance(other, Images):
        own = masks[:, patch_of_pixels(data)].reshape(n_masks, *data.pixels.shape[1:3], *[1] * (data.pixels.ndim - 3))
        pixels = np.where(own, data.pixels[:, None], other.pixels)
        return Images(pixels.reshape(-1, *data.pixels.shape[1:]), None, data.class_names)
    if not isinstance(data, Table) or not isinstance(other, Table):
        raise TypeError("rows and background must be of one kind")
    names = [column.name for column in data.features]
    both = pl.concat([collect(data.rows.select(names)), collect(other.rows.select(names))])
    rows = np.repeat(np.arange(n_rows), n_masks)
    columns = [
        both[name].gather(np.where(np.tile(mask, n_rows), rows, n_rows))
        for name, mask in zip(names, masks.T, strict=True)
    ]
    return Table(pl.DataFrame(columns), data.features, ())


def _patch_steps(data: Images) -> tuple[int, int]:
    height, width = data.pixels.shape[1:3]
    return ceil(height / PATCHES), ceil(width / PATCHES)
