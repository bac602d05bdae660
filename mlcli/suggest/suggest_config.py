"""A configuration that suits the data: its text, and its values for a table of this size."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import polars as pl

from mlcli.config.loading.dump import CommentedKey, flow, write_document
from mlcli.config.loading.load import experiment_name
from mlcli.config.sections.rows import NumberFormat
from mlcli.config.tree import Value
from mlcli.data.cleaning import list_words
from mlcli.data.tables.doubts import number_keys
from mlcli.data.tables.inference import infer_task
from mlcli.data.tables.labels import begins_with_zero
from mlcli.data.tables.rows import Origin, Rows, as_text, require_columns
from mlcli.data.tables.types import TaskKind
from mlcli.errors import DataError
from mlcli.io.text import counted, shown, some_of
from mlcli.suggest import MINUTES
from mlcli.suggest.cells import CellsFound
from mlcli.suggest.columns import CONSTANT, EMPTY, ColumnRole, are_counts, hints_of, suggest_roles
from mlcli.suggest.defaults import NO_PLAN, DataSummary, EnsemblePlan, array_defaults, plan_training, table_defaults
from mlcli.suggest.source import ArraysFound, TableFound
from mlcli.suggest.words import count_markers, keep_words

_LISTED = 6
# Why the task of whole numbers is a guess: they look like counts, are two only, or are several classes.
Guess = Literal["", "counts", "two", "classes"]
_TASK_COMMENTS: dict[Guess, str] = {
    "": "or classification, if its numbers name classes",
    "counts": "its numbers look like counts; classification, if its numbers name classes",
    "two": "its two numbers are classes",
}
_HINTS = {
    "group": "instead, to keep all rows of one {0} in one split; remove it from drop",
    "time": "instead, to test on the latest rows; {0} is then not a feature",
}
_VALID = CommentedKey("split", {"valid": 0.2}, "share of the training rows for early stopping")
ADVICE = "What a key does: mlcli explain KEY. What training would do: mlcli check. Then: mlcli train."
# Where so many columns say nothing, training leaves them out by itself: they are not named.
_MANY_IDLE = 20


@dataclass(frozen=True)
class SuggestedConfig:
    """A configuration's text, a summary of the data, and the role of each column (none for images)."""

    text: str
    summary: tuple[str, ...]
    columns: tuple[ColumnRole, ...] = ()


def suggest_config(
    found: TableFound | ArraysFound, target: str, head: str, minutes: float = MINUTES
) -> SuggestedConfig:
    """The configuration that predicts `target`.

    head    : its first line
    minutes : that training may take on a laptop, one thread; of tables

    Raises DataError where nothing can be learned.
    """
    if isinstance(found, ArraysFound):
        kind = "images" if found.keys["name"] == "images" else "rows"
        summary = (f"{found.keys['path']}: {found.n_rows:,} {kind}.", *found.notes)
        split = _VALID if "test_path" in found.keys else NO_PLAN.split
        dataset = (*(CommentedKey(key, value) for key, value in found.keys.items()), split)
        return SuggestedConfig(_document(head, summary, found.keys, dataset, array_defaults(found.n_rows)), summary)
    return _suggest_table(found, target, head, minutes)


def _suggest_table(found: TableFound, target: str, head: str, minutes: float) -> SuggestedConfig:
    path = str(found.keys["path"])
    try:
        require_columns([target], found.raw.columns, "--target", path)
    except DataError as error:
        raise DataError("; ".join([str(error), *found.notes])) from None
    if target in found.unreadable:
        raise DataError(found.unreadable[target])
    found = keep_words(found, target)
    labels = found.frame[target]
    _require_values(labels, path, is_sheet=found.keys["name"] == "excel")
    task, guess = _task(labels.drop_nulls(), found.raw[target], path)
    classes = _as_classes(labels, found.raw[target]) if task == "classification" else labels
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
    named = roles if len(idle) <= _MANY_IDLE else [one for one in roles if one.why not in (CONSTANT, EMPTY)]
    said = f"{path}: {counted(found.raw.height, 'row')}; columns: {len(kept)} used as features{left_out}."
    alike = f"Training leaves out {len(idle):,} columns without two values: {some_of(idle, _LISTED)}."
    described = f"target {target}: {_describe_target(data, guess)}."
    about = (described, *(f"{note}." for note in found.notes), *_kept_words(found))
    used = {target, *(one.name for one in kept if one.use == "number")}
    about += tuple(_assumed_marks(found.cells, used))
    if without := _without_target(found, data):
        about += (f"{without}; they are left out.",)
    summary = (said, *about) if named is roles else (said, alike, *about)
    plan = plan_training(data, minutes)
    dataset = tuple(_dataset(found, data, named, guess, plan))
    return SuggestedConfig(_document(head, summary, found.keys, dataset, table_defaults(data, plan)), summary, roles)


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


def _task(labels: pl.Series, raw: pl.Series, path: str) -> tuple[TaskKind, Guess]:
    """The task, and why it is a guess; for counts and two classes the configuration must name it."""
    inferred = infer_task(Rows.read(labels.to_frame(), Origin(path)), [labels.name], "auto")
    if labels.dtype != pl.Float64 or begins_with_zero(raw):
        return inferred, ""
    if inferred == "regression":
        two = labels.n_unique() == 2 and bool((labels == labels.round()).all())
        return ("classification", "two") if two else (inferred, "")
    if are_counts(labels):
        return "regression", "counts"
    return inferred, "classes" if labels.n_unique() > 2 else ""


def _as_classes(labels: pl.Series, raw: pl.Series) -> pl.Series:
    """Labels as text, as they are written where one begins with a 0."""
    if begins_with_zero(raw):
        return raw.set(labels.is_null(), None)
    return as_text(labels) if labels.dtype == pl.Float64 else labels


def _describe_target(data: DataSummary, guess: Guess) -> str:
    """What is predicted, and how to predict otherwise where that is a guess."""
    if data.task == "regression":
        values = data.frame[data.target].to_numpy()
        said = f"a number from {values.min():.6g} to {values.max():.6g}"
        other = ", taken for a count; if its numbers name classes, write dataset.task: classification"
        return said + other if guess == "counts" else said
    listed = some_of([f"{name} {count:,}" for name, count in data.class_counts], _LISTED)
    said = f"{len(data.class_counts)} classes ({listed})"
    other = "; if its numbers are amounts or counts, write dataset.task: regression"
    return said + other if guess == "classes" else said


def _dataset(
    found: TableFound, data: DataSummary, roles: Sequence[ColumnRole], guess: Guess, plan: EnsemblePlan
) -> Iterator[CommentedKey]:
    for key, value in found.keys.items():
        yield CommentedKey(key, value, "found in the file" if key not in ("name", "path", "test_path") else "")
    yield CommentedKey("target", data.target, "column to predict")
    if guess == "two" or data.task == "regression":
        yield CommentedKey("task", data.task, _TASK_COMMENTS[guess])
    elif guess:
        yield CommentedKey("task", "regression", "if its numbers are amounts or counts, not classes", off=True)
    if dropped := [one for one in roles if one.use == "drop"]:
        # Where there are many, a reason stands once for the columns that follow.
        before = ["", *(one.why for one in dropped if len(dropped) > _MANY_IDLE)]
        whys = ["" if one.why in before[i : i + 1] else one.why for i, one in enumerate(dropped)]
        listed = (CommentedKey("", one.name, why) for one, why in zip(dropped, whys, strict=True))
        yield CommentedKey("drop", inside=tuple(listed))
    read = {data.target, *(one.name for one in roles if one.use == "number")}
    numbers = {name: form for name, form in found.cells.numbers.items() if name in read}
    kinds: dict[str, Value] = {one.name: "category" for one in roles if one.declared}
    kinds |= {name: "number" for name, form in numbers.items() if form is None}
    if kinds:
        why = next((one.why for one in roles if one.declared), "numbers as text")
        yield CommentedKey("types", kinds, why)
    formats: dict[str, Value] = {one.name: one.format for one in roles if one.format}
    if formats:
        yield CommentedKey("dates", formats, "formats of dates")
    written: dict[str, Value] = {name: number_keys(form, found.cells.decimal) for name, form in numbers.items() if form}
    if written:
        yield CommentedKey("numbers", written, "how their cells are written")
    yield from _missing(found, data)
    yield _valid_alone(plan.split) if "test_path" in found.keys else plan.split
    for hint, name in hints_of(roles):
        yield CommentedKey("split", {"by": hint, "column": name}, _HINTS[hint].format(name), off=True)
    for role in roles:
        for key, choice in role.choices:
            yield CommentedKey(key, choice, f"one way to read {role.name}; then remove it from drop", off=True)


def _require_values(labels: pl.Series, path: str, *, is_sheet: bool) -> None:
    if labels.null_count() < len(labels):
        return
    why = "; formulas have no results until a spreadsheet program has saved them" if is_sheet else ""
    raise DataError(
        f"{path}: column {labels.name!r} is missing in all {len(labels):,} rows{why}; expected what to learn from: "
        "fill it in, or name another column with --target"
    )


def _valid_alone(split: CommentedKey) -> CommentedKey:
    """A split of rows whose test rows are given."""
    shares = split.value if isinstance(split.value, dict) else {}
    return replace(split, value={"valid": shares["valid"]}, comment="drawn from the training rows, for early stopping")


def _kept_words(found: TableFound) -> Iterator[str]:
    for marker, column in found.cells.markers.items():
        yield f"{flow(marker)} is taken for a missing cell, as in {column}."
    for word, column in found.cells.kept.items():
        yield f"{flow(word)} is a value of {column} here, not a missing cell."
    for word, name in found.renamed.items():
        yield f"{flow(word)} marks missing cells of other columns, so as a class it is called {flow(name)}."


def _assumed_marks(cells: CellsFound, used: Collection[str]) -> Iterator[str]:
    for name, cell in ((name, cell) for name, cell in cells.assumed.items() if name in used):
        form = cells.numbers.get(name)
        mark, taken, meant = ".", "decimal", "thousands"
        other = NumberFormat(thousands=".", decimal=",")
        if form and form.thousands in (",", "."):
            mark, taken, meant = form.thousands, "thousands", "decimal"
            other = NumberFormat(decimal=form.thousands, unit=form.unit)
        said = f"{name}: {mark!r} in {shown(cell)} is taken for a {taken} mark; if it is a {meant} mark"
        yield f"{said}, write dataset.numbers: {flow({name: number_keys(other, cells.decimal)})}."


def _without_target(found: TableFound, data: DataSummary) -> str:
    """How many rows have no target, and the words there; empty where all have one."""
    if not (n_without := found.raw.height - data.n_rows):
        return ""
    words = list_words(count_markers(found, [data.target]).get(data.target, {}))
    return f"{counted(n_without, 'row has', 'rows have')} no target{words and f': {words}'}"


def _missing(found: TableFound, data: DataSummary) -> Iterator[CommentedKey]:
    """Markers other than the default ones, and rows whose target is missing."""
    inside, cells = [], found.cells
    marking = [f"{flow(marker)} marks missing cells, as in {column}" for marker, column in cells.markers.items()][:1]
    why = [*marking, *(f"{flow(word)} is a value of {column}" for word, column in cells.kept.items())]
    if why:
        inside.append(CommentedKey("values", cells.missing, "; ".join(why)))
    if found.renamed:
        yield CommentedKey("replace", {data.target: dict(found.renamed)}, "marks missing cells of other columns")
    if without := _without_target(found, data):
        inside.append(CommentedKey("drop_rows", "target", f"{without}; they are left out"))
    if inside:
        yield CommentedKey("missing", inside=tuple(inside))
