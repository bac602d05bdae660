"""Problems that the loss curve shows: a learning rate too high or too low, too few epochs.

Functions that return text give the reason in a sentence, and an empty one without the symptom.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from statistics import fmean

from mlcli.config.sections.model import QuantileLoss
from mlcli.config.sections.optimizer import DECADE, LbfgsConfig
from mlcli.diagnosis.evidence import TrainingEvidence
from mlcli.diagnosis.range_test import RateRange
from mlcli.diagnosis.recommendations import Finding, double_epochs, lower_rate, raise_rate

# Losses below are shares of the chance loss.
# Initial weights alone can cost a few; a training that starts above this and does not get far has overshot.
FIRST_EPOCH = 2.0
# Last loss as a multiple of the first and of the lowest one that shows divergence.
RISEN = 1.5
# Mini-batches and dropout change an epoch's mean by a few hundredths.
JUMP = 0.1
# Share of epochs with a jump; single ones happen in good trainings too, with dropout more often.
JUMPY_SHARE = 0.25
# Epochs from which a curve has a shape, and from which it has a last quarter.
MIN_EPOCHS, MIN_QUARTERS = 8, 4
# Share of the epochs that counts as the end.
TAIL = 0.25
# Share of the tail's epochs in which the loss falls: noise gives a half, a slope nearly all.
STEADY = 0.8
# Fall in the tail as a share of an even one; a training that converges has most of its fall early.
EVEN_FALL = 0.5
# Fall in the tail from which more epochs are worth their time.
WORTH_WAITING = 0.05
# Epochs that a slope is measured on at least, and how many standard errors it is below 0 where a loss falls.
FEWEST_POINTS, DEVIATIONS = 3, 2.0
# Epochs below which a small fall, too, is worth waiting for, and the lead of a forest or a linear model on other rows.
SHORT, AHEAD = 16, 0.1
# Factors between the training's rate and the range test's best one, and the difference of their losses.
HIGHER, LOWER, CLEARLY = 10.0, 2.0, 0.1
# Fall from the third quarter to the last as a share of the whole fall: an even one has a quarter there.
FALLING = 0.1
# Skill below which the model has learned little from the features.
LITTLE_SKILL = 0.3
# Skill of a forest on out-of-bag rows minus that of the network on its training rows.
FOREST_LEAD = 0.3


def rate_too_high(evidence: TrainingEvidence) -> Finding | None:
    """The loss jumps, diverges, starts far above chance, or gets lower in a range test at a lower rate."""
    if is_restrained(evidence):
        return None
    reason, test = overshooting(evidence), evidence.rates
    if not reason:
        if test is None or not evidence.train or evidence.config.optimizer.lr < LOWER * test.best_rate:
            return None
        if evidence.train["loss"] >= test.lowest:
            reason = _compare_with_test(evidence, test, evidence.train["loss"])
        elif evidence.valid_losses and evidence.valid_losses[-1] > FIRST_EPOCH:
            reason = (
                f"the validation loss is {evidence.valid_losses[-1] * evidence.chance.uniform_loss:.4g} in the last "
                f"epoch (chance: {evidence.chance.uniform_loss:.4g}); in the range test the loss rises above a rate of "
                f"{test.best_rate:.2g}"
            )
        else:
            return None
    return Finding("learning_rate_too_high", "learning rate too high", reason, *lower_rate(evidence))


def overshooting(evidence: TrainingEvidence) -> str:
    """Steps that are too long: the loss diverges, stays above chance, or jumps."""
    losses = evidence.losses
    if evidence.diverged:
        return f"the loss is not a finite number in epoch {len(evidence.history) + 1}"
    if not losses:
        return ""
    chance = f"chance: {evidence.chance.uniform_loss:.4g}"
    if losses[-1] > max(FIRST_EPOCH, RISEN * losses[0], RISEN * min(losses)):
        lowest, last = min(record.train_loss for record in evidence.history), evidence.history[-1].train_loss
        return f"the training loss rises to {last:.4g} in the last epoch; the lowest is {lowest:.4g} ({chance})"
    if evidence.rates is not None and evidence.config.optimizer.lr * DECADE <= evidence.rates.best_rate:
        return ""  # outliers and weight decay keep a loss high, and make it jump, at low rates, too
    if losses[0] > FIRST_EPOCH and _is_near_chance(evidence) and _falling_share(losses) < STEADY:
        first, last = evidence.history[0].train_loss, evidence.history[-1].train_loss
        return f"the training loss is {first:.4g} in the first epoch and {last:.4g} in the last ({chance})"
    jumps = [after - before for before, after in pairwise(losses) if after - before > JUMP]
    if len(jumps) >= max(2, JUMPY_SHARE * len(losses)):
        highest = max(jumps) * evidence.chance.uniform_loss
        return f"the training loss rises in {len(jumps)} of {len(losses)} epochs, by up to {highest:.4g} ({chance})"
    return ""


def rate_too_low(evidence: TrainingEvidence) -> Finding | None:
    """The loss is still near chance, and the range test gets lower at a higher rate or the loss falls steadily."""
    reason = better_at_higher_rate(evidence)
    if not reason and not converges_slowly(evidence):
        return None
    reason = reason or (
        f"after {len(evidence.losses)} epochs the training loss is {evidence.history[-1].train_loss:.4g} (chance: "
        f"{evidence.chance.uniform_loss:.4g}) and is still falling as fast as at the start"
    )
    return Finding("learning_rate_too_low", "learning rate too low", reason, *raise_rate(evidence))


def better_at_higher_rate(evidence: TrainingEvidence) -> str:
    """A training that has not converged, where the range test got lower at a much higher rate."""
    test, losses = evidence.rates, evidence.losses
    if test is None or not losses or overshooting(evidence):
        return ""
    quarter = len(losses) // 4
    if quarter:
        late_fall = fmean(losses[-2 * quarter : -quarter]) - fmean(losses[-quarter:])
        if not late_fall > FALLING * (losses[0] - losses[-1]) > 0:
            return ""
    if not (_is_near_chance(evidence) or lags_behind_forest(evidence)):
        return ""
    reached, chance = evidence.history[-1].train_loss, evidence.chance.uniform_loss
    if evidence.config.optimizer.lr * HIGHER > test.best_rate or reached - test.lowest < CLEARLY * chance:
        return ""
    return _compare_with_test(evidence, test, reached)


def _compare_with_test(evidence: TrainingEvidence, test: RateRange, reached: float) -> str:
    return (
        f"with learning rate {evidence.config.optimizer.lr:.3g} the training loss is {reached:.4g} after "
        f"{evidence.history[-1].step:,} steps; the range test reached {test.lowest:.4g} in {len(test.rates)} steps, at "
        f"{test.best_rate:.2g}"
    )


def converges_slowly(evidence: TrainingEvidence) -> bool:
    """Whether the loss is still near chance and falls as fast as at the start."""
    losses = evidence.losses
    if len(losses) < MIN_EPOCHS or isinstance(evidence.config.optimizer, LbfgsConfig) or overshooting(evidence):
        return False
    total = losses[0] - losses[-1]
    steady = _falling_share(losses[-1 - round(TAIL * len(losses)) :]) >= STEADY
    return steady and evidence.fall(TAIL) >= EVEN_FALL * TAIL * total > 0 and _is_near_chance(evidence)


def still_improving(evidence: TrainingEvidence) -> Finding | None:
    """The last epoch came before convergence."""
    if not is_improving(evidence):
        return None
    reason = (
        f"in the last quarter of {len(evidence.losses)} epochs the training loss still fell by "
        f"{evidence.fall(TAIL) * evidence.chance.uniform_loss:.4g}, to {evidence.history[-1].train_loss:.4g}"
    )
    return Finding("still_improving", "training stopped too soon", reason, *double_epochs(evidence.config))


def is_improving(evidence: TrainingEvidence) -> bool:
    """Whether the losses were still clearly falling in the last epoch."""
    losses = evidence.losses
    fewest = max(MIN_QUARTERS, evidence.config.training.epochs)
    if len(losses) < fewest or overshooting(evidence) or converges_slowly(evidence):
        return False
    early = len(losses) < SHORT and _can_learn_more(evidence)
    least = TAIL * WORTH_WAITING if early else WORTH_WAITING
    return evidence.fall(TAIL) > least and is_falling(evidence.valid_losses or losses)


def _can_learn_more(evidence: TrainingEvidence) -> bool:
    """Whether a forest or a linear model predicts other rows better than the network its training rows."""
    probes = evidence.probes
    if probes is None or isinstance(evidence.config.loss, QuantileLoss):
        return False
    return max(probes.forest.skill, probes.linear) - probes.trained.skill >= AHEAD


def is_falling(losses: Sequence[float]) -> bool:
    """Whether the slope of the second half, by least squares, is below 0 by more than its noise."""
    half = losses[-max(FEWEST_POINTS, len(losses) // 2) :]
    centred = [at - (len(half) - 1) / 2 for at in range(len(half))]
    squares = sum(at * at for at in centred)
    slope, mean = sum(at * loss for at, loss in zip(centred, half, strict=True)) / squares, fmean(half)
    errors = sum((loss - mean - slope * at) ** 2 for at, loss in zip(centred, half, strict=True))
    return slope < -DEVIATIONS * math.sqrt(errors / (len(half) - 2) / squares)


def still_learns(evidence: TrainingEvidence) -> bool:
    """Whether more epochs would help, at this rate or a higher one."""
    return converges_slowly(evidence) or is_improving(evidence)


def is_restrained(evidence: TrainingEvidence) -> bool:
    """Whether weight decay raises the training loss again, to where it stays."""
    losses, optimizer = evidence.losses, evidence.config.optimizer
    if len(losses) < MIN_EPOCHS or evidence.diverged or max(optimizer.l1, optimizer.l2) == 0:
        return False
    tail = losses[-max(2, round(TAIL * len(losses))) :]
    return min(tail) - min(losses) > JUMP and max(tail) - min(tail) < JUMP and tail[-1] < FIRST_EPOCH


def lags_behind_forest(evidence: TrainingEvidence) -> bool:
    """Whether a random forest is much better; it predicts means, which say nothing about a quantile."""
    probes = evidence.probes
    if probes is None or not evidence.train or isinstance(evidence.config.loss, QuantileLoss):
        return False
    return probes.forest.skill - probes.trained.skill >= FOREST_LEAD


def _is_near_chance(evidence: TrainingEvidence) -> bool:
    return 1 - evidence.losses[-1] < LITTLE_SKILL


def _falling_share(losses: list[float]) -> float:
    falls = [after < before for before, after in pairwise(losses)]
    return sum(falls) / max(len(falls), 1)
