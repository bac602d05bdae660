"""Problems inside the network: gradients that explode or vanish, dead and saturated units, a single class."""

from __future__ import annotations

from dataclasses import replace

from mlcli.diagnosis.evidence import TrainingEvidence
from mlcli.diagnosis.recommendations import Finding, balance_classes, clip_gradients, replace_relu, replace_saturating

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
