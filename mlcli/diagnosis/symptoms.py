"""The symptoms of a training's problems, read off its history and scores."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from statistics import fmean

from mlcli.config.sections.optimizer import ConstantSchedule, LbfgsConfig
from mlcli.diagnosis.evidence import RateRange, TrainingEvidence

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
# The same of a loss that guessing costs nothing, judged by errors: a line gets three corners of XOR's four right.
LITTLE_ACCURACY = 0.5
# Validation loss above training loss; less is usual for any model that has learned.
GAP = 0.2
# Rise of the validation loss above its best; less is noise of a few rows.
RISE = 0.1
# The same by errors: the validation rows have a tenth more of them, and more than chance gives so few rows.
MORE_ERRORS, DEVIATIONS = 0.1, 2.0
# A range test is short; what it reaches in passing at a rate so far from the training's, this one missed.
LONGER, SHORTER, CLEARLY = 10.0, 2.0, 0.1
# Of the whole fall, from one quarter to the next: an even one has a quarter there, one that has settled nothing.
FALLING = 0.1
# Between a network on its own rows and a forest on rows it has not seen.
OUTGROWN = 0.3
# Skill from which what the units do is nobody's concern.
LEARNED = 0.9
# Movement of the training loss over the second half of a training that stands still.
FLAT = 0.01
# Below half of chance, a training that stands still has most likely arrived.
ARRIVED = 0.5


def overshooting(case: TrainingEvidence) -> str:
    """The sign that steps are too long; empty where there is none."""
    levels = case.levels
    if case.diverged:
        return f"the loss was no longer a finite number in epoch {len(case.history) + 1}"
    if not levels:
        return ""
    chance = f"chance gives {case.guessing.chance:.4g}"
    if levels[0] > FIRST_EPOCH and _is_far(case) and _share_of_falls(levels) < STEADY:
        first, last = case.history[0].train_loss, case.history[-1].train_loss
        return f"the training loss of the first epoch is {first:.4g} and that of the last {last:.4g}, where {chance}"
    jumps = [after - before for before, after in pairwise(levels) if after - before > JUMP]
    if len(jumps) >= max(2, JUMPY_SHARE * len(levels)):
        highest = max(jumps) * case.guessing.chance
        return f"the training loss jumps up in {len(jumps)} of {len(levels)} epochs, by up to {highest:.4g}; {chance}"
    return ""


def beaten_by_longer_steps(case: TrainingEvidence) -> str:
    """The sign that a training far from its end would have got on at a much higher rate; empty where there is none."""
    test = case.rates
    if test is None or not case.levels or overshooting(case) or not _still_falls(case.levels):
        return ""
    if not (_is_far(case) or _lags_behind_forest(case)):
        return ""
    short_of = case.history[-1].train_loss - test.lowest
    if case.config.optimizer.lr * LONGER > test.best_rate or short_of < CLEARLY * case.guessing.chance:
        return ""
    return _beaten(case, test, case.history[-1].train_loss)


def _still_falls(levels: Sequence[float]) -> bool:
    """Whether the fall from the third quarter to the last is a part of the whole; few epochs have no quarters."""
    quarter = len(levels) // 4
    if quarter < 1:
        return True
    third, last = levels[-2 * quarter : -quarter], levels[-quarter:]
    return fmean(third) - fmean(last) > FALLING * (levels[0] - levels[-1]) > 0


def beaten_by_shorter_steps(case: TrainingEvidence) -> str:
    """The sign that a training would have got lower at a lower rate; empty where there is none."""
    test = case.rates
    if (
        test is None
        or not case.train
        or case.config.optimizer.lr < SHORTER * test.best_rate
        or case.train["loss"] < test.lowest
    ):
        return ""
    return _beaten(case, test, case.train["loss"])


def _beaten(case: TrainingEvidence, test: RateRange, reached: float) -> str:
    return (
        f"at {case.config.optimizer.lr:.3g} the training loss came to {reached:.4g} in {case.history[-1].step:,} "
        f"steps; a test of {len(test.rates)} steps came to {test.lowest:.4g} when its rate was {test.best_rate:.2g}"
    )


def is_crawling(case: TrainingEvidence) -> bool:
    """Whether the loss, still near chance, falls as evenly as it did at the start."""
    levels = case.levels
    if len(levels) < MIN_EPOCHS or isinstance(case.config.optimizer, LbfgsConfig) or overshooting(case):
        return False
    total = levels[0] - levels[-1]
    steady = _share_of_falls(levels[-1 - round(TAIL * len(levels)) :]) >= STEADY
    return steady and case.fall(TAIL) >= EVEN_FALL * TAIL * total > 0 and _is_far(case)


def is_improving(case: TrainingEvidence) -> bool:
    """Whether the epochs ran out while the losses were clearly falling."""
    levels = case.levels
    if len(levels) < max(MIN_QUARTERS, case.config.training.epochs) or overshooting(case) or is_crawling(case):
        return False
    best = min(range(len(levels)), key=(case.valid_levels or levels).__getitem__) + 1
    return case.fall(TAIL) > WORTH_WAITING and best > LATE * len(levels)


def is_underfitting(case: TrainingEvidence) -> bool:
    """Whether a training that is over left little skill on any rows."""
    if not case.train or overshooting(case) or is_crawling(case) or is_improving(case):
        return False
    little = LITTLE_SKILL if case.guessing.prior > 0 else LITTLE_ACCURACY
    return all(case.skill(scores) < little for scores, _ in scored(case))


def outgrown(case: TrainingEvidence) -> str:
    """The sign that the features tell much that the network has not caught; empty where there is none."""
    exam = case.examination
    if exam is None or not _lags_behind_forest(case) or is_crawling(case) or is_improving(case):
        return ""
    return (
        f"of what guessing gets wrong, the network avoids {max(exam.trained.skill, 0.0):.0%} on rows it was trained "
        f"on, and a random forest {exam.forest.skill:.0%} on rows it has not seen"
    )


def _lags_behind_forest(case: TrainingEvidence) -> bool:
    exam = case.examination
    return exam is not None and bool(case.train) and exam.forest.skill - exam.trained.skill >= OUTGROWN


def _is_far(case: TrainingEvidence) -> bool:
    return 1 - case.levels[-1] < LITTLE_SKILL


def has_learned(case: TrainingEvidence) -> bool:
    """Whether there is little left to learn of the training rows."""
    return case.examination is not None and case.examination.trained.skill > LEARNED


def scored(case: TrainingEvidence) -> list[tuple[Mapping[str, float], str]]:
    """The scores there are, with what their rows are called."""
    named = ((case.train, "training"), (case.valid, "validation"))
    return [(scores, rows) for scores, rows in named if scores]


def memorising(case: TrainingEvidence) -> str:
    """The sign that the model knows its training rows better than others; empty where there is none."""
    levels, chance, train, valid = case.valid_levels, case.guessing.chance, case.train, case.valid
    if not levels or not valid or overshooting(case) or is_underfitting(case):
        return ""
    gap, best = (valid["loss"] - train["loss"]) / chance, min(range(len(levels)), key=levels.__getitem__)
    if gap > max(GAP, DEVIATIONS * case.valid_deviation / chance):
        return f"the loss is {train['loss']:.4g} on the training rows and {valid['loss']:.4g} on the validation rows"
    if _more_errors(case):
        return (
            f"{1 - train['accuracy']:.1%} of the training rows and {1 - valid['accuracy']:.1%} of the validation rows "
            "are classified wrongly"
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


def _more_errors(case: TrainingEvidence) -> bool:
    if not case.counts or "accuracy" not in case.valid:
        return False
    error = 1 - case.valid["accuracy"]
    deviation = math.sqrt(error * (1 - error) / case.n_valid)
    return case.train["accuracy"] - case.valid["accuracy"] > max(MORE_ERRORS, DEVIATIONS * deviation)


def stands_still(case: TrainingEvidence) -> bool:
    """Whether the loss has not moved for long, far from zero, and nothing is set to move it."""
    levels, config = case.levels, case.config
    if len(levels) < MIN_EPOCHS or config.training.early_stopping is not None:
        return False
    if not isinstance(config.optimizer.schedule, ConstantSchedule) or levels[-1] < ARRIVED:
        return False
    second_half = levels[len(levels) // 2 :]
    explained = is_crawling(case) or is_underfitting(case) or memorising(case)
    return max(second_half) - min(second_half) < FLAT and not explained


def _share_of_falls(levels: list[float]) -> float:
    falls = [after < before for before, after in pairwise(levels)]
    return sum(falls) / max(len(falls), 1)
