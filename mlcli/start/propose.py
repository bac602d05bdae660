"""From what was found in the data to the text of a configuration."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from mlcli.config.dump import flow
from mlcli.config.load import experiment_name
from mlcli.config.tree import Value
from mlcli.data.cells import as_text
from mlcli.data.inference import infer_task
from mlcli.data.names import require_columns
from mlcli.data.rows import Rows, Source
from mlcli.data.types import TaskKind
from mlcli.errors import DataError
from mlcli.start.columns import Verdict, hints_of, judge_columns
from mlcli.start.document import Entry, write_document
from mlcli.start.recipe import Outline, array_recipe, table_recipe
from mlcli.start.sources import ArraysFound, TableFound

_LISTED = 6
_HINTS = {
    "group": "instead, to keep rows of one {0} in one split; take it out of drop",
    "time": "instead, to test on the latest rows; {0} is then no feature",
}
_SPLIT = Entry("split", {"test": 0.2, "valid": 0.2}, "shares of the rows kept apart to test, and to stop in time")
ADVICE = "What a key does: mlcli explain KEY. What training would do: mlcli check. Then: mlcli train."


@dataclass(frozen=True)
class Proposal:
    """A configuration's text, what was found on the way to it, and that column by column (but for pictures)."""

    text: str
    summary: tuple[str, ...]
    columns: tuple[Verdict, ...] = ()


def propose(found: TableFound | ArraysFound, target: str, head: str) -> Proposal:
    """The configuration that predicts `target`; head: its first line. Raises DataError where there is none to learn."""
    if isinstance(found, ArraysFound):
        kind = "pictures" if found.keys["name"] == "images" else "rows"
        summary = (f"{found.keys['path']}: {found.n_rows:,} {kind}.",)
        dataset = (*(Entry(key, value) for key, value in found.keys.items()), _SPLIT)
        return Proposal(_document(head, summary, found.keys, dataset, array_recipe(found.n_rows)), summary)
    return _propose_table(found, target, head)


def _propose_table(found: TableFound, target: str, head: str) -> Proposal:
    path = str(found.keys["path"])
    require_columns([target], found.raw.columns, "--target", path)
    if target in found.lost:
        raise DataError(found.lost[target])
    labels = found.frame[target]
    task, asked = _task(labels.drop_nulls(), path)
    classes = as_text(labels) if task == "classification" and labels.dtype == pl.Float64 else labels
    features = found.frame.drop(target)
    judged = judge_columns(features, found.raw, classes)
    lost = (Verdict(name, "drop", f"cannot be read: {why.removeprefix(path)}") for name, why in found.lost.items())
    verdicts = (*judged, *lost)
    kept = tuple(one for one in verdicts if one.use != "drop")
    if not kept:
        reasons = "; ".join(f"{one.name}: {one.why}" for one in verdicts[:_LISTED])
        raise DataError(f"{path}: no column is left to predict {target} from ({reasons or 'there is no other'})")
    frame = features.with_columns(classes.alias(target)).filter(classes.is_not_null())
    outline = Outline(task, frame, target, kept)
    n_dropped = len(verdicts) - len(kept)
    left_out = f" and {n_dropped} left out" if n_dropped else ""
    summary = (
        f"{path}: {found.raw.height:,} rows; columns: {len(kept)} taken as features{left_out}.",
        f"{target} is predicted: {_target_in_words(outline)}.",
    )
    dataset = tuple(_dataset(found, outline, verdicts, asked))
    return Proposal(_document(head, summary, found.keys, dataset, table_recipe(outline)), summary, verdicts)


def _document(
    head: str, summary: tuple[str, ...], keys: dict[str, Value], dataset: Sequence[Entry], others: Sequence[Entry]
) -> str:
    name = Entry(
        "name", experiment_name(Path(str(keys["path"])).name.split(".")[0]), "runs go to runs/<name>/001, 002, …"
    )
    return write_document([head, *summary, ADVICE], [name, Entry("dataset", inside=tuple(dataset)), *others])


def _task(labels: pl.Series, path: str) -> tuple[TaskKind, bool]:
    """The task, and whether the configuration must say so: of a few rows, two whole numbers are classes too."""
    inferred = infer_task(Rows.read(labels.to_frame(), Source(path)), [labels.name], "auto")
    two = labels.dtype == pl.Float64 and labels.n_unique() == 2 and bool((labels == labels.round()).all())
    return ("classification", True) if inferred == "regression" and two else (inferred, False)


def _target_in_words(outline: Outline) -> str:
    target = outline.frame[outline.target]
    if outline.task == "regression":
        low, high = (float(end) for end in target.to_frame().select(pl.all().min().alias("a"), pl.all().max()).row(0))
        return f"a number from {low:.6g} to {high:.6g}"
    counts = target.value_counts(sort=True).rows()
    listed = ", ".join(f"{name} {count:,}" for name, count in counts[:_LISTED])
    more = f" and {len(counts) - _LISTED} more" if len(counts) > _LISTED else ""
    return f"{len(counts)} classes ({listed}{more})"


def _dataset(found: TableFound, outline: Outline, verdicts: Sequence[Verdict], asked: bool) -> Iterator[Entry]:
    comments = {"delimiter": "as the file has it", "encoding": "as the file has it", "decimal": "as the file has it"}
    yield from (Entry(key, value, comments.get(key, "")) for key, value in found.keys.items())
    yield Entry("target", outline.target, "what is predicted")
    if asked or outline.task == "regression":
        other = (
            "classification, if its numbers name classes" if outline.task == "regression" else "two numbers, as classes"
        )
        yield Entry("task", outline.task, other)
    if dropped := [one for one in verdicts if one.use == "drop"]:
        yield Entry("drop", inside=tuple(Entry("", one.name, one.why) for one in dropped))
    if declared := [one for one in verdicts if one.declared]:
        yield Entry("types", {one.name: "category" for one in declared}, declared[0].why)
    formats: dict[str, Value] = {one.name: one.format for one in verdicts if one.format}
    if formats:
        yield Entry("dates", formats, "how they are written")
    yield from _missing(found, outline)
    yield _SPLIT
    for hint, name in hints_of(verdicts):
        yield Entry("split", {"by": hint, "column": name}, _HINTS[hint].format(name), off=True)


def _missing(found: TableFound, outline: Outline) -> Iterator[Entry]:
    """Markers beyond the usual ones, and what is done with rows whose target is missing."""
    inside = []
    if found.cells.markers:
        marker, column = next(iter(found.cells.markers.items()))
        inside.append(Entry("values", found.cells.missing, f"{flow(marker)}, as in {column}, is no value"))
    without = found.raw.height - outline.n_rows
    if without and outline.task == "regression":
        inside.append(Entry("drop_rows", True, f"{without:,} rows have no target; rows that lack a feature go too"))
    if inside:
        yield Entry("missing", inside=tuple(inside))
    if without and outline.task == "classification":
        classes = tuple(outline.frame[outline.target].unique().sort())
        yield Entry("keep", {outline.target: classes}, f"{without:,} rows have no target")
