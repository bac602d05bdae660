"""What ails a training, in the words of the course, with a remedy that can be applied.

To add an ailment is one function here and its place in `RULES`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from typing import Any

from mlcli.config.tree import JsonValue
from mlcli.improve.case import Case
from mlcli.improve.remedies import (
    decay_rate,
    double_epochs,
    grow_network,
    keep_valid_rows,
    lower_rate,
    raise_rate,
    regularise,
    weigh_classes,
)
from mlcli.improve.signs import (
    FLAT,
    TAIL,
    is_crawling,
    is_improving,
    is_underfitting,
    memorising,
    overshooting,
    scored,
    stands_still,
)

# From nine to one on, always answering the larger class is right nine times in ten.
IMBALANCE = 9.0


@dataclass(frozen=True)
class Finding:
    """An ailment.

    remedies : what to try, the most promising first
    patch    : the first remedy as dotted keys and values; empty where no key does it
    """

    name: str
    course_term: str
    evidence: str
    remedies: tuple[str, ...]
    patch: dict[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """The finding in a JSON document."""
        return asdict(self)


def diagnose(case: Case) -> list[Finding]:
    """All findings, the gravest first; none for a healthy training."""
    return [finding for rule in RULES if (finding := rule(case)) is not None]


def merged_patch(findings: Iterable[Finding]) -> dict[str, JsonValue]:
    """All patches as one; where two change the same key, the graver finding's does."""
    merged: dict[str, JsonValue] = {}
    for finding in findings:
        merged = finding.patch | merged
    return merged


def no_validation_rows(case: Case) -> Finding | None:
    """Nothing to measure learning on."""
    if case.n_valid:
        return None
    evidence = (
        "dataset.split leaves no validation rows: nothing tells learning from memorising, or the better of two models"
    )
    return Finding("no_validation_rows", "hold-out validation", evidence, *keep_valid_rows(case.config))


def rate_too_high(case: Case) -> Finding | None:
    """The loss jumps, diverges or starts far above chance."""
    evidence = overshooting(case)
    if not evidence:
        return None
    return Finding(
        "learning_rate_too_high", "learning rate too high", evidence, *lower_rate(case.config, case.diverged)
    )


def rate_too_low(case: Case) -> Finding | None:
    """The loss crawls: still near chance, and falling as evenly as at the start."""
    if not is_crawling(case):
        return None
    evidence = (
        f"after {len(case.levels)} epochs the training loss is {case.history[-1].train_loss:.4g}, where guessing costs "
        f"{case.guessing.chance:.4g}, and it is still falling as evenly as at the start"
    )
    return Finding("learning_rate_too_low", "learning rate too low", evidence, *raise_rate(case.config))


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
    if not is_underfitting(case):
        return None
    skills = [(max(case.skill(scores), 0.0), rows) for scores, rows in scored(case)]
    avoided = " and ".join(f"{skill:.0%} on the {rows} rows" for skill, rows in skills)
    evidence = (
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


def imbalance_ignored(case: Case) -> Finding | None:
    """Classes of very unequal size that count the same."""
    weights = getattr(case.config.loss, "class_weights", None)
    if weights != "none" or not case.counts or max(case.counts) < IMBALANCE * max(min(case.counts), 1):
        return None
    evidence = (
        f"the largest class has {max(case.counts):,} training rows and the smallest {min(case.counts):,}, and all "
        "count the same: to ignore the smallest costs next to nothing"
    )
    return Finding("imbalance_ignored", "imbalanced classes", evidence, *weigh_classes(case.config))


RULES: tuple[Callable[[Case], Finding | None], ...] = (
    no_validation_rows,
    rate_too_high,
    rate_too_low,
    still_improving,
    underfitting,
    overfitting,
    plateau,
    imbalance_ignored,
)
