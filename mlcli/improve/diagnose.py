"""What ails a training, in the words of the course, with a remedy that can be applied.

To add an ailment is one function in `rules` and its place in `RULES`.
"""

from __future__ import annotations

from collections.abc import Callable

from mlcli.improve.case import Case
from mlcli.improve.finding import Finding
from mlcli.improve.rules.learning import (
    overfitting,
    plateau,
    rate_too_high,
    rate_too_low,
    still_improving,
    underfitting,
)
from mlcli.improve.rules.network import (
    class_collapse,
    dead_units,
    exploding_gradients,
    saturated_units,
    vanishing_gradients,
)
from mlcli.improve.rules.rows import (
    class_missing,
    imbalance_ignored,
    label_noise,
    no_signal,
    no_validation_rows,
    target_leaked,
    too_little_data,
    unscaled_inputs,
)

Rule = Callable[[Case], Finding | None]

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


def diagnose(case: Case) -> list[Finding]:
    """All findings, the gravest first and notes last; none for a healthy training."""
    findings = [finding for rule in RULES if (finding := rule(case)) is not None]
    explained = {name for finding in findings for name in CONSEQUENCES.get(finding.name, ())}
    return sorted((f for f in findings if f.name not in explained), key=lambda finding: finding.level == "note")
