"""The learning rate of each step, a pure function of the step and the history."""

from __future__ import annotations

import math
from collections.abc import Sequence

from mlcli.config.sections.optimizer import (
    ConstantSchedule,
    CosineSchedule,
    ExponentialSchedule,
    InverseSqrtSchedule,
    OneCycleSchedule,
    PlateauSchedule,
    ScheduleConfig,
    StepSchedule,
)
from mlcli.metrics.catalog import beats
from mlcli.training.state import EpochRecord

# A rate of zero would waste the step, and divide by zero in L-BFGS's line search.
LOWEST = 1e-12

# One-cycle starts and ends at these shares of its peak (fastai's div and div_final).
CYCLE_START, CYCLE_END = 1 / 25, 1e-5


def lr_factor(
    config: ScheduleConfig, step: int, steps_per_epoch: int, total_steps: int, history: Sequence[EpochRecord] = ()
) -> float:
    """The factor of lr at `step`, which counts from 0."""
    decay = _decay(config, step, steps_per_epoch, total_steps, history)
    return max(LOWEST, _warmup(config.warmup * total_steps, step) * decay)


def _warmup(warmup_steps: float, step: int) -> float:
    return min(1.0, (step + 1) / warmup_steps) if warmup_steps >= 1 else 1.0


def _decay(
    config: ScheduleConfig, step: int, steps_per_epoch: int, total_steps: int, history: Sequence[EpochRecord]
) -> float:
    match config:
        case ConstantSchedule():
            return 1.0
        case StepSchedule():
            return float(config.factor ** (step // steps_per_epoch // config.every))
        case ExponentialSchedule():
            return float(config.factor ** (step / steps_per_epoch))
        case CosineSchedule():
            return _cosine(1.0, config.end, step / max(total_steps - 1, 1))
        case OneCycleSchedule():
            return _one_cycle(step / max(total_steps - 1, 1), config.peak)
        case InverseSqrtSchedule():
            return min(1.0, math.sqrt(config.after / (step + 1)))
        case PlateauSchedule():
            return float(config.factor ** _plateaus(history, config.patience, config.metric))


def _cosine(start: float, end: float, share: float) -> float:
    return end + (start - end) * (1 + math.cos(math.pi * min(share, 1.0))) / 2


def _one_cycle(share: float, peak: float) -> float:
    if share < peak:
        return _cosine(CYCLE_START, 1.0, share / peak)
    return _cosine(1.0, CYCLE_END, (share - peak) / (1 - peak))


def _plateaus(history: Sequence[EpochRecord], patience: int, metric: str) -> int:
    """How often the metric went `patience` epochs without a new best value."""
    best, waited, drops = math.nan, 0, 0
    for record in history:
        score = record.train_loss if record.valid_loss is None else record.valid_score(metric)
        best, waited = (score, 0) if beats(score, best, metric) else (best, waited + 1)
        if waited == patience:
            drops, waited = drops + 1, 0
    return drops
