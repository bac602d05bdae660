"""A configuration that suits the data: its text, and its values for a table of this size."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from mlcli.config.loading.dump import CommentedKey, flow, write_document
from mlcli.config.loading.load import experiment_name
from mlcli.config.sections.features import FeaturesConfig
from mlcli.config.tree import Value
from mlcli.data.tables.doubts import number_keys
from mlcli.data.tables.inference import infer_task
from mlcli.data.tables.rows import Origin, Rows, as_text, require_columns
from mlcli.data.tables.types import TaskKind
from mlcli.errors import DataError
from mlcli.io.text import some_of
from mlcli.suggest.columns import CONSTANT, EMPTY, ColumnRole, hints_of, suggest_roles
from mlcli.suggest.source import ArraysFound, TableFound

_LISTED = 6
_HINTS = {
    "group": "instead, to keep all rows of one {0} in one split; remove it from drop",
    "time": "instead, to test on the latest rows; {0} is then not a feature",
}
_SPLIT = CommentedKey("split", {"test": 0.2, "valid": 0.2}, "shares of the rows for the test and for early stopping")
_VALID = CommentedKey("split", {"valid": 0.2}, "share of the training rows for early stopping")
ADVICE = "What a key does: mlcli explain KEY. What training would do: mlcli check. Then: mlcli train."

SMALL, LARGE = 500, 5_000
_SKEWED = 2.0
_MANY_CATEGORIES = 50
_RARE = 0.1
# Where so many columns say nothing, training leaves them out by itself: they are not named.
_MANY_IDLE = 20
# Features are selected where there are more than so many, and so many times as many as rows.
_WIDE, _TIMES_ROWS, _K_BEST = 500, 10, 50
# Bins of the piecewise-linear encoding, the rows from which it helps, and the most inputs that it may add.
_PIECES, _ROWS_TO_CUT, _MOST_PIECES = 32, 2_000, 2_000


@dataclass(frozen=True)
class SuggestedConfig:
    """A configuration's text, a summary of the data, and the role of each column (none for images)."""

    text: str
    summary: tuple[str, ...]
    columns: tuple[ColumnRole, ...] = ()


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


def suggest_config(found: TableFound | ArraysFound, target: str, head: str) -> SuggestedConfig:
    """The configuration that predicts `target`; head: its first line. Raises DataError where nothing can be learned."""
    if isinstance(found, ArraysFound):
        kind = "images" if found.keys["name"] == "images" else "rows"
        summary = (f"{found.keys['path']}: {found.n_rows:,} {kind}.", *found.notes)
        split = _VALID if "test_path" in found.keys else _SPLIT
        dataset = (*(CommentedKey(key, value) for key, value in found.keys.items()), split)
        return SuggestedConfig(_document(head, summary, found.keys, dataset, _array_defaults(found.n_rows)), summary)
    return _suggest_table(found, target, head)


def _suggest_table(found: TableFound, target: str, head: str) -> SuggestedConfig:
    path = str(found.keys["path"])
    try:
        require_columns([target], found.raw.columns, "--target", path)
    except DataError as error:
        raise DataError("; ".join([str(error), *found.notes])) from None
    if target in found.unreadable:
        raise DataError(found.unreadable[target])
    labels = found.frame[target]
    task, asked = _task(labels.drop_nulls(), path)
    classes = as_text(labels) if task == "classification" and labels.dtype == pl.Float64 else labels
    features = found.frame.drop(target)
    reasons = {name: f"cannot be read: {why}" for name, why in found.unreadable.items()}
    unreadable = (ColumnRole(name, "drop", why) for name, why in reasons.items())
    roles = (*suggest_roles(features, found.raw, classes, found.cells, is_text=found.is_text), *unreadable)
    kept = tuple(one for one in roles if one.use != "drop")
    if not kept:
        listed = "; ".join(f"{one.name}: {one.why}" for one in roles[:_LISTED])
        raise DataError(f"{path}: no column is left to predict {target} from ({listed or 'there is no other'})")
    frame = features.with_columns(classes.alias(target)).filter(classes.is_not_null())
    data = DataSummary(task, frame, target, kept)
    n_dropped = len(roles) - len(kept)
    left_out = f" and {n_dropped} left out" if n_dropped else ""
    idle = [one.name for one in roles if one.why in (CONSTANT, EMPTY)]
    idle = idle if len(idle) > _MANY_IDLE else []
    named = [one for one in roles if not idle or one.why not in (CONSTANT, EMPTY)]
    summary = (
        f"{path}: {found.raw.height:,} rows; columns: {len(kept)} used as features{left_out}.",
        *([f"Training leaves out {len(idle):,} columns without two values: {some_of(idle, _LISTED)}."] if idle else []),
        f"target {target}: {_describe_target(data)}.",
        *(f"{note}." for note in found.notes),
    )
    dataset = tuple(_dataset(found, data, named, asked))
    return SuggestedConfig(_document(head, summary, found.keys, dataset, _table_defaults(data)), summary, roles)


def _document(
    head: str,
    summary: tuple[str, ...],
    keys: dict[str, Value],
    dataset: Sequence[CommentedKey],
    others: Sequence[CommentedKey],
) -> str:
    path = Path(str(keys["path"]))
    name = experiment_name((path.parent if "test_path" in keys else path).name.split(".")[0])
    named = CommentedKey("name", name, "runs go to runs/<name>/001, 002, …")
    return write_document([head, *summary, ADVICE], [named, CommentedKey("dataset", inside=tuple(dataset)), *others])


def _task(labels: pl.Series, path: str) -> tuple[TaskKind, bool]:
    """The task, and whether the configuration must name it: in few rows, two whole numbers are classes too."""
    inferred = infer_task(Rows.read(labels.to_frame(), Origin(path)), [labels.name], "auto")
    two = labels.dtype == pl.Float64 and labels.n_unique() == 2 and bool((labels == labels.round()).all())
    return ("classification", True) if inferred == "regression" and two else (inferred, False)


def _describe_target(data: DataSummary) -> str:
    target = data.frame[data.target]
    if data.task == "regression":
        low, high = (float(end) for end in target.to_frame().select(pl.all().min().alias("a"), pl.all().max()).row(0))
        return f"a number from {low:.6g} to {high:.6g}"
    counts = target.value_counts(sort=True).rows()
    return f"{len(counts)} classes ({some_of([f'{name} {count:,}' for name, count in counts], _LISTED)})"


def _dataset(found: TableFound, data: DataSummary, roles: Sequence[ColumnRole], asked: bool) -> Iterator[CommentedKey]:
    for key, value in found.keys.items():
        yield CommentedKey(key, value, "found in the file" if key not in ("name", "path") else "")
    yield CommentedKey("target", data.target, "column to predict")
    if asked or data.task == "regression":
        other = (
            "or classification, if its numbers name classes"
            if data.task == "regression"
            else "its two numbers are classes"
        )
        yield CommentedKey("task", data.task, other)
    if dropped := [one for one in roles if one.use == "drop"]:
        yield CommentedKey("drop", inside=tuple(CommentedKey("", one.name, one.why) for one in dropped))
    if declared := [one for one in roles if one.declared]:
        yield CommentedKey("types", {one.name: "category" for one in declared}, declared[0].why)
    formats: dict[str, Value] = {one.name: one.format for one in roles if one.format}
    if formats:
        yield CommentedKey("dates", formats, "formats of dates")
    read = {data.target, *(one.name for one in roles if one.use == "number")}
    numbers: dict[str, Value] = {
        name: number_keys(form, found.cells.decimal) for name, form in found.cells.numbers.items() if name in read
    }
    if numbers:
        yield CommentedKey("numbers", numbers, "how their cells are written")
    yield from _missing(found, data)
    yield _SPLIT
    for hint, name in hints_of(roles):
        yield CommentedKey("split", {"by": hint, "column": name}, _HINTS[hint].format(name), off=True)
    for role in roles:
        for key, choice in role.choices:
            yield CommentedKey(key, choice, f"one way to read {role.name}; then remove it from drop", off=True)


def _missing(found: TableFound, data: DataSummary) -> Iterator[CommentedKey]:
    """Markers beside the default ones, and rows whose target is missing."""
    inside = []
    if found.cells.markers:
        marker, column = next(iter(found.cells.markers.items()))
        inside.append(
            CommentedKey("values", found.cells.missing, f"{flow(marker)} marks missing cells, as in {column}")
        )
    without = found.raw.height - data.n_rows
    if without and data.task == "regression":
        inside.append(
            CommentedKey(
                "drop_rows", True, f"{without:,} rows have no target; rows with missing features are dropped too"
            )
        )
    if inside:
        yield CommentedKey("missing", inside=tuple(inside))
    if without and data.task == "classification":
        classes = tuple(data.frame[data.target].unique().sort())
        yield CommentedKey("keep", {data.target: classes}, f"{without:,} rows have no target")


def _table_defaults(summary: DataSummary) -> tuple[CommentedKey, ...]:
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


def _array_defaults(n_rows: int) -> tuple[CommentedKey, ...]:
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
    more = f" and {len(names) - 1} more are" if len(names) > 1 else " is"
    return f"{names[0]}{more}"


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
        if abs(target.skew() or 0.0) > _SKEWED / 2:
            return (CommentedKey("loss", {"name": "huber"}, f"{summary.target} is skewed: outliers count less"),)
        return ()
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
