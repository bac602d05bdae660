"""A training's plan: all that it would do, found out without training."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from torch import nn

from mlcli.config.schema import Config
from mlcli.data.prepare import Prepared
from mlcli.features.report import FeatureReport
from mlcli.inputs import BYTES_PER_INPUT, Inputs, gather_inputs, make_job
from mlcli.memory import available_memory
from mlcli.models.mlp import Mlp
from mlcli.reporter import Reporter
from mlcli.run import next_folder
from mlcli.task import Classification, FittedTask
from mlcli.training.job import BYTES_PER_PARAMETER, TrainingJob
from mlcli.training.pace import measure_pace

MEASURED_SECONDS = 0.5
_LISTED = 5


@dataclass(frozen=True)
class ColumnPlan:
    """What becomes of a column.

    inputs : inputs of the network that it gives; None where components are extracted from all together
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
class JobPlan:
    """How the network would be trained."""

    epochs: int
    batch_size: int
    steps_per_epoch: int
    steps: int
    lr: float
    device: str
    precision: str
    threads: int


@dataclass(frozen=True)
class CheckOutcome:
    """The plan.

    memory    : estimated bytes that rows and network take while training; available is what may still be taken
    seconds   : of all epochs, by the pace of a few steps on this machine; early stopping may end them before
    """

    config: str
    task: str
    rows: dict[str, int]
    columns: tuple[ColumnPlan, ...]
    layers: tuple[LayerPlan, ...]
    job: JobPlan
    memory: int
    available: int | None
    seconds: float
    seconds_per_epoch: float
    prepared: Prepared
    run: Path

    @property
    def n_parameters(self) -> int:
        """Numbers that training adjusts."""
        return sum(layer.parameters for layer in self.layers)

    def to_json(self) -> dict[str, Any]:
        """The document of `check --json`."""
        return {
            "config": self.config,
            "task": self.task,
            "rows": self.rows,
            "columns": [asdict(column) for column in self.columns],
            "layers": [asdict(layer) for layer in self.layers],
            "parameters": self.n_parameters,
            **asdict(self.job),
            "memory": self.memory,
            "memory_available": self.available,
            "seconds": self.seconds,
            "seconds_per_epoch": self.seconds_per_epoch,
            "data": str(self.prepared.folder),
            "run": str(self.run),
            "stand_in_for": self.prepared.stand_in_for,
        }


def check_step(config: Config, reporter: Reporter, prepared: Prepared | None = None) -> CheckOutcome:
    """Run steps 1 and 2, put the network together, and take a few steps to tell the pace; nothing is kept of step 3.

    prepared : the data of this config, where step 1 has just been run
    """
    inputs = gather_inputs(config, reporter, prepared)
    job = make_job(config, inputs)
    layers = tuple(_layers(job.model)) if isinstance(job.model, Mlp) else ()
    pace = measure_pace(job, MEASURED_SECONDS)
    available = available_memory()
    splits = inputs.prepared.splits
    return CheckOutcome(
        config=config.name,
        task=_describe_task(inputs.task),
        rows={name: len(splits[name]) for name in ("train", "valid", "test")},
        columns=tuple(_columns(inputs)),
        layers=layers,
        job=_describe_job(job),
        memory=_memory(job),
        available=None if available is None else available.size,
        seconds=pace.epoch(job) * config.training.epochs,
        seconds_per_epoch=pace.epoch(job),
        prepared=inputs.prepared,
        run=next_folder(config.name),
    )


def _describe_task(task: FittedTask) -> str:
    if not isinstance(task, Classification):
        return "regression"
    more = f" and {len(task.classes) - _LISTED} more" if len(task.classes) > _LISTED else ""
    return f"{len(task.classes)} classes: {', '.join(task.classes[:_LISTED])}{more}"


def _describe_job(job: TrainingJob) -> JobPlan:
    return JobPlan(
        epochs=job.config.training.epochs,
        batch_size=job.batch_size,
        steps_per_epoch=job.steps_per_epoch,
        steps=job.total_steps,
        lr=job.lr,
        device=str(job.device),
        precision=str(job.precision).removeprefix("torch."),
        threads=job.threads,
    )


def _memory(job: TrainingJob) -> int:
    n_inputs = job.train.x.numel() + job.valid.x.numel()
    return n_inputs * BYTES_PER_INPUT + job.n_parameters * BYTES_PER_PARAMETER


def _layers(model: Mlp) -> Iterator[LayerPlan]:
    """Layers in order; a norm's parameters count with the layer before it."""
    tables = list(model.embeddings.parameters())
    if tables:
        yield LayerPlan("embeddings", len(tables), sum(t.shape[1] for t in tables), sum(t.numel() for t in tables))
    found: list[LayerPlan] = []
    for module in model.hidden:
        own = sum(parameter.numel() for parameter in module.parameters())
        if isinstance(module, nn.Linear):
            found.append(LayerPlan(f"hidden {len(found) + 1}", module.in_features, module.out_features, own))
        elif own:
            last = found.pop()
            found.append(LayerPlan(last.name, last.inputs, last.units, last.parameters + own))
    yield from found
    output = model.output
    n_output = sum(parameter.numel() for parameter in output.parameters())
    yield LayerPlan("output", output.in_features, output.out_features, n_output)


def _columns(inputs: Inputs) -> Iterator[ColumnPlan]:
    """The table's columns in the order of the report, then those that step 1 dropped; nothing of pictures."""
    profile, report, made_of = inputs.prepared.profile, inputs.features.report, inputs.features.made_of
    for column in profile["columns"]:
        name, kind = column["name"], str(column["kind"])
        if column["role"] == "target":
            yield ColumnPlan(name, "target", kind, "predicted", 0)
        else:
            yield ColumnPlan(name, "feature", kind, *_becomes(name, kind, report, made_of))
    for name, formula in report.derived.items():
        becomes, n_inputs = _becomes(name, "number", report, made_of)
        yield ColumnPlan(name, "derived", "number", f"{formula}; {becomes}", n_inputs)
    for name, reason in ((profile["cleaning"] or {}).get("dropped_columns") or {}).items():
        yield ColumnPlan(name, "dropped", "", f"left out: {reason}", 0)


def _becomes(name: str, kind: str, report: FeatureReport, made_of: Mapping[str, str]) -> tuple[str, int | None]:
    """What step 2 makes of a column, and how many inputs of it; all of them share the components of a PCA.

    made_of : the column of every feature
    """
    parts = [*_first(name, kind, report)]
    if (encoded := report.encoded.get(name)) is not None:
        rare = f", {encoded.rare} rare together" if encoded.rare else ""
        parts.append(f"{encoded.encode}: {len(encoded.kept)} categories{rare}")
    numbers = report.dated[name].numbers if name in report.dated else (name,)
    if (imputed := report.imputed.get(numbers[0])) is not None and imputed.missing:
        each = "each number's " if len(numbers) > 1 else ""
        value = "" if each else f" {imputed.value:.4g}"
        parts.append(f"{imputed.missing:,} missing: {each}{imputed.how}{value}")
    if (scaled := report.scaled.get(numbers[0])) is not None and scaled.scale != "none":
        parts.append(f"scaled: {scaled.scale}")
    own = [one for one in (*report.features, *report.embedded) if made_of.get(one, one) == name]
    lost = [dropped for dropped in report.dropped if made_of.get(dropped.name) == name]
    if lost:
        parts.append(f"{len(lost)} dropped by {lost[0].key}")
    return "; ".join(parts) or "taken as it is", None if report.explained_variance else len(own)


def _first(name: str, kind: str, report: FeatureReport) -> Iterator[str]:
    """What is read of a column that is neither numbers nor categories."""
    if kind == "boolean":
        yield "1 for true, 0 for false"
    if buckets := report.hashed.get(name):
        yield f"hash: words in {buckets:,} buckets"
    if (dated := report.dated.get(name)) is not None:
        yield ", ".join(number.removeprefix(f"{name}_") for number in dated.numbers)
