"""The problems of a training, each with recommendations, and the configuration that follows them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from mlcli.config.loading.load import override_config
from mlcli.config.sections.config import Config
from mlcli.config.tree import JsonValue
from mlcli.diagnosis import curve_rules, fit_rules, network_rules, row_rules
from mlcli.diagnosis.evidence import TrainingEvidence
from mlcli.diagnosis.recommendations import Finding
from mlcli.errors import ConfigError

# The most severe first: data, then learning, then what can be improved.
RULES: tuple[Callable[[TrainingEvidence], Finding | None], ...] = (
    row_rules.no_validation_rows,
    row_rules.target_leaked,
    row_rules.unscaled_inputs,
    row_rules.class_missing,
    row_rules.no_signal,
    network_rules.exploding_gradients,
    network_rules.vanishing_gradients,
    curve_rules.rate_too_high,
    curve_rules.rate_too_low,
    row_rules.outliers,
    row_rules.imbalance_ignored,
    curve_rules.still_improving,
    fit_rules.worse_than_linear,
    row_rules.label_noise,
    fit_rules.underfitting,
    network_rules.dead_units,
    network_rules.saturated_units,
    network_rules.class_collapse,
    fit_rules.overfitting,
    fit_rules.too_little_data,
    fit_rules.plateau,
)

_BAD_FIT = ("underfitting", "plateau", "class_collapse")
_BAD_UNITS = ("exploding_gradients", "vanishing_gradients", "dead_units", "saturated_units")
# Findings that another one explains; they are not reported beside it.
CONSEQUENCES: dict[str, tuple[str, ...]] = {
    "unscaled_inputs": (*_BAD_FIT, *_BAD_UNITS, "learning_rate_too_high", "still_improving", "worse_than_linear"),
    "no_signal": (*_BAD_FIT, "overfitting", "too_little_data", "label_noise"),
    "exploding_gradients": (*_BAD_FIT, "learning_rate_too_high", "worse_than_linear"),
    "learning_rate_too_high": (
        *(*_BAD_FIT, "overfitting", "too_little_data", "worse_than_linear", "outliers"),
        *("learning_rate_too_low", "still_improving"),
    ),
    "learning_rate_too_low": (*_BAD_FIT, "overfitting", "too_little_data", "worse_than_linear"),
    "vanishing_gradients": (*_BAD_FIT, "saturated_units", "learning_rate_too_low", "worse_than_linear"),
    "outliers": ("no_signal", "underfitting", "overfitting", "too_little_data", "plateau"),
    "label_noise": ("too_little_data",),
    "underfitting": ("plateau", "overfitting", "too_little_data", "worse_than_linear"),
    "still_improving": ("worse_than_linear",),
    "imbalance_ignored": ("class_collapse", "underfitting", "label_noise"),
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
