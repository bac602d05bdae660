"""Permutation importance: how much worse the headline score gets without a column (Breiman, 2001)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from mlcli.data.profile import is_imbalanced
from mlcli.data.tables.frames import rows_at
from mlcli.data.tables.types import Dataset, Images, Table
from mlcli.evaluation.related import group_related
from mlcli.metrics.catalog import Score
from mlcli.metrics.measure import measure
from mlcli.metrics.probabilities import ranking_scores
from mlcli.models.predictions import Predictions
from mlcli.models.task import Classification, FittedTask

Predict = Callable[[Dataset], Predictions]
# Of rows, given the place in the measured data that each stands for.
PredictAt = Callable[[Dataset, NDArray[np.int64]], Predictions]
# Rows, and how many of them are drawn.
Stratum = tuple[NDArray[np.int64], int]
# Each repeat draws its own rows and shuffles them anew.
N_REPEATS = 10
# Rows predicted at most in a repeat, over all columns and for one column, so that all of it takes seconds.
MAX_PREDICTED, MAX_ROWS = 40_000, 2_000
MAX_COLUMNS = 200
# A mean loss this small beside those of the repeats is what rounding leaves of 0.
NEGLIGIBLE = 1e-12
# 97.5 % quantile of Student's t with N_REPEATS − 1 degrees of freedom.
T_QUANTILE = 2.262


@dataclass(frozen=True)
class Importance:
    """By how much the score worsens without these columns: mean over the repeats, and its 95 % interval.

    columns : one, or several that are strongly related and were shuffled together
    """

    columns: tuple[str, ...]
    loss: float
    low: float
    high: float

    @property
    def name(self) -> str:
        """All of its columns."""
        return ", ".join(self.columns)


@dataclass(frozen=True)
class Importances:
    """The columns, the most important first, or the reason why there are none.

    metric, unit : of the score
    n_rows       : rows drawn in each repeat
    by_class     : whether rows of rare classes were drawn more often, and count less for it
    """

    metric: str
    unit: str
    n_rows: int
    columns: tuple[Importance, ...]
    reason: str | None = None
    by_class: bool = False

    @property
    def related(self) -> tuple[Importance, ...]:
        """Those of several columns."""
        return tuple(own for own in self.columns if len(own.columns) > 1)


def measure_importance(
    task: FittedTask,
    data: Dataset,
    truth: np.ndarray,
    predictions: Predictions,
    predict: PredictAt,
    headline: Score,
    seed: int,
    groups: NDArray[np.int64] | None = None,
) -> Importances:
    """Shuffle one column, or one group of related columns, after another, and measure the headline again.

    predictions : for the rows of data
    groups      : (n,) the group of each row, where rows of one group are alike

    Each repeat draws rows with replacement, so that the repeats differ as much as other rows like these would: where
    there are groups, of groups that are drawn first.
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
    rng = np.random.default_rng(seed)
    related = group_related(rows_at(data.rows, rng.permutation(len(data))[:MAX_ROWS]), data.features)
    strata = draw_strata(task, truth, predictions, min(len(data), MAX_ROWS, MAX_PREDICTED // len(related)))
    of_row = None if groups is None else np.unique(groups, return_inverse=True)[1]
    losses = np.stack(
        [
            _losses(task, data, truth, predict, headline, _draw(strata, of_row, len(data), rng), related)
            for _ in range(N_REPEATS)
        ]
    )
    means = losses.mean(axis=0)
    means[np.abs(means) < NEGLIGIBLE * np.abs(losses).max(axis=0)] = 0.0  # such as 0.3 − 0.1 − 0.2
    # A loss over m of n rows has m / n of its variance when it is taken over all n, at most that of the stratum drawn
    # most of, and all of it where whole groups are drawn; the mean of the repeats adds 1 / N_REPEATS of it, because
    # their number is small.
    share = max(count / len(rows) for rows, count in strata) if groups is None else 1.0
    halves = T_QUANTILE * np.sqrt(share + 1 / N_REPEATS) * losses.std(axis=0, ddof=1)
    found = (
        Importance(names, mean, mean - half, mean + half)
        for names, mean, half in zip(related, means.tolist(), halves.tolist(), strict=True)
        if np.isfinite(mean)
    )
    columns = tuple(sorted(found, key=lambda column: -column.loss))
    reason = None if columns else f"{headline.name} is undefined on the sampled rows"
    n_rows = sum(count for _, count in strata)
    return Importances(headline.name, headline.unit, n_rows, columns, reason, len(strata) > 1)


def draw_strata(task: FittedTask, truth: np.ndarray, predictions: Predictions, n_rows: int) -> list[Stratum]:
    """Which rows to draw about n_rows from: all alike, or those of imbalanced classes by class.

    Each class gives as many rows as it has, up to an even share; the largest one gets two. Of a class that is not
    drawn whole, half of the rows are the ones that the model takes most for another class: few as they are, they
    decide the precision of a rare class.
    """
    if not isinstance(task, Classification) or not is_imbalanced(task.sizes):
        return [(np.arange(len(truth)), n_rows)]
    own = ranking_scores(predictions)[np.arange(len(truth)), truth]
    order = np.argsort(own, kind="stable")
    classes = sorted((order[truth[order] == label] for label in np.unique(truth)), key=len)
    strata, left = [], n_rows
    for number, rows in enumerate(classes, 1):
        shares = len(classes) - number + 2 if number < len(classes) else 1
        count = min(len(rows), max(left // shares, 1))
        left -= count
        hard = count // 2 if count < len(rows) else 0
        strata += [(rows[:hard], hard)] if hard else []
        strata.append((rows[hard:], count - hard))
    return strata


class _Draw(NamedTuple):
    """Rows of a repeat: their places (m,) and weights (m,), and places (m,) whose cells replace theirs."""

    places: NDArray[np.int64]
    weights: NDArray[np.float64]
    others: NDArray[np.int64]


def _draw(strata: Sequence[Stratum], groups: NDArray[np.int64] | None, n_rows: int, rng: np.random.Generator) -> _Draw:
    """Rows of each stratum; others: of all rows, whatever the strata are. Groups, if any, are drawn first."""
    often = np.ones(n_rows)
    if groups is not None:
        n_groups = int(groups.max()) + 1
        often *= np.bincount(rng.integers(n_groups, size=n_groups), minlength=n_groups)[groups]

    def draw(rows: NDArray[np.int64], count: int) -> NDArray[np.int64]:
        """As likely as their groups were drawn; none where none of theirs was."""
        if groups is None:
            return rows[rng.integers(len(rows), size=count)]
        ends = often[rows].cumsum()
        at = np.searchsorted(ends, rng.random(count if ends[-1] else 0) * ends[-1], side="right")
        found: NDArray[np.int64] = rows[at]
        return found

    drawn = [draw(rows, count) for rows, count in strata]
    weights = [np.full(len(own), often[rows].sum() / count) for own, (rows, count) in zip(drawn, strata, strict=True)]
    places, weight = np.concatenate(drawn), np.concatenate(weights)
    return _Draw(places, weight / min(1.0, weight.min()), draw(np.arange(n_rows), len(places)))


def _losses(
    task: FittedTask,
    data: Table,
    truth: np.ndarray,
    predict: PredictAt,
    headline: Score,
    drawn: _Draw,
    related: Sequence[Sequence[str]],
) -> NDArray[np.float64]:
    """By how much the score of the rows drawn worsens without each group of columns, (n_groups,); NaN: undefined."""
    n_rows, known = len(drawn.places), truth[drawn.places]
    both = rows_at(data.rows, np.concatenate([drawn.places, drawn.others]))
    frame, others = both[:n_rows], both[n_rows:]
    variants = [frame, *(frame.with_columns(others[name] for name in names) for names in related)]
    table = Table(pl.concat(variants), data.features, ())
    predictions = predict(table, np.tile(drawn.places, len(variants)))
    parts = [predictions.at(slice(start, start + n_rows)) for start in range(0, len(predictions), n_rows)]
    counted = drawn.weights if data.weights is None else drawn.weights * data.weights[drawn.places]
    counted = None if (counted == counted[0]).all() and counted[0] > 0 else counted
    found = [measure(task, known, part, [headline.name], weights=counted)[0].value for part in parts]
    scores = np.array(found, dtype=np.float64)
    losses: NDArray[np.float64] = scores[0] - scores[1:] if headline.higher_is_better else scores[1:] - scores[0]
    return losses
