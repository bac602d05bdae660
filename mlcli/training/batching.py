"""batch_size: auto, and the learning rate that goes with it."""

from __future__ import annotations

import math

from mlcli.config.optimizer import AdadeltaConfig, LbfgsConfig, OptimizerConfig
from mlcli.config.training import TrainingConfig

# Bounds of an automatic size. The upper one leaves about fifty steps an epoch, and no step so long that a larger
# one would cost less a row.
STEPS_PER_EPOCH = 50
SMALLEST, LARGEST = 16, 8192
LONGEST_STEP = 2**28

# The size that a configuration's learning rate is meant for when the size is automatic.
REFERENCE = 32


def choose_batch_size(configured: int | str, n_rows: int, n_parameters: int) -> int:
    """Rows a step: as configured, at most all of them.

    auto is a fiftieth of the rows, or fewer: what makes a step of 2²⁸ multiply-adds (rows × parameters). The power
    of two nearest to it is taken, within 16–8192.
    """
    if configured == "full":
        return n_rows
    if configured == "auto":
        target = min(n_rows / STEPS_PER_EPOCH, LONGEST_STEP / max(n_parameters, 1))
        target = min(max(target, SMALLEST), LARGEST)
        return min(int(2 ** round(math.log2(target))), n_rows)
    return min(int(configured), n_rows)


def rate_for_batch(optimizer: OptimizerConfig, training: TrainingConfig, batch_size: int) -> float:
    """The learning rate of a job: the configured one or, with an automatic batch size, √(batch size / 32) times it.

    A step over k times the rows has a gradient with 1/√k of the noise (Krizhevsky, 2014; for Adam, Malladi et al.,
    2022). Adadelta and L-BFGS find the length of their steps themselves.
    """
    if training.batch_size != "auto" or isinstance(optimizer, AdadeltaConfig | LbfgsConfig):
        return optimizer.lr
    return optimizer.lr * math.sqrt(batch_size / REFERENCE)
