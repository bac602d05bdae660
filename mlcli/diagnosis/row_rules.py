"""Problems of the rows: leakage, scale, missing and rare classes, signal, wrong labels, outliers."""

from __future__ import annotations

from mlcli.data.profile import is_imbalanced
from mlcli.data.quality.leaks import leading_column
from mlcli.diagnosis.evidence import TrainingEvidence
from mlcli.diagnosis.probes import FEWEST_COMPARED
from mlcli.diagnosis.recommendations import (
    Finding,
    add_features,
    balance_classes,
    correct_labels,
    drop_column,
    keep_valid_rows,
    resist_outliers,
    scale_inputs,
    stratify,
)
from mlcli.io.text import counted
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
# Share of the loss in the worst hundredth of the rows (8% with normal errors), and their least part in it as a share
# of the chance loss.
OUTLIERS, COSTLY = 0.5, 0.1
# Suspect labels that are listed.
SHOWN = 8


def no_validation_rows(evidence: TrainingEvidence) -> Finding | None:
    """No rows to measure generalisation on."""
    if evidence.n_valid:
        return None
    reason = "dataset.split leaves no validation rows, so overfitting cannot be seen and models cannot be compared"
    return Finding("no_validation_rows", "hold-out validation", reason, *keep_valid_rows(evidence.config))


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
            left = len(missing) - 1
            others = f" and {counted(left, 'other class', 'other classes')}" if left else ""
            reason = f"class '{missing[0]}'{others} has none of the {sum(counts):,} {split} rows"
            return Finding("class_missing", "a class without rows", reason, *stratify(evidence.config))
    return None


def no_signal(evidence: TrainingEvidence) -> Finding | None:
    """Neither the network nor a random forest is better than chance on rows it was not fitted on."""
    if evidence.probes is None or not evidence.valid or evidence.probes.forest.skill > NO_SKILL:
        return None
    skill, deviation = evidence.skill(evidence.valid), evidence.probes.valid_deviation
    if evidence.n_valid >= FEWEST_COMPARED:  # the mean of skewed targets may be closer to these rows than to others
        skill = min(skill, evidence.probes.network)
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


def label_noise(evidence: TrainingEvidence) -> Finding | None:
    """Labels that contradict confident out-of-bag predictions."""
    labels = evidence.probes.labels if evidence.probes is not None else None
    if labels is None or not labels.suspects or evidence.probes is None or evidence.probes.forest.skill <= NOISE_SKILL:
        return None
    # Where rows with the same inputs differ in their labels, the columns may not tell them apart.
    low, _ = wilson_interval(labels.error_rate, labels.n_distinct, NOISE_CONFIDENCE)
    if low < NOISE or labels.all_errors > EVEN_ERRORS * labels.error_rate:
        return None
    names = labels.files or labels.suspects
    shown = ", ".join(map(str, names[:SHOWN])) + (", …" if len(names) > SHOWN else "")
    kind = "files" if labels.files else "as rows of the file, the first of which is 1"
    reason = (
        f"about {labels.error_rate:.0%} of the labels look wrong: so many of the {labels.n_confident:,} "
        f"most confident out-of-bag predictions of a forest differ from the label, {labels.all_errors:.0%} in all "
        f"(suspects, {kind}: {shown})"
    )
    return Finding("label_noise", "wrong labels", reason, *correct_labels(evidence.config))


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
