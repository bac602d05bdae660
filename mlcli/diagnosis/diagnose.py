"""The problems of a training, each with recommendations, and the configuration that follows them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from mlcli.config.loading.load import override_config
from mlcli.config.sections.config import Config
from mlcli.config.tree import JsonValue
from mlcli.diagnosis import history_rules as history
from mlcli.diagnosis import probe_rules as probes
from mlcli.diagnosis.evidence import TrainingEvidence
from mlcli.diagnosis.recommendations import Finding
from mlcli.errors import ConfigError

# The most severe first: data, then learning, then what can be improved.
RULES: tuple[Callable[[TrainingEvidence], Finding | None], ...] = (
    history.no_validation_rows,
    probes.target_leaked,
    probes.unscaled_inputs,
    probes.class_missing,
    probes.no_signal,
    probes.exploding_gradients,
    probes.vanishing_gradients,
    history.rate_too_high,
    history.rate_too_low,
    probes.outliers,
    history.imbalance_ignored,
    history.still_improving,
    probes.worse_than_linear,
    probes.label_noise,
    history.underfitting,
    probes.dead_units,
    probes.saturated_units,
    probes.class_collapse,
    history.overfitting,
    probes.too_little_data,
    history.plateau,
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
