"""The record of a trial, trials in the order of their scores, and the progress of a search."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from operator import itemgetter
from typing import Any, Literal

from mlcli.io.json import strict_json
from mlcli.io.text import counted
from mlcli.metrics.catalog import beats, higher_is_better

TrialState = Literal["complete", "pruned", "failed"]
Origin = Literal["start", "remedy", "recipe", "search"]

# An ensemble's members come from so many trials, which differ in one of these keys.
CONFIGURATIONS = 4
ARCHITECTURE = ("model.name", "model.hidden", "model.embedding.name", "model.activation", "model.norm")
# Scores from which the halves of a search are compared.
MIN_SCORES = 8
# Share of the whole gain that the second half must bring for more trials to be worth their time.
WORTH = 0.1


@dataclass(frozen=True)
class Trial:
    """The record of one configuration.

    number  : from 1, which is the start
    values  : the keys that differ from the start, dotted
    score   : the selection metric of the best epoch; None when the trial failed
    metrics : loss and metrics on the validation rows at that epoch
    curve   : the best score up to each epoch
    reason  : why it failed
    """

    number: int
    origin: Origin
    values: dict[str, Any]
    state: TrialState
    score: float | None = None
    metrics: dict[str, float] | None = None
    best_epoch: int = 0
    epochs: int = 0
    seconds: float = 0.0
    curve: tuple[float, ...] = ()
    reason: str = ""

    def to_json(self) -> dict[str, Any]:
        """The trial in a JSON document; the curve is for pruning alone."""
        return {key: strict_json(value) for key, value in asdict(self).items() if key != "curve"}


def rank_trials(trials: Sequence[Trial], metric: str) -> list[Trial]:
    """The complete trials, the best first; of equals the earlier."""
    complete = [(trial.score, trial) for trial in trials if trial.state == "complete" and trial.score is not None]
    return [trial for _, trial in sorted(complete, key=itemgetter(0), reverse=higher_is_better(metric))]


def distinct_trials(trials: Sequence[Trial], metric: str) -> list[Trial]:
    """The best trial of each architecture, the best first, at most CONFIGURATIONS."""
    best: dict[str, Trial] = {}
    for trial in rank_trials(trials, metric):
        best.setdefault(json.dumps([trial.values.get(key) for key in ARCHITECTURE]), trial)
    return list(best.values())[:CONFIGURATIONS]


def start_trial(trials: Sequence[Trial]) -> Trial | None:
    """The trial of the unchanged configuration, or of as many of its epochs as there was time for; None before any.

    One that is complete before one that the time cut.
    """
    tried = [trial for trial in trials if trial.origin == "start"]
    complete = [trial for trial in tried if trial.state == "complete"]
    whole = [trial for trial in complete if not trial.values]
    return next((found[-1] for found in (whole, complete, tried) if found), None)


def best_trial(trials: Sequence[Trial], metric: str) -> Trial | None:
    """The best complete trial."""
    return next(iter(rank_trials(trials, metric)), None)


def best_so_far(trials: Sequence[Trial], metric: str) -> list[float | None]:
    """The best score of the complete trials up to each trial; None before the first of them."""
    best: list[float | None] = []
    for trial in trials:
        last = best[-1] if best else None
        score = trial.score if trial.state == "complete" else None
        better = score is not None and (last is None or beats(score, last, metric))
        best.append(score if better else last)
    return best


def describe_progress(best: Sequence[float | None], metric: str) -> str:
    """Whether more trials are worth their time, in a sentence; empty for too few trials.

    best : the best score up to each trial
    """
    known = [score for score in best if score is not None]
    if len(known) < MIN_SCORES:
        return ""
    total, late = abs(known[-1] - known[0]), abs(known[-1] - known[len(known) // 2])
    half = f"the second half of {len(best)} trials"
    if total == 0:
        return (
            f"None of {counted(len(best), 'trial')} beat the first: try another improve.space rather than more trials"
        )
    if late == 0:
        return f"No improvement in {half}: more trials are unlikely to help"
    gain = f"T{half[1:]} brought {late:.3g} of {total:.3g} in {metric}"
    return f"{gain}: more trials {'may help' if late >= WORTH * total else 'are unlikely to help much'}"
