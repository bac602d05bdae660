"""How long a training will take, told from a few of its own steps."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch

from mlcli.training.job import SCORING_BATCH, Arrays, TrainingJob
from mlcli.training.loop import close_epoch, new_state, row_order, take_batch, train_step

# Validation rows that are scored to tell what all of them take.
SCORED = 8 * SCORING_BATCH


@dataclass(frozen=True)
class Pace:
    """Seconds of one step, and of an epoch's end, when the validation rows are scored."""

    step: float
    closing: float

    def epoch(self, job: TrainingJob) -> float:
        """Seconds of an epoch."""
        return job.steps_per_epoch * self.step + self.closing


def measure_pace(job: TrainingJob, seconds: float) -> Pace:
    """Take real steps for about this long, at least two; the job's network is another afterwards."""
    state, order = new_state(job), row_order(job, 0)
    some = Arrays(job.valid.x[:SCORED], job.valid.y[:SCORED])
    sampled = replace(job, valid=some)

    def step() -> None:
        state.batch %= job.steps_per_epoch
        train_step(job, state, take_batch(job, order, state.batch))

    def close() -> None:
        state.batch = job.steps_per_epoch
        close_epoch(sampled, state, ())

    each = _mean_time(job, step, seconds)
    return Pace(each, _mean_time(job, close, 0.0) * max(1.0, len(job.valid) / max(1, len(some))))


def _mean_time(job: TrainingJob, action: Callable[[], None], seconds: float) -> float:
    """Of an action repeated for this long, at least once, after a first time that allocates and chooses kernels."""
    action()
    n, elapsed, started = 0, 0.0, _now(job)
    while not n or elapsed < seconds:
        action()
        n, elapsed = n + 1, _now(job) - started
    return elapsed / n


def _now(job: TrainingJob) -> float:
    """Seconds, once an accelerator, which works on by itself, has done what it was given."""
    if job.device.type == "cuda":
        torch.cuda.synchronize(job.device)
    return time.perf_counter()
