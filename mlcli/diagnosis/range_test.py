"""The learning-rate range test (Smith, 2017): the loss as the rate grows with each step."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property

from mlcli.config.sections.config import usual_rate
from mlcli.config.sections.optimizer import DECADE, LbfgsConfig
from mlcli.diagnosis.experiment import Experiment, affordable_steps, at_constant_rate, mean_loss
from mlcli.training.loop import new_state, optimizer_step, row_order, take_batch
from mlcli.training.waiting import waiting_by_load

# Rates of the range test, as multiples of the optimizer's default.
LOWEST_RATE, HIGHEST_RATE = 1e-3, 1e4
# Its steps: 20 a decade where they are affordable, at least 6.
MOST_TEST_STEPS, FEWEST_TEST_STEPS = 140, 42
# Rows on which it measures the loss after each step.
TEST_SAMPLE = 512
# It ends when the loss is so many times the initial one.
DIVERGED = 2.0
# Decades over which the steepest descent is measured, so that one lucky step does not decide.
STRETCH = 0.5


@dataclass(frozen=True)
class RateRange:
    """The learning-rate range test: the loss on a fixed sample of training rows as the rate grows.

    start  : the loss before the first step
    rates  : (n,) values of optimizer.lr, each the same factor above the last
    losses : (n,) after the step at each rate
    limit  : the rate at which the loss diverged; None where it did at none
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
        """The rate at the lowest loss; beyond it the loss rises."""
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
        """The lowest loss of the test up to the point that `steps` steps at one rate reach.

        The length of a descent is the sum of its rates; that of a geometric sequence is its last term ·
        g / (g − 1), with g the factor between two.
        """
        reached = lr * steps * (self._growth - 1) / self._growth
        passed = [loss for rate, loss in zip(self.rates, self.losses, strict=True) if rate <= reached]
        return min((self.start, *passed))

    @property
    def _growth(self) -> float:
        return self.rates[1] / self.rates[0]


def run_range_test(experiment: Experiment) -> RateRange | None:
    """The learning-rate range test (Smith, 2017): a short training of a new network whose rate grows with each step.

    None for L-BFGS, whose line search sets the step length, where the loss diverges at the lowest rates, and late.
    """
    if isinstance(experiment.config.optimizer, LbfgsConfig):
        return None
    context = experiment.context(at_constant_rate(experiment.config))
    sample = experiment.draw(context.train, TEST_SAMPLE)
    start = mean_loss(context, sample)
    end = DIVERGED * max(start, experiment.chance(context).uniform_loss)
    steps = max(FEWEST_TEST_STEPS, affordable_steps(context, MOST_TEST_STEPS))
    lowest, span = usual_rate(experiment.config) * LOWEST_RATE, HIGHEST_RATE / LOWEST_RATE
    rates, losses = [lowest * span ** (step / (steps - 1)) for step in range(steps)], list[float]()
    state, order = new_state(context), row_order(context, 0)
    to_context = context.lr / experiment.config.optimizer.lr  # other than 1 with an automatic batch size
    with waiting_by_load(context.threads):
        for rate in rates:
            batch = take_batch(context, order, state.batch)
            optimizer_step(replace(context, lr=rate * to_context), state, batch)
            if state.batch == context.steps_per_epoch:
                state.epoch, state.batch = state.epoch + 1, 0
                order = row_order(context, state.epoch)
            loss = mean_loss(context, sample)
            if experiment.late():
                return None
            if not loss <= end:
                break
            losses.append(loss)
    limit = rates[len(losses)] if len(losses) < len(rates) else None
    return RateRange(start, tuple(rates[: len(losses)]), tuple(losses), limit) if len(losses) > 1 else None
