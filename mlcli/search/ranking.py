"""Trials in the order of their scores, and what a search brought."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from operator import itemgetter

from torch import Tensor

from mlcli.config.sections.config import Config
from mlcli.evaluation.cross_validation import Folds
from mlcli.metrics.catalog import beats, higher_is_better
from mlcli.metrics.paired import Difference, compare_predictions
from mlcli.models.task import Classification, FittedTask
from mlcli.search.selection_metric import reported_metric
from mlcli.search.trial import SearchContext, Trial

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


# Of what was won in all, the share that the second half must have brought for going on to be worth it.
WORTH = 0.1
# Fewer trials have no halves to speak of.
MIN_TRIALS = 8


def compare_outputs(bench: SearchContext, config: Config, outputs: Tensor, before: Tensor) -> Difference | None:
    """Better or worse than the start on the same validation rows; None where the search changed what is predicted.

    config  : whose raw outputs are compared with the start's
    """
    inputs, _ = bench.inputs_for(config)
    start, valid = bench.inputs, bench.inputs.prepared.splits.valid
    truth, name = start.task.truth(valid), reported_metric(start.task, bench.metric)
    if isinstance(start.task, Classification) and start.task.has_probabilities != _has_probabilities(inputs.task):
        return None
    ours, theirs = inputs.task.decode(outputs), start.task.decode(before)
    confidence = bench.start.evaluation.confidence
    return compare_predictions(start.task, truth, ours, theirs, (name,), confidence, bench.start.seed)[0]


def compare_on_folds(bench: SearchContext, folds: Folds, outputs: Tensor, before: Tensor) -> Difference:
    """Better or worse than the start on the rows of all folds, each answered for by networks trained without it."""
    ours, theirs, name = (
        folds.task.decode(outputs),
        folds.task.decode(before),
        reported_metric(folds.task, bench.metric),
    )
    confidence = bench.start.evaluation.confidence
    return compare_predictions(folds.task, folds.truth, ours, theirs, (name,), confidence, bench.start.seed)[0]


def _has_probabilities(task: FittedTask) -> bool:
    return isinstance(task, Classification) and task.has_probabilities


@dataclass(frozen=True)
class Progress:
    """The best score so far after each trial that came to an end; None before the first complete one."""

    best: tuple[float | None, ...]
    metric: str

    @classmethod
    def of(cls, trials: Sequence[Trial], metric: str) -> Progress:
        """The progress of trials in their order."""
        best: list[float | None] = []
        for trial in trials:
            last = best[-1] if best else None
            score = trial.score if trial.state == "complete" else None
            better = score is not None and (last is None or beats(score, last, metric))
            best.append(score if better else last)
        return cls(tuple(best), metric)

    def gains(self) -> tuple[float, float] | None:
        """By how much the best score changed in all, and over the second half; None with too few trials."""
        known = [score for score in self.best if score is not None]
        if len(known) < MIN_TRIALS:
            return None
        return abs(known[-1] - known[0]), abs(known[-1] - known[len(known) // 2])

    def verdict(self) -> str:
        """Whether more trials are worth their time, in a sentence; empty where nothing can be said."""
        gains = self.gains()
        if gains is None:
            return ""
        total, late = gains
        half = f"the second half of {len(self.best)} trials"
        if total == 0:
            return f"Not one of {len(self.best)} trials beat the first: another improve.space may, more trials hardly"
        if late == 0:
            return f"Nothing better came in {half}: more trials will hardly bring anything"
        went = f"{half[0].upper()}{half[1:]} brought {late:.3g} of {total:.3g} in {self.metric}"
        return f"{went}: going on may pay" if late >= WORTH * total else f"{went}: going on will bring little"
