"""The learning-rate range test (Smith, 2017): one short training in which the rate grows from step to step."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property

from mlcli.config.optimizer import LbfgsConfig
from mlcli.improve.remedies import DECADE, usual_rate
from mlcli.improve.subject import Subject, affordable_steps, at_constant_rate
from mlcli.training.job import Arrays, TrainingJob
from mlcli.training.loop import new_state, outputs_of, row_order, take_batch, train_step
from mlcli.training.state import TrainingState

# Rates tried, as multiples of the optimizer's default: nothing is learned below, and nothing survives above.
LOWEST, HIGHEST = 1e-3, 1e4
# Twenty steps a decade make a curve; six are the least that does.
MOST_STEPS, FEWEST_STEPS = 140, 42
# Rows on which the loss is measured after each step.
SAMPLE = 512
# The test is over when the loss is so many times what it was at the start.
RAN_AWAY = 2.0
# The descent is measured over half a decade, so that one lucky step does not decide.
STRETCH = 0.5


@dataclass(frozen=True)
class RateRange:
    """How the loss on a fixed sample of training rows went as the rate grew.

    start  : the loss before the first step
    rates  : (n,) values of optimizer.lr, each the same factor above the last
    losses : (n,) after the step at each rate
    limit  : the rate at which the loss ran away; None where none of those tried did that
    """

    start: float
    rates: tuple[float, ...]
    losses: tuple[float, ...]
    limit: float | None

    @cached_property
    def lowest(self) -> float:
        """The lowest loss."""
        return min(self.losses)

    @cached_property
    def best_rate(self) -> float:
        """The rate at the lowest loss; beyond it steps are too long."""
        return self.rates[self.losses.index(self.lowest)]

    @cached_property
    def suggested(self) -> float:
        """The rate of the steepest descent, at most a decade below that of the lowest loss."""
        curve = (self.start, *self.losses)
        span = min(max(1, round(STRETCH / math.log10(self._growth))), len(self.losses))
        falls = [before - after for before, after in zip(curve, curve[span:], strict=False)]
        steepest = self.rates[falls.index(max(falls)) + span // 2]
        return min(steepest, self.best_rate / DECADE)

    def loss_after(self, lr: float, steps: int) -> float:
        """The lowest loss when the test had gone as far as so many steps at one rate go.

        How far descent gets is the sum of its rates; that of a geometric sequence is its last term · g / (g − 1),
        g the factor between two.
        """
        reached = lr * steps * (self._growth - 1) / self._growth
        passed = [loss for rate, loss in zip(self.rates, self.losses, strict=True) if rate <= reached]
        return min((self.start, *passed))

    @property
    def _growth(self) -> float:
        return self.rates[1] / self.rates[0]


def find_range(subject: Subject) -> RateRange | None:
    """Run the test on a fresh network.

    None for L-BFGS, which searches the length of its steps itself, and where not even the shortest steps are survived.
    """
    if isinstance(subject.config.optimizer, LbfgsConfig):
        return None
    job = subject.job(at_constant_rate(subject.config))
    sample = subject.draw(job.train, SAMPLE)
    start = _loss(job, sample)
    end = RAN_AWAY * max(start, subject.guessing(job).chance)
    rates, losses = _rates(usual_rate(subject.config), max(FEWEST_STEPS, affordable_steps(job, MOST_STEPS))), []
    state = new_state(job)
    to_job = job.lr / subject.config.optimizer.lr  # other than 1 with an automatic batch size
    for rate in rates:
        _step(replace(job, lr=rate * to_job), state)
        loss = _loss(job, sample)
        if not loss <= end:
            break
        losses.append(loss)
    limit = rates[len(losses)] if len(losses) < len(rates) else None
    return RateRange(start, tuple(rates[: len(losses)]), tuple(losses), limit) if len(losses) > 1 else None


def _rates(usual: float, steps: int) -> list[float]:
    return [usual * LOWEST * (HIGHEST / LOWEST) ** (step / (steps - 1)) for step in range(steps)]


def _step(job: TrainingJob, state: TrainingState) -> None:
    """A step of the training's own, epoch after epoch."""
    train_step(job, state, take_batch(job, row_order(job, state.epoch), state.batch))
    if state.batch == job.steps_per_epoch:
        state.epoch, state.batch = state.epoch + 1, 0


def _loss(job: TrainingJob, rows: Arrays) -> float:
    return job.cost(outputs_of(job, rows.x), rows.y).item()
