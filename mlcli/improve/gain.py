"""What a search brought: whether the difference is real, and whether going on is worth it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from mlcli.config.schema import Config
from mlcli.improve.compared import told_metric
from mlcli.improve.folds import Folds
from mlcli.improve.trial import Bench, Trial
from mlcli.metrics.catalog import beats
from mlcli.metrics.paired import Difference, compare
from mlcli.task import Classification, FittedTask

# Of what was won in all, the share that the second half must have brought for going on to be worth it.
WORTH = 0.1
# Fewer trials have no halves to speak of.
MIN_TRIALS = 8


def compare_outputs(bench: Bench, config: Config, outputs: Tensor, before: Tensor) -> Difference | None:
    """Better or worse than the start on the same validation rows; None where the search changed what is predicted.

    config  : whose raw outputs are compared with the start's
    """
    inputs, _ = bench.inputs_for(config)
    start, valid = bench.inputs, bench.inputs.prepared.splits.valid
    truth, name = start.task.truth(valid), told_metric(start.task, bench.metric)
    if isinstance(start.task, Classification) and start.task.has_probabilities != _has_probabilities(inputs.task):
        return None
    ours, theirs = inputs.task.decode(outputs), start.task.decode(before)
    confidence = bench.start.evaluation.confidence
    return compare(start.task, truth, ours, theirs, (name,), confidence, bench.start.seed)[0]


def compare_on_folds(bench: Bench, folds: Folds, outputs: Tensor, before: Tensor) -> Difference:
    """Better or worse than the start on the rows of all folds, each answered for by networks trained without it."""
    ours, theirs, name = folds.task.decode(outputs), folds.task.decode(before), told_metric(folds.task, bench.metric)
    confidence = bench.start.evaluation.confidence
    return compare(folds.task, folds.truth, ours, theirs, (name,), confidence, bench.start.seed)[0]


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
