"""Ailments of the rows: what no network can mend."""

from __future__ import annotations

from mlcli.improve.case import Case
from mlcli.improve.finding import Finding
from mlcli.improve.remedies import (
    correct_labels,
    drop_column,
    gather_features,
    gather_rows,
    keep_valid_rows,
    scale_inputs,
    stratify,
    weigh_classes,
)
from mlcli.metrics.intervals import wilson_interval

# From nine to one on, always answering the larger class is right nine times in ten.
IMBALANCE = 9.0
# A column that alone tells nearly all, where the next best tells much less, is not what a prediction is made from.
LEAKED, AHEAD = 0.95, 0.1
# Standardised inputs are 1 in size; first weights are drawn for that.
LOUD = 10.0
# Skill below which nobody has found anything.
NO_SKILL = 0.05
# Errors among the rows that are predicted most surely: overlapping classes leave hardly any there.
NOISE, NOISE_CONFIDENCE = 0.05, 0.95
# Validation loss, in chances, that twice the rows must promise.
WORTH_GATHERING = 0.03
SHOWN = 8


def no_validation_rows(case: Case) -> Finding | None:
    """Nothing to measure learning on."""
    if case.n_valid:
        return None
    evidence = (
        "dataset.split leaves no validation rows: nothing tells learning from memorising, or the better of two models"
    )
    return Finding("no_validation_rows", "hold-out validation", evidence, *keep_valid_rows(case.config))


def target_leaked(case: Case) -> Finding | None:
    """A column that can hardly be known before the target is."""
    skills = sorted(case.examination.columns.skills.items(), key=lambda item: -item[1]) if case.examination else []
    if not skills or skills[0][1] < LEAKED:
        return None
    (name, skill), (next_name, next_skill) = skills[0], skills[1] if len(skills) > 1 else ("guessing", 0.0)
    if skill - max(next_skill, 0.0) < AHEAD:
        return None
    evidence = (
        f"column '{name}' alone avoids {skill:.0%} of what guessing gets wrong, and the next best, '{next_name}', "
        f"{max(next_skill, 0.0):.0%}: is it known when a prediction is made?"
    )
    return Finding("target_leaked", "leakage of the target", evidence, *drop_column(case.config, name))


def unscaled_inputs(case: Case) -> Finding | None:
    """Inputs that drown the others, and the first weights."""
    sizes = case.examination.columns.sizes if case.examination is not None else {}
    name = max(sizes, key=sizes.__getitem__, default="")
    if not name or sizes[name] < LOUD:
        return None
    evidence = (
        f"input '{name}' is {sizes[name]:,.4g} in size (root mean square) and the smallest {min(sizes.values()):,.2g}; "
        "first weights and learning rates are meant for about 1"
    )
    return Finding("unscaled_inputs", "columns not normalised", evidence, *scale_inputs(case.config))


def class_missing(case: Case) -> Finding | None:
    """A class of which there is nothing to learn from, or nothing to measure on."""
    measured = case.examination.valid_counts if case.examination is not None else ()
    for rows, counts in (("training", case.counts), ("validation", measured)):
        if case.n_valid and sum(counts) and 0 in counts:
            missing = [name for name, count in zip(case.classes, counts, strict=True) if not count]
            evidence = (
                f"none of {sum(counts):,} {rows} rows is '{missing[0]}'"
                f"{f', nor any of {len(missing) - 1} other classes' if len(missing) > 1 else ''}"
            )
            return Finding("class_missing", "a class without rows", evidence, *stratify(case.config))
    return None


def no_signal(case: Case) -> Finding | None:
    """Neither network nor forest does better than guessing on rows they have not seen."""
    if case.examination is None or not case.valid or case.examination.forest.skill > NO_SKILL:
        return None
    skill = case.skill(case.valid)
    if skill > NO_SKILL:
        return None
    evidence = (
        f"on rows they have not seen, the network avoids {max(skill, 0.0):.0%} of what guessing gets wrong and a "
        f"random forest {max(case.examination.forest.skill, 0.0):.0%}: the features do not tell the target"
    )
    return Finding("no_signal", "features that are not informative", evidence, *gather_features())


def label_noise(case: Case) -> Finding | None:
    """Labels that contradict what all other rows say."""
    labels = case.examination.labels if case.examination is not None else None
    if labels is None or not labels.suspects or case.examination is None or case.examination.forest.skill <= NO_SKILL:
        return None
    low, _ = wilson_interval(labels.floor, labels.surest, NOISE_CONFIDENCE)
    if low < NOISE:
        return None
    shown = ", ".join(map(str, labels.suspects[:SHOWN]))
    evidence = (
        f"about {labels.share:.0%} of the labels look wrong: of the {labels.surest:,} rows that a random forest "
        f"predicts most surely without having seen them, {labels.floor:.0%} are labelled otherwise (suspects among the "
        f"training rows, from 1: {shown}{', …' if len(labels.suspects) > SHOWN else ''})"
    )
    return Finding("label_noise", "wrong labels", evidence, *correct_labels(case.config))


def too_little_data(case: Case) -> Finding | None:
    """A validation loss that still falls with every row that is added."""
    curve = case.examination.curve if case.examination is not None else None
    if (
        curve is None
        or curve.gain < WORTH_GATHERING * case.guessing.chance
        or curve.losses[-1] > min(curve.losses[1:3])
    ):
        return None
    evidence = (
        f"the validation loss falls from {curve.losses[0]:.4g} with {curve.rows[0]:,} training rows over "
        f"{curve.losses[2]:.4g} with {curve.rows[2]:,} to {curve.losses[-1]:.4g} with {curve.rows[-1]:,}; twice as "
        f"many would lower it by about {curve.gain:.2g}"
    )
    return Finding("too_little_data", "too little data", evidence, *gather_rows(case.config), "note")


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
