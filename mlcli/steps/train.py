"""Step 3: modelling."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from mlcli.bundle import Bundle
from mlcli.checkpoint import load_checkpoint
from mlcli.config.load import dump_config, load_config
from mlcli.config.rules.facts import watched_metrics
from mlcli.config.schema import Config
from mlcli.data.prepare import Prepared
from mlcli.errors import ConfigError, DivergedError, Problem, UsageError
from mlcli.evaluation.threshold import settle_threshold
from mlcli.inputs import (
    Inputs,
    describe_run,
    facts_of_making,
    gather_inputs,
    make_job,
    require_same_data,
)
from mlcli.recorder import RunRecorder
from mlcli.reporter import Reporter
from mlcli.run import Run, create_run
from mlcli.signals import Interruption
from mlcli.task import Classification, FittedTask
from mlcli.training.job import TrainingJob
from mlcli.training.loop import TrainedModel, best_scores, new_state, outputs_of, train_model
from mlcli.training.observers import Observer
from mlcli.training.scoring import build_scorer
from mlcli.training.snapshot import restore_snapshot
from mlcli.training.state import Stopped, TrainingState
from mlcli.training.stopping import stop_rules
from mlcli.verbose.training import explain_training


@dataclass(frozen=True)
class TrainOutcome:
    """How a training ended.

    train, valid : loss and metrics of the best weights; valid is empty without validation rows
    seconds      : of the training loop, in this process
    """

    run: Run
    stopped: Stopped
    epochs: int
    best_epoch: int
    n_parameters: int
    train: dict[str, float]
    valid: dict[str, float]
    seconds: float
    threshold: float | None
    stand_in_for: str | None

    def to_json(self) -> dict[str, Any]:
        """The document of `train --json`."""
        return {
            "run": str(self.run),
            "folder": str(self.run.folder),
            "model": str(self.run.model) if self.best_epoch else None,
            "stopped": self.stopped,
            "epochs": self.epochs,
            "best_epoch": self.best_epoch,
            "parameters": self.n_parameters,
            "train": self.train,
            "valid": self.valid,
            "seconds": self.seconds,
            "threshold": self.threshold,
            "stand_in_for": self.stand_in_for,
        }


def train_step(
    config: Config,
    reporter: Reporter,
    observers: Sequence[Observer],
    interruption: Interruption,
    prepared: Prepared | None = None,
) -> TrainOutcome:
    """Train a new run. Raises DivergedError at a non-finite loss, with the best weights saved.

    prepared : the data of this config, where step 1 has just been run
    """
    inputs = gather_inputs(config, reporter, prepared)
    job = make_job(config, inputs)
    reporter.explain(lambda: explain_training(job, inputs.task))
    run = create_run(config.name, dump_config(config), describe_run(job, inputs))
    reporter.say(f"Training {run}: {describe_job(job, inputs)}")
    with run.lock():
        return fit_run(run, job, new_state(job), inputs, observers, interruption)


def resume_step(
    run: Run, sets: Sequence[str], reporter: Reporter, observers: Sequence[Observer], interruption: Interruption
) -> TrainOutcome:
    """Continue a run as if it had never stopped; its epochs may be extended."""
    config = extended_config(run, sets)
    if (members := run.read_manifest().members) > 1:
        raise UsageError(f"run {run} is an ensemble of {members} networks, which are trained to their end")
    with run.lock():
        inputs = gather_inputs(config, reporter)
        require_same_data(run, inputs.prepared)
        job = make_job(config, inputs, threads=run.read_manifest().threads)
        reporter.explain(lambda: explain_training(job, inputs.task))
        snapshot = load_checkpoint(run.checkpoints, reporter)
        state = new_state(job) if snapshot is None else restore_snapshot(job, snapshot)
        reporter.say(f"Resuming {run} after {state.epoch} epochs and {state.step} steps")
        run.save_config(dump_config(config))
        return fit_run(run, job, state, inputs, observers, interruption)


def fit_run(
    run: Run,
    job: TrainingJob,
    state: TrainingState,
    inputs: Inputs,
    observers: Sequence[Observer],
    interruption: Interruption,
) -> TrainOutcome:
    """Train, and leave history, last checkpoint and the bundle of the best weights on disk."""
    recorder = RunRecorder(run, state, job.config.training.checkpoint_seconds)
    started = time.perf_counter()
    with interruption:
        trained = train_model(job, state, [recorder, *observers], stop_rules(job.config.training), interruption)
    seconds = time.perf_counter() - started
    task = settle_threshold(inputs.task, job.config.evaluation, lambda: outputs_of(job, job.valid.x), job.valid.y)
    outcome = summarise(run, job, trained, task, inputs, seconds)
    if state.best_epoch:
        facts = {
            **facts_of_making(inputs),
            "best_epoch": outcome.best_epoch,
            "train": outcome.train,
            "valid": outcome.valid,
        }
        Bundle(job.config, inputs.features, task, job.model.cpu().eval(), facts).save(run.model)
    run.update_manifest(status=trained.stopped, timings={"train": seconds})
    if trained.stopped == "diverged":
        raise DivergedError(explain_divergence(run, job, trained))
    return outcome


def summarise(
    run: Run, job: TrainingJob, trained: TrainedModel, task: FittedTask, inputs: Inputs, seconds: float
) -> TrainOutcome:
    """Measure the best weights on the training and validation rows."""
    state = trained.state
    decided = replace(job, scorer=build_scorer(task, job.device, watched_metrics(job.config).values()))
    return TrainOutcome(
        run=run,
        stopped=trained.stopped,
        epochs=state.epoch,
        best_epoch=state.best_epoch,
        n_parameters=job.n_parameters,
        train=best_scores(decided, state, job.train),
        valid=best_scores(decided, state, job.valid),
        seconds=seconds,
        threshold=task.threshold if isinstance(task, Classification) and len(task.classes) == 2 else None,
        stand_in_for=inputs.prepared.stand_in_for,
    )


def describe_job(job: TrainingJob, inputs: Inputs) -> str:
    """One line: the network's shape, its size, and on how many rows it is trained."""
    shape = "-".join(map(str, (job.train.x.shape[1], *job.config.model.hidden, inputs.task.n_outputs)))
    return (
        f"{shape} network, {job.n_parameters:,} parameters, {len(job.train):,} rows in batches of "
        f"{job.batch_size:,} on {job.device} ({str(job.precision).removeprefix('torch.')}, threads: {job.threads})"
    )


def extended_config(run: Run, sets: Sequence[str]) -> Config:
    """The run's config with the changes that a resume allows: more epochs, other checkpoint intervals."""
    before, after = load_config(run.config), load_config(run.config, sets)
    free = {"epochs": before.training.epochs, "checkpoint_seconds": before.training.checkpoint_seconds}
    core = after.model_copy(update={"training": after.training.model_copy(update=free)})
    changed = [name for name in Config.model_fields if getattr(core, name) != getattr(before, name)]
    if changed:
        text = "cannot change on resume; only training.epochs can. Start a new run with: mlcli train"
        raise ConfigError([Problem(section, text, "--set") for section in changed])
    if after.training.epochs < before.training.epochs:
        raise UsageError(f"training.epochs: a run can be extended, not shortened; it has {before.training.epochs}")
    return after


def explain_divergence(run: Run, job: TrainingJob, trained: TrainedModel) -> str:
    """What happened, what is left and what to try."""
    step = trained.diverged_step or 0
    state: TrainingState = trained.state
    kept = (
        f"the best weights, of epoch {state.best_epoch}, are in {run.model}" if state.best_epoch else "nothing is kept"
    )
    return (
        f"run {run} diverged: the loss is no longer a finite number at step {step} (last finite step {step - 1}, "
        f"epoch {state.epoch + 1}); {kept}. Try a lower optimizer.lr (now {job.config.optimizer.lr:g}), "
        "training.clip_norm: 1, or features.scale: standard"
    )
