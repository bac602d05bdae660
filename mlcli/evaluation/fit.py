"""One network's training in a run's folder, and how it ended."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from mlcli.config.sections.config import watched_metrics
from mlcli.data.tables.types import Dataset
from mlcli.errors import DivergedError
from mlcli.evaluation.calibration import calibrate
from mlcli.io.signals import Interruption
from mlcli.metrics.scorer import build_scorer
from mlcli.metrics.weighting import describe_weighting
from mlcli.models.task import Classification, FittedTask, binary_threshold
from mlcli.runs.bundle import Bundle
from mlcli.runs.folder import Run
from mlcli.runs.recorder import RunRecorder, bundle_facts
from mlcli.training.callbacks import Callback, stop_rules
from mlcli.training.context import TrainingContext
from mlcli.training.inputs import Inputs
from mlcli.training.loop import TrainedModel, best_scores, outputs_of, train_model
from mlcli.training.processes import Processes
from mlcli.training.state import Stopped, TrainingState


@dataclass(frozen=True)
class TrainResult:
    """How a training ended.

    best_epoch   : whose weights are kept; with training.keep: last, the last one
    train, valid : loss and metrics of these weights; valid is empty without validation rows
    seconds      : of the training loop, in this process
    temperature  : by which logits are divided; None for numbers
    weighting    : how class weights change the probabilities; None where they do not
    networks     : of the ensemble that the model is the mean of; epochs are then the most that one took
    """

    run: Run
    stopped: Stopped
    epochs: int
    best_epoch: int
    keep: str
    n_parameters: int
    train: dict[str, float]
    valid: dict[str, float]
    seconds: float
    threshold: float | None
    temperature: float | None
    stand_in_for: str | None
    weighting: str | None
    networks: int = 1

    def to_json(self) -> dict[str, Any]:
        """The document of `train --json`."""
        return {
            "run": str(self.run),
            "folder": self.run.folder,
            "model": self.run.model if self.best_epoch else None,
            "stopped": self.stopped,
            "epochs": self.epochs,
            "best_epoch": self.best_epoch,
            "parameters": self.n_parameters,
            "train": self.train,
            "valid": self.valid,
            "seconds": self.seconds,
            "threshold": self.threshold,
            "temperature": self.temperature,
            "stand_in_for": self.stand_in_for,
            "weighting": self.weighting,
            "networks": self.networks,
        }


def fit_run(
    run: Run,
    context: TrainingContext,
    state: TrainingState,
    inputs: Inputs,
    callbacks: Sequence[Callback],
    interruption: Interruption,
    valid: Dataset | None = None,
) -> TrainResult:
    """Train, and save the history, the last checkpoint and the bundle of the best weights.

    valid : the context's validation rows, where they are not the run's
    """
    recorder = RunRecorder(run, state, context.config.training.checkpoint_seconds)
    started = time.perf_counter()
    trained = fit_network(context, state, [recorder, *callbacks], interruption)
    seconds, context = time.perf_counter() - started, replace(context, processes=Processes())
    rows = context.valid if len(context.valid) else context.train
    valid = inputs.prepared.splits.valid if valid is None else valid
    task, validation = calibrate(
        inputs.task, context.config, lambda: outputs_of(context, rows.x).cpu(), rows.y.cpu(), valid, rows.weights
    )
    result = summarise_training(run, context, trained, task, inputs, seconds)
    if state.best_epoch:
        facts = bundle_facts(inputs, result.best_epoch, result.train, result.valid)
        model = context.model.fitted()
        Bundle(context.config, inputs.features, task, model, facts, validation=validation).save(run.model)
    run.update_manifest(status=trained.stopped, timings={"train": seconds})
    if trained.stopped == "diverged":
        raise DivergedError(explain_divergence(run, context, trained))
    return result


def fit_network(
    context: TrainingContext, state: TrainingState, callbacks: Sequence[Callback], interruption: Interruption
) -> TrainedModel:
    """Train from a state on, in this process or in several, of which all know the signal that came to one."""
    processes = context.processes
    processes.wants_stop, processes.has_run = interruption, True
    with interruption:
        trained = train_model(context, state, callbacks, stop_rules(context.config.training), processes.interrupted)
        if trained.stopped == "interrupted":
            interruption.signal = processes.largest(interruption.signal or 0)
    return trained


def summarise_training(
    run: Run, context: TrainingContext, trained: TrainedModel, task: FittedTask, inputs: Inputs, seconds: float
) -> TrainResult:
    """Measure the best weights on the training and validation rows."""
    state = trained.state
    rows = context.valid if len(context.valid) else context.train
    weights = None if rows.weights is None else rows.weights.cpu().numpy()
    decided = replace(context, scorer=build_scorer(task, watched_metrics(context.config).values()))
    return TrainResult(
        run=run,
        stopped=trained.stopped,
        epochs=state.epoch,
        best_epoch=state.best_epoch,
        keep=context.config.training.keep,
        n_parameters=context.n_parameters,
        train=best_scores(decided, state, context.train),
        valid=best_scores(decided, state, context.valid),
        seconds=seconds,
        threshold=binary_threshold(task),
        temperature=task.temperature if isinstance(task, Classification) else None,
        stand_in_for=inputs.prepared.stand_in_for,
        weighting=describe_weighting(
            task,
            context.config.loss,
            lambda: task.decode(outputs_of(context, rows.x).cpu()).mean_probabilities(weights),
            task.decode_targets(rows.y.cpu()),
            weights,
        )
        if state.best_epoch
        else None,
    )


def explain_divergence(run: Run, context: TrainingContext, trained: TrainedModel) -> str:
    """The message: what happened, what was saved and what to try."""
    step, state = trained.diverged_step or 0, trained.state
    best = f"the best weights, of epoch {state.best_epoch}, are in {run.model}"
    kept = best if state.best_epoch else "no weights were saved"
    return (
        f"run {run} diverged: the loss is no longer a finite number at step {step} (last finite step {step - 1}, "
        f"epoch {state.epoch + 1}); {kept}. Try a lower optimizer.lr (now {context.config.optimizer.lr:g}), "
        "training.clip_norm: 1, or features.scale: standard"
    )
