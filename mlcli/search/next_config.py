"""The next configuration as a commented file: what was changed, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mlcli.config.loading.commented import commented_keys, write_document
from mlcli.config.loading.differences import differing_keys, show_setting
from mlcli.config.loading.dump import changes_of, plain_section
from mlcli.config.sections.config import Config
from mlcli.config.tree import JsonValue
from mlcli.diagnosis.recommendations import Finding
from mlcli.search.ranking import start_trial
from mlcli.search.space import config_with
from mlcli.search.trial import Trial


def describe_next(start: Config, config: Config, headline: str, causes: Mapping[str, Finding]) -> str:
    """YAML of what the configuration says beyond its defaults, which loads back to it.

    Comments at its head give the reasons, and one behind each changed key its former value.
    """
    reasons = dict.fromkeys(f"{finding.course_term}: {finding.evidence}" for finding in causes.values())
    head = [headline, *(f"Changed for {reason}." for reason in reasons)]
    comments = {one.key: f"was {show_setting(one.values[0])}" for one in differing_keys([start, config])}
    return write_document(head, commented_keys({"name": config.name, **changes_of(config)}, comments))


def write_proposal(
    start: Config, best: Trial, trials: Sequence[Trial], findings: Sequence[Finding], metric: str
) -> str:
    """YAML of the best trial's complete configuration; comments above it say what changed and why."""
    config = config_with(start, best.values)
    lines = [*_headline(best, trials, metric), *_changes(start, config), *_reasons(best, trials, findings)]
    return write_document(lines, commented_keys(plain_section(config), {}))


def _headline(best: Trial, trials: Sequence[Trial], metric: str) -> list[str]:
    start = start_trial(trials)
    before, after = _show(start.score if start else None), _show(best.score)
    if best.origin == "start":
        return [f"The start itself: none of {len(trials)} trials has a better validation {metric} than {after}."]
    return [f"Validation {metric}: {before} before, {after} with this configuration."]


def _changes(start: Config, config: Config) -> list[str]:
    changes = differing_keys([start, config])
    lines = [f"  {one.key}: {' -> '.join(map(show_setting, one.values))}" for one in changes]
    return ["Changed:", *lines] if lines else []


def _reasons(best: Trial, trials: Sequence[Trial], findings: Sequence[Finding]) -> list[str]:
    reasons = {
        "start": [],
        "remedy": ["Reason: it follows the recommendations for the problems found."],
        "search": [f"Reason: trial {best.number} is the best of {len(trials)} on the validation rows."],
    }
    return [*reasons[best.origin], *(f"Found: {finding.course_term}: {finding.evidence}." for finding in findings)]


def _show(value: JsonValue) -> str:
    return f"{value:.6g}" if isinstance(value, float) else "none"
