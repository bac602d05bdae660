"""A training's plan: columns, network, memory and time, without training."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from torch import nn

from mlcli.config.sections.config import Config
from mlcli.data.prepare import Prepared
from mlcli.evaluation.cross_validation import fold_file_size
from mlcli.features.report import Dropped, FeatureReport
from mlcli.io import row_file
from mlcli.io.memory import available_memory
from mlcli.io.text import counted, some_of
from mlcli.models.networks import Mlp, Tabm
from mlcli.models.task import Classification, FittedTask
from mlcli.reporter import Reporter
from mlcli.runs.folder import next_folder
from mlcli.training.context import BYTES_PER_PARAMETER, TrainingContext
from mlcli.training.inputs import BYTES_OF_MEMBERS, BYTES_PER_INPUT, Inputs, gather_inputs, make_context
from mlcli.training.loop import measure_step_time

MEASURED_SECONDS = 0.5
_LISTED = 5


@dataclass(frozen=True)
class PlannedColumn:
    """A column and its transforms.

    inputs : its number of inputs of the network; None where components are extracted from all columns together
    """

    name: str
    role: str
    kind: str
    becomes: str
    inputs: int | None


@dataclass(frozen=True)
class LayerPlan:
    """One layer with weights; embedding tables come first, as one."""

    name: str
    inputs: int
    units: int
    parameters: int


@dataclass(frozen=True)
class TrainingPlan:
    """How the network, or each of several networks, would be trained."""

    networks: int
    epochs: int
    batch_size: int
    steps_per_epoch: int
    steps: int
    lr: float
    device: str
    precision: str
    threads: int


@dataclass(frozen=True)
class CheckResult:
    """The plan.

    memory    : estimated bytes of rows and network in training; available: free bytes
    disk      : bytes of the files that the rows are read from; 0 where they are in memory
    fold_disk : bytes of one more such file, of evaluation.folds or improve.folds: one fold's at a time
    seconds   : of all epochs, from the time of a few steps on this machine; early stopping may end them before
    """

    config: str
    task: str
    rows: dict[str, int]
    columns: tuple[PlannedColumn, ...]
    layers: tuple[LayerPlan, ...]
    context: TrainingPlan
    memory: int
    disk: int
    fold_disk: int
    available: int | None
    seconds: float
    seconds_per_epoch: float
    prepared: Prepared
    run: Path

    @property
    def n_parameters(self) -> int:
        """Trainable parameters."""
        return sum(layer.parameters for layer in self.layers)

    def to_json(self) -> dict[str, Any]:
        """The document of `check --json`."""
        return {
            "config": self.config,
            "task": self.task,
            "rows": self.rows,
            "columns": self.columns,
            "layers": self.layers,
            "parameters": self.n_parameters,
            **asdict(self.context),
            "memory": self.memory,
            "memory_available": self.available,
            "disk": self.disk,
            "disk_of_fold": self.fold_disk,
            "seconds": self.seconds,
            "seconds_per_epoch": self.seconds_per_epoch,
            "data": self.prepared.folder,
            "run": str(self.run),
            "stand_in_for": self.prepared.stand_in_for,
        }


def check(config: Config, reporter: Reporter, prepared: Prepared | None = None) -> CheckResult:
    """Run steps 1 and 2, build the network, and time a few steps; nothing of step 3 is saved.

    prepared : the data of this config, where step 1 has just been run
    """
    inputs = gather_inputs(config, reporter, prepared)
    on_disk = inputs.on_disk(config)
    context = make_context(config, inputs, on_disk=on_disk, reporter=reporter)
    layers = tuple(_layers(context.model))
    pace = measure_step_time(context, MEASURED_SECONDS)
    available = available_memory()
    splits = inputs.prepared.splits
    return CheckResult(
        config=config.name,
        task=_describe_task(inputs.task),
        rows={name: len(splits[name]) for name in ("train", "valid", "test")},
        columns=tuple(_columns(inputs)),
        layers=layers,
        context=_describe_context(context),
        memory=_rows_memory(context, inputs) + context.n_parameters * BYTES_PER_PARAMETER,
        disk=inputs.n_numbers * row_file.BYTES if on_disk else 0,
        fold_disk=_fold_disk(config, inputs) if on_disk else 0,
        available=None if available is None else available.size,
        seconds=pace.epoch(context) * config.training.epochs * config.training.ensemble,
        seconds_per_epoch=pace.epoch(context),
        prepared=inputs.prepared,
        run=next_folder(config.name),
    )


def _fold_disk(config: Config, inputs: Inputs) -> int:
    n_rows, width = len(inputs.prepared.splits.train) + len(inputs.prepared.splits.valid), inputs.features.layout.width
    asked = (config.evaluation.folds, config.improve.folds)
    return max((fold_file_size(n_rows, folds, width) for folds in asked if folds is not None), default=0)


def _rows_memory(context: TrainingContext, inputs: Inputs) -> int:
    """Bytes of all inputs; of windows where they are in a file."""
    if context.on_disk and context.steps_per_epoch > 1:
        return context.window_memory
    of_members = BYTES_OF_MEMBERS * (context.config.training.ensemble > 1 and not context.on_disk)
    return inputs.n_numbers * (BYTES_PER_INPUT + of_members)


def _describe_task(task: FittedTask) -> str:
    if not isinstance(task, Classification):
        return "regression"
    return f"{len(task.classes)} classes: {some_of(task.classes, _LISTED)}"


def _describe_context(context: TrainingContext) -> TrainingPlan:
    return TrainingPlan(
        networks=context.config.training.ensemble,
        epochs=context.config.training.epochs,
        batch_size=context.batch_size,
        steps_per_epoch=context.steps_per_epoch,
        steps=context.total_steps,
        lr=context.lr,
        device=str(context.device),
        precision=str(context.precision).removeprefix("torch."),
        threads=context.threads,
    )


def _layers(model: Mlp | Tabm) -> Iterator[LayerPlan]:
    """Layers in order; a norm's parameters count with the layer before it."""
    if (numbers := model.numbers) is not None:
        n_numbers, n_parameters = len(numbers.weight), sum(p.numel() for p in numbers.parameters())
        yield LayerPlan("embedded numbers", n_numbers, n_numbers * numbers.width, n_parameters)
    if tables := list(model.embeddings.parameters()):
        yield LayerPlan("embeddings", len(tables), sum(t.shape[1] for t in tables), sum(t.numel() for t in tables))
    if isinstance(model, Tabm):
        yield LayerPlan(f"scales of {model.n_members} members", model.n_inputs, model.n_inputs, model.scale.numel())
    found: list[LayerPlan] = []
    for module in model.hidden:
        own = sum(parameter.numel() for parameter in module.parameters())
        if isinstance(module, nn.Linear):
            found.append(LayerPlan(f"hidden {len(found) + 1}", module.in_features, module.out_features, own))
        elif own:
            last = found.pop()
            found.append(LayerPlan(last.name, last.inputs, last.units, last.parameters + own))
    yield from found
    (units, n_inputs), biases = model.output.weight.shape, model.output.bias.numel()
    members = f" of {model.n_members} members" if model.n_members > 1 else ""
    yield LayerPlan(f"output{members}", n_inputs, units // model.n_members, units * n_inputs + biases)


def _columns(inputs: Inputs) -> Iterator[PlannedColumn]:
    """The table's columns in the order of the report, then those that step 1 dropped; none of images."""
    profile, report, sources = inputs.prepared.profile, inputs.features.report, inputs.features.columns_of_features
    n_inputs = Counter(sources.get(feature, feature) for feature in (*report.features, *report.embedded))
    lost = defaultdict(list)
    for dropped in report.dropped:
        lost[sources.get(dropped.name)].append(dropped)

    def planned(name: str, role: str, kind: str, start: str = "") -> PlannedColumn:
        # A PCA's components are of all columns together.
        count = None if report.explained_variance else n_inputs[name]
        return PlannedColumn(name, role, kind, start + _becomes(name, kind, report, lost[name]), count)

    for column in profile["columns"]:
        if column["role"] == "target":
            yield PlannedColumn(column["name"], "target", column["kind"], "predicted", 0)
        else:
            yield planned(column["name"], "feature", column["kind"])
    for name, formula in report.derived.items():
        yield planned(name, "derived", "number", f"{formula}; ")
    for name, reason in ((profile["cleaning"] or {}).get("dropped_columns") or {}).items():
        yield PlannedColumn(name, "dropped", "", f"left out: {reason}", 0)


def _becomes(name: str, kind: str, report: FeatureReport, lost: Sequence[Dropped]) -> str:
    """The transforms of a column; lost : its features that were dropped."""
    parts = ["1 for true, 0 for false"] if kind == "boolean" else []
    if buckets := report.hashed.get(name):
        parts.append(f"hash: words in {buckets:,} buckets")
    if (dated := report.dated.get(name)) is not None:
        parts.append(", ".join(number.removeprefix(f"{name}_") for number in dated.numbers))
    if (encoded := report.encoded.get(name)) is not None:
        rare = f", {encoded.rare} rare together" if encoded.rare else ""
        parts.append(f"{encoded.encode}: {counted(len(encoded.kept), 'category', 'categories')}{rare}")
    numbers = dated.numbers if dated is not None else (name,)
    if (imputed := report.imputed.get(numbers[0])) is not None and imputed.missing:
        each = "each number's " if len(numbers) > 1 else ""
        value = "" if each else f" {imputed.value:.4g}"
        parts.append(f"{imputed.missing:,} missing: {each}{imputed.how}{value}")
    if (scaled := report.scaled.get(numbers[0])) is not None and scaled.scale != "none":
        parts.append(f"scaled: {scaled.scale}")
    if lost:
        parts.append(f"{len(lost)} dropped by {lost[0].key}")
    return "; ".join(parts) or "unchanged"
