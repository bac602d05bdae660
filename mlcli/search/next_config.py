"""The next configuration as a file of its own: what was changed, and why."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Mapping, Sequence

from mlcli.config.loading.dump import changed_keys, changes_of, dump_config, dump_tree
from mlcli.config.loading.load import override_config
from mlcli.config.sections.config import Config
from mlcli.config.tree import JsonValue, Value
from mlcli.diagnosis.recommendations import Finding
from mlcli.errors import ConfigError
from mlcli.io.text import printable
from mlcli.search.ranking import start_trial
from mlcli.search.space import config_with
from mlcli.search.trial import Trial

# Columns of the comments at the head.
WIDTH = 100


def apply_recommendations(start: Config, findings: Sequence[Finding]) -> tuple[Config, dict[str, Finding]]:
    """The configuration with each finding's remedy, the gravest first, and which finding changed which key.

    A remedy is left out where it would change a key again, or does not go together with what was changed before.
    Notes are left to the reader.
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


def describe_next(start: Config, config: Config, headline: str, causes: Mapping[str, Finding]) -> str:
    """YAML of what the configuration says beyond its defaults, which loads back to it.

    Comments at its head say why it differs from the start, and one behind each changed key what it was.
    """
    changed = changed_keys(start, config)
    reasons = dict.fromkeys(f"{finding.course_term}: {finding.evidence}" for finding in causes.values())
    head = [headline, *(f"Changed for {reason}." for reason in reasons)]
    tree: dict[str, Value] = {"name": config.name, **changes_of(config)}
    lines = dump_tree(tree).splitlines()
    comments = (line for text in head for line in textwrap.wrap(printable(text), WIDTH, subsequent_indent="  "))
    return "".join(f"{line}\n" for line in [*(f"# {line}" for line in comments), *_annotated(lines, changed)])


def _annotated(lines: Sequence[str], changed: Mapping[str, tuple[JsonValue, JsonValue]]) -> list[str]:
    """The lines of block YAML, with what a changed key was before behind it."""
    path: list[str] = []
    annotated = []
    for line in lines:
        key, depth = line.strip().partition(":")[0], (len(line) - len(line.lstrip())) // 2
        path = [*path[:depth], key]
        before = changed.get(".".join(path))
        annotated.append(
            line if before is None else f"{line}  # was {printable(json.dumps(before[0], ensure_ascii=False))}"
        )
    return annotated


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
