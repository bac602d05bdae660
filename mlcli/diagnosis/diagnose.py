"""The problems of a training, each with recommendations, and the configuration that follows them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from mlcli.config.loading.load import override_config
from mlcli.config.sections.config import Config
from mlcli.config.tree import JsonValue
from mlcli.diagnosis.evidence import TrainingEvidence
from mlcli.diagnosis.recommendations import Finding
from mlcli.diagnosis.rules.data import (
    class_missing,
    imbalance_ignored,
    label_noise,
    no_signal,
    no_validation_rows,
    target_leaked,
    too_little_data,
    unscaled_inputs,
)
from mlcli.diagnosis.rules.network import (
    class_collapse,
    dead_units,
    exploding_gradients,
    saturated_units,
    vanishing_gradients,
)
from mlcli.diagnosis.rules.training import (
    overfitting,
    plateau,
    rate_too_high,
    rate_too_low,
    still_improving,
    underfitting,
)
from mlcli.errors import ConfigError

# The most severe first: data, then learning, then what can be improved.
RULES: tuple[Callable[[TrainingEvidence], Finding | None], ...] = (
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
# Findings that another one explains; they are not reported beside it.
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


def diagnose(evidence: TrainingEvidence) -> list[Finding]:
    """All findings, the most severe first and notes last; empty where no problem is found."""
    findings = [finding for rule in RULES if (finding := rule(evidence)) is not None]
    explained = {name for finding in findings for name in CONSEQUENCES.get(finding.name, ())}
    return sorted((f for f in findings if f.name not in explained), key=lambda finding: finding.level == "note")


def merge_patches(findings: Iterable[Finding]) -> dict[str, JsonValue]:
    """All patches as one; where two change the same key, the more severe finding's does."""
    merged: dict[str, JsonValue] = {}
    for finding in findings:
        merged = finding.patch | merged
    return merged


def apply_recommendations(start: Config, findings: Sequence[Finding]) -> tuple[Config, dict[str, Finding]]:
    """The configuration with each finding's patch, the most severe first, and which finding changed which key.

    A patch is left out where it would change a key again, or conflicts with earlier ones. Notes change nothing.
    """
    config, patch, causes = start, dict[str, JsonValue](), dict[str, Finding]()
    for finding in findings:
        if finding.level == "note" or not finding.patch or patch.keys() & finding.patch.keys():
            continue
        try:
            config = override_config(start, patch | finding.patch)
        except ConfigError:
            continue
        patch |= finding.patch
        causes |= dict.fromkeys(finding.patch, finding)
    return config, causes
