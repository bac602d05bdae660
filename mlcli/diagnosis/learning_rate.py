"""The learning-rate range test (Smith, 2017): a short training whose rate grows from step to step."""

from __future__ import annotations

from dataclasses import replace

from mlcli.config.sections.config import usual_rate
from mlcli.config.sections.optimizer import LbfgsConfig
from mlcli.diagnosis.evidence import RateRange
from mlcli.diagnosis.experiment import Experiment, affordable_steps, at_constant_rate
from mlcli.training.context import TensorDataset, TrainingContext
from mlcli.training.loop import new_state, optimizer_step, outputs_of, row_order, take_batch
from mlcli.training.state import TrainingState

# Rates tried, as multiples of the optimizer's default.
LOWEST, HIGHEST = 1e-3, 1e4
# 20 steps a decade where they are affordable, at least 6.
MOST_STEPS, FEWEST_STEPS = 140, 42
# Rows on which the loss is measured after each step.
SAMPLE = 512
# The test ends when the loss is so many times the initial one.
DIVERGED = 2.0


def run_range_test(experiment: Experiment) -> RateRange | None:
    """Run the test on a new network.

    None for L-BFGS, whose line search sets the step length, and where the loss diverges at the lowest rates.
    """
    if isinstance(experiment.config.optimizer, LbfgsConfig):
        return None
    context = experiment.context(at_constant_rate(experiment.config))
    sample = experiment.draw(context.train, SAMPLE)
    start = _loss(context, sample)
    end = DIVERGED * max(start, experiment.chance(context).uniform_loss)
    rates, losses = _rates(usual_rate(experiment.config), max(FEWEST_STEPS, affordable_steps(context, MOST_STEPS))), []
    state = new_state(context)
    to_context = context.lr / experiment.config.optimizer.lr  # other than 1 with an automatic batch size
    for rate in rates:
        _step(replace(context, lr=rate * to_context), state)
        loss = _loss(context, sample)
        if not loss <= end:
            break
        losses.append(loss)
    limit = rates[len(losses)] if len(losses) < len(rates) else None
    return RateRange(start, tuple(rates[: len(losses)]), tuple(losses), limit) if len(losses) > 1 else None


def _rates(default: float, steps: int) -> list[float]:
    return [default * LOWEST * (HIGHEST / LOWEST) ** (step / (steps - 1)) for step in range(steps)]


def _step(context: TrainingContext, state: TrainingState) -> None:
    """One optimizer step on the next mini-batch."""
    optimizer_step(context, state, take_batch(context, row_order(context, state.epoch), state.batch))
    if state.batch == context.steps_per_epoch:
        state.epoch, state.batch = state.epoch + 1, 0


def _loss(context: TrainingContext, rows: TensorDataset) -> float:
    return context.cost(outputs_of(context, rows.x), rows.y).item()
