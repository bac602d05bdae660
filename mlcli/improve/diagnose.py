"""What ails a training, in the words of the course, with a remedy that can be applied.

To add an ailment is one function here and its place in `RULES`. Losses are measured in chances: 1 is what
guessing costs, so that one threshold serves every loss and number of classes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from typing import Any

from mlcli.config.optimizer import ConstantSchedule, LbfgsConfig
from mlcli.config.tree import JsonValue
from mlcli.improve.case import Case
from mlcli.improve.remedies import (
    decay_rate,
    double_epochs,
    grow_network,
    keep_valid_rows,
    regularise,
    scale_rate,
    weigh_classes,
)

# First weights alone can cost a few chances; a training that started above two and got nowhere has overshot.
FIRST_EPOCH = 2.0
# Mini-batches and dropout move an epoch's mean by a few hundredths; a tenth of chance is no noise.
JUMP = 0.1
# Single jumps happen in healthy runs too, with dropout more than without; one epoch in four is a habit.
JUMPY_SHARE = 0.25
# Fewer epochs have no shape to judge, and fewer than four no last quarter.
MIN_EPOCHS = 8
MIN_QUARTERS = 4
# A quarter is long enough for a slope and short enough to be the end.
TAIL = 0.25
# Share of the tail's epochs that go down: noise gives a half, a slope nearly all.
STEADY = 0.8
# A training that converges spends most of its fall early; one that crawls falls evenly, and its tail has a quarter.
EVEN_FALL = 0.5
# Fall over the tail that more epochs would be worth.
WORTH_WAITING = 0.05
# The best epoch lies in the last tenth: validation was still getting better too.
LATE = 0.9
# Below a third of the way from guessing to perfect, the model has not caught what the features tell.
LITTLE_SKILL = 0.3
# Validation loss above training loss; less is usual for any model that has learned.
GAP = 0.2
# Rise of the validation loss above its best; less is noise of a few rows.
RISE = 0.1
# Movement of the training loss over the second half of a training that stands still.
FLAT = 0.01
# Below half of chance, a training that stands still has most likely arrived.
ARRIVED = 0.5
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
    evidence = "dataset.split leaves no validation rows: nothing tells learning from memorising, or one model's worth"
    return Finding("no_validation_rows", "hold-out validation", evidence, *keep_valid_rows(case.config))


def rate_too_high(case: Case) -> Finding | None:
    """The loss jumps, diverges or starts far above chance."""
    evidence = _overshooting(case)
    if not evidence:
        return None
    return Finding("learning_rate_too_high", "learning rate too high", evidence, *scale_rate(case.config, 0.1))


def rate_too_low(case: Case) -> Finding | None:
    """The loss crawls: still near chance, and falling as evenly as at the start."""
    if not _is_crawling(case):
        return None
    evidence = (
        f"after {len(case.levels)} epochs the training loss is {case.history[-1].train_loss:.4g}, where guessing costs "
        f"{case.guessing.chance:.4g}, and it is still falling as evenly as at the start"
    )
    return Finding("learning_rate_too_low", "learning rate too low", evidence, *scale_rate(case.config, 10.0))


def still_improving(case: Case) -> Finding | None:
    """The epochs were over before the learning was."""
    if not _is_improving(case):
        return None
    evidence = (
        f"all {len(case.levels)} epochs are used, and in the last quarter the training loss still fell by "
        f"{case.fall(TAIL) * case.guessing.chance:.4g} to {case.history[-1].train_loss:.4g}"
    )
    return Finding("still_improving", "training stopped too soon", evidence, *double_epochs(case.config))


def underfitting(case: Case) -> Finding | None:
    """Bad on training and validation rows alike, and no longer learning."""
    if not _is_underfitting(case):
        return None
    skills = [(max(case.skill(scores), 0.0), rows) for scores, rows in _scored(case)]
    avoided = " and ".join(f"{skill:.0%} on the {rows} rows" for skill, rows in skills)
    evidence = (
        f"of what guessing gets wrong, the model avoids {avoided} "
        f"(training loss {case.train['loss']:.4g}, guessing {case.guessing.prior:.4g})"
    )
    return Finding("underfitting", "underfitting (high bias)", evidence, *grow_network(case.config))


def overfitting(case: Case) -> Finding | None:
    """Good on training rows and worse on others, or ever worse."""
    evidence = _memorising(case)
    if not evidence:
        return None
    return Finding("overfitting", "overfitting (high variance)", evidence, *regularise(case.config))


def plateau(case: Case) -> Finding | None:
    """Long without movement, with nothing that would move it."""
    if not _stands_still(case):
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
        f"count the same: to ignore the smallest costs next to nothing"
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


def _overshooting(case: Case) -> str:
    """The sign that steps are too long; empty where there is none."""
    levels = case.levels
    if case.diverged:
        return f"the loss was no longer a finite number in epoch {len(case.history) + 1}"
    if not levels:
        return ""
    chance = f"chance gives {case.guessing.chance:.4g}"
    if levels[0] > FIRST_EPOCH and 1 - levels[-1] < LITTLE_SKILL:
        first, last = case.history[0].train_loss, case.history[-1].train_loss
        return f"the training loss of the first epoch is {first:.4g} and that of the last {last:.4g}, where {chance}"
    jumps = [after - before for before, after in pairwise(levels) if after - before > JUMP]
    if len(jumps) >= max(2, JUMPY_SHARE * len(levels)):
        highest = max(jumps) * case.guessing.chance
        return f"the training loss jumps up in {len(jumps)} of {len(levels)} epochs, by up to {highest:.4g}; {chance}"
    return ""


def _is_crawling(case: Case) -> bool:
    levels = case.levels
    if len(levels) < MIN_EPOCHS or isinstance(case.config.optimizer, LbfgsConfig) or _overshooting(case):
        return False
    total = levels[0] - levels[-1]
    steady = _share_of_falls(levels[-1 - round(TAIL * len(levels)) :]) >= STEADY
    return steady and case.fall(TAIL) >= EVEN_FALL * TAIL * total > 0 and 1 - levels[-1] < LITTLE_SKILL


def _is_improving(case: Case) -> bool:
    levels = case.levels
    if len(levels) < max(MIN_QUARTERS, case.config.training.epochs) or _overshooting(case) or _is_crawling(case):
        return False
    best = min(range(len(levels)), key=(case.valid_levels or levels).__getitem__) + 1
    return case.fall(TAIL) > WORTH_WAITING and best > LATE * len(levels)


def _is_underfitting(case: Case) -> bool:
    if not case.train or _overshooting(case) or _is_crawling(case) or _is_improving(case):
        return False
    return all(case.skill(scores) < LITTLE_SKILL for scores, _ in _scored(case))


def _scored(case: Case) -> list[tuple[Mapping[str, float], str]]:
    named = ((case.train, "training"), (case.valid, "validation"))
    return [(scores, rows) for scores, rows in named if scores]


def _memorising(case: Case) -> str:
    """The sign that the model knows its training rows better than others; empty where there is none."""
    levels, chance, train, valid = case.valid_levels, case.guessing.chance, case.train, case.valid
    if not levels or not valid or _overshooting(case):
        return ""
    gap, best = (valid["loss"] - train["loss"]) / chance, min(range(len(levels)), key=levels.__getitem__)
    if gap > GAP:
        return (
            f"the loss is {case.train['loss']:.4g} on the training rows and {case.valid['loss']:.4g} on validation rows"
        )
    # Early stopping is the cure, and the best weights are kept.
    if case.config.training.early_stopping is not None:
        return ""
    if levels[-1] - levels[best] > RISE and case.levels[-1] < case.levels[best]:
        return (
            f"the validation loss rises from {levels[best] * chance:.4g} in epoch {best + 1} to "
            f"{levels[-1] * chance:.4g} in epoch {len(levels)}, while the training loss falls"
        )
    return ""


def _stands_still(case: Case) -> bool:
    levels, config = case.levels, case.config
    if len(levels) < MIN_EPOCHS or config.training.early_stopping is not None:
        return False
    if not isinstance(config.optimizer.schedule, ConstantSchedule) or levels[-1] < ARRIVED:
        return False
    second_half = levels[len(levels) // 2 :]
    explained = _is_crawling(case) or _is_underfitting(case) or _memorising(case)
    return max(second_half) - min(second_half) < FLAT and not explained


def _share_of_falls(levels: list[float]) -> float:
    falls = [after < before for before, after in pairwise(levels)]
    return sum(falls) / max(len(falls), 1)
