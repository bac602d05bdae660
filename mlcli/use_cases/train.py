"""Step 3: modelling."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

from mlcli.config.loading.dump import dump_config
from mlcli.config.loading.load import read_resolved
from mlcli.config.loading.written import config_from_json
from mlcli.config.sections.config import Config
from mlcli.config.tree import JsonValue
from mlcli.data.notes import rare_classes
from mlcli.data.prepare import Prepared
from mlcli.errors import ConfigError, Problem, ProcessesError, UsageError
from mlcli.evaluation.fit import TrainResult, fit_network, fit_run
from mlcli.evaluation.fit_ensemble import fit_ensemble
from mlcli.features.far_values import find_far_values, tell_far_values
from mlcli.io.row_file import RowFile
from mlcli.io.signals import Interruption
from mlcli.io.text import counted
from mlcli.metrics.weighting import describe_correction
from mlcli.models.inference import FittedNetwork
from mlcli.models.task import FittedTask
from mlcli.reporter import SILENT, Reporter
from mlcli.runs.bundle import load_bundle
from mlcli.runs.checkpoint import load_checkpoint
from mlcli.runs.folder import Run, create_run, open_run
from mlcli.runs.lineage import Start, inherit_inputs, load_start, tell_differences
from mlcli.runs.manifest import package_versions
from mlcli.runs.recorder import manifest_of
from mlcli.runs.rows import require_same_data
from mlcli.runs.tracking import require_tracking, tracked
from mlcli.training.callbacks import Callback
from mlcli.training.context import TrainingContext
from mlcli.training.datasets import FileDataset
from mlcli.training.inputs import Inputs, gather_inputs, make_context
from mlcli.training.loop import new_state
from mlcli.training.optimizers import lr_factor
from mlcli.training.processes import Processes
from mlcli.training.snapshot import restore_snapshot
from mlcli.training.state import TrainingState

# For the digits in place of MNIST, with the optimizer of configs/mnist.yaml: chosen on validation rows of five seeds.
STAND_IN_EPOCHS, STAND_IN_BATCH, STAND_IN_PATIENCE = 20, 16, 10
# As a share of optimizer.lr: smaller steps hardly change the weights.
TINY_RATE = 1e-3


def train(
    config: Config,
    reporter: Reporter,
    callbacks: Sequence[Callback],
    interruption: Interruption,
    prepared: Prepared | None = None,
    processes: Processes | None = None,
    parent: Path | None = None,
) -> TrainResult:
    """Train a new run. Raises DivergedError at a non-finite loss, with the best weights saved.

    prepared  : the data of this config, where step 1 has just been run
    processes : that train with this one, which `follow`; None for this one alone
    parent    : the bundle whose features and weights are the first ones; None for new ones
    """
    require_tracking(config)
    start = None if parent is None else load_start(parent)
    inputs = gather_inputs(config, reporter, prepared, _inherit(start, config))
    if start is not None and parent is not None:
        tell_differences(parent, start, inputs, reporter)
    read = (inputs.prepared.profile["cleaning"] or {}).get("notes", ())
    for note in (*read, *rare_classes(inputs.prepared.profile)):
        reporter.say(note)
    for text in tell_far_values(find_far_values(inputs.features, inputs.prepared.splits.valid), "validation rows: "):
        reporter.warn(text)
    on_disk = inputs.on_disk(config)
    context = make_context(config, inputs, processes=processes, on_disk=on_disk, reporter=reporter)
    _set_weights(context, start)
    reporter.explain("training", context, inputs.task)
    _gather_processes(context)
    run = create_run(config.name, dump_config(config), manifest_of(context, inputs))
    reporter.say(f"Training {run}: {describe_context(context, inputs)}")
    if correction := describe_correction(inputs.task):
        reporter.say(correction)
    with run.lock():
        if start is not None:
            start.bundle.save(run.start)
        if config.training.ensemble > 1:
            return fit_ensemble(run, inputs, reporter, callbacks, interruption)
        callbacks = tracked(config, run, reporter, callbacks)
        return fit_run(run, context, new_state(context), inputs, callbacks, interruption)


def resume(
    run: Run,
    sets: Sequence[str],
    reporter: Reporter,
    callbacks: Sequence[Callback],
    interruption: Interruption,
    processes: Processes | None = None,
) -> TrainResult:
    """Continue a run as if it had never stopped, on any number of processes; its epochs may be extended."""
    before, config = read_resolved(run.config), extended_config(run, sets)
    require_tracking(config)
    if (members := run.read_manifest().members) > 1:
        raise UsageError(f"run {run} is an ensemble of {members} networks, which are trained to their end")
    if config.training.ensemble > 1 and config != before:
        raise UsageError(
            f"run {run} is an ensemble, whose networks are trained with the settings of the first; leave out --set, "
            "or start a new run with: mlcli train"
        )
    start = None if (parent := run.read_manifest().parent) is None else Start(load_bundle(run.start), parent)
    with run.lock():
        inputs = gather_inputs(config, reporter, inherit=_inherit(start, config))
        require_same_data(run, inputs.prepared)
        if config.training.ensemble > 1:
            reporter.say(f"Resuming {run}")
            return fit_ensemble(run, inputs, reporter, callbacks, interruption)
        manifest = run.read_manifest()
        context = make_context(config, inputs, None, manifest.threads, processes, manifest.on_disk, reporter)
        _set_weights(context, start)
        reporter.explain("training", context, inputs.task)
        state = _last_state(run, context, reporter)
        _gather_processes(context, run)
        reporter.say(f"Resuming {run} after {counted(state.epoch, 'epoch')} and {counted(state.step, 'step')}")
        for text in warn_of_rates(context, state, before.training.epochs):
            reporter.warn(text)
        run.save_config(dump_config(config))
        callbacks = tracked(config, run, reporter, callbacks)
        return fit_run(run, context, state, inputs, callbacks, interruption)


def follow(processes: Processes, interruption: Interruption) -> None:
    """Train as one of several processes what process 0 trains, which alone writes and reports.

    Raises ProcessesError, with the exit code of process 0 where that one failed.
    """
    job = processes.receive()
    if job["versions"] != package_versions():
        raise ProcessesError(f"versions differ: {package_versions()}, and {job['versions']} in process 0")
    config = config_from_json(job["config"], "the configuration of process 0")
    inputs = gather_inputs(config, SILENT)
    context = make_context(config, inputs, None, job["threads"], processes, job["on_disk"])
    state = _last_state(open_run(Path(job["run"])), context, SILENT) if job["run"] else new_state(context)
    processes.answer()
    _require_same_rows(context)
    fit_network(context, state, (), interruption)
    processes.await_end()


def _inherit(start: Start | None, config: Config) -> Callable[[Prepared, FittedTask], Inputs] | None:
    return None if start is None else partial(inherit_inputs, start, config)


def _set_weights(context: TrainingContext, start: Start | None) -> None:
    """Begin with the weights of another model, where there is one; raises UsageError for several processes."""
    if start is None:
        return
    if context.processes.size > 1:
        raise UsageError(f"a training from the weights of {start.name} takes one process; leave out --processes")
    if isinstance(start.bundle.model, FittedNetwork):  # `load_start` refuses ensembles
        context.model.load(start.bundle.model)


def _gather_processes(context: TrainingContext, run: Run | None = None) -> None:
    """Have the other processes ready to train. run : that is continued."""
    job = {
        "config": context.config.model_dump(mode="json"),
        "run": run and str(run.folder.absolute()),
        "threads": context.threads,
        "on_disk": context.on_disk,
        "versions": package_versions(),
    }
    context.processes.publish(job)
    _require_same_rows(context)


def _require_same_rows(context: TrainingContext) -> None:
    x = context.train.x
    inputs = x.portions() if isinstance(x, RowFile) else [x]
    others = [own for own in (context.train.y, context.train.weights) if own is not None]
    context.processes.require_same("training rows", itertools.chain(inputs, others))


def _last_state(run: Run, context: TrainingContext, reporter: Reporter) -> TrainingState:
    """Of the last checkpoint, restored; that before the first step where there is none."""
    snapshot = load_checkpoint(run.checkpoints, reporter)
    return new_state(context) if snapshot is None else restore_snapshot(context, snapshot)


def stand_in_settings(config: Config, sets: Sequence[str]) -> dict[str, JsonValue]:
    """Settings for training on the 1,797 digits in place of MNIST's 60,000 rows, except keys of --set.

    Few rows need small batches and many epochs to get as many updates; the accuracy on 90 validation rows is too
    coarse to choose the weights by.
    """
    training, values = config.training, dict[str, JsonValue]()
    if training.epochs < STAND_IN_EPOCHS:
        values["training.epochs"] = STAND_IN_EPOCHS
    if isinstance(training.batch_size, int) and training.batch_size > STAND_IN_BATCH:
        values["training.batch_size"] = STAND_IN_BATCH
    if training.early_stopping is not None:
        values["training.early_stopping.metric"] = "loss"
        values["training.early_stopping.patience"] = max(STAND_IN_PATIENCE, training.early_stopping.patience)
    given = tuple(setting.partition("=")[0] + "." for setting in sets)
    return {key: value for key, value in values.items() if not f"{key}.".startswith(given)}


def describe_context(context: TrainingContext, inputs: Inputs) -> str:
    """One line: the network's shape, its size, and on how many rows it is trained."""
    shape = "-".join(map(str, context.layer_sizes(inputs.task)))
    if context.model.n_members > 1:
        shape = f"{context.model.n_members} × {shape}"
    precision = str(context.precision).removeprefix("torch.")
    return (
        f"{shape} network, {counted(context.n_parameters, 'parameter')}, "
        f"{counted(len(context.train), 'row')} in batches of "
        f"{context.batch_size:,} on {context.device} ({precision}, threads: {context.threads}"
        f"{_describe_shards(context)}){_describe_file(context)}"
    )


def _describe_file(context: TrainingContext) -> str:
    if not isinstance(context.train, FileDataset):
        return ""
    plan = context.windows
    return (
        f"; the rows are read from {context.train.x.path}, in an order of blocks of {plan.block:,} neighbours that are "
        f"shuffled {plan.window:,} rows at a time (training.rows)"
    )


def _describe_shards(context: TrainingContext) -> str:
    shards, size = context.config.training.shards, context.processes.size
    return f", shards: {shards}, processes: {size}" if shards > 1 else ""


def extended_config(run: Run, sets: Sequence[str]) -> Config:
    """The run's config with the changes that a resume allows: more epochs, other checkpoint intervals, tracking."""
    before, after = read_resolved(run.config), read_resolved(run.config, sets)
    free = {name: getattr(before.training, name) for name in ("epochs", "checkpoint_seconds", "track")}
    core = after.model_copy(update={"training": after.training.model_copy(update=free)})
    changed = [name for name in Config.model_fields if getattr(core, name) != getattr(before, name)]
    if changed:
        text = "cannot change on resume; only training.epochs can. Start a new run with: mlcli train"
        raise ConfigError([Problem(section, text, "--set") for section in changed])
    if after.training.epochs < before.training.epochs:
        raise UsageError(f"training.epochs: a run can be extended, not shortened; it has {before.training.epochs}")
    return after


def warn_of_rates(context: TrainingContext, state: TrainingState, epochs_before: int) -> Iterator[str]:
    """What more epochs make of the learning rate: another course of the schedule, or steps too small to learn from.

    epochs_before : that the steps done so far were scheduled for
    """
    schedule, epochs, steps = context.config.optimizer.schedule, context.config.training.epochs, context.steps_per_epoch
    if epochs == epochs_before or not state.step:
        return
    totals = epochs_before * steps, context.total_steps
    planned, now = (lr_factor(schedule, state.step, steps, total, state.history) for total in totals)
    last = lr_factor(schedule, state.step - 1, steps, totals[0], state.history)
    again = f"a run that had {counted(epochs, 'epoch')} from the start: mlcli train CONFIG -S training.epochs={epochs}"
    rate = f"{context.lr * now:.3g}, {now:.2g} × optimizer.lr"
    if not math.isclose(planned, now, rel_tol=1e-9):
        yield (
            f"optimizer.schedule {schedule.name} runs over all {epochs} epochs now: the learning rate was "
            f"{context.lr * last:.3g} in the last step and goes on at {rate}; this is not the same as {again}"
        )
    elif now < TINY_RATE:
        yield (
            f"optimizer.schedule {schedule.name} has come to its end: the further epochs start at a learning rate of "
            f"{rate}, and hardly change the weights; choose another factor for {again}"
        )
    elif schedule.warmup:
        yield (
            f"optimizer.schedule.warmup was {schedule.warmup:g} of {epochs_before} epochs and is over; the learning "
            f"rate goes on at {rate}; this is not the same as {again}"
        )
