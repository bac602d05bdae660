"""The training loop: a run is epochs, an epoch is steps.

Row order is a pure function of (seed, epoch) and dropout of (seed, step), so a run that is resumed
from a snapshot continues bit for bit as if it had never stopped.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from mlcli.training.job import SCORING_BATCH, Arrays, TrainingJob
from mlcli.training.observers import Observer
from mlcli.training.optim import penalty, weights
from mlcli.training.schedules import lr_factor
from mlcli.training.state import EpochRecord, Stopped, TrainingState
from mlcli.training.stopping import StopRule

# Seconds between two looks of the observers inside an epoch.
TICK_SECONDS = 0.1


@dataclass(frozen=True)
class TrainedModel:
    """The network with its best weights, and how it came to them.

    diverged_step : the first step with a non-finite loss, when stopped is "diverged"
    """

    model: nn.Module
    state: TrainingState
    stopped: Stopped
    diverged_step: int | None = None


def new_state(job: TrainingJob) -> TrainingState:
    """The state before the first step."""
    return TrainingState(losses=torch.zeros(job.steps_per_epoch, device=job.device))


def train_model(
    job: TrainingJob,
    state: TrainingState,
    observers: Sequence[Observer] = (),
    stop_rules: Sequence[StopRule] = (),
    interrupted: Callable[[], bool] = lambda: False,
) -> TrainedModel:
    """Minimise the job's cost from `state` on, which is updated in place.

    Ends after the last epoch, when a stop rule says so, when `interrupted` turns true (after the step
    in hand), or at a non-finite loss.
    """
    for observer in observers:
        observer.on_start(job, state)
    stopped, diverged_step = run_epochs(job, state, observers, stop_rules, interrupted)
    for observer in observers:
        observer.on_end(job, state, stopped)
    if state.best:
        job.model.load_state_dict(state.best)
    return TrainedModel(job.model, state, stopped, diverged_step)


def run_epochs(
    job: TrainingJob,
    state: TrainingState,
    observers: Sequence[Observer],
    stop_rules: Sequence[StopRule],
    interrupted: Callable[[], bool],
) -> tuple[Stopped, int | None]:
    """Epoch after epoch until one of the reasons to stop; the reason, and the step that diverged."""
    while state.epoch < job.config.training.epochs:
        if any(rule.should_stop(state) for rule in stop_rules):
            return "early", None
        if (broken := run_epoch(job, state, observers, interrupted)) is not None:
            return broken
    return "finished", None


def run_epoch(
    job: TrainingJob,
    state: TrainingState,
    observers: Sequence[Observer] = (),
    interrupted: Callable[[], bool] = lambda: False,
) -> tuple[Stopped, int | None] | None:
    """The running epoch to its end, or why it has none: an interruption, after which it goes on, or divergence."""
    if not train_epoch(job, state, observers, interrupted):
        return "interrupted", None
    if (step := first_non_finite(job, state)) is not None:
        return "diverged", step
    close_epoch(job, state, observers)
    return None


def train_epoch(
    job: TrainingJob, state: TrainingState, observers: Sequence[Observer], interrupted: Callable[[], bool]
) -> bool:
    """Run the steps left in the epoch; False when interrupted before its end."""
    order = row_order(job, state.epoch)
    next_tick = time.monotonic() + TICK_SECONDS
    while state.batch < job.steps_per_epoch:
        train_step(job, state, take_batch(job, order, state.batch))
        if (now := time.monotonic()) >= next_tick:
            next_tick = now + TICK_SECONDS
            for observer in observers:
                observer.on_tick(job, state)
        if interrupted():
            return False
    return True


def train_step(job: TrainingJob, state: TrainingState, batch: Arrays) -> None:
    """One move of gradient descent: forward, cost, gradients, update."""
    config = job.config
    state.lr = job.lr * lr_factor(
        config.optimizer.schedule, state.step, job.steps_per_epoch, job.total_steps, state.history
    )
    for group in job.optimizer.param_groups:
        group["lr"] = state.lr

    def cost() -> Tensor:
        value = job.gradients.find(batch.x, batch.y, seed=mix(config.seed, state.step))
        state.losses[state.batch] = value
        extra = penalty(config.optimizer, job.model)
        if extra is not None:
            extra.backward()  # type: ignore[no-untyped-call]
            value = value + extra.detach()
        if config.training.clip_norm is not None:
            nn.utils.clip_grad_norm_(job.model.parameters(), config.training.clip_norm)
        return value

    job.update(cost)
    if config.model.max_norm is not None:
        limit_norms(job.model, config.model.max_norm)
    state.step += 1
    state.batch += 1


def close_epoch(job: TrainingJob, state: TrainingState, observers: Sequence[Observer]) -> None:
    """Measure the epoch, keep the weights if they are the best so far, and tell the observers."""
    train_loss = mean_loss(job, state)
    valid_loss, metrics = score(job, job.valid) if len(job.valid) else (None, {})
    state.epoch += 1
    state.batch = 0
    record = EpochRecord(state.epoch, state.step, state.lr, train_loss, valid_loss, metrics)
    state.history.append(record)
    if is_best(job, state, record):
        watched = record.valid_score(job.watch)
        state.best_score, state.best_epoch = watched if math.isfinite(watched) else None, state.epoch
        state.best = {name: tensor.clone() for name, tensor in job.model.state_dict().items()}
    for observer in observers:
        observer.on_epoch(job, state, record)


def is_best(job: TrainingJob, state: TrainingState, record: EpochRecord) -> bool:
    """Whether the epoch's weights are to be kept: always without validation rows; else some, then better ones."""
    watched = record.valid_score(job.watch)
    if record.valid_loss is None or not state.best:
        return True
    return math.isfinite(watched) and job.improves(watched, state.best_score)


@torch.inference_mode()
def outputs_of(job: TrainingJob, x: Tensor) -> Tensor:
    """The network's raw outputs for all rows, float32 (n, n_outputs), without dropout.

    They are copied into one stretch as they come: kept as they are, each would hold apart the memory around it.
    """
    first = job.gradients.outputs(x[:SCORING_BATCH])
    outputs = first.new_empty(x.shape[0], first.shape[1])
    for start in range(0, x.shape[0], SCORING_BATCH):
        rows = slice(start, start + SCORING_BATCH)
        outputs[rows] = first if start == 0 else job.gradients.outputs(x[rows])
    return outputs


def score(job: TrainingJob, rows: Arrays) -> tuple[float, dict[str, float]]:
    """Cost (without penalties) and metrics over all rows."""
    outputs = outputs_of(job, rows.x)
    return job.cost(outputs, rows.y).item(), job.scorer(outputs, rows.y)


def best_scores(job: TrainingJob, state: TrainingState, rows: Arrays) -> dict[str, float]:
    """Cost and metrics of the best weights, which the network holds at its end; empty without such, or without rows."""
    if not state.best_epoch or not len(rows):
        return {}
    loss, metrics = score(job, rows)
    return {"loss": loss, **metrics}


def row_order(job: TrainingJob, epoch: int) -> Tensor | None:
    """Indices of the training rows in the order of this epoch; None for the order they stand in."""
    if not job.config.training.shuffle or job.steps_per_epoch == 1:
        return None
    generator = torch.Generator().manual_seed(mix(job.config.seed, epoch))
    n_rows = len(job.train)
    narrow = torch.int32 if n_rows < 2**31 else torch.int64  # the same order in half the memory
    return torch.randperm(n_rows, generator=generator, dtype=narrow).to(job.device)


def take_batch(job: TrainingJob, order: Tensor | None, batch: int) -> Arrays:
    """The rows of one step."""
    if job.steps_per_epoch == 1:
        return job.train
    span = slice(batch * job.batch_size, (batch + 1) * job.batch_size)
    if order is None:
        return Arrays(job.train.x[span], job.train.y[span])
    rows = order[span]
    return Arrays(job.train.x.index_select(0, rows), job.train.y.index_select(0, rows))


def mean_loss(job: TrainingJob, state: TrainingState) -> float:
    """Mean over the rows seen so far in the epoch; the last batch may be smaller than the others."""
    sizes = torch.full((state.batch,), float(job.batch_size))
    if state.batch == job.steps_per_epoch:
        sizes[-1] = len(job.train) - (job.steps_per_epoch - 1) * job.batch_size
    losses = state.losses[: state.batch].double().cpu()
    return ((losses * sizes).sum() / sizes.sum()).item() if state.batch else math.nan


def first_non_finite(job: TrainingJob, state: TrainingState) -> int | None:
    """The step of this epoch whose loss is the first not to be finite, counted from the run's start."""
    bad = ~torch.isfinite(state.losses)
    if not bool(bad.any()):
        return None
    return state.step - job.steps_per_epoch + int(bad.int().argmax()) + 1


@torch.no_grad()
def limit_norms(model: nn.Module, max_norm: float) -> None:
    """Scale the incoming weights of each unit down to Euclidean norm max_norm where they exceed it."""
    for weight in weights(model):
        weight.copy_(torch.renorm(weight, p=2, dim=0, maxnorm=max_norm))


def mix(seed: int, counter: int) -> int:
    """A seed of its own for each (seed, counter), spread over 63 bits (splitmix64's finaliser)."""
    z = (seed * 0x9E3779B97F4A7C15 + counter + 0x632BE59BD9B4E019) & 0xFFFFFFFFFFFFFFFF
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & 0xFFFFFFFFFFFFFFFF
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & 0xFFFFFFFFFFFFFFFF
    return (z ^ (z >> 31)) >> 1
