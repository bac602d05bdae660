"""Problems of the rows: splits, leakage, scale, signal, labels, number of rows, class imbalance."""

from __future__ import annotations

from mlcli.data.profile import is_imbalanced
from mlcli.data.quality.leaks import leading_column
from mlcli.diagnosis.evidence import TrainingEvidence
from mlcli.diagnosis.recommendations import (
    Finding,
    add_features,
    add_rows,
    balance_classes,
    correct_labels,
    drop_column,
    keep_valid_rows,
    scale_inputs,
    stratify,
)
from mlcli.metrics.intervals import wilson_interval

# Root mean square of an input; initial weights are drawn for 1.
LARGE_INPUT = 10.0
# Skill below which predictions are no better than chance.
NO_SKILL = 0.05
# Lower bound of the error rate among the most confident predictions; overlapping classes leave hardly any there.
NOISE, NOISE_CONFIDENCE = 0.05, 0.95
# Expected decrease of the validation loss with twice the rows, as a share of the chance loss.
WORTH_MORE_ROWS = 0.03
# Row numbers of suspect labels that are listed.
SHOWN = 8


def no_validation_rows(evidence: TrainingEvidence) -> Finding | None:
    """No rows to measure generalisation on."""
    if evidence.n_valid:
        return None
    reason = "dataset.split leaves no validation rows, so overfitting cannot be seen and models cannot be compared"
    return Finding("no_validation_rows", "hold-out validation", reason, *keep_valid_rows(evidence.config))


def target_leaked(evidence: TrainingEvidence) -> Finding | None:
    """A single column that predicts the target almost perfectly, far ahead of all others."""
    skills = evidence.probes.columns.skills if evidence.probes else {}
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
    sizes = evidence.probes.columns.sizes if evidence.probes is not None else {}
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
    skill = evidence.skill(evidence.valid)
    if skill > NO_SKILL:
        return None
    reason = (
        f"compared with chance, the network reduces the error by {max(skill, 0.0):.0%} on validation rows and a random "
        f"forest by {max(evidence.probes.forest.skill, 0.0):.0%} out of bag"
    )
    return Finding("no_signal", "features that are not informative", reason, *add_features())


def label_noise(evidence: TrainingEvidence) -> Finding | None:
    """Labels that contradict confident out-of-bag predictions."""
    labels = evidence.probes.labels if evidence.probes is not None else None
    if labels is None or not labels.suspects or evidence.probes is None or evidence.probes.forest.skill <= NO_SKILL:
        return None
    low, _ = wilson_interval(labels.error_rate, labels.n_confident, NOISE_CONFIDENCE)
    if low < NOISE:
        return None
    shown = ", ".join(map(str, labels.suspects[:SHOWN]))
    reason = (
        f"about {labels.share:.0%} of the labels look wrong: {labels.error_rate:.0%} of the {labels.n_confident:,} "
        "most confident out-of-bag predictions of a random forest differ from the label (suspect training rows, "
        f"from 1: {shown}{', …' if len(labels.suspects) > SHOWN else ''})"
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


def imbalance_ignored(evidence: TrainingEvidence) -> Finding | None:
    """Classes of very unequal size with equal weights in the loss."""
    weights, counts = getattr(evidence.config.loss, "class_weights", None), evidence.counts
    if weights != "none" or not is_imbalanced(counts):
        return None
    reason = (
        f"the largest class has {max(counts):,} training rows and the smallest {min(counts):,}, all with the same "
        "weight, so errors on the smallest class hardly change the loss"
    )
    return Finding("imbalance_ignored", "imbalanced classes", reason, *balance_classes(evidence.config))
