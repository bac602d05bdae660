"""Problems that probes of the rows and of the network show.

Leakage, scale, classes without rows, signal, labels, number of rows; gradients, dead and saturated units, collapse.
"""

from __future__ import annotations

from dataclasses import replace

from mlcli.config.sections.model import QuantileLoss
from mlcli.data.profile import is_imbalanced
from mlcli.data.quality.leaks import leading_column
from mlcli.diagnosis.evidence import TrainingEvidence
from mlcli.diagnosis.recommendations import (
    Finding,
    add_features,
    add_rows,
    balance_classes,
    clip_gradients,
    correct_labels,
    drop_column,
    replace_relu,
    replace_saturating,
    resist_outliers,
    scale_inputs,
    straighten,
    stratify,
)
from mlcli.metrics.intervals import wilson_interval

# Root mean square of an input; initial weights are drawn for 1.
LARGE_INPUT = 10.0
# Skill below which predictions are no better than chance; for a rare class, ROC AUC with so many standard errors.
NO_SKILL = 0.05
RANKED, DEVIATIONS = 0.6, 2.0
# On few validation rows, skill may be so high by chance.
MOST_BY_CHANCE = 0.15
# Lower bound of the error rate among the most confident predictions; overlapping classes leave hardly any there.
NOISE, NOISE_CONFIDENCE = 0.075, 0.95
# Errors of all predictions as a multiple of those of the confident ones: wrong labels are as frequent everywhere, while
# classes that overlap have their errors among the less confident.
EVEN_ERRORS = 1.8
# Skill of the forest below which overlapping classes and wrong labels cannot be told apart.
NOISE_SKILL = 0.2
# Expected decrease of the validation loss with twice the rows, as a share of the chance loss.
WORTH_MORE_ROWS = 0.03
# Errors of the network as a multiple of those of a linear model, and the least difference of their skills.
WORSE, CLEARLY_WORSE = 1.3, 0.1
# Share of the loss in the worst hundredth of the rows (8% with normal errors), and their least part in it as a share
# of the chance loss.
OUTLIERS, COSTLY = 0.5, 0.1
# Row numbers of suspect labels that are listed.
SHOWN = 8
# First layer's gradient as a share of the last one's; below it the first layers keep their initial weights.
VANISHED = 0.01
# With standardised inputs and a loss near chance, gradients are below 1.
EXPLODED = 10.0
# Share of a layer; some units die in any ReLU network.
DEAD = 0.5
# Share of a layer, with the initial weights and with the trained ones, which may saturate more.
SATURATED_AT_START, SATURATED = 0.5, 0.75
# Skill from which nothing inside the network needs a change.
LEARNED = 0.9


def target_leaked(evidence: TrainingEvidence) -> Finding | None:
    """A single column that predicts the target almost perfectly, far ahead of all others."""
    skills = evidence.probes.skills if evidence.probes else {}
    if (leading := leading_column(skills)) is None:
        return None
    name, second = leading
    next_skill = max(skills.get(second, 0.0), 0.0)
    reason = (
        f"column '{name}' alone reduces the error by {skills[name]:.0%} compared with chance, the next best, "
        f"'{second or 'chance'}', by {next_skill:.0%}; check that it is known when a prediction is made"
    )
    return Finding("target_leaked", "target leakage", reason, *drop_column(evidence.config, name))


def unscaled_inputs(evidence: TrainingEvidence) -> Finding | None:
    """An input that is much larger than the initial weights and the learning rate are meant for."""
    sizes = evidence.probes.sizes if evidence.probes is not None else {}
    name = max(sizes, key=sizes.__getitem__, default="")
    if not name or sizes[name] < LARGE_INPUT:
        return None
    reason = (
        f"the root mean square of input '{name}' is {sizes[name]:,.4g} and the smallest of all inputs' is "
        f"{min(sizes.values()):,.2g}; initial weights and learning rates are meant for about 1"
    )
    return Finding("unscaled_inputs", "columns not normalised", reason, *scale_inputs(evidence.config))


def class_missing(evidence: TrainingEvidence) -> Finding | None:
    """A class without training rows, or without validation rows."""
    valid_counts = evidence.probes.valid_counts if evidence.probes is not None else ()
    for split, counts in (("training", evidence.counts), ("validation", valid_counts)):
        if evidence.n_valid and sum(counts) and 0 in counts:
            missing = [name for name, count in zip(evidence.classes, counts, strict=True) if not count]
            others = f" and {len(missing) - 1} other classes" if len(missing) > 1 else ""
            reason = f"class '{missing[0]}'{others} has none of the {sum(counts):,} {split} rows"
            return Finding("class_missing", "a class without rows", reason, *stratify(evidence.config))
    return None


def no_signal(evidence: TrainingEvidence) -> Finding | None:
    """Neither the network nor a random forest is better than chance on rows it was not fitted on."""
    if evidence.probes is None or not evidence.valid or evidence.probes.forest.skill > NO_SKILL:
        return None
    skill, deviation = evidence.skill(evidence.valid), evidence.probes.valid_deviation
    by_chance = DEVIATIONS * deviation / evidence.chance.prior_loss if evidence.chance.prior_loss > 0 else 0.0
    if skill > min(max(NO_SKILL, by_chance), MOST_BY_CHANCE) or _rare_class_may_rank(evidence):
        return None
    reason = (
        f"compared with chance, the network reduces the error by {max(skill, 0.0):.0%} on validation rows and a random "
        f"forest by {max(evidence.probes.forest.skill, 0.0):.0%} out of bag"
    )
    return Finding("no_signal", "features that are not informative", reason, *add_features())


def _rare_class_may_rank(evidence: TrainingEvidence) -> bool:
    """Whether classes are imbalanced, and the forest may rank the rarest one's rows above the others.

    Its probabilities are low for all rows, so that the error hardly tells.
    """
    if evidence.probes is None or not is_imbalanced(evidence.counts):
        return False
    ranking, deviation = evidence.probes.forest.ranking(evidence.counts.index(min(evidence.counts)))
    return ranking + DEVIATIONS * deviation > RANKED


def label_noise(evidence: TrainingEvidence) -> Finding | None:
    """Labels that contradict confident out-of-bag predictions."""
    labels = evidence.probes.labels if evidence.probes is not None else None
    if labels is None or not labels.suspects or evidence.probes is None or evidence.probes.forest.skill <= NOISE_SKILL:
        return None
    low, _ = wilson_interval(labels.error_rate, labels.n_confident, NOISE_CONFIDENCE)
    if low < NOISE or labels.all_errors > EVEN_ERRORS * labels.error_rate:
        return None
    shown = ", ".join(map(str, labels.suspects[:SHOWN]))
    reason = (
        f"about {labels.error_rate:.0%} of the labels look wrong: so many of the {labels.n_confident:,} "
        f"most confident out-of-bag predictions of a forest differ from the label, {labels.all_errors:.0%} in all "
        f"(suspects, as rows of the file, the first of which is 1: {shown}"
        f"{', …' if len(labels.suspects) > SHOWN else ''})"
    )
    return Finding("label_noise", "wrong labels", reason, *correct_labels(evidence.config))


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


def worse_than_linear(evidence: TrainingEvidence) -> Finding | None:
    """A linear model that is clearly better on the validation rows."""
    probes = evidence.probes
    if probes is None or isinstance(evidence.config.loss, QuantileLoss) or not evidence.config.model.hidden:
        return None
    if not 1 - probes.network > WORSE * (1 - probes.linear) or probes.linear - max(probes.network, 0.0) < CLEARLY_WORSE:
        return None
    reason = (
        f"compared with chance, a linear model reduces the squared error on validation rows by {probes.linear:.0%}, "
        f"and the network by {probes.network:.0%}"
    )
    return Finding("worse_than_linear", "worse than a linear model", reason, *straighten(evidence.config))


def outliers(evidence: TrainingEvidence) -> Finding | None:
    """A few rows with most of the training loss, or of the validation loss, where that is not small."""
    probes, chance = evidence.probes, evidence.chance.uniform_loss
    if probes is None or evidence.counts or not evidence.valid or not evidence.train:
        return None
    scored = zip(probes.worst_share, (evidence.train, evidence.valid), ("training", "validation"), strict=True)
    for share, scores, split in scored:
        if share >= OUTLIERS and share * scores["loss"] >= COSTLY * chance:
            reason = (
                f"1% of the {split} rows have {share:.0%} of their loss; it is {evidence.train['loss']:.4g} on the "
                f"training rows and {evidence.valid['loss']:.4g} on the validation rows"
            )
            return Finding("outliers", "outliers in target or columns", reason, *resist_outliers())
    return None


def exploding_gradients(evidence: TrainingEvidence) -> Finding | None:
    """Gradients before the first step that are too large for any learning rate."""
    if evidence.probes is None or not max(evidence.probes.untrained.gradients) > EXPLODED:
        return None
    reason = (
        f"before the first step the gradient of the weights is {max(evidence.probes.untrained.gradients):.3g} "
        "(root mean square, largest layer); with standardised inputs and default initialisation it is below 1"
    )
    return Finding("exploding_gradients", "exploding gradients", reason, *clip_gradients(evidence.config))


def vanishing_gradients(evidence: TrainingEvidence) -> Finding | None:
    """A first layer whose gradient is much smaller than the last one's."""
    if evidence.probes is None or _has_learned(evidence):
        return None
    gradients = evidence.probes.untrained.gradients
    if not gradients[0] < VANISHED * gradients[-1]:
        return None
    reason = (
        f"before the first step the gradient of the weights is {gradients[0]:.1e} in the first layer and "
        f"{gradients[-1]:.1e} in the last, {gradients[-1] / max(gradients[0], 1e-30):,.0f} times as large"
    )
    return Finding("vanishing_gradients", "vanishing gradients", reason, *replace_saturating(evidence.config))


def dead_units(evidence: TrainingEvidence) -> Finding | None:
    """ReLU units that output 0 for every row and get no gradient."""
    dead = evidence.probes.trained.dead if evidence.probes is not None else ()
    if not dead or max(dead) < DEAD:
        return None
    layer = dead.index(max(dead))
    units = evidence.config.model.hidden[layer]
    reason = f"{dead[layer]:.0%} of the {units} units in hidden layer {layer + 1} output 0 for every row"
    finding = Finding("dead_units", "dead ReLU units", reason, *replace_relu(evidence.config))
    return replace(finding, level="note") if _has_learned(evidence) else finding


def saturated_units(evidence: TrainingEvidence) -> Finding | None:
    """Sigmoid or tanh outputs in the flat ends, where the gradient is close to 0."""
    if evidence.probes is None or _has_learned(evidence):
        return None
    before, after = evidence.probes.untrained.saturated, evidence.probes.trained.saturated
    if max(before, default=0.0) < SATURATED_AT_START and max(after, default=0.0) < SATURATED:
        return None
    layer = max(range(len(after)), key=lambda at: max(before[at], after[at]))
    reason = (
        f"in hidden layer {layer + 1}, {before[layer]:.0%} of the {evidence.config.model.activation} outputs are "
        f"saturated before training and {after[layer]:.0%} after it"
    )
    return Finding("saturated_units", "saturated units", reason, *replace_saturating(evidence.config))


def class_collapse(evidence: TrainingEvidence) -> Finding | None:
    """The same class predicted for every row."""
    predicted = evidence.probes.trained.predicted if evidence.probes is not None else ()
    if sum(count > 0 for count in predicted) != 1 or sum(count > 0 for count in evidence.counts) < 2:
        return None
    only = predicted.index(max(predicted))
    reason = (
        f"the prediction for each of {max(predicted):,} training rows is '{evidence.classes[only]}', the class of "
        f"{evidence.counts[only] / sum(evidence.counts):.0%} of them"
    )
    return Finding("class_collapse", "one class predicted for all", reason, *balance_classes())


def _has_learned(evidence: TrainingEvidence) -> bool:
    """Whether the training rows are predicted almost perfectly."""
    return evidence.probes is not None and evidence.probes.trained.skill > LEARNED
