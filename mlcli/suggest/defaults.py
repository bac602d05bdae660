"""A network and a training that suit a table of this size."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from mlcli.config.loading.commented import CommentedKey
from mlcli.config.sections.features import FeaturesConfig
from mlcli.config.tree import Value
from mlcli.data.tables.types import TaskKind
from mlcli.suggest.columns import ColumnRole

SMALL, LARGE = 500, 5_000
_SKEWED = 2.0
_MANY_CATEGORIES = 50
_RARE = 0.1
# Pieces of a number column, the rows from which they tell more than they cost, and the most of them that are worth it.
_PIECES, _ROWS_TO_CUT, _MOST_PIECES = 32, 2_000, 2_000


@dataclass(frozen=True)
class DataSummary:
    """What a recipe is chosen by.

    frame    : the feature columns and the target, Float64 or String
    features : verdicts of the columns that are kept
    """

    task: TaskKind
    frame: pl.DataFrame
    target: str
    features: tuple[ColumnRole, ...]

    @property
    def n_rows(self) -> int:
        """Rows of all splits."""
        return self.frame.height


def table_defaults(outline: DataSummary) -> tuple[CommentedKey, ...]:
    """The sections behind `dataset`."""
    return (
        CommentedKey("features", inside=_features(outline)),
        CommentedKey("model", inside=_model(outline)),
        *_loss(outline),
        CommentedKey("optimizer", inside=_optimizer(outline.n_rows)),
        CommentedKey(
            "training", inside=_training(100 if outline.n_rows < SMALL else 60 if outline.n_rows < LARGE else 30)
        ),
    )


def array_defaults(n_rows: int) -> tuple[CommentedKey, ...]:
    """The sections behind `dataset`, for images and columns without names."""
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


def _features(outline: DataSummary) -> tuple[CommentedKey, ...]:
    numbers = [one.name for one in outline.features if one.use == "number"]
    skewed = [name for name in numbers if abs(outline.frame[name].skew() or 0.0) > _SKEWED]
    scale = CommentedKey("scale", "standard", "mean 0, deviation 1")
    if skewed and outline.n_rows >= SMALL:
        scale = CommentedKey("scale", "quantile", f"{_first(skewed)} far from a bell curve")
    elif skewed:
        scale = CommentedKey("scale", "robust", f"{_first(skewed)} far from a bell curve")
    pieces: tuple[CommentedKey, ...] = ()
    if outline.n_rows >= _ROWS_TO_CUT and 0 < _PIECES * len(numbers) <= _MOST_PIECES:
        pieces = (
            CommentedKey("pieces", _PIECES, "numbers also enter cut at quantiles: the network bends where they do"),
        )
    wide = [one.name for one in outline.features if one.use == "category" and _is_wide(outline.frame[one.name])]
    columns: dict[str, Value] = {name: {"encode": "embedding"} for name in wide}
    entries = [scale, *pieces]
    if any(one.use == "category" for one in outline.features):
        entries.append(CommentedKey("encode", "one_hot", "a column of 0 and 1 for each category"))
    if any(one.use == "date" for one in outline.features):
        entries.append(
            CommentedKey("dates", FeaturesConfig().dates, "numbers made of dates; also month_cycle, weekday_cycle")
        )
    if columns:
        entries.append(CommentedKey("columns", columns, "many categories: a vector learned for each"))
    return tuple(entries)


def _is_wide(column: pl.Series) -> bool:
    return column.n_unique() > _MANY_CATEGORIES


def _first(names: list[str]) -> str:
    more = f" and {len(names) - 1} more are" if len(names) > 1 else " is"
    return f"{names[0]}{more}"


def _model(outline: DataSummary) -> tuple[CommentedKey, ...]:
    large = outline.n_rows >= LARGE
    hidden = (128, 64) if large else (64, 32) if outline.n_rows >= SMALL else (32,)
    if outline.task == "classification":
        activation, dropout = "relu", 0.3 if large else 0.1
    else:
        activation, dropout = "silu" if large else "relu", 0.05 if large else 0.0
    return (
        CommentedKey("hidden", hidden, "units of each hidden layer; more if both losses stay high"),
        CommentedKey("activation", activation),
        CommentedKey("dropout", dropout, "raise it if the validation loss rises while the training loss falls"),
    )


def _loss(outline: DataSummary) -> tuple[CommentedKey, ...]:
    target = outline.frame[outline.target]
    if outline.task == "regression":
        if abs(target.skew() or 0.0) > _SKEWED / 2:
            return (CommentedKey("loss", {"name": "huber"}, f"{outline.target} is skewed: far values pull less"),)
        return ()
    counts = target.value_counts(sort=True)
    rarest, n_rare = counts.row(-1)
    share = n_rare / outline.n_rows
    if share < _RARE:
        what = f"{rarest} is {share:.1%} of the rows; to find more of them, at the price of false alarms"
        return (CommentedKey("loss", {"class_weights": "balanced"}, what, off=True),)
    return ()


def _optimizer(n_rows: int) -> tuple[CommentedKey, ...]:
    return (
        CommentedKey("name", "adamw"),
        CommentedKey(
            "lr", 0.003 if n_rows >= SMALL else 0.005, "the first number to tune: a third of it, three times it"
        ),
        CommentedKey("schedule", "one_cycle", "lr rises, then falls to nearly 0 at the last epoch"),
        CommentedKey("l2", 0.01, "keeps weights small, against overfitting"),
    )


def _training(epochs: int) -> tuple[CommentedKey, ...]:
    return (
        CommentedKey("epochs", epochs, "at most"),
        CommentedKey(
            "early_stopping", {"metric": "loss", "patience": epochs // 3}, "the best epoch's weights are kept"
        ),
    )
