"""The problems of a training, in the words of the course, each with a recommendation that can be applied."""

from __future__ import annotations

from collections.abc import Callable

from mlcli.diagnosis.evidence import TrainingEvidence
from mlcli.diagnosis.recommendations import (
    Finding,
    Level,
    correct_labels,
    decay_rate,
    double_epochs,
    drop_column,
    gather_features,
    gather_rows,
    grow_network,
    keep_valid_rows,
    lower_rate,
    raise_rate,
    regularise,
    revive_units,
    scale_inputs,
    shorten_gradients,
    stratify,
    unsaturate,
    weigh_classes,
)
from mlcli.diagnosis.symptoms import (
    FLAT,
    TAIL,
    beaten_by_longer_steps,
    beaten_by_shorter_steps,
    has_learned,
    is_crawling,
    is_improving,
    is_underfitting,
    memorising,
    outgrown,
    overshooting,
    scored,
    stands_still,
)
from mlcli.metrics.intervals import wilson_interval


def rate_too_high(case: TrainingEvidence) -> Finding | None:
    """The loss jumps, diverges, starts far above chance, or falls lower in a short test at a lower rate."""
    evidence = overshooting(case) or beaten_by_shorter_steps(case)
    if not evidence:
        return None
    return Finding("learning_rate_too_high", "learning rate too high", evidence, *lower_rate(case))


def rate_too_low(case: TrainingEvidence) -> Finding | None:
    """The loss crawls: still near chance, where a short test at a higher rate gets on or the fall is still even."""
    evidence = beaten_by_longer_steps(case)
    if not evidence and not is_crawling(case):
        return None
    evidence = evidence or (
        f"after {len(case.levels)} epochs the training loss is {case.history[-1].train_loss:.4g}, where guessing costs "
        f"{case.guessing.chance:.4g}, and it is still falling as evenly as at the start"
    )
    return Finding("learning_rate_too_low", "learning rate too low", evidence, *raise_rate(case))


def still_improving(case: TrainingEvidence) -> Finding | None:
    """The epochs were over before the learning was."""
    if not is_improving(case):
        return None
    evidence = (
        f"all {len(case.levels)} epochs are used, and in the last quarter the training loss still fell by "
        f"{case.fall(TAIL) * case.guessing.chance:.4g} to {case.history[-1].train_loss:.4g}"
    )
    return Finding("still_improving", "training stopped too soon", evidence, *double_epochs(case.config))


def underfitting(case: TrainingEvidence) -> Finding | None:
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


def overfitting(case: TrainingEvidence) -> Finding | None:
    """Good on training rows and worse on others, or ever worse."""
    evidence = memorising(case)
    if not evidence:
        return None
    return Finding("overfitting", "overfitting (high variance)", evidence, *regularise(case.config))


def plateau(case: TrainingEvidence) -> Finding | None:
    """Long without movement, with nothing that would move it."""
    if not stands_still(case):
        return None
    evidence = (
        f"over the second half of {len(case.levels)} epochs the training loss moved by less than "
        f"{FLAT * case.guessing.chance:.2g}, at {case.history[-1].train_loss:.4g}"
    )
    return Finding("plateau", "plateau of the cost", evidence, *decay_rate(case.config))


# Weights of one layer's size change alike in all layers; a hundredth leaves the first layers as they were drawn.
VANISHED = 0.01
# Gradients of standardised inputs and a cost near chance are below one.
EXPLODED = 10.0
# A few units die in any network of ReLUs; half of a layer is a loss.
DEAD = 0.5
# First weights leave units their slope; those that have learned may have used it up.
SATURATED_AT_START, SATURATED = 0.5, 0.75


def exploding_gradients(case: TrainingEvidence) -> Finding | None:
    """The first gradients are so large that any step is too long."""
    if case.examination is None or not max(case.examination.untrained.gradients) > EXPLODED:
        return None
    gradients = case.examination.untrained.gradients
    evidence = (
        f"before the first step the gradient by a weight is {max(gradients):.3g} in size (root mean square of the "
        "largest layer's), where standardised inputs and well-drawn weights give less than 1"
    )
    return Finding("exploding_gradients", "exploding gradients", evidence, *shorten_gradients(case.config))


def vanishing_gradients(case: TrainingEvidence) -> Finding | None:
    """The gradient gets lost on its way back to the first layer."""
    if case.examination is None or has_learned(case):
        return None
    gradients = case.examination.untrained.gradients
    if not gradients[0] < VANISHED * gradients[-1]:
        return None
    evidence = (
        f"before the first step the gradient by a weight is {gradients[0]:.1e} in the first layer and "
        f"{gradients[-1]:.1e} in the last: {gradients[-1] / max(gradients[0], 1e-30):,.0f} times as large"
    )
    return Finding("vanishing_gradients", "vanishing gradients", evidence, *unsaturate(case.config))


def dead_units(case: TrainingEvidence) -> Finding | None:
    """Rectified units that are 0 whatever the row, and learn no more."""
    dead = case.examination.trained.dead if case.examination is not None else ()
    if not dead or max(dead) < DEAD:
        return None
    layer = dead.index(max(dead))
    units = case.config.model.hidden[layer]
    evidence = f"of the {units} units in hidden layer {layer + 1}, {dead[layer]:.0%} are 0 for every row"
    level: Level = "note" if has_learned(case) else "ailment"
    return Finding("dead_units", "dead ReLU units", evidence, *revive_units(case.config), level)


def saturated_units(case: TrainingEvidence) -> Finding | None:
    """Sigmoids in their flat ends, where the gradient is next to nothing."""
    if case.examination is None or has_learned(case):
        return None
    before, after = case.examination.untrained.saturated, case.examination.trained.saturated
    if max(before, default=0.0) < SATURATED_AT_START and max(after, default=0.0) < SATURATED:
        return None
    layer = max(range(len(after)), key=lambda at: max(before[at], after[at]))
    evidence = (
        f"in hidden layer {layer + 1} the share of {case.config.model.activation} outputs in the flat ends is "
        f"{before[layer]:.0%} before the training and {after[layer]:.0%} after it"
    )
    return Finding("saturated_units", "saturated units", evidence, *unsaturate(case.config))


def class_collapse(case: TrainingEvidence) -> Finding | None:
    """One answer to every row."""
    predicted = case.examination.trained.predicted if case.examination is not None else ()
    if sum(count > 0 for count in predicted) != 1 or sum(count > 0 for count in case.counts) < 2:
        return None
    only = predicted.index(max(predicted))
    evidence = (
        f"each of {max(predicted):,} training rows is predicted to be '{case.classes[only]}', which "
        f"{case.counts[only] / sum(case.counts):.0%} are"
    )
    return Finding("class_collapse", "one class predicted for all", evidence, *weigh_classes(case.config))


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


def no_validation_rows(case: TrainingEvidence) -> Finding | None:
    """Nothing to measure learning on."""
    if case.n_valid:
        return None
    evidence = (
        "dataset.split leaves no validation rows: nothing tells learning from memorising, or the better of two models"
    )
    return Finding("no_validation_rows", "hold-out validation", evidence, *keep_valid_rows(case.config))


def target_leaked(case: TrainingEvidence) -> Finding | None:
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


def unscaled_inputs(case: TrainingEvidence) -> Finding | None:
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


def class_missing(case: TrainingEvidence) -> Finding | None:
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


def no_signal(case: TrainingEvidence) -> Finding | None:
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


def label_noise(case: TrainingEvidence) -> Finding | None:
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


def too_little_data(case: TrainingEvidence) -> Finding | None:
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


def imbalance_ignored(case: TrainingEvidence) -> Finding | None:
    """Classes of very unequal size that count the same."""
    weights = getattr(case.config.loss, "class_weights", None)
    if weights != "none" or not case.counts or max(case.counts) < IMBALANCE * max(min(case.counts), 1):
        return None
    evidence = (
        f"the largest class has {max(case.counts):,} training rows and the smallest {min(case.counts):,}, and all "
        "count the same: to ignore the smallest costs next to nothing"
    )
    return Finding("imbalance_ignored", "imbalanced classes", evidence, *weigh_classes(case.config))


Rule = Callable[[TrainingEvidence], Finding | None]

# The gravest first: what is wrong with the rows, then with the learning, then what can be made better.
RULES: tuple[Rule, ...] = (
    no_validation_rows,
    target_leaked,
    unscaled_inputs,
    class_missing,
    no_signal,
    exploding_gradients,
    vanishing_gradients,
    rate_too_high,
    rate_too_low,
    still_improving,
    label_noise,
    underfitting,
    dead_units,
    saturated_units,
    class_collapse,
    overfitting,
    too_little_data,
    plateau,
    imbalance_ignored,
)

_BAD_FIT = ("underfitting", "plateau", "class_collapse")
_BAD_UNITS = ("exploding_gradients", "vanishing_gradients", "dead_units", "saturated_units")
# What an ailment brings about is not told, or treated, beside it.
CONSEQUENCES: dict[str, tuple[str, ...]] = {
    "unscaled_inputs": (*_BAD_FIT, *_BAD_UNITS, "learning_rate_too_high", "still_improving"),
    "no_signal": (*_BAD_FIT, "overfitting", "too_little_data", "label_noise"),
    "exploding_gradients": (*_BAD_FIT, "learning_rate_too_high"),
    "learning_rate_too_high": (*_BAD_FIT, "overfitting", "too_little_data"),
    "learning_rate_too_low": (*_BAD_FIT, "overfitting", "too_little_data"),
    "vanishing_gradients": (*_BAD_FIT, "saturated_units", "learning_rate_too_low"),
    "label_noise": ("too_little_data",),
    "underfitting": ("plateau",),
}


def diagnose(case: TrainingEvidence) -> list[Finding]:
    """All findings, the gravest first and notes last; none for a healthy training."""
    findings = [finding for rule in RULES if (finding := rule(case)) is not None]
    explained = {name for finding in findings for name in CONSEQUENCES.get(finding.name, ())}
    return sorted((f for f in findings if f.name not in explained), key=lambda finding: finding.level == "note")
