"""Shapley values of a table's columns, or of the patches of images (Štrumbelj and Kononenko, 2014)."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import product
from math import ceil, comb
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from mlcli.data.splitting import take_rows
from mlcli.data.tables.frames import collect
from mlcli.data.tables.types import Dataset, Images, Table
from mlcli.errors import UsageError
from mlcli.evaluation.contributions import Contributions, Floats
from mlcli.io.text import counted, show_seconds
from mlcli.models.predictions import Predictions
from mlcli.models.task import Classification, FittedTask, Regression
from mlcli.reporter import Reporter

Ints = NDArray[np.int64]
Masks = NDArray[np.bool_]
# All subsets of so few columns are predicted; of more columns, those along random orders.
MAX_EXACT = 6
# Predictions for all rows together, where a row is compared with LEAST_EACH background rows or more.
PREDICTIONS, LEAST_EACH = 150_000, 2
# Background rows, at least and at most; between them so many that comparing all of them takes half of PREDICTIONS.
LEAST, MOST = 10, 64
# Cells predicted in one block, and by one command at most.
BLOCK, MAX_CELLS = 1 << 18, 10**10
# Patches along a side of an image, at most.
PATCHES = 14
# Seconds from which the time is estimated aloud.
LONG = 10.0


def draw_background(rows: Dataset, n_parts: int, seed: int) -> Dataset:
    """Rows drawn without replacement, to which predictions of n_parts columns or patches are compared."""
    wanted = int(np.clip(np.sqrt(PREDICTIONS / max(1, _count_masks(n_parts))), LEAST, MOST))
    return take_rows(rows, np.sort(np.random.default_rng(seed).permutation(len(rows))[:wanted]))


def name_parts(data: Dataset) -> tuple[str, ...]:
    """The columns of a table, or the patches of images, whose sizes are equal but for those at the ends."""
    if isinstance(data, Table):
        return tuple(column.name for column in data.features)
    (height, width), steps = data.pixels.shape[1:3], _patch_steps(data)
    return tuple(
        f"{_span('row', i + 1, min(i + steps[0], height))}, {_span('column', j + 1, min(j + steps[1], width))}"
        for i in range(0, height, steps[0])
        for j in range(0, width, steps[1])
    )


def _span(what: str, first: int, last: int) -> str:
    return f"{what} {first}" if first == last else f"{what}s {first}-{last}"


def patch_of_pixels(data: Images) -> NDArray[np.int64]:
    """The place of each pixel's patch among the names, int64 (height, width)."""
    (height, width), (down, across) = data.pixels.shape[1:3], _patch_steps(data)
    patches: NDArray[np.int64] = (np.arange(height) // down)[:, None] * ceil(width / across) + np.arange(
        width
    ) // across
    return patches


class _Side(NamedTuple):
    """One side of pairs: rows, which of them is in each pair, and the outputs (n, t) of all rows."""

    rows: Dataset
    places: Ints
    outputs: Floats


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
    over all orders of at most MAX_EXACT columns, else for each pair of a row and a background row over a random order
    and its reverse, which is exact where columns interact in pairs.

    Where all pairs are too many, a row is compared with some background rows, and these with each other: the mean over
    b of φ(x against b) + φ(b against all). That has the same sum, is the same where columns do not interact, and else
    differs by chance.

    Raises UsageError for too many rows and columns.
    """

    def answer(rows: Dataset) -> Floats:
        return _outputs_of(task, predict(rows))

    names, predicted, rng = name_parts(data), predict(data), np.random.default_rng(seed)
    ends = answer(background)
    n_rows, n_background, each = len(data), len(background), _count_compared(data, len(names), len(background))
    known = np.zeros((n_background, len(names), ends.shape[1]))
    if each < n_background:
        reporter.say(
            f"Each row is compared with {each} of {n_background} rows, and these with each other: fewer rows are "
            "explained more exactly"
        )
        first, second = np.triu_indices(n_background, k=1)
        sides = _Side(background, first, ends), _Side(background, second, ends)
        for pairs, values in _compare(*sides, len(names), answer, rng):
            np.add.at(known, first[pairs], values / n_background)
            np.subtract.at(known, second[pairs], values / n_background)
    # A row's background rows are spread over all of them in the order of their outputs.
    steps = rng.integers(n_background, size=n_rows)[:, None] + np.arange(each) * n_background // each
    others = np.argsort(ends[:, 0], kind="stable")[steps % n_background].ravel()
    own = np.repeat(np.arange(n_rows), each)
    output = _outputs_of(task, predicted)
    sides = _Side(_in_memory(data), own, output), _Side(background, others, ends)
    several = isinstance(task, Classification) and len(task.classes) > 2
    values, begun = np.zeros((n_rows, len(names), 1 if several else ends.shape[1])), time.monotonic()
    for pairs, found in _compare(*sides, len(names), answer, rng):
        found += known[others[pairs]]
        if several:
            found = np.take_along_axis(found, predicted.values[own[pairs], None, None], axis=2)
        np.add.at(values, own[pairs], found / each)
        seconds = (time.monotonic() - begun) * len(own) / pairs.stop
        if not pairs.start and seconds > LONG:
            reporter.say(f"Explaining {counted(n_rows, 'row')} takes about {show_seconds(seconds)}")
    base = np.tile(ends.mean(axis=0), (n_rows, 1))
    if several:
        base, output = (np.take_along_axis(part, predicted.values[:, None], axis=1) for part in (base, output))
    many = isinstance(task, Regression) and len(task.targets) > 1
    suffixes = tuple(f"_{name}" for name in task.targets) if many and isinstance(task, Regression) else ("",)
    return Contributions(_name_output(task), names, output, base, values, suffixes)


def _outputs_of(task: FittedTask, predictions: Predictions) -> Floats:
    """Predicted numbers; the probability, or score, of the second of two classes or of each of more: (n, t)."""
    if isinstance(task, Regression):
        return predictions.values
    shares = predictions.probabilities_or_scores
    return shares[:, -1:] if len(task.classes) == 2 else shares


def _name_output(task: FittedTask) -> str:
    if isinstance(task, Regression):
        return f"prediction of {', '.join(task.targets)}, in its units"
    which = f"'{task.classes[1]}'" if len(task.classes) == 2 else "the predicted class"
    return f"{task.quantity} of {which}"


def _count_compared(data: Dataset, n_parts: int, n_background: int) -> int:
    """With how many background rows each row is compared; raises UsageError where it is too many for any number."""
    n_masks, n_rows = _count_masks(n_parts), len(data)
    among, most = n_background * (n_background - 1) // 2, PREDICTIONS // max(1, n_masks)
    if n_rows * n_background <= max(most, LEAST_EACH * n_rows + among):
        each, among = n_background, 0
    else:
        each = int(np.clip((most - among) // n_rows, LEAST_EACH, n_background))
    cells = max(1, n_masks) * _cells(data)
    if (n_rows * each + among) * cells <= MAX_CELLS:
        return each
    what = "images" if isinstance(data, Images) else f"rows of {n_parts:,} columns"
    if (n_allowed := (MAX_CELLS // cells - among) // each) < 1:
        raise UsageError(f"--explain: {what} are too large; train with fewer columns (dataset.drop) or pixels")
    raise UsageError(f"--explain: {n_rows:,} {what} would take too long; give a file of at most {n_allowed:,}")


def _cells(data: Dataset) -> int:
    """Cells, or pixels, of a row."""
    return int(np.prod(data.pixels.shape[1:])) if isinstance(data, Images) else max(1, len(data.features))


def _count_masks(n: int) -> int:
    """Subsets of n columns that are predicted for a pair, without none and all of them."""
    return int(2**n - 2 if n <= MAX_EXACT else 2 * (n - 1))


def _compare(
    first: _Side, second: _Side, n_parts: int, answer: Callable[[Dataset], Floats], rng: np.random.Generator
) -> Iterator[tuple[slice, Floats]]:
    """Shapley values (p, n_parts, t) of rows against other rows, for some of the pairs at a time."""
    step = max(1, BLOCK // (max(1, _count_masks(n_parts)) * _cells(first.rows)))
    for start in range(0, len(first.places), step):
        pairs = slice(start, min(start + step, len(first.places)))
        own, other = (take_rows(side.rows, side.places[pairs]) for side in (first, second))
        masks, combine = _coalitions(len(own), n_parts, rng)
        low, high = (side.outputs[side.places[pairs], None] for side in (second, first))
        between = answer(_mix(own, other, masks)).reshape(*masks.shape[:2], low.shape[2])
        yield pairs, combine(np.concatenate([low, between, high], axis=1))


def _coalitions(n_pairs: int, n: int, rng: np.random.Generator) -> tuple[Masks, Callable[[Floats], Floats]]:
    """Subsets of n columns, bool (n_pairs, m, n); and what makes Shapley values (n_pairs, n, t) of outputs.

    The outputs are (n_pairs, m + 2, t): without any column, of the subsets, and with all columns.
    """
    if n <= MAX_EXACT:
        masks = np.array(list(product((False, True), repeat=n)))
        sizes = masks.sum(axis=1)
        shares = np.array([1 / (n * comb(n - 1, size)) if size < n else 0.0 for size in sizes])
        before = np.array([1 / (n * comb(n - 1, size - 1)) if size else 0.0 for size in sizes])
        weights = np.where(masks.T, before, -shares)
        inner = np.broadcast_to(masks[1:-1], (n_pairs, len(masks) - 2, n))
        return inner, lambda outputs: np.einsum("dm,pmt->pdt", weights, outputs, optimize=True)
    ranks = rng.permuted(np.tile(np.arange(n), (n_pairs, 1)), axis=1)
    lengths = np.arange(1, n)[:, None]
    masks = np.concatenate([ranks[:, None] < lengths, ranks[:, None] >= n - lengths], axis=1)

    def combine(outputs: Floats) -> Floats:
        """The mean of what a column changes in the order of ranks and in its reverse."""
        forward = np.diff(np.delete(outputs, np.s_[n:-1], axis=1), axis=1)
        backward = np.diff(np.delete(outputs, np.s_[1:n], axis=1), axis=1)
        changes = (forward, ranks), (backward, n - 1 - ranks)
        values: Floats = np.mean([np.take_along_axis(own, at[:, :, None], axis=1) for own, at in changes], axis=0)
        return values

    return masks, combine


def _mix(data: Dataset, other: Dataset, masks: Masks) -> Dataset:
    """For each pair of rows and each of its masks (n, m, d): cells of data where the mask is true, else of other."""
    n_pairs, n_masks = masks.shape[:2]
    if isinstance(data, Images) and isinstance(other, Images):
        shape = data.pixels.shape[1:]
        own = masks[:, :, patch_of_pixels(data)].reshape(n_pairs, n_masks, *shape[:2], *[1] * (len(shape) - 2))
        pixels = np.where(own, data.pixels[:, None], other.pixels[:, None])
        return Images(pixels.reshape(-1, *shape), None, data.class_names)
    if not isinstance(data, Table) or not isinstance(other, Table):
        raise TypeError("rows and background must be of one kind")
    names = [column.name for column in data.features]
    both = pl.concat([data.frame.select(names), other.frame.select(names)])
    rows = np.arange(n_pairs)[:, None]
    columns = [
        both[name].gather(np.where(masks[:, :, place], rows, n_pairs + rows).ravel())
        for place, name in enumerate(names)
    ]
    return Table(pl.DataFrame(columns), data.features, ())


def _in_memory(data: Dataset) -> Dataset:
    return data if isinstance(data, Images) else replace(data, rows=collect(data.rows))


def _patch_steps(data: Images) -> tuple[int, int]:
    height, width = data.pixels.shape[1:3]
    return ceil(height / PATCHES), ceil(width / PATCHES)
