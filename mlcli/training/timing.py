"""How long a training will take, measured on a few of its own steps."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch

from mlcli.training.context import SCORING_BATCH, TensorDataset, TrainingContext
from mlcli.training.loop import close_epoch, new_state, optimizer_step, row_order, take_batch

# Validation rows that are scored to tell what all of them take.
SCORED = 8 * SCORING_BATCH


@dataclass(frozen=True)
class StepTiming:
    """Seconds of one step, and of an epoch's end, when the validation rows are scored."""

    step: float
    closing: float

    def epoch(self, context: TrainingContext) -> float:
        """Seconds of an epoch."""
        return context.steps_per_epoch * self.step + self.closing


def measure_step_time(context: TrainingContext, seconds: float) -> StepTiming:
    """Take real steps for about this long, at least two; the context's network is another afterwards."""
    state, order = new_state(context), row_order(context, 0)
    some = TensorDataset(context.valid.x[:SCORED], context.valid.y[:SCORED])
    sampled = replace(context, valid=some)

    def step() -> None:
        state.batch %= context.steps_per_epoch
        optimizer_step(context, state, take_batch(context, order, state.batch))

    def close() -> None:
        state.batch = context.steps_per_epoch
        close_epoch(sampled, state, ())

    each = _mean_time(context, step, seconds)
    return StepTiming(each, _mean_time(context, close, 0.0) * max(1.0, len(context.valid) / max(1, len(some))))


def _mean_time(context: TrainingContext, action: Callable[[], None], seconds: float) -> float:
    """Of an action repeated for this long, at least once, after a first time that allocates and chooses kernels."""
    action()
    n, elapsed, started = 0, 0.0, _now(context)
    while not n or elapsed < seconds:
        action()
        n, elapsed = n + 1, _now(context) - started
    return elapsed / n


def _now(context: TrainingContext) -> float:
    """Seconds, once an accelerator, which works on by itself, has done what it was given."""
    if context.device.type == "cuda":
        torch.cuda.synchronize(context.device)
    return time.perf_counter()
