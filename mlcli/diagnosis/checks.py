"""What is checked before anything is searched, as a training is watched over in the course."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

import torch

from mlcli.config.sections.config import Config
from mlcli.config.sections.optimizer import AdamConfig, LbfgsConfig
from mlcli.diagnosis.evidence import RateRange
from mlcli.diagnosis.experiment import Experiment
from mlcli.diagnosis.learning_rate import find_range
from mlcli.io.json import strict_json
from mlcli.training.context import TensorDataset, TrainingContext
from mlcli.training.loop import new_state, outputs_of, train_model

# First weights alone can cost a few chances; inputs or weights that are too large cost hundreds.
FIRST_LOSS = 10.0
SAMPLE = 2048
# A handful of rows, and half as many as the network could learn by heart with its parameters.
HANDFUL, FEWEST_ROWS = 20, 2
PARAMETERS_A_ROW = 2
# A training of its own, so that a wrong rate is not taken for a wrong network.
STEPS, RATE = 400, 0.01
# Of what guessing costs; less is by heart.
BY_HEART = 0.05
# The share of the test's fall that a training at its own rate has to get through in all of its steps.
FAR_ENOUGH = 0.5


@dataclass(frozen=True)
class Check:
    """passed : None where it does not apply, with the reason in the evidence."""

    name: str
    title: str
    passed: bool | None
    evidence: str


@dataclass(frozen=True)
class Checks:
    """All of them, with the curve of the range test."""

    checks: tuple[Check, ...]
    rates: RateRange | None

    def to_json(self) -> dict[str, Any]:
        """The checks in a JSON document."""
        test = None if self.rates is None else {**asdict(self.rates), "suggested": self.rates.suggested}
        return {"checks": [asdict(check) for check in self.checks], "learning_rate_test": strict_json(test)}


def run_checks(subject: Experiment) -> Checks:
    """Some seconds of experiments on networks that are thrown away."""
    context, rates = subject.context(), find_range(subject)
    return Checks((first_loss(subject, context), handful(subject), learning_rate(context, rates)), rates)


def first_loss(subject: Experiment, context: TrainingContext) -> Check:
    """Whether a network that has learned nothing costs what guessing costs."""
    name, title = "first_loss", "first loss is what chance gives"
    chance = subject.guessing(context).chance
    if not chance > 0:
        return Check(name, title, None, f"loss {subject.config.loss.name} gives chance no cost to compare with")
    rows = subject.draw(context.train, SAMPLE)
    loss = context.cost(outputs_of(context, rows.x), rows.y).item()
    return Check(
        name, title, loss <= FIRST_LOSS * chance, f"{loss:.4g} before the first step; {_chance(subject, chance)}"
    )


def _chance(subject: Experiment, chance: float) -> str:
    usual = subject.config.loss.name in ("auto", "bce", "cross_entropy") and subject.n_classes
    return f"chance gives {f'ln {subject.n_classes} = ' if usual else ''}{chance:.4g}"


def handful(subject: Experiment) -> Check:
    """Whether a few rows can be learned by heart, without regularisation."""
    name, title = "handful", "a handful of rows can be learned by heart"
    if not subject.config.model.hidden:
        return Check(name, title, None, "a network without hidden layers need not be able to")
    rows = _few_rows(subject)
    context = subject.context(_by_heart(subject.config), rows)
    chance = subject.guessing(context).chance
    if len(rows) < FEWEST_ROWS or not chance > 0:
        return Check(name, title, None, f"{len(rows)} rows that differ are too few, or cost nothing to guess")
    history = train_model(context, new_state(context)).state.history
    lowest = min((record.train_loss for record in history), default=math.nan)
    reached = f"{len(rows)} rows without regularisation: loss {lowest:.2g} after {len(history)} steps"
    return Check(name, title, lowest <= BY_HEART * chance, f"{reached}; {_chance(subject, chance)}")


def _few_rows(subject: Experiment) -> TensorDataset:
    """Rows that differ in their features, as many as the network has parameters for."""
    n_parameters = subject.context().n_parameters
    drawn = subject.draw(subject.train, min(HANDFUL, n_parameters // (PARAMETERS_A_ROW * subject.task.n_outputs)))
    different: list[int] = []
    for at in range(len(drawn)):
        if not any(torch.equal(drawn.x[at], drawn.x[other]) for other in different):
            different.append(at)
    return TensorDataset(drawn.x[different], drawn.y[different])


def _by_heart(config: Config) -> Config:
    loss = config.loss
    if getattr(loss, "label_smoothing", 0.0):
        loss = loss.model_copy(update={"label_smoothing": 0.0})
    free = {"epochs": STEPS, "batch_size": "full", "clip_norm": None, "early_stopping": None}
    return config.model_copy(
        update={
            "model": config.model.model_copy(update={"dropout": 0.0, "max_norm": None}),
            "loss": loss,
            "optimizer": AdamConfig(name="adam", lr=RATE),
            "training": config.training.model_copy(update=free),
        }
    )


def learning_rate(context: TrainingContext, rates: RateRange | None) -> Check:
    """Whether the loss comes down at the configured rate."""
    name, title, lr = "learning_rate", "the loss comes down at the learning rate", context.config.optimizer.lr
    if rates is None:
        reason = "L-BFGS searches the length of its steps itself"
        return Check(
            name, title, None, reason if isinstance(context.config.optimizer, LbfgsConfig) else "no step is survived"
        )
    told = (
        f"in a test of growing rates the loss falls from {rates.start:.3g}, is lowest ({rates.lowest:.2g}) at "
        f"{rates.best_rate:.2g}{f' and runs away at {rates.limit:.2g}' if rates.limit else ''}"
    )
    if lr > rates.best_rate:
        return Check(name, title, False, f"{lr:g} is too high: {told}; try {rates.suggested:.1g}")
    if rates.start - rates.loss_after(lr, context.total_steps) < FAR_ENOUGH * (rates.start - rates.lowest):
        slow = f"{lr:g} is too low for {context.total_steps:,} steps"
        return Check(name, title, False, f"{slow}: {told}; try {rates.suggested:.1g}")
    return Check(name, title, True, f"{lr:g}; {told}")
