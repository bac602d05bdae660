"""How long a training will take, estimated from a few of its own steps."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import torch

from mlcli.training.context import SCORING_BATCH, TensorDataset, TrainingContext
from mlcli.training.loop import close_epoch, new_state, optimizer_step, row_order, take_batch

# Validation rows that are scored to estimate the time for all of them.
SCORED = 8 * SCORING_BATCH


@dataclass(frozen=True)
class StepTiming:
    """Seconds of one step, and of an epoch's end, where the validation rows are scored."""

    step: float
    closing: float

    def epoch(self, context: TrainingContext) -> float:
        """Seconds of an epoch."""
        return context.steps_per_epoch * self.step + self.closing


def measure_step_time(
    context: TrainingContext, seconds: float, clock: Callable[[], float] = time.perf_counter
) -> StepTiming:
    """Take real steps for about this long, at least two; the context's network is another afterwards.

    clock : seconds since any moment
    """
    state, order = new_state(context), row_order(context, 0)
    some = TensorDataset(context.valid.x[:SCORED], context.valid.y[:SCORED])
    sampled = replace(context, valid=some)

    def step() -> None:
        state.batch %= context.steps_per_epoch
        optimizer_step(context, state, take_batch(context, order, state.batch))

    def close() -> None:
        state.batch = context.steps_per_epoch
        close_epoch(sampled, state, ())

    now = partial(_now, context, clock)
    each = _mean_time(now, step, seconds)
    return StepTiming(each, _mean_time(now, close, 0.0) * max(1.0, len(context.valid) / max(1, len(some))))


def _mean_time(now: Callable[[], float], action: Callable[[], None], seconds: float) -> float:
    """Seconds of an action, repeated for this long, at least once, after a first call that allocates memory."""
    action()
    n, elapsed, started = 0, 0.0, now()
    while not n or elapsed < seconds:
        action()
        n, elapsed = n + 1, now() - started
    return elapsed / n


def _now(context: TrainingContext, clock: Callable[[], float]) -> float:
    """Seconds, after an accelerator, which works asynchronously, has finished."""
    if context.device.type == "cuda":
        torch.cuda.synchronize(context.device)
    return clock()
