"""A network and a training that suit a table of this size: a good start, which the user goes on from."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from mlcli.config.features import FeaturesConfig
from mlcli.config.tree import Value
from mlcli.data.types import TaskKind
from mlcli.start.columns import Verdict
from mlcli.start.document import Entry

SMALL, LARGE = 500, 5_000
_SKEWED = 2.0
_MANY_CATEGORIES = 50
_RARE = 0.1
# Pieces of a number column, the rows from which they tell more than they cost, and the most of them that are worth it.
_PIECES, _ROWS_TO_CUT, _MOST_PIECES = 32, 2_000, 2_000


@dataclass(frozen=True)
class Outline:
    """What a recipe is chosen by.

    frame    : the feature columns and the target, Float64 or String
    features : verdicts of the columns that are kept
    """

    task: TaskKind
    frame: pl.DataFrame
    target: str
    features: tuple[Verdict, ...]

    @property
    def n_rows(self) -> int:
        """Rows of all splits."""
        return self.frame.height


def table_recipe(outline: Outline) -> tuple[Entry, ...]:
    """The sections behind `dataset`."""
    return (
        Entry("features", inside=_features(outline)),
        Entry("model", inside=_model(outline)),
        *_loss(outline),
        Entry("optimizer", inside=_optimizer(outline.n_rows)),
        Entry("training", inside=_training(100 if outline.n_rows < SMALL else 60 if outline.n_rows < LARGE else 30)),
    )


def array_recipe(n_rows: int) -> tuple[Entry, ...]:
    """The sections behind `dataset`, for pictures and columns without names."""
    hidden = (128,) if n_rows < LARGE else (256, 128)
    epochs = 60 if n_rows < LARGE else 30
    model = (Entry("hidden", hidden, "units of each hidden layer"), Entry("activation", "relu"), Entry("dropout", 0.2))
    return (
        Entry("model", inside=model),
        Entry("optimizer", inside=_optimizer(n_rows)),
        Entry("training", inside=_training(epochs)),
    )


def _features(outline: Outline) -> tuple[Entry, ...]:
    numbers = [one.name for one in outline.features if one.use == "number"]
    skewed = [name for name in numbers if abs(outline.frame[name].skew() or 0.0) > _SKEWED]
    scale = Entry("scale", "standard", "mean 0, deviation 1")
    if skewed and outline.n_rows >= SMALL:
        scale = Entry("scale", "quantile", f"{_first(skewed)} far from a bell curve")
    elif skewed:
        scale = Entry("scale", "robust", f"{_first(skewed)} far from a bell curve")
    pieces: tuple[Entry, ...] = ()
    if outline.n_rows >= _ROWS_TO_CUT and 0 < _PIECES * len(numbers) <= _MOST_PIECES:
        pieces = (Entry("pieces", _PIECES, "numbers also enter cut at quantiles: the network bends where they do"),)
    wide = [one.name for one in outline.features if one.use == "category" and _is_wide(outline.frame[one.name])]
    columns: dict[str, Value] = {name: {"encode": "embedding"} for name in wide}
    entries = [scale, *pieces]
    if any(one.use == "category" for one in outline.features):
        entries.append(Entry("encode", "one_hot", "a column of 0 and 1 for each category"))
    if any(one.use == "date" for one in outline.features):
        entries.append(Entry("dates", FeaturesConfig().dates, "numbers made of dates; also month_cycle, weekday_cycle"))
    if columns:
        entries.append(Entry("columns", columns, "many categories: a vector learned for each"))
    return tuple(entries)


def _is_wide(column: pl.Series) -> bool:
    return column.n_unique() > _MANY_CATEGORIES


def _first(names: list[str]) -> str:
    more = f" and {len(names) - 1} more are" if len(names) > 1 else " is"
    return f"{names[0]}{more}"


def _model(outline: Outline) -> tuple[Entry, ...]:
    large = outline.n_rows >= LARGE
    hidden = (128, 64) if large else (64, 32) if outline.n_rows >= SMALL else (32,)
    if outline.task == "classification":
        activation, dropout = "relu", 0.3 if large else 0.1
    else:
        activation, dropout = "silu" if large else "relu", 0.05 if large else 0.0
    return (
        Entry("hidden", hidden, "units of each hidden layer; more if both losses stay high"),
        Entry("activation", activation),
        Entry("dropout", dropout, "raise it if the validation loss rises while the training loss falls"),
    )


def _loss(outline: Outline) -> tuple[Entry, ...]:
    target = outline.frame[outline.target]
    if outline.task == "regression":
        if abs(target.skew() or 0.0) > _SKEWED / 2:
            return (Entry("loss", {"name": "huber"}, f"{outline.target} is skewed: far values pull less"),)
        return ()
    counts = target.value_counts(sort=True)
    rarest, n_rare = counts.row(-1)
    share = n_rare / outline.n_rows
    if share < _RARE:
        what = f"{rarest} is {share:.1%} of the rows; to find more of them, at the price of false alarms"
        return (Entry("loss", {"class_weights": "balanced"}, what, off=True),)
    return ()


def _optimizer(n_rows: int) -> tuple[Entry, ...]:
    return (
        Entry("name", "adamw"),
        Entry("lr", 0.003 if n_rows >= SMALL else 0.005, "the first number to tune: a third of it, three times it"),
        Entry("schedule", "one_cycle", "lr rises, then falls to nearly 0 at the last epoch"),
        Entry("l2", 0.01, "keeps weights small, against overfitting"),
    )


def _training(epochs: int) -> tuple[Entry, ...]:
    return (
        Entry("epochs", epochs, "at most"),
        Entry("early_stopping", {"metric": "loss", "patience": epochs // 3}, "the best epoch's weights are kept"),
    )
