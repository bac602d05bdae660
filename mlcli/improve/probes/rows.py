"""The learning curve over rows: the same training on a fifth of the rows, two fifths, and so on to all of them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from mlcli.config.schema import Config
from mlcli.improve.subject import Subject, affordable_steps, at_constant_rate
from mlcli.training.job import Arrays, TrainingJob
from mlcli.training.loop import new_state, train_model

SHARES = (0.2, 0.4, 0.6, 0.8, 1.0)
# Small trainings are over by then, and five of a large one are bearable; fewer tell nothing of a longer one.
MOST_STEPS, FEWEST_STEPS = 500, 200


@dataclass(frozen=True)
class RowCurve:
    """rows: training rows; losses: the lowest validation loss of a training on so many."""

    rows: tuple[int, ...]
    losses: tuple[float, ...]

    @property
    def gain(self) -> float:
        """By how much twice the rows would lower the loss, by the straight line through loss and log₂(rows)."""
        slope, _ = np.polyfit(np.log2(self.rows), self.losses, 1)
        return -float(slope)


def measure_rows(subject: Subject, steps: int) -> RowCurve | None:
    """Train on each share for equally many steps, so that rows alone make the difference.

    steps : of the training in question. Features are those fitted on all training rows. None where it would take too
    long, or where one of the trainings came to no finite loss.
    """
    job = subject.job()
    allowed = affordable_steps(job, MOST_STEPS)
    if allowed < min(steps, FEWEST_STEPS):
        return None
    config, order = _fixed(job), subject.chance(len(subject.train))
    parts = [order[: math.ceil(share * len(order))].sort().values for share in SHARES]
    rows = [Arrays(subject.train.x[part], subject.train.y[part]) for part in parts]
    losses = [_lowest_loss(subject, config, part, min(steps, allowed)) for part in rows]
    return RowCurve(tuple(map(len, rows)), tuple(losses)) if all(map(math.isfinite, losses)) else None


def _fixed(job: TrainingJob) -> Config:
    """The configuration with batch size and rate that do not depend on the number of rows."""
    config = at_constant_rate(job.config)
    training = config.training.model_copy(update={"batch_size": job.batch_size, "early_stopping": None})
    optimizer = config.optimizer.model_copy(update={"lr": job.lr})
    return config.model_copy(update={"training": training, "optimizer": optimizer})


def _lowest_loss(subject: Subject, config: Config, rows: Arrays, steps: int) -> float:
    epochs = math.ceil(steps / math.ceil(len(rows) / min(int(config.training.batch_size), len(rows))))
    training = config.training.model_copy(update={"epochs": epochs})
    job = subject.job(config.model_copy(update={"training": training}), rows)
    history = train_model(job, new_state(job)).state.history
    return min((record.valid_loss for record in history if record.valid_loss is not None), default=math.inf)
