"""Ailments of the network: its units and its gradients."""

from __future__ import annotations

from mlcli.improve.case import Case
from mlcli.improve.finding import Finding, Level
from mlcli.improve.remedies import revive_units, shorten_gradients, unsaturate, weigh_classes
from mlcli.improve.signs import has_learned

# Weights of one layer's size change alike in all layers; a hundredth leaves the first layers as they were drawn.
VANISHED = 0.01
# Gradients of standardised inputs and a cost near chance are below one.
EXPLODED = 10.0
# A few units die in any network of ReLUs; half of a layer is a loss.
DEAD = 0.5
# First weights leave units their slope; those that have learned may have used it up.
SATURATED_AT_START, SATURATED = 0.5, 0.75


def exploding_gradients(case: Case) -> Finding | None:
    """The first gradients are so large that any step is too long."""
    if case.examination is None or not max(case.examination.untrained.gradients) > EXPLODED:
        return None
    gradients = case.examination.untrained.gradients
    evidence = (
        f"before the first step the gradient by a weight is {max(gradients):.3g} in size (root mean square of the "
        "largest layer's), where standardised inputs and well-drawn weights give less than 1"
    )
    return Finding("exploding_gradients", "exploding gradients", evidence, *shorten_gradients(case.config))


def vanishing_gradients(case: Case) -> Finding | None:
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


def dead_units(case: Case) -> Finding | None:
    """Rectified units that are 0 whatever the row, and learn no more."""
    dead = case.examination.trained.dead if case.examination is not None else ()
    if not dead or max(dead) < DEAD:
        return None
    layer = dead.index(max(dead))
    units = case.config.model.hidden[layer]
    evidence = f"of the {units} units in hidden layer {layer + 1}, {dead[layer]:.0%} are 0 for every row"
    level: Level = "note" if has_learned(case) else "ailment"
    return Finding("dead_units", "dead ReLU units", evidence, *revive_units(case.config), level)


def saturated_units(case: Case) -> Finding | None:
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


def class_collapse(case: Case) -> Finding | None:
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
