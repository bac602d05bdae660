"""Ailments of the learning: the rate, the length, and the fit."""

from __future__ import annotations

from mlcli.improve.case import Case
from mlcli.improve.finding import Finding
from mlcli.improve.remedies import decay_rate, double_epochs, grow_network, lower_rate, raise_rate, regularise
from mlcli.improve.signs import (
    FLAT,
    TAIL,
    beaten_by_longer_steps,
    beaten_by_shorter_steps,
    is_crawling,
    is_improving,
    is_underfitting,
    memorising,
    outgrown,
    overshooting,
    scored,
    stands_still,
)


def rate_too_high(case: Case) -> Finding | None:
    """The loss jumps, diverges, starts far above chance, or falls lower in a short test at a lower rate."""
    evidence = overshooting(case) or beaten_by_shorter_steps(case)
    if not evidence:
        return None
    return Finding("learning_rate_too_high", "learning rate too high", evidence, *lower_rate(case))


def rate_too_low(case: Case) -> Finding | None:
    """The loss crawls: still near chance, where a short test at a higher rate gets on or the fall is still even."""
    evidence = beaten_by_longer_steps(case)
    if not evidence and not is_crawling(case):
        return None
    evidence = evidence or (
        f"after {len(case.levels)} epochs the training loss is {case.history[-1].train_loss:.4g}, where guessing costs "
        f"{case.guessing.chance:.4g}, and it is still falling as evenly as at the start"
    )
    return Finding("learning_rate_too_low", "learning rate too low", evidence, *raise_rate(case))


def still_improving(case: Case) -> Finding | None:
    """The epochs were over before the learning was."""
    if not is_improving(case):
        return None
    evidence = (
        f"all {len(case.levels)} epochs are used, and in the last quarter the training loss still fell by "
        f"{case.fall(TAIL) * case.guessing.chance:.4g} to {case.history[-1].train_loss:.4g}"
    )
    return Finding("still_improving", "training stopped too soon", evidence, *double_epochs(case.config))


def underfitting(case: Case) -> Finding | None:
    """Bad on training and validation rows alike, and no longer learning."""
    evidence = outgrown(case)
    if not evidence and not is_underfitting(case):
        return None
    skills = [(max(case.skill(scores), 0.0), rows) for scores, rows in scored(case)]
    avoided = " and ".join(f"{skill:.0%} on the {rows} rows" for skill, rows in skills)
    evidence = evidence or (
        f"of what guessing gets wrong, the model avoids {avoided} "
        f"(training loss {case.train['loss']:.4g}, guessing {case.guessing.prior:.4g})"
    )
    return Finding("underfitting", "underfitting (high bias)", evidence, *grow_network(case.config))


def overfitting(case: Case) -> Finding | None:
    """Good on training rows and worse on others, or ever worse."""
    evidence = memorising(case)
    if not evidence:
        return None
    return Finding("overfitting", "overfitting (high variance)", evidence, *regularise(case.config))


def plateau(case: Case) -> Finding | None:
    """Long without movement, with nothing that would move it."""
    if not stands_still(case):
        return None
    evidence = (
        f"over the second half of {len(case.levels)} epochs the training loss moved by less than "
        f"{FLAT * case.guessing.chance:.2g}, at {case.history[-1].train_loss:.4g}"
    )
    return Finding("plateau", "plateau of the cost", evidence, *decay_rate(case.config))
