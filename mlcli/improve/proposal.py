"""The best configuration found, as a file that trains."""

from __future__ import annotations

import json
from collections.abc import Sequence

from mlcli.config.dump import dump_config
from mlcli.config.schema import Config
from mlcli.config.tree import JsonValue
from mlcli.improve.changes import changed_keys
from mlcli.improve.finding import Finding
from mlcli.improve.ranking import start_trial
from mlcli.improve.space import config_with
from mlcli.improve.trial import Trial
from mlcli.printable import printable


def write_proposal(
    start: Config, best: Trial, trials: Sequence[Trial], findings: Sequence[Finding], metric: str
) -> str:
    """YAML of the best trial's complete configuration; comments above it say what changed and why."""
    config = config_with(start, best.values)
    lines = [*_headline(best, trials, metric), *_changes(start, config), *_reasons(best, trials, findings)]
    return "".join(f"# {printable(line)}".rstrip() + "\n" for line in lines) + dump_config(config)


def _headline(best: Trial, trials: Sequence[Trial], metric: str) -> list[str]:
    start = start_trial(trials)
    before, after = _show(start.score if start else None), _show(best.score)
    if best.origin == "start":
        return [f"The start itself: none of {len(trials)} trials had a better validation {metric} than its {after}."]
    return [f"Validation {metric}: {before} before, {after} with this configuration."]


def _changes(start: Config, config: Config) -> list[str]:
    changes = changed_keys(start, config).items()
    lines = [f"  {key}: {json.dumps(old)} -> {json.dumps(new)}" for key, (old, new) in changes]
    return ["Changed:", *lines] if lines else []


def _reasons(best: Trial, trials: Sequence[Trial], findings: Sequence[Finding]) -> list[str]:
    why = {
        "start": [],
        "remedy": ["Why: it is the remedy for what was found."],
        "search": [f"Why: trial {best.number} was the best of {len(trials)} on the validation rows."],
    }
    return [*why[best.origin], *(f"Found: {finding.course_term}: {finding.evidence}." for finding in findings)]


def _show(value: JsonValue) -> str:
    return f"{value:.6g}" if isinstance(value, float) else "none"
