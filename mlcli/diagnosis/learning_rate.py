"""The learning-rate range test (Smith, 2017): one short training in which the rate grows from step to step."""

from __future__ import annotations

from dataclasses import replace

from mlcli.config.sections.config import usual_rate
from mlcli.config.sections.optimizer import LbfgsConfig
from mlcli.diagnosis.evidence import RateRange
from mlcli.diagnosis.experiment import Experiment, affordable_steps, at_constant_rate
from mlcli.training.context import TensorDataset, TrainingContext
from mlcli.training.loop import new_state, optimizer_step, outputs_of, row_order, take_batch
from mlcli.training.state import TrainingState

# Rates tried, as multiples of the optimizer's default: nothing is learned below, and nothing survives above.
LOWEST, HIGHEST = 1e-3, 1e4
# Twenty steps a decade make a curve; six are the least that does.
MOST_STEPS, FEWEST_STEPS = 140, 42
# Rows on which the loss is measured after each step.
SAMPLE = 512
# The test is over when the loss is so many times what it was at the start.
RAN_AWAY = 2.0


def find_range(subject: Experiment) -> RateRange | None:
    """Run the test on a fresh network.

    None for L-BFGS, which searches the length of its steps itself, and where not even the shortest steps are survived.
    """
    if isinstance(subject.config.optimizer, LbfgsConfig):
        return None
    context = subject.context(at_constant_rate(subject.config))
    sample = subject.draw(context.train, SAMPLE)
    start = _loss(context, sample)
    end = RAN_AWAY * max(start, subject.guessing(context).chance)
    rates, losses = _rates(usual_rate(subject.config), max(FEWEST_STEPS, affordable_steps(context, MOST_STEPS))), []
    state = new_state(context)
    to_job = context.lr / subject.config.optimizer.lr  # other than 1 with an automatic batch size
    for rate in rates:
        _step(replace(context, lr=rate * to_job), state)
        loss = _loss(context, sample)
        if not loss <= end:
            break
        losses.append(loss)
    limit = rates[len(losses)] if len(losses) < len(rates) else None
    return RateRange(start, tuple(rates[: len(losses)]), tuple(losses), limit) if len(losses) > 1 else None


def _rates(usual: float, steps: int) -> list[float]:
    return [usual * LOWEST * (HIGHEST / LOWEST) ** (step / (steps - 1)) for step in range(steps)]


def _step(context: TrainingContext, state: TrainingState) -> None:
    """A step of the training's own, epoch after epoch."""
    optimizer_step(context, state, take_batch(context, row_order(context, state.epoch), state.batch))
    if state.batch == context.steps_per_epoch:
        state.epoch, state.batch = state.epoch + 1, 0


def _loss(context: TrainingContext, rows: TensorDataset) -> float:
    return context.cost(outputs_of(context, rows.x), rows.y).item()
