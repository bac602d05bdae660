"""Checks before a search: initial loss, fit of a few rows, learning rate."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from statistics import fmean
from typing import Any

import torch

from mlcli.config.sections.config import Config
from mlcli.config.sections.model import FocalLoss
from mlcli.config.sections.optimizer import AdamConfig, LbfgsConfig
from mlcli.diagnosis.experiment import Experiment, mean_loss, measure_chance
from mlcli.diagnosis.range_test import RateRange, run_range_test
from mlcli.io.json import strict_json
from mlcli.io.text import counted
from mlcli.models.task import FittedTask, Regression
from mlcli.training.context import TrainingContext
from mlcli.training.datasets import TensorDataset
from mlcli.training.loop import new_state, train_model
from mlcli.training.losses import loss_name
from mlcli.training.state import derive_seed

# Initial weights that are drawn, and rows: by a single draw the loss may be several times the chance loss.
DRAWS, INITIAL_SAMPLE = 32, 512
# Variance of the outputs before the training: Glorot's last layer doubles the mean square of its inputs, which is 1.
OUTPUT_VARIANCE = 2.0
# Initial loss as a multiple of the loss of such outputs, and chance loss as a multiple of it, that still count as near.
NEAR = 4 / 3
# Rows to overfit: no more than the network can fit with so many parameters for each output.
MOST_ROWS, FEWEST_ROWS = 20, 2
PARAMETERS_PER_ROW = 2
# Adam at its own rate, so that a bad rate does not look like a bad network.
STEPS, RATE = 400, 0.01
# Training loss as a share of the chance loss that counts as fitted.
FITTED = 0.05
# Share of the range test's fall that the training must reach in all its steps at its own rate.
MIN_FALL = 0.5
# Evidence of a check that the experiment's deadline ended.
LATE = "the time named does not allow for it"


@dataclass(frozen=True)
class Check:
    """passed : None where the check does not apply; the evidence then says why."""

    name: str
    title: str
    passed: bool | None
    evidence: str


@dataclass(frozen=True)
class Checks:
    """All checks, and the range test's curve; rates is None where the test was not possible."""

    checks: tuple[Check, ...]
    rates: RateRange | None

    @property
    def suggested_rate(self) -> float | None:
        """The range test's suggestion; None without a test, and where the configured rate passes."""
        passed = any(check.name == "learning_rate" and check.passed for check in self.checks)
        return None if passed or self.rates is None else self.rates.suggested

    def to_json(self) -> dict[str, Any]:
        """The checks in a JSON document."""
        test = None if self.rates is None else {**asdict(self.rates), "suggested": self.suggested_rate}
        return {"checks": [asdict(check) for check in self.checks], "learning_rate_test": strict_json(test)}


def run_checks(experiment: Experiment) -> Checks:
    """Run all checks on networks that are discarded; takes some seconds, at most until the experiment's deadline."""
    context, rates = experiment.context(), run_range_test(experiment)
    rate = check_learning_rate(context, rates)
    if rates is None and experiment.late():
        rate = replace(rate, evidence=LATE)
    return Checks((check_initial_loss(experiment, context), check_few_rows(experiment), rate), rates)


def check_initial_loss(experiment: Experiment, context: TrainingContext) -> Check:
    """Whether networks with initial weights have about the chance loss, or that of small outputs without any skill."""
    name, title = "first_loss", "initial loss is near chance"
    rows = experiment.draw(context.train, INITIAL_SAMPLE)
    rows = rows.to(context.device, next(context.model.parameters()).dtype)  # bfloat16 is the context's own
    chance = measure_chance(context.cost, experiment.task, rows.y, rows.weights).uniform_loss
    if not chance > 0:
        return Check(name, title, None, f"with loss {experiment.config.loss.name} the chance loss is 0")
    losses, highest = list(_initial_losses(experiment, rows)), NEAR * _loss_of_small_outputs(experiment, context, rows)
    loss, draws = fmean(losses), counted(len(losses), "draw")
    reason = f"{loss:.4g} before the first step, the mean over {draws} of the initial weights"
    formula = describe_chance(experiment, chance)
    return Check(name, title, chance / NEAR <= loss <= highest, f"{reason}; {formula}, near: up to {highest:.3g}")


def _initial_losses(experiment: Experiment, rows: TensorDataset) -> Iterator[float]:
    """The loss with each of DRAWS initial weights; with fewer from the experiment's deadline on."""
    for draw in range(DRAWS):
        if draw and experiment.late():
            return
        seed = derive_seed(experiment.config.seed, draw)
        yield mean_loss(experiment.context(experiment.config.model_copy(update={"seed": seed}), rows), rows)


def _loss_of_small_outputs(experiment: Experiment, context: TrainingContext, rows: TensorDataset) -> float:
    """The loss of normal outputs of OUTPUT_VARIANCE that do not depend on the row."""
    generator = torch.Generator().manual_seed(derive_seed(experiment.config.seed, DRAWS))
    targets = rows.y.repeat(DRAWS, *[1] * (rows.y.dim() - 1))
    drawn = torch.randn(len(targets), experiment.task.n_outputs, generator=generator) * math.sqrt(OUTPUT_VARIANCE)
    weights = None if rows.weights is None else rows.weights.repeat(DRAWS)
    return context.cost(drawn.to(targets.device), targets, weights).item()


def describe_chance(experiment: Experiment, chance: float) -> str:
    """The chance loss with the formula that gives it."""
    formula = _class_formula(experiment, chance) if experiment.n_classes else _number_formula(experiment.task)
    return f"chance: {formula}{chance:.4g}"


def _class_formula(experiment: Experiment, chance: float) -> str:
    """Of equal probabilities: −ln 1/K, or what the loss makes of it, times the mean class weight of the rows."""
    n, config = experiment.n_classes, experiment.config.loss
    name, one = loss_name(config, experiment.task), f"ln {n}"
    value = math.log(n)
    if isinstance(config, FocalLoss):
        one, value = f"(1 − 1/{n})^{config.gamma:g} × ln {n}", (1 - 1 / n) ** config.gamma * value
    elif name in ("mse", "hinge"):
        one, value = {"mse": ("(1 − 1/2)²", 0.25), "hinge": ("max(0, 1 − 0)", 1.0)}[name]
    if getattr(config, "class_weights", "none") == "none":
        return f"{one} = "
    return f"{one} × {chance / value:.4g}, the mean class weight, = "


def _number_formula(task: FittedTask) -> str:
    """Of the best constant."""
    if not isinstance(task, Regression) or task.output == "exp":
        return "half the mean deviance from the mean count = "
    target = "transformed target" if task.transforms else "standardised target"
    return f"the loss of 0 for the {target} = " if task.q is None else f"the loss of the {task.q:g}-quantile = "


def check_few_rows(experiment: Experiment) -> Check:
    """Whether the network can overfit a few rows without regularisation."""
    name, title = "handful", "network can overfit a few rows"
    if not experiment.config.model.hidden:
        return Check(name, title, None, "does not apply to a network without hidden layers")
    rows = _distinct_rows(experiment)
    alone = replace(experiment, valid=experiment.valid[:0])  # what is asked is of the training rows alone
    context = alone.context(_without_regularisation(experiment.config), rows)
    chance = experiment.chance(context).uniform_loss
    if len(rows) < FEWEST_ROWS or not chance > 0:
        return Check(name, title, None, f"{len(rows)} distinct rows are too few, or their chance loss is 0")
    history = train_model(context, new_state(context), interrupted=experiment.late).state.history
    lowest = min((record.train_loss for record in history), default=math.nan)
    if not lowest <= FITTED * chance and experiment.late():
        return Check(name, title, None, LATE)
    reached = (
        f"loss {lowest:.2g} on {counted(len(rows), 'row')} after {counted(len(history), 'step')} without regularisation"
    )
    return Check(name, title, lowest <= FITTED * chance, f"{reached}; {describe_chance(experiment, chance)}")


def _distinct_rows(experiment: Experiment) -> TensorDataset:
    """Rows with different features, as many as the network has parameters for; all count alike."""
    fitting = experiment.context().n_parameters // (PARAMETERS_PER_ROW * experiment.task.n_outputs)
    drawn = experiment.draw(experiment.train, min(MOST_ROWS, fitting))
    distinct: list[int] = []
    for at in range(len(drawn)):
        if not any(torch.equal(drawn.x[at], drawn.x[other]) for other in distinct):
            distinct.append(at)
    return TensorDataset(drawn.x[distinct], drawn.y[distinct])


def _without_regularisation(config: Config) -> Config:
    loss = config.loss
    if getattr(loss, "label_smoothing", 0.0):
        loss = loss.model_copy(update={"label_smoothing": 0.0})
    training = {"epochs": STEPS, "batch_size": "full", "clip_norm": None, "early_stopping": None}
    return config.model_copy(
        update={
            "model": config.model.model_copy(update={"dropout": 0.0, "max_norm": None}),
            "loss": loss,
            "optimizer": AdamConfig(name="adam", lr=RATE),
            "training": config.training.model_copy(update=training),
        }
    )


def check_learning_rate(context: TrainingContext, rates: RateRange | None) -> Check:
    """Whether the loss decreases at the configured rate, by the range test."""
    name, title, lr = "learning_rate", "loss decreases at the learning rate", context.config.optimizer.lr
    if rates is None:
        is_lbfgs = isinstance(context.config.optimizer, LbfgsConfig)
        reason = "the line search of L-BFGS sets the step length" if is_lbfgs else "the loss diverges at every rate"
        return Check(name, title, None, reason)
    divergence = f", and diverges at {rates.limit:.2g}" if rates.limit else ""
    test = (
        f"in the range test the loss is {rates.start:.3g} at the start, lowest ({rates.lowest:.2g}) at "
        f"{rates.best_rate:.2g}{divergence}"
    )
    if lr > rates.best_rate:
        return Check(name, title, False, f"{lr:g} is too high: {test}; try {rates.suggested:.1g}")
    if rates.start - rates.loss_after(lr, context.total_steps) < MIN_FALL * (rates.start - rates.lowest):
        steps = f"{context.total_steps:,} steps"
        return Check(name, title, False, f"{lr:g} is too low for {steps}: {test}; try {rates.suggested:.1g}")
    return Check(name, title, True, f"{lr:g}; {test}")
