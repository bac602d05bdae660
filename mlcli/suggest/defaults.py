"""The network, the training and the features for a table of this size, or for images."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from mlcli.config.loading.dump import CommentedKey
from mlcli.config.sections.features import FeaturesConfig
from mlcli.config.tree import Value
from mlcli.data.tables.types import TaskKind
from mlcli.io.text import some_of
from mlcli.suggest.columns import ColumnRole

SMALL, LARGE = 500, 5_000
_SKEWED = 2.0
_MANY_CATEGORIES = 50
_RARE = 0.1
# Features are selected where there are more than so many, and so many times as many as rows.
_WIDE, _TIMES_ROWS, _K_BEST = 500, 10, 50
# Bins of the piecewise-linear encoding, the rows from which it helps, and the most inputs that it may add.
_PIECES, _ROWS_TO_CUT, _MOST_PIECES = 32, 2_000, 2_000


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


def table_defaults(summary: DataSummary) -> tuple[CommentedKey, ...]:
    """The sections after `dataset`."""
    return (
        CommentedKey("features", inside=_features(summary)),
        CommentedKey("model", inside=_model(summary)),
        *_loss(summary),
        CommentedKey("optimizer", inside=_optimizer(summary.n_rows)),
        CommentedKey(
            "training", inside=_training(100 if summary.n_rows < SMALL else 60 if summary.n_rows < LARGE else 30)
        ),
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
        CommentedKey("optimizer", inside=_optimizer(n_rows)),
        CommentedKey("training", inside=_training(epochs)),
    )


def _features(summary: DataSummary) -> tuple[CommentedKey, ...]:
    numbers = [one.name for one in summary.features if one.use == "number"]
    skew = summary.frame.select(pl.col(numbers).skew())
    skewed = [column.name for column in skew if abs(column[0] or 0.0) > _SKEWED]
    scale = CommentedKey("scale", "standard", "mean 0, standard deviation 1")
    if skewed and summary.n_rows >= SMALL:
        scale = CommentedKey("scale", "quantile", f"{_first(skewed)} strongly skewed")
    elif skewed:
        scale = CommentedKey("scale", "robust", f"{_first(skewed)} strongly skewed")
    pieces: tuple[CommentedKey, ...] = ()
    if summary.n_rows >= _ROWS_TO_CUT and 0 < _PIECES * len(numbers) <= _MOST_PIECES:
        pieces = (CommentedKey("pieces", _PIECES, "piecewise-linear encoding of numbers, in bins at quantiles"),)
    categories = [one.name for one in summary.features if one.use == "category"]
    distinct = summary.frame.select(pl.col(categories).n_unique())
    wide = [column.name for column in distinct if column[0] > _MANY_CATEGORIES]
    columns: dict[str, Value] = {name: {"encode": "embedding"} for name in wide}
    entries = [scale, *pieces]
    if categories:
        entries.append(CommentedKey("encode", "one_hot", "a column of 0 and 1 for each category"))
    if any(one.use == "date" for one in summary.features):
        entries.append(
            CommentedKey("dates", FeaturesConfig().dates, "features of dates; also month_cycle, weekday_cycle")
        )
    if columns:
        entries.append(CommentedKey("columns", columns, "many categories: a learned vector for each"))
    if len(summary.features) > max(_WIDE, _TIMES_ROWS * summary.n_rows):
        why = f"of {len(summary.features):,} columns for {summary.n_rows:,} rows: the best, each by itself"
        entries.append(CommentedKey("select", {"k_best": _K_BEST}, why))
    return tuple(entries)


def _first(names: list[str]) -> str:
    return f"{some_of(names, 1)} {'are' if len(names) > 1 else 'is'}"


def _model(summary: DataSummary) -> tuple[CommentedKey, ...]:
    large = summary.n_rows >= LARGE
    hidden = (128, 64) if large else (64, 32) if summary.n_rows >= SMALL else (32,)
    if summary.task == "classification":
        activation, dropout = "relu", 0.3 if large else 0.1
    else:
        activation, dropout = "silu" if large else "relu", 0.05 if large else 0.0
    return (
        CommentedKey("hidden", hidden, "units of each hidden layer; more if both losses stay high"),
        CommentedKey("activation", activation),
        CommentedKey("dropout", dropout, "raise it if the validation loss rises while the training loss falls"),
    )


def _loss(summary: DataSummary) -> tuple[CommentedKey, ...]:
    target = summary.frame[summary.target]
    if summary.task == "regression":
        found = []
        if abs(target.skew() or 0.0) > _SKEWED / 2:
            found.append(CommentedKey("loss", {"name": "huber"}, f"{summary.target} is skewed: outliers count less"))
        if target.min() in (0, 1) and bool((target % 1 == 0).all()):
            found.append(CommentedKey("loss", "poisson", f"if {summary.target} counts something", off=True))
        return tuple(found)
    counts = target.value_counts(sort=True)
    rarest, n_rare = counts.row(-1)
    share = n_rare / summary.n_rows
    if share < _RARE:
        what = f"{rarest} is {share:.1%} of the rows; raises its recall at the cost of precision"
        return (CommentedKey("loss", {"class_weights": "balanced"}, what, off=True),)
    return ()


def _optimizer(n_rows: int) -> tuple[CommentedKey, ...]:
    return (
        CommentedKey("name", "adamw"),
        CommentedKey("lr", 0.003 if n_rows >= SMALL else 0.005, "tune it first: try a third and three times this"),
        CommentedKey("schedule", "one_cycle", "lr rises, then falls to nearly 0 at the last epoch"),
        CommentedKey("l2", 0.01, "weight decay, against overfitting"),
    )


def _training(epochs: int) -> tuple[CommentedKey, ...]:
    return (
        CommentedKey("epochs", epochs, "at most"),
        CommentedKey(
            "early_stopping", {"metric": "loss", "patience": epochs // 3}, "restores the best epoch's weights"
        ),
    )
