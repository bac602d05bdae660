"""The search: the unchanged configuration first, then the recommendation, then what the sampler proposes."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from statistics import mean

import torch

from mlcli.config.loading.load import override_config
from mlcli.config.sections.config import Config
from mlcli.config.tree import JsonValue
from mlcli.diagnosis.checks import Checks
from mlcli.diagnosis.collect import training_evidence
from mlcli.diagnosis.diagnose import diagnose, merge_patches
from mlcli.diagnosis.evidence import TrainingEvidence
from mlcli.diagnosis.recommendations import Finding
from mlcli.errors import ConfigError, DataError, DivergedError
from mlcli.search.budget import Budget, Clock
from mlcli.search.model_cache import ModelCache
from mlcli.search.ranking import best_trial, different_trials, rank_trials
from mlcli.search.space import config_with
from mlcli.search.storage import HEARTBEAT
from mlcli.search.study import AskedTrial, Study
from mlcli.search.trial import (
    Origin,
    SearchContext,
    Trial,
    TrialRun,
    judge,
    judge_by_folds,
    network_of,
    train_trial,
)
from mlcli.training.callbacks import Callback
from mlcli.training.context import TrainingContext
from mlcli.training.state import TrainingState

# Sections that a remedy may change while trials stay comparable: same rows, same loss.
COMPARABLE = ("model.", "optimizer.", "training.")
# An ensemble's networks take as long as those they are made like, and a little more.
RESERVE = 1.1


@dataclass(frozen=True)
class Proposal:
    """A configuration to try; the ticket is the sampler's, where it is its own."""

    origin: Origin
    values: dict[str, JsonValue]
    ticket: AskedTrial | None = None


@dataclass(frozen=True)
class Searched:
    """Where a search stands: all its trials so far, and the diagnosis of its start."""

    trials: tuple[Trial, ...]
    findings: tuple[Finding, ...]


def remedy_of(start: Config, findings: Sequence[Finding]) -> dict[str, JsonValue]:
    """The findings' patches as far as trials stay comparable; empty where they do not make a configuration."""
    patch = {key: value for key, value in merge_patches(findings).items() if key.startswith(COMPARABLE)}
    try:
        override_config(start, patch)
    except ConfigError:
        return {}
    return patch


Diagnose = Callable[[TrainingEvidence, TrainingContext], list[Finding]]


def diagnose_history(evidence: TrainingEvidence, context: TrainingContext) -> list[Finding]:
    """The findings of history and scores alone."""
    return diagnose(evidence)


class Search:
    """One process's part of a search; `run` goes on from where the study stands.

    leads : whether it tries the start and the remedy, too; of several processes one does
    """

    def __init__(
        self,
        bench: SearchContext,
        study: Study,
        budget: Budget,
        callbacks: Sequence[SearchCallback],
        shelf: ModelCache,
        clock: Clock,
        leads: bool = True,
        diagnose: Diagnose = diagnose_history,
    ) -> None:
        self.bench = bench
        self.diagnose = diagnose
        self.study = study
        self.budget = budget
        self.callbacks = callbacks
        self.shelf = shelf
        self.leads = leads
        self.clock = clock
        self.trials = study.trials()

    def run(self, interrupted: Callable[[], bool]) -> Searched:
        """Try configurations until the budget is spent or `interrupted` turns true."""

        def stopped() -> bool:
            return interrupted() or self.clock.left() <= self.reserve()

        for callback in self.callbacks:
            callback.on_search(self.trials, self.bench.metric, self.budget)
        while not self.study.exhausted and not stopped() and self._may_start():
            for callback in self.callbacks:
                callback.on_trial_start(len(self.trials) + 1, self.budget)
            if not self._try_out(self._next(), stopped, interrupted):
                break
            self.look()
        return self.searched()

    def searched(self) -> Searched:
        """Where the search stands."""
        return Searched(tuple(self.trials), tuple(self.study.findings() or ()))

    def look(self) -> None:
        """Take note of the trials that came to an end since, here or in other processes."""
        for trial in self.study.trials()[len(self.trials) :]:
            self.trials.append(trial)
            best = best_trial(self.trials, self.bench.metric)
            for callback in self.callbacks:
                callback.on_trial_end(trial, best, self.budget)
        for callback in self.callbacks:
            callback.on_look(self.study.n_running())

    def reserve(self) -> float:
        """Seconds that the ensemble's networks will take, by the best trials' own; at most half of the timeout."""
        seconds = [trial.seconds for trial in different_trials(self.trials, self.bench.metric)]
        if not seconds or self.budget.timeout is None:
            return 0.0
        a_network = mean(seconds) / self.bench.trainings_a_trial
        needed = RESERVE * (self.budget.ensemble - 1) * a_network / self.budget.jobs
        return min(needed, self.budget.timeout / 2)

    def _may_start(self) -> bool:
        return len(self.trials) + self.study.n_running() < self.budget.trials

    def _next(self) -> Proposal:
        origins = {trial.origin for trial in self.trials}
        if self.leads and "start" not in origins:
            return Proposal("start", {})
        if self.leads and "remedy" not in origins:
            remedy = remedy_of(self.bench.start, self.study.findings() or ())
            if remedy:
                return Proposal("remedy", remedy)
        ticket = self.study.propose(len(self.trials))
        return Proposal("search", ticket.values, ticket)

    def _try_out(self, proposal: Proposal, stopped: Callable[[], bool], interrupted: Callable[[], bool]) -> bool:
        """Train a proposal and write the result down; False when it was interrupted, which leaves no trace."""
        config = self.bench.start
        blank = Trial(len(self.trials) + 1, proposal.origin, dict(proposal.values), "failed")
        trial: Trial | None
        try:
            config = config_with(config, proposal.values)
            trial = self._train(blank, config, proposal.ticket, stopped, interrupted)
        except (ConfigError, DataError, MemoryError, RuntimeError) as error:
            if proposal.origin == "start" or not _is_the_trials_fault(error):
                raise
            trial = replace(blank, reason=str(error) or "out of memory")
        if trial is None:
            if proposal.ticket is not None:
                self.study.drop(proposal.ticket)
            return False
        self._keep(trial, config, proposal.ticket)
        return True

    def _train(
        self,
        blank: Trial,
        config: Config,
        ticket: AskedTrial | None,
        stopped: Callable[[], bool],
        interrupted: Callable[[], bool],
    ) -> Trial | None:
        """The trial with what became of it; None when it was interrupted.

        A trial that the timeout stops counts as pruned, with the score it had reached; the start as interrupted.
        """
        callbacks = [*self.callbacks, Heartbeat(self.study, ticket), *self._lookouts()]
        attempt = train_trial(self.bench, config, self.trials, callbacks, stopped)
        late, start = attempt.trained.stopped == "interrupted", blank.origin == "start"
        if late and (interrupted() or start or not attempt.trained.state.best_epoch):
            return None
        trial = self._compare_on_folds(judge(attempt, self.bench.selection_metric, blank), config, callbacks, stopped)
        if trial is not None:
            self._put_on_shelf(trial, attempt)
            if start and self.study.findings() is None:
                evidence = training_evidence(attempt.context, attempt.task, attempt.trained)
                self.study.keep_findings(self.diagnose(evidence, attempt.context))
        return trial

    def _lookouts(self) -> list[Callback]:
        """Who looks at other processes' trials, where there may be any."""
        return [StudyPoller(self.look)] if self.callbacks and (self.budget.jobs > 1 or self.study.shared) else []

    def _compare_on_folds(
        self, trial: Trial, config: Config, callbacks: Sequence[Callback], stopped: Callable[[], bool]
    ) -> Trial | None:
        """The trial with its score over the folds, where there are any and it may be a good one; None when stopped."""
        folds = self.bench.folds
        if folds is None or trial.state != "complete":
            return trial
        started = time.perf_counter()
        try:
            answers = folds.predict(config, callbacks, stopped)
        except DivergedError:
            return replace(trial, state="failed", score=None, reason="diverged without one of the folds")
        if answers is None:
            return None
        compared = judge_by_folds(trial, answers, folds, self.bench.metric, time.perf_counter() - started)
        if trial.origin == "start" or compared in rank_trials([*self.trials, compared], self.bench.metric)[:1]:
            self.shelf.put_answers(trial.values, folds.outputs_of(answers))
        return compared

    def _put_on_shelf(self, trial: Trial, attempt: TrialRun) -> None:
        """Keep the start's network, for comparison, and the best ones."""
        start = trial.origin == "start"
        best = different_trials([*self.trials, trial], self.bench.metric)
        if trial.state == "complete" and (start or trial in best):
            self.shelf.put(trial.values, network_of(attempt))

    def _keep(self, trial: Trial, config: Config, ticket: AskedTrial | None) -> None:
        if ticket is None:
            self.study.add(trial, config)
        else:
            self.study.keep(trial, ticket)


def _is_the_trials_fault(error: Exception) -> bool:
    """Whether another configuration may do better: keys that clash, or a network too large for the memory."""
    if isinstance(error, torch.OutOfMemoryError) or not isinstance(error, RuntimeError):
        return True
    return "can't allocate memory" in str(error)


# Seconds between two looks at what other processes have come to.
LOOK_SECONDS = 1.0


class SearchCallback(Callback):
    """Looks on at a search and, as any callback, at the training of each trial."""

    def on_checks(self, config: Config, checks: Checks) -> None:
        """Called before the first trial."""

    def on_search(self, trials: Sequence[Trial], metric: str, budget: Budget) -> None:
        """Called when the search begins or goes on, with the trials there are and what they are compared by."""

    def on_trial_start(self, number: int, budget: Budget) -> None:
        """Called before each trial."""

    def on_trial_end(self, trial: Trial, best: Trial | None, budget: Budget) -> None:
        """Called after each trial; best is the best complete one so far."""

    def on_ensemble(self) -> None:
        """Called before the ensemble's networks are trained."""

    def on_look(self, running: int) -> None:
        """Called after each look at the study, whose trials that other processes are at are counted."""


class Heartbeat(Callback):
    """Lets other machines know that a trial's process lives."""

    def __init__(self, study: Study, ticket: AskedTrial | None) -> None:
        self.study = study
        self.ticket = ticket
        self.next_beat = 0.0

    def on_batch_end(self, context: TrainingContext, state: TrainingState) -> None:
        if self.ticket is not None and time.monotonic() >= self.next_beat:
            self.next_beat = time.monotonic() + HEARTBEAT
            self.study.beat(self.ticket)


class StudyPoller(Callback):
    """Has an eye on the trials of other processes while one is trained here."""

    def __init__(self, look: Callable[[], None]) -> None:
        self.look = look
        self.next_look = time.monotonic() + LOOK_SECONDS

    def on_batch_end(self, context: TrainingContext, state: TrainingState) -> None:
        if time.monotonic() >= self.next_look:
            self.look()
            self.next_look = time.monotonic() + LOOK_SECONDS
