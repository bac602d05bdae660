"""Permutation importance: how much worse the headline score gets without a column (Breiman, 2001)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from mlcli.data.tables.frames import rows_at
from mlcli.data.tables.types import Dataset, Images, Table
from mlcli.metrics.catalog import Score
from mlcli.metrics.measure import measure
from mlcli.models.task import FittedTask, Predictions

Predict = Callable[[Dataset], Predictions]
# Each repeat draws its own rows and shuffles them anew.
N_REPEATS = 10
# Rows predicted at most in a repeat, over all columns and for one column, so that all of it takes seconds.
MAX_PREDICTED, MAX_ROWS = 40_000, 2_000
MAX_COLUMNS = 200
# 97.5 % quantile of Student's t with N_REPEATS − 1 degrees of freedom.
T_QUANTILE = 2.262


@dataclass(frozen=True)
class Importance:
    """By how much the score worsens without the column: mean over the repeats, and its 95 % interval."""

    name: str
    loss: float
    low: float
    high: float


@dataclass(frozen=True)
class Importances:
    """The columns, the most important first, or the reason why there are none.

    metric, unit : of the score
    n_rows       : rows drawn in each repeat
    """

    metric: str
    unit: str
    n_rows: int
    columns: tuple[Importance, ...]
    reason: str | None = None


def measure_importance(
    task: FittedTask, data: Dataset, truth: np.ndarray, predict: Predict, headline: Score, seed: int
) -> Importances:
    """Shuffle one column after another and measure the headline again.

    Each repeat draws rows with replacement, so that the repeats differ as much as other rows like these would.
    """
    reason = None
    if headline.value is None:
        reason = f"{headline.name} is undefined: {headline.reason}"
    elif headline.higher_is_better is None:
        reason = f"{headline.name} is right at {headline.target:g}, neither high nor low"
    elif not isinstance(data, Images) and len(data.features) > MAX_COLUMNS:
        reason = f"{len(data.features):,} columns are too many to shuffle one by one (at most {MAX_COLUMNS})"
    if isinstance(data, Images) or reason:
        return Importances(headline.name, headline.unit, 0, (), reason or "images have no columns")
    n_rows = min(len(data), MAX_ROWS, MAX_PREDICTED // len(data.features))
    rng = np.random.default_rng(seed)
    losses = np.stack([_losses(task, data, truth, predict, headline, n_rows, rng) for _ in range(N_REPEATS)])
    means = losses.mean(axis=0)
    # A loss over m of n rows has m / n of its variance when it is taken over all n; the mean of the repeats adds
    # 1 / N_REPEATS of it, because their number is small.
    halves = T_QUANTILE * np.sqrt(n_rows / len(data) + 1 / N_REPEATS) * losses.std(axis=0, ddof=1)
    found = (
        Importance(column.name, mean, mean - half, mean + half)
        for column, mean, half in zip(data.features, means.tolist(), halves.tolist(), strict=True)
        if np.isfinite(mean)
    )
    columns = tuple(sorted(found, key=lambda column: -column.loss))
    reason = None if columns else f"{headline.name} is undefined on the sampled rows"
    return Importances(headline.name, headline.unit, n_rows, columns, reason)


def _losses(
    task: FittedTask,
    data: Table,
    truth: np.ndarray,
    predict: Predict,
    headline: Score,
    n_rows: int,
    rng: np.random.Generator,
) -> NDArray[np.float64]:
    """One repeat: by how much the score of the same rows worsens without each column, (n_columns,); NaN: undefined."""
    places = rng.integers(len(data), size=n_rows)
    known, frame = truth[places], rows_at(data.rows, places)
    order = rng.permutation(n_rows)
    variants = [frame, *(frame.with_columns(pl.col(column.name).gather(order)) for column in data.features)]
    predictions = predict(Table(pl.concat(variants), data.features, ()))
    parts = [predictions.at(slice(start, start + n_rows)) for start in range(0, len(predictions), n_rows)]
    scores = np.array([measure(task, known, part, [headline.name])[0].value for part in parts], dtype=np.float64)
    losses: NDArray[np.float64] = scores[0] - scores[1:] if headline.higher_is_better else scores[1:] - scores[0]
    return losses
