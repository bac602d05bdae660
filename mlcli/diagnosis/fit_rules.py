"""Problems of the fit: underfitting, overfitting, a plateau, worse than a linear model, too little data."""

from __future__ import annotations

import math
from collections.abc import Mapping

from mlcli.config.sections.model import QuantileLoss
from mlcli.config.sections.optimizer import ConstantSchedule
from mlcli.diagnosis.curve_rules import (
    LITTLE_SKILL,
    MIN_EPOCHS,
    converges_slowly,
    is_restrained,
    lags_behind_forest,
    overshooting,
    still_learns,
)
from mlcli.diagnosis.evidence import TrainingEvidence
from mlcli.diagnosis.recommendations import Finding, add_rows, decay_rate, grow_network, regularise, straighten

# Skill that is little where the chance loss is 0, by errors: a line gets three of XOR's four corners right.
LITTLE_ACCURACY = 0.5
# Lead of a forest or a linear model below which a network has learned what can be learned.
MATCHED = 0.1
# Validation loss minus training loss, as a share of the chance loss; a smaller gap is usual.
GAP = 0.2
# Lead of the network over a forest and a linear model on validation rows from which such a gap is no problem.
AHEAD = 0.1
# Rise of the validation loss above its minimum; less is noise of a few rows.
RISE = 0.1
# The same gap in error rates, which must also exceed so many standard deviations.
MORE_ERRORS, DEVIATIONS = 0.1, 2.0
# Change of the training loss over the second half of the epochs.
FLAT = 0.01
# A constant loss below this has most likely converged.
CONVERGED = 0.5
# Expected decrease of the validation loss with twice the rows, as a share of the chance loss.
WORTH_MORE_ROWS = 0.03
# Errors of the network as a multiple of those of a linear model, and the least difference of their skills.
WORSE, CLEARLY_WORSE = 1.3, 0.1


def underfitting(evidence: TrainingEvidence) -> Finding | None:
    """Little is learned: a forest is much better, weights are held back, or skill is low that no forest has either."""
    probes = evidence.probes
    if is_restrained(evidence):
        lowest, last = min(record.train_loss for record in evidence.history), evidence.history[-1].train_loss
        reason = (
            f"the training loss rises from {lowest:.4g} to {last:.4g} and stays there, where l1 and l2 hold the weights"
        )
    elif probes is not None and lags_behind_forest(evidence) and not still_learns(evidence):
        reason = (
            f"compared with chance, the network reduces the error by {max(probes.trained.skill, 0.0):.0%} on its "
            f"training rows, and a random forest by {probes.forest.skill:.0%} on out-of-bag rows"
        )
    elif probes is not None and _lags_behind_linear(evidence) and not still_learns(evidence):
        reason = (
            f"compared with chance, the network reduces the error by {max(probes.trained.skill, 0.0):.0%} on its "
            f"training rows, and a linear model by {probes.linear:.0%} on validation rows"
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


def _matches_forest(evidence: TrainingEvidence) -> bool:
    """Whether no forest nor linear model is clearly better on other rows: classes overlap, or much is noise."""
    probes = evidence.probes
    if probes is None or not evidence.valid or isinstance(evidence.config.loss, QuantileLoss):
        return False
    return max(probes.forest.skill, probes.linear) - max(probes.network, probes.trained.skill) < MATCHED


def is_underfitting(evidence: TrainingEvidence) -> bool:
    """Whether a training that has converged has little skill on all rows."""
    if not evidence.train or overshooting(evidence) or still_learns(evidence):
        return False
    little = LITTLE_SKILL if evidence.chance.prior_loss > 0 else LITTLE_ACCURACY
    return all(evidence.skill(scores) < little for scores, _ in _scored_splits(evidence))


def _scored_splits(evidence: TrainingEvidence) -> list[tuple[Mapping[str, float], str]]:
    """The scores that exist, with the name of their split."""
    named = ((evidence.train, "training"), (evidence.valid, "validation"))
    return [(scores, rows) for scores, rows in named if scores]


def _lags_behind_linear(evidence: TrainingEvidence) -> bool:
    """Whether not even the training rows are predicted as well as a linear model predicts others."""
    probes = evidence.probes
    if probes is None or isinstance(evidence.config.loss, QuantileLoss) or not evidence.config.model.hidden:
        return False
    return _is_worse(max(probes.trained.skill, probes.network), probes.linear)


def _is_worse(skill: float, other: float) -> bool:
    return 1 - skill > WORSE * (1 - other) and other - max(skill, 0.0) >= CLEARLY_WORSE


def worse_than_linear(evidence: TrainingEvidence) -> Finding | None:
    """A linear model that is clearly better on the validation rows."""
    probes = evidence.probes
    if probes is None or isinstance(evidence.config.loss, QuantileLoss) or not evidence.config.model.hidden:
        return None
    if not _is_worse(probes.network, probes.linear):
        return None
    reason = (
        f"compared with chance, a linear model reduces the squared error on validation rows by {probes.linear:.0%}, "
        f"and the network by {probes.network:.0%}"
    )
    return Finding("worse_than_linear", "worse than a linear model", reason, *straighten(evidence.config))


def overfitting(evidence: TrainingEvidence) -> Finding | None:
    """Better on training rows than on others, or a validation loss that rises, where regularising would help."""
    reason = generalisation_gap(evidence)
    if not reason:
        return None
    if evidence.probes is not None and evidence.probes.regularised is not None:
        reason += (
            f"; trained with {regularise(evidence.config)[0][0]}, it is {evidence.probes.regularised:.4g} on these"
        )
    return Finding("overfitting", "overfitting (high variance)", reason, *regularise(evidence.config))


def generalisation_gap(evidence: TrainingEvidence) -> str:
    """The model is worse on validation rows than on training rows, and no worse once it is regularised."""
    losses, chance, train, valid = evidence.valid_losses, evidence.chance.uniform_loss, evidence.train, evidence.valid
    if not losses or not valid or overshooting(evidence) or is_underfitting(evidence):
        return ""
    if not _would_regularising_help(evidence):
        return ""
    gap, best = (valid["loss"] - train["loss"]) / chance, min(range(len(losses)), key=losses.__getitem__)
    deviation = evidence.probes.valid_deviation if evidence.probes is not None else 0.0
    ahead = _is_ahead(evidence)
    if gap > max(GAP, DEVIATIONS * deviation / chance) and not ahead:
        return f"the loss is {train['loss']:.4g} on the training rows and {valid['loss']:.4g} on the validation rows"
    if _more_errors(evidence) and not ahead:
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


def _would_regularising_help(evidence: TrainingEvidence) -> bool:
    """Whether a regularised training has a lower validation loss; also where none was made."""
    regularised = evidence.probes.regularised if evidence.probes is not None else None
    return regularised is None or regularised < evidence.valid["loss"]


def _is_ahead(evidence: TrainingEvidence) -> bool:
    """Whether no forest nor linear model comes near the network on validation rows: what it learned holds for them.

    Some gap is then the price of learning more than they do.
    """
    probes = evidence.probes
    if probes is None or isinstance(evidence.config.loss, QuantileLoss):
        return False
    return probes.network - max(probes.forest.skill, probes.linear, 0.0) >= AHEAD


def _more_errors(evidence: TrainingEvidence) -> bool:
    if not evidence.counts or "accuracy" not in evidence.valid or "accuracy" not in evidence.train:
        return False
    error = 1 - evidence.valid["accuracy"]
    deviation = math.sqrt(error * (1 - error) / evidence.n_valid)
    return evidence.train["accuracy"] - evidence.valid["accuracy"] > max(MORE_ERRORS, DEVIATIONS * deviation)


def too_little_data(evidence: TrainingEvidence) -> Finding | None:
    """A validation loss that still falls with the number of training rows."""
    curve = evidence.probes.curve if evidence.probes is not None else None
    if (
        curve is None
        or curve.gain < WORTH_MORE_ROWS * evidence.chance.uniform_loss
        or curve.losses[-1] > min(curve.losses[1:3])
    ):
        return None
    reason = (
        f"the validation loss is {curve.losses[0]:.4g} with {curve.rows[0]:,} training rows, {curve.losses[2]:.4g} "
        f"with {curve.rows[2]:,} and {curve.losses[-1]:.4g} with {curve.rows[-1]:,}; twice as many would lower it by "
        f"about {curve.gain:.2g}"
    )
    return Finding("too_little_data", "too little data", reason, *add_rows(evidence.config), "note")


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
