"""Trials in the order of their scores."""

from __future__ import annotations

import json
from collections.abc import Sequence
from operator import itemgetter

from mlcli.improve.trial import Trial
from mlcli.metrics.catalog import higher_is_better

# Of how many trials an ensemble's members are made, and by what they differ: different networks err differently.
CONFIGURATIONS = 4
ARCHITECTURE = ("model.hidden", "model.activation", "model.norm")


def rank_trials(trials: Sequence[Trial], metric: str) -> list[Trial]:
    """The complete trials, the best first; of equals the earlier."""
    complete = [(trial.score, trial) for trial in trials if trial.state == "complete" and trial.score is not None]
    return [trial for _, trial in sorted(complete, key=itemgetter(0), reverse=higher_is_better(metric))]


def different_trials(trials: Sequence[Trial], metric: str) -> list[Trial]:
    """The best trial of each architecture tried, the best first, as many as an ensemble's members are made of."""
    leaders: dict[str, Trial] = {}
    for trial in rank_trials(trials, metric):
        leaders.setdefault(json.dumps([trial.values.get(key) for key in ARCHITECTURE]), trial)
    return list(leaders.values())[:CONFIGURATIONS]


def start_trial(trials: Sequence[Trial]) -> Trial | None:
    """The trial of the unchanged configuration; None before it came to an end."""
    return next((trial for trial in trials if trial.origin == "start"), None)


def best_trial(trials: Sequence[Trial], metric: str) -> Trial | None:
    """The best complete trial."""
    return next(iter(rank_trials(trials, metric)), None)
