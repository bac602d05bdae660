"""A training that goes on from another model: its features and weights, with new rows."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from mlcli.config.loading.dump import differing_keys, show_setting
from mlcli.config.sections.config import Config
from mlcli.data.prepare import Prepared
from mlcli.data.quality.checks import find_repeated_rows, find_useless_columns
from mlcli.data.quality.sample import SAMPLED, DataFinding, draw_sample
from mlcli.data.quality.shift import find_shift
from mlcli.data.tables.types import Dataset, Images, Schema, Splits, Table
from mlcli.errors import ConfigError, DataError, MlcliError, Problem, UsageError
from mlcli.features.far_values import find_far_values, tell_far_values, widen
from mlcli.io.text import counted, some_of
from mlcli.models.task import Classification, FittedTask, Regression
from mlcli.reporter import Reporter
from mlcli.runs.bundle import Bundle, load_bundle
from mlcli.runs.folder import is_run, open_run
from mlcli.runs.rows import prepare_data_of
from mlcli.training.inputs import Inputs

# Sections that the weights and the fitted features depend on.
FIXED = ("features", "model")
# Names in a message, at most, and columns that have shifted.
LISTED, SHIFTED = 5, 5


@dataclass(frozen=True)
class Start:
    """The model that a training goes on from, and the name of its run, or of its folder."""

    bundle: Bundle
    name: str


def load_start(folder: Path) -> Start:
    """The model of a bundle; raises UsageError for an ensemble, ArtefactError for a damaged one."""
    name = str(open_run(folder.parent)) if is_run(folder.parent) else folder.name
    bundle = load_bundle(folder)
    if bundle.members:
        raise UsageError(
            f"--from {name}: an ensemble of {len(bundle.members)} networks; start from a run of one network"
        )
    return Start(bundle, name)


def inherit_inputs(start: Start, config: Config, prepared: Prepared, task: FittedTask) -> Inputs:
    """Prepared rows with the features of another model, and the scale of its targets.

    task : fitted on the training rows

    Raises ConfigError, DataError and UsageError naming what is not as it was there.
    """
    before = start.bundle
    if config.training.ensemble > 1:
        raise UsageError(f"--from {start.name}: training.ensemble trains networks from new weights; set it to 1")
    changed = [one for one in differing_keys([before.config, config]) if one.key.split(".")[0] in FIXED]
    if changed:
        text = "is {} here and {} in {}, whose weights and features are used; leave it as it was"
        values = ((one.key, *map(show_setting, reversed(one.values))) for one in changed)
        raise ConfigError([Problem(key, text.format(now, then, start.name), "--from") for key, now, then in values])
    _require_same_columns(before.features.schema, prepared.splits.train, start.name)
    features = widen(before.features, prepared.splits.train)
    return Inputs(prepared, _as_before(before.task, task, start.name), features, start.name)


def _require_same_columns(schema: Schema, train: Dataset, name: str) -> None:
    """Raise DataError for columns that the model lacks, those that the rows lack, and those of another kind."""
    if isinstance(train, Images):
        if train.pixels.shape[1:] != schema.image_shape:
            raise DataError(f"--from {name}: images of {train.pixels.shape[1:]} here, and {schema.image_shape} there")
        return
    here, there = ({column.name: column.kind for column in columns} for columns in (train.features, schema.columns))
    only_here, only_there = ([one for one in a if one not in b] for a, b in ((here, there), (there, here)))
    changed = [one for one, kind in here.items() if there.get(one, kind) != kind]
    others = [f"'{one}' ({here[one]} here, {there[one]} there)" for one in changed]
    parts = []
    if only_there:
        parts.append(f"{some_of(only_there, LISTED)} missing here; add or rename them")
    if only_here:
        parts.append(f"{some_of(only_here, LISTED)} unknown there; set dataset.drop: [{', '.join(only_here[:LISTED])}]")
    if others:
        parts.append(f"{some_of(others, LISTED)} of another kind; declare dataset.types")
    if parts:
        raise DataError(f"--from {name}: the columns differ: {'; '.join(parts)}")


def _as_before(before: FittedTask, task: FittedTask, name: str) -> FittedTask:
    """The task with the scale that the weights were learned in; raises DataError where they do not fit it."""
    match before, task:
        case Classification(), Classification():
            there, here = set(before.classes), set(task.classes)
            if there != here:
                parts = (
                    f"{some_of(sorted(own), LISTED)} {where}"
                    for own, where in ((there - here, "without training rows here"), (here - there, "unknown there"))
                    if own
                )
                raise DataError(
                    f"--from {name}: the classes differ: {'; '.join(parts)}; leave such rows out by dataset.keep, or "
                    "train a new run without --from"
                )
            same = (before.target, before.classes, before.output) == (task.target, task.classes, task.output)
        case Regression(), Regression():
            kinds = [tuple(own.kind for own in one.transforms) for one in (before, task)]
            same = (before.targets, before.output, kinds[0]) == (task.targets, task.output, kinds[1])
            task = replace(task, mean=before.mean, std=before.std, transforms=before.transforms)
        case _:
            same = False
    if not same:
        raise DataError(
            f"--from {name}: what is predicted differs: {_describe(task)} here, {_describe(before)} there; "
            "train a new run without --from"
        )
    return task


def _describe(task: FittedTask) -> str:
    names = task.targets if isinstance(task, Regression) else (f"{task.target} ({', '.join(task.classes[:LISTED])})",)
    return f"{task.kind} of {', '.join(names)} by {task.output}"


def tell_differences(folder: Path, start: Start, inputs: Inputs, reporter: Reporter) -> None:
    """Warn of training rows that are unlike those of the model, which is in this folder, with their columns."""
    train, features, name = inputs.prepared.splits.train, start.bundle.features, start.name
    for column, count in features.unseen(train).items():
        cells = counted(count, "training cell has a category", "training cells have categories")
        reporter.warn(f"column '{column}': {cells} unknown to {name}, which its features keep as unknown")
    for text in tell_far_values(find_far_values(features, train), "training rows: "):
        reporter.warn(text)
    if not is_run(folder.parent) or not isinstance(train, Table):
        return
    try:
        before = prepare_data_of(open_run(folder.parent), reporter)
    except MlcliError as error:
        reporter.say(f"Not compared with the rows of {name}: {error}")
        return
    if before.fingerprint == inputs.prepared.fingerprint:
        reporter.say(f"The rows are those of {name}")
        return
    useless = find_useless_columns(train, inputs.prepared.profile)
    ids = {column for finding in useless if finding.check == "id" for column in finding.columns}
    for finding in _compare(before.splits, inputs.prepared.splits, ids, name):
        reporter.warn(finding.text)


def _compare(before: Splits, now: Splits, ids: Collection[str], name: str) -> Iterator[DataFinding]:
    """Columns that have shifted, and rows to measure on that the other model was trained on."""
    why = "the data have shifted: compare both models on the new rows"
    yield from find_shift(before.train, now.train, ids, (f"those of {name}", "these training rows"), why, SHIFTED)
    if isinstance(before.train, Table):
        sample = draw_sample(before.train, SAMPLED, before.task == "classification")
        mixed = replace(before, valid=now.valid, test=now.test)
        for finding in find_repeated_rows(mixed, sample, ids, separate_test=True):
            if finding.serious:
                yield replace(finding, text=f"of the rows that {name} was trained on: {finding.text}")
