"""Problems of the learning itself: learning rate, epochs, underfitting, overfitting, plateau."""

from __future__ import annotations

from mlcli.diagnosis.evidence import TrainingEvidence
from mlcli.diagnosis.recommendations import (
    Finding,
    decay_rate,
    double_epochs,
    grow_network,
    lower_rate,
    raise_rate,
    regularise,
)
from mlcli.diagnosis.symptoms import (
    FLAT,
    TAIL,
    better_at_higher_rate,
    better_at_lower_rate,
    converges_slowly,
    generalisation_gap,
    is_improving,
    is_on_plateau,
    is_underfitting,
    overshooting,
    scored_splits,
    weaker_than_forest,
)


def rate_too_high(evidence: TrainingEvidence) -> Finding | None:
    """The loss jumps, diverges, starts far above chance, or gets lower in a short test at a lower rate."""
    reason = overshooting(evidence) or better_at_lower_rate(evidence)
    if not reason:
        return None
    return Finding("learning_rate_too_high", "learning rate too high", reason, *lower_rate(evidence))


def rate_too_low(evidence: TrainingEvidence) -> Finding | None:
    """The loss is still near chance, and a short test at a higher rate gets lower or the loss falls steadily."""
    reason = better_at_higher_rate(evidence)
    if not reason and not converges_slowly(evidence):
        return None
    reason = reason or (
        f"after {len(evidence.losses)} epochs the training loss is {evidence.history[-1].train_loss:.4g} (chance: "
        f"{evidence.chance.uniform_loss:.4g}) and is still falling as fast as at the start"
    )
    return Finding("learning_rate_too_low", "learning rate too low", reason, *raise_rate(evidence))


def still_improving(evidence: TrainingEvidence) -> Finding | None:
    """The last epoch came before convergence."""
    if not is_improving(evidence):
        return None
    reason = (
        f"in the last quarter of {len(evidence.losses)} epochs the training loss still fell by "
        f"{evidence.fall(TAIL) * evidence.chance.uniform_loss:.4g}, to {evidence.history[-1].train_loss:.4g}"
    )
    return Finding("still_improving", "training stopped too soon", reason, *double_epochs(evidence.config))


def underfitting(evidence: TrainingEvidence) -> Finding | None:
    """Low skill on training and validation rows, and no longer improving."""
    reason = weaker_than_forest(evidence)
    if not reason and not is_underfitting(evidence):
        return None
    skills = [(max(evidence.skill(scores), 0.0), split) for scores, split in scored_splits(evidence)]
    reductions = " and ".join(f"{skill:.0%} on the {split} rows" for skill, split in skills)
    reason = reason or (
        f"compared with chance, the model reduces the error by {reductions} "
        f"(training loss {evidence.train['loss']:.4g}, chance {evidence.chance.prior_loss:.4g})"
    )
    return Finding("underfitting", "underfitting (high bias)", reason, *grow_network(evidence.config))


def overfitting(evidence: TrainingEvidence) -> Finding | None:
    """Better on training rows than on others, or a validation loss that rises."""
    reason = generalisation_gap(evidence)
    if not reason:
        return None
    return Finding("overfitting", "overfitting (high variance)", reason, *regularise(evidence.config))


def plateau(evidence: TrainingEvidence) -> Finding | None:
    """A training loss that is constant for half of the epochs, and no schedule that would change the rate."""
    if not is_on_plateau(evidence):
        return None
    reason = (
        f"over the second half of {len(evidence.losses)} epochs the training loss changed by less than "
        f"{FLAT * evidence.chance.uniform_loss:.2g} and stayed at {evidence.history[-1].train_loss:.4g}"
    )
    return Finding("plateau", "plateau of the loss", reason, *decay_rate(evidence.config))
