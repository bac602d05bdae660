"""The network, the training and the features for a table of this size, or for images."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import get_args

import polars as pl

from mlcli.config.loading.dump import CommentedKey
from mlcli.config.sections.features import CalendarPart, FeaturesConfig
from mlcli.config.tree import Value
from mlcli.data.tables.dates import as_dates
from mlcli.data.tables.types import TaskKind
from mlcli.suggest.columns import LARGEST_COUNT, SKEWED, ColumnRole

SMALL, LARGE = 500, 5_000
_MANY_CATEGORIES = 100
_RARE = 0.1
# Features are selected where there are more than so many, and so many times as many as rows.
_WIDE, _TIMES_ROWS, _K_BEST = 500, 10, 50
# TabM: members, units of its two hidden layers, length of a number's vector and its pieces; features of a date.
_MEMBERS, _UNITS, _WIDTH, _BINS, _DATE_PARTS = 16, 128, 12, 32, 6
# Parts of dates that are categories, from so many rows over so long; how many inputs they have.
_ROWS_OF_DAYS, _TWO_YEARS, _DAYS = 8 * 366, timedelta(days=730), 366 + 420
# Seconds of a step: at least, and by rows × parameters (one thread, 2 × 16 × 3 operations each).
_STEP_SECONDS, _SECONDS_PER_NUMBER = 0.003, 6e-10
# Share of the time allowed that training is planned to take: machines differ, and commands begin and end.
_PLANNED = 0.7
# Names of coordinates in degrees, and the largest.
_LATITUDE, _LONGITUDE = (("latitude", "lat"), 90.0), (("longitude", "lon", "lng", "long"), 180.0)
# Steps that a network is trained for, as far as the epochs allow; the most networks, and those that are worth fewer
# epochs.
_STEPS, _EPOCHS, _NETWORKS, _FEWEST = 4_000, (25, 150), 5, 3
# Rows from which the batches are larger (Gorishniy et al., 2025).
_BATCHES = ((32_000, 512), (6_400, 256), (4_500, 128), (2_800, 64), (0, 32))


@dataclass(frozen=True)
class DataSummary:
    """What the defaults depend on.

    frame    : the feature columns and the target, Float64 or String
    features : roles of the columns that are not dropped
    """

    task: TaskKind
    frame: pl.DataFrame
    target: str
    features: tuple[ColumnRole, ...]

    @property
    def n_rows(self) -> int:
        """Rows of all splits."""
        return self.frame.height

    @cached_property
    def class_counts(self) -> list[tuple[str, int]]:
        """Each class with its rows, the most frequent first; of a classification."""
        return self.frame[self.target].rename("class").value_counts(sort=True).rows()

    @cached_property
    def repeats_days(self) -> bool:
        """Whether rows are enough to learn days of the calendar from: eight of each, over two years in every date."""
        named = [one for one in self.features if one.use == "date" and self.frame[one.name].dtype == pl.String]
        if self.n_rows < _ROWS_OF_DAYS or not named:
            return False
        return all(_spans(as_dates(self.frame[one.name], one.format), _TWO_YEARS) for one in named)

    @cached_property
    def diagonals(self) -> dict[str, Value]:
        """Formulas of places along both diagonals; empty without a latitude and a longitude."""
        found = [self._degrees(*kind) for kind in (_LATITUDE, _LONGITUDE)]
        if any(len(names) != 1 for names in found) or {"north_east", "north_west"} & set(self.frame.columns):
            return {}
        (north,), (east,) = found
        return {"north_east": f"{north} + {east}", "north_west": f"{north} - {east}"}

    def _degrees(self, names: Sequence[str], most: float) -> list[str]:
        """Number columns of these names with no more degrees."""
        numbers = [one.name for one in self.features if one.use == "number" and one.name.isidentifier()]
        named = [name for name in numbers if name.lower() in names]
        return [name for name in named if bool((self.frame[name].drop_nulls().abs() <= most).all())]


@dataclass(frozen=True)
class EnsemblePlan:
    """How much training the time allows.

    networks   : with validation rows of their own; 0 where even one TabM would take too long
    epochs     : of each, at most
    batch_size : rows a step
    """

    networks: int
    epochs: int
    batch_size: int

    @property
    def split(self) -> CommentedKey:
        """The rows to set apart: each of several networks validates, and measures, other rows."""
        if self.networks > 1:
            why = "no test rows: each network is measured on the rows that it was not trained on"
            return CommentedKey("split", {"test": 0, "valid": 0.1}, why)
        valid = 0.1 if self.networks else 0.2
        return CommentedKey(
            "split", {"test": 0.2, "valid": valid}, "shares of the rows for the test and for early stopping"
        )


NO_PLAN = EnsemblePlan(0, 0, 0)


def plan_training(summary: DataSummary, minutes: float) -> EnsemblePlan:
    """Several networks of a few thousand steps; fewer networks, then fewer epochs, where rows and inputs are many."""
    batch_size = next(size for rows, size in _BATCHES if summary.n_rows >= rows)
    steps = math.ceil(summary.n_rows * 0.9 / batch_size)
    epoch = steps * (_STEP_SECONDS + _SECONDS_PER_NUMBER * batch_size * _parameters(summary))
    low, high = _EPOCHS
    epochs = min(high, max(low, _STEPS // steps))
    allowed = 60 * minutes * _PLANNED / epoch
    if allowed < _FEWEST * epochs:
        epochs = max(low, int(allowed / _FEWEST))
    if low / 2 <= allowed < epochs:
        epochs = int(allowed)
    return EnsemblePlan(min(_NETWORKS, int(allowed / epochs)), epochs, batch_size)


def _parameters(summary: DataSummary) -> int:
    """Of TabM, about."""
    uses = [one.use for one in summary.features]
    numbers = uses.count("number") + uses.count("boolean") + _DATE_PARTS * uses.count("date")
    numbers += len(summary.diagonals)
    categories = summary.frame.select(one.name for one in summary.features if one.use == "category")
    one_hot = sum(min(column.n_unique(), _MANY_CATEGORIES) for column in categories)
    one_hot += _DAYS * uses.count("date") * summary.repeats_days
    outputs = len(summary.class_counts) if summary.task == "classification" else 1
    width, heads = _WIDTH * numbers + one_hot, _MEMBERS * _UNITS * (1 if outputs == 2 else outputs)
    return numbers * _WIDTH * _BINS + (width + _UNITS) * (_UNITS + 1) + _MEMBERS * width + heads


def table_defaults(summary: DataSummary, plan: EnsemblePlan) -> tuple[CommentedKey, ...]:
    """The sections after `dataset`."""
    n_rows = summary.n_rows
    model, optimizer, training = _mlp(n_rows), _adamw(n_rows), _mlp_training(n_rows)
    if plan.networks:
        model, optimizer, training = _tabm(), _muon(), _tabm_training(plan)
    return (
        CommentedKey("features", inside=_features(summary, plan)),
        CommentedKey("model", inside=model),
        *_loss(summary),
        CommentedKey("optimizer", inside=optimizer),
        CommentedKey("training", inside=training),
        *_evaluation(summary),
    )


def array_defaults(n_rows: int) -> tuple[CommentedKey, ...]:
    """The sections after `dataset`, for images and columns without names."""
    hidden = (128,) if n_rows < LARGE else (256, 128)
    epochs = 60 if n_rows < LARGE else 30
    model = (
        CommentedKey("hidden", hidden, "units of each hidden layer"),
        CommentedKey("activation", "relu"),
        CommentedKey("dropout", 0.2),
    )
    return (
        CommentedKey("model", inside=model),
        CommentedKey("optimizer", inside=_adamw(n_rows)),
        CommentedKey("training", inside=_epochs(epochs)),
    )


def _features(summary: DataSummary, plan: EnsemblePlan) -> tuple[CommentedKey, ...]:
    scale = CommentedKey("scale", "quantile", "numbers by their rank, as a normal distribution has them")
    if summary.n_rows < SMALL and not plan.networks:
        scale = CommentedKey("scale", "standard", "mean 0, standard deviation 1")
    entries = [scale]
    if plan.networks and summary.diagonals:
        why = "where along both diagonals: the pieces of a number lie along the axes"
        entries.insert(0, CommentedKey("derive", summary.diagonals, why))
    amounts = [one.name for one in summary.features if one.use in ("number", "boolean", "date")]
    if gaps := [name for name in amounts if summary.frame[name].has_nulls()]:
        entries.append(CommentedKey("indicator", True, f"0/1: whether a cell is missing, as in {gaps[0]}"))
    categories = [one.name for one in summary.features if one.use == "category"]
    distinct = summary.frame.select(pl.col(categories).n_unique())
    wide = [column.name for column in distinct if column[0] > _MANY_CATEGORIES]
    columns: dict[str, Value] = {name: {"encode": "embedding"} for name in wide}
    if categories:
        entries.append(CommentedKey("encode", "one_hot", "a column of 0 and 1 for each category"))
    if any(one.use == "date" for one in summary.features):
        daily = "; the last two learn holidays" if summary.repeats_days else "; also month_cycle, weekday_cycle"
        parts = (*FeaturesConfig().dates, "day_of_year", *(get_args(CalendarPart) if summary.repeats_days else ()))
        entries.append(CommentedKey("dates", parts, f"features of dates{daily}"))
    if columns:
        entries.append(CommentedKey("columns", columns, "many categories: a learned vector for each"))
    if len(summary.features) > max(_WIDE, _TIMES_ROWS * summary.n_rows):
        why = f"of {len(summary.features):,} columns for {summary.n_rows:,} rows: the best, each by itself"
        entries.append(CommentedKey("select", {"k_best": _K_BEST}, why))
    return tuple(entries)


def _spans(dates: pl.Series, length: timedelta) -> bool:
    first, last = dates.min(), dates.max()
    return isinstance(first, datetime) and isinstance(last, datetime) and last - first >= length


def _tabm() -> tuple[CommentedKey, ...]:
    return (
        CommentedKey(
            "name", "tabm", f"{_MEMBERS} networks in one, which share hidden layers; mlp is a single plain one"
        ),
        CommentedKey("hidden", (_UNITS, _UNITS), "units of each hidden layer"),
        CommentedKey("dropout", 0.0, "raise it if the validation loss rises while the training loss falls"),
        CommentedKey("embedding", "piecewise", "each number as a learned vector, so that jumps and slopes are easy"),
    )


def _mlp(n_rows: int) -> tuple[CommentedKey, ...]:
    large = n_rows >= LARGE
    hidden = (128, 64) if large else (64, 32) if n_rows >= SMALL else (32,)
    return (
        CommentedKey("hidden", hidden, "units of each hidden layer; more if both losses stay high"),
        CommentedKey("activation", "silu"),
        CommentedKey("norm", "layer"),
        CommentedKey("dropout", 0.1, "raise it if the validation loss rises while the training loss falls"),
    )


def _loss(summary: DataSummary) -> tuple[CommentedKey, ...]:
    target = summary.frame[summary.target]
    if summary.task == "regression":
        counts = target.min() in (0, 1) and bool((target % 1 == 0).all())
        skewed = abs(target.skew() or 0.0) > SKEWED
        if counts and skewed and bool((target < LARGEST_COUNT).all()):
            return (CommentedKey("loss", "poisson", f"{summary.target} looks like counts; else huber"),)
        found = []
        if skewed:
            found.append(CommentedKey("loss", {"name": "huber"}, f"{summary.target} is skewed: outliers count less"))
        if counts:
            found.append(CommentedKey("loss", "poisson", f"if {summary.target} counts something", off=True))
        return tuple(found)
    rarest, share = _rarest(summary)
    if share < _RARE:
        what = f"{rarest} is {share:.1%} of the rows; raises its recall at the cost of precision"
        return (CommentedKey("loss", {"class_weights": "balanced"}, what, off=True),)
    return ()


def _muon() -> tuple[CommentedKey, ...]:
    return (
        CommentedKey("name", "muon", "orthogonalised steps for hidden layers, AdamW for the others"),
        CommentedKey("lr", 0.017, "of hidden layers; tune it first: try a third and three times this"),
        CommentedKey("adamw_lr", 0.001),
        CommentedKey("schedule", "cosine", "both rates fall to nearly 0 at the last epoch"),
        CommentedKey("l2", 0.003, "weight decay, against overfitting"),
    )


def _adamw(n_rows: int) -> tuple[CommentedKey, ...]:
    return (
        CommentedKey("name", "adamw"),
        CommentedKey("lr", 0.003 if n_rows >= SMALL else 0.005, "tune it first: try a third and three times this"),
        CommentedKey("schedule", "one_cycle", "lr rises, then falls to nearly 0 at the last epoch"),
        CommentedKey("l2", 0.01, "weight decay, against overfitting"),
    )


def _rarest(summary: DataSummary) -> tuple[str, float]:
    """The rarest class, and its share of the rows."""
    rarest, n_rare = summary.class_counts[-1]
    return rarest, n_rare / summary.n_rows


def _has_rare_positive(summary: DataSummary) -> bool:
    """Whether one of two classes is rare: it is then the positive one."""
    if summary.task == "regression" or len(summary.class_counts) != 2:
        return False
    return _rarest(summary)[1] < _RARE


def _evaluation(summary: DataSummary) -> tuple[CommentedKey, ...]:
    if not _has_rare_positive(summary):
        return ()
    rarest, share = _rarest(summary)
    inside = (
        CommentedKey("positive", rarest, f"the class to find, {share:.1%} of the rows"),
        CommentedKey("threshold", "f1", "chosen on the validation rows: at 0.5 a rare class is hardly ever predicted"),
    )
    return (CommentedKey("evaluation", inside=inside),)


def _tabm_training(plan: EnsemblePlan) -> tuple[CommentedKey, ...]:
    several: tuple[CommentedKey, ...] = ()
    if plan.networks > 1:
        why = "networks, each with other validation rows; the model is their mean. 1 is faster"
        several = (CommentedKey("ensemble", plan.networks, why),)
    return (
        *several,
        CommentedKey("batch_size", plan.batch_size),
        CommentedKey("clip_norm", 1),
        *_epochs(plan.epochs),
    )


def _mlp_training(n_rows: int) -> tuple[CommentedKey, ...]:
    return _epochs(100 if n_rows < SMALL else 60 if n_rows < LARGE else 30)


def _epochs(epochs: int) -> tuple[CommentedKey, ...]:
    early: dict[str, Value] = {"metric": "loss", "patience": max(5, epochs // 3)}
    return (
        CommentedKey("epochs", epochs, "at most"),
        CommentedKey("early_stopping", early, "restores the best epoch's weights"),
    )
