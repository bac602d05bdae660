"""Problems that a training's history and scores show: learning rate, epochs, underfitting, overfitting, plateau.

Functions that return text give the reason in a sentence, and an empty one without the symptom.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import pairwise
from statistics import fmean

from mlcli.config.sections.model import QuantileLoss
from mlcli.config.sections.optimizer import ConstantSchedule, LbfgsConfig
from mlcli.data.profile import is_imbalanced
from mlcli.diagnosis.checks import RateRange
from mlcli.diagnosis.evidence import TrainingEvidence
from mlcli.diagnosis.recommendations import (
    Finding,
    balance_classes,
    decay_rate,
    double_epochs,
    grow_network,
    keep_valid_rows,
    lower_rate,
    raise_rate,
    regularise,
)

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
# Share of the epochs after which the best one comes where the validation loss was still falling, too.
LATE = 0.9
# Skill below which the model has learned little from the features.
LITTLE_SKILL = 0.3
# The same where the chance loss is 0, by errors: a line gets three of XOR's four corners right.
LITTLE_ACCURACY = 0.5
# Validation loss minus training loss; a smaller gap is usual.
GAP = 0.2
# Rise of the validation loss above its minimum; less is noise of a few rows.
RISE = 0.1
# The same gap in error rates, which must also exceed so many standard deviations.
MORE_ERRORS, DEVIATIONS = 0.1, 2.0
# Factors between the training's rate and the range test's best one, and the difference of their losses.
HIGHER, LOWER, CLEARLY = 10.0, 2.0, 0.1
# Fall from the third quarter to the last as a share of the whole fall: an even one has a quarter there.
FALLING = 0.1
# Skill of a forest on out-of-bag rows minus that of the network on its training rows.
FOREST_LEAD = 0.3
# Lead of a forest or a linear model below which a network has learned what can be learned.
MATCHED = 0.1
# Change of the training loss over the second half of the epochs.
FLAT = 0.01
# A constant loss below this has most likely converged.
CONVERGED = 0.5


def no_validation_rows(evidence: TrainingEvidence) -> Finding | None:
    """No rows to measure generalisation on."""
    if evidence.n_valid:
        return None
    reason = "dataset.split leaves no validation rows, so overfitting cannot be seen and models cannot be compared"
    return Finding("no_validation_rows", "hold-out validation", reason, *keep_valid_rows(evidence.config))


def rate_too_high(evidence: TrainingEvidence) -> Finding | None:
    """The loss jumps, diverges, starts far above chance, or gets lower in a range test at a lower rate."""
    if is_restrained(evidence):
        return None
    reason, test = overshooting(evidence), evidence.rates
    if not reason:
        if test is None or not evidence.train or evidence.config.optimizer.lr < LOWER * test.best_rate:
            return None
        if evidence.train["loss"] < test.lowest:
            return None
        reason = _compare_with_test(evidence, test, evidence.train["loss"])
    return Finding("learning_rate_too_high", "learning rate too high", reason, *lower_rate(evidence))


def overshooting(evidence: TrainingEvidence) -> str:
    """Steps that are too long: the loss diverges, stays above chance, or jumps."""
    losses = evidence.losses
    if evidence.diverged:
        return f"the loss is not a finite number in epoch {len(evidence.history) + 1}"
    if not losses:
        return ""
    chance = f"chance: {evidence.chance.uniform_loss:.4g}"
    if losses[0] > FIRST_EPOCH and _is_near_chance(evidence) and _falling_share(losses) < STEADY:
        first, last = evidence.history[0].train_loss, evidence.history[-1].train_loss
        return f"the training loss is {first:.4g} in the first epoch and {last:.4g} in the last ({chance})"
    if losses[-1] > max(FIRST_EPOCH, RISEN * losses[0], RISEN * min(losses)):
        lowest, last = min(record.train_loss for record in evidence.history), evidence.history[-1].train_loss
        return f"the training loss rises to {last:.4g} in the last epoch; the lowest is {lowest:.4g} ({chance})"
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
    if not (_is_near_chance(evidence) or _lags_behind_forest(evidence)):
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
    best = min(range(len(losses)), key=(evidence.valid_losses or losses).__getitem__) + 1
    return evidence.fall(TAIL) > WORTH_WAITING and best > LATE * len(losses)


def underfitting(evidence: TrainingEvidence) -> Finding | None:
    """Little is learned: a forest is much better, weights are held back, or skill is low that no forest has either."""
    probes = evidence.probes
    if is_restrained(evidence):
        lowest, last = min(record.train_loss for record in evidence.history), evidence.history[-1].train_loss
        reason = (
            f"the training loss rises from {lowest:.4g} to {last:.4g} and stays there, where l1 and l2 hold the weights"
        )
    elif probes is not None and _lags_behind_forest(evidence) and not _still_learns(evidence):
        reason = (
            f"compared with chance, the network reduces the error by {max(probes.trained.skill, 0.0):.0%} on its "
            f"training rows, and a random forest by {probes.forest.skill:.0%} on out-of-bag rows"
        )
    elif is_underfitting(evidence) and not _matches_forest(evidence):
        skills = [(max(evidence.skill(scores), 0.0), split) for scores, split in _scored_splits(evidence)]
        reductions = " and ".join(f"{skill:.0%} on the {split} rows" for skill, split in skills)
        reason = (
            f"compared with chance, the model reduces the error by {reductions} "
            f"(training loss {evidence.train['loss']:.4g}, chance {evidence.chance.prior_loss:.4g})"
        )
    else:
        return None
    return Finding("underfitting", "underfitting (high bias)", reason, *grow_network(evidence.config))


def is_restrained(evidence: TrainingEvidence) -> bool:
    """Whether weight decay raises the training loss again, to where it stays."""
    losses, optimizer = evidence.losses, evidence.config.optimizer
    if len(losses) < MIN_EPOCHS or evidence.diverged or max(optimizer.l1, optimizer.l2) == 0:
        return False
    tail = losses[-max(2, round(TAIL * len(losses))) :]
    return min(tail) - min(losses) > JUMP and max(tail) - min(tail) < JUMP and tail[-1] < FIRST_EPOCH


def _matches_forest(evidence: TrainingEvidence) -> bool:
    """Whether no forest nor linear model is clearly better on other rows: classes overlap, or much is noise."""
    probes = evidence.probes
    if probes is None or not evidence.valid or isinstance(evidence.config.loss, QuantileLoss):
        return False
    return max(probes.forest.skill, probes.linear) - max(probes.network, probes.trained.skill) < MATCHED


def is_underfitting(evidence: TrainingEvidence) -> bool:
    """Whether a training that has converged has little skill on all rows."""
    if not evidence.train or overshooting(evidence) or _still_learns(evidence):
        return False
    little = LITTLE_SKILL if evidence.chance.prior_loss > 0 else LITTLE_ACCURACY
    return all(evidence.skill(scores) < little for scores, _ in _scored_splits(evidence))


def _still_learns(evidence: TrainingEvidence) -> bool:
    return converges_slowly(evidence) or is_improving(evidence)


def _lags_behind_forest(evidence: TrainingEvidence) -> bool:
    """Whether a random forest is much better; it predicts means, which say nothing about a quantile."""
    probes = evidence.probes
    if probes is None or not evidence.train or isinstance(evidence.config.loss, QuantileLoss):
        return False
    return probes.forest.skill - probes.trained.skill >= FOREST_LEAD


def _is_near_chance(evidence: TrainingEvidence) -> bool:
    return 1 - evidence.losses[-1] < LITTLE_SKILL


def _scored_splits(evidence: TrainingEvidence) -> list[tuple[Mapping[str, float], str]]:
    """The scores that exist, with the name of their split."""
    named = ((evidence.train, "training"), (evidence.valid, "validation"))
    return [(scores, rows) for scores, rows in named if scores]


def overfitting(evidence: TrainingEvidence) -> Finding | None:
    """Better on training rows than on others, or a validation loss that rises."""
    reason = generalisation_gap(evidence)
    if not reason:
        return None
    return Finding("overfitting", "overfitting (high variance)", reason, *regularise(evidence.config))


def generalisation_gap(evidence: TrainingEvidence) -> str:
    """The model is worse on validation rows than on training rows."""
    losses, chance, train, valid = evidence.valid_losses, evidence.chance.uniform_loss, evidence.train, evidence.valid
    if not losses or not valid or overshooting(evidence) or is_underfitting(evidence):
        return ""
    gap, best = (valid["loss"] - train["loss"]) / chance, min(range(len(losses)), key=losses.__getitem__)
    deviation = evidence.probes.valid_deviation if evidence.probes is not None else 0.0
    if gap > max(GAP, DEVIATIONS * deviation / chance):
        return f"the loss is {train['loss']:.4g} on the training rows and {valid['loss']:.4g} on the validation rows"
    if _more_errors(evidence):
        return (
            f"the error rate is {1 - train['accuracy']:.1%} on the training rows and {1 - valid['accuracy']:.1%} on "
            "the validation rows"
        )
    # Early stopping keeps the best weights.
    if evidence.config.training.early_stopping is not None:
        return ""
    if losses[-1] - losses[best] > RISE and evidence.losses[-1] < evidence.losses[best]:
        return (
            f"the validation loss rises from {losses[best] * chance:.4g} in epoch {best + 1} to "
            f"{losses[-1] * chance:.4g} in epoch {len(losses)}, while the training loss falls"
        )
    return ""


def _more_errors(evidence: TrainingEvidence) -> bool:
    if not evidence.counts or "accuracy" not in evidence.valid or "accuracy" not in evidence.train:
        return False
    error = 1 - evidence.valid["accuracy"]
    deviation = math.sqrt(error * (1 - error) / evidence.n_valid)
    return evidence.train["accuracy"] - evidence.valid["accuracy"] > max(MORE_ERRORS, DEVIATIONS * deviation)


def plateau(evidence: TrainingEvidence) -> Finding | None:
    """A training loss that is constant, far from 0, for half of the epochs, without schedule and early stopping."""
    losses, config = evidence.losses, evidence.config
    if len(losses) < MIN_EPOCHS or config.training.early_stopping is not None:
        return None
    if not isinstance(config.optimizer.schedule, ConstantSchedule) or losses[-1] < CONVERGED:
        return None
    second_half = losses[len(losses) // 2 :]
    explained = converges_slowly(evidence) or is_underfitting(evidence) or generalisation_gap(evidence)
    if explained or not max(second_half) - min(second_half) < FLAT:
        return None
    reason = (
        f"over the second half of {len(losses)} epochs the training loss changed by less than "
        f"{FLAT * evidence.chance.uniform_loss:.2g} and stayed at {evidence.history[-1].train_loss:.4g}"
    )
    return Finding("plateau", "plateau of the loss", reason, *decay_rate())


def imbalance_ignored(evidence: TrainingEvidence) -> Finding | None:
    """Classes of very unequal size with equal weights in the loss."""
    weights, counts = getattr(evidence.config.loss, "class_weights", None), evidence.counts
    if weights != "none" or not is_imbalanced(counts):
        return None
    reason = (
        f"the largest class has {max(counts):,} training rows and the smallest {min(counts):,}, all with the same "
        "weight, so errors on the smallest class hardly change the loss"
    )
    return Finding("imbalance_ignored", "imbalanced classes", reason, *balance_classes())


def _falling_share(losses: list[float]) -> float:
    falls = [after < before for before, after in pairwise(losses)]
    return sum(falls) / max(len(falls), 1)
