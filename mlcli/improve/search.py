"""The search: the unchanged configuration first, then the remedy, then what the sampler proposes."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter

import torch

from mlcli.config.load import override_config
from mlcli.config.schema import Config
from mlcli.config.tree import JsonValue
from mlcli.errors import ConfigError, DataError
from mlcli.improve.case import Case
from mlcli.improve.diagnose import diagnose
from mlcli.improve.finding import Finding, merged_patch
from mlcli.improve.study import Study, Ticket
from mlcli.improve.trial import Attempt, Bench, Origin, Trial, case_of, judge, train_trial
from mlcli.training.job import TrainingJob
from mlcli.training.observers import Observer
from mlcli.training.scoring import HIGHER_IS_BETTER

# Sections that a remedy may change while trials stay comparable: same rows, same loss.
COMPARABLE = ("model.", "optimizer.", "training.")


@dataclass(frozen=True)
class Budget:
    """trials: of the whole search, those of earlier commands counted; timeout: seconds, no trial starts later."""

    trials: int
    timeout: float | None

    def allows(self, n_done: int, seconds: float) -> bool:
        """Whether another trial may start."""
        return n_done < self.trials and (self.timeout is None or seconds < self.timeout)


class SearchObserver(Observer):
    """Looks on at a search and, as any observer, at the training of each trial."""

    def on_trial_start(self, number: int, budget: Budget) -> None:
        """Called before each trial."""

    def on_trial_end(self, trial: Trial, best: Trial | None, budget: Budget) -> None:
        """Called after each trial; best is the best complete one so far."""


@dataclass(frozen=True)
class Proposal:
    """A configuration to try; the ticket is the sampler's, where it is its own."""

    origin: Origin
    values: dict[str, JsonValue]
    ticket: Ticket | None = None


@dataclass(frozen=True)
class Searched:
    """Where a search stands: all its trials so far, and the diagnosis of its start."""

    trials: tuple[Trial, ...]
    findings: tuple[Finding, ...]


def rank_trials(trials: Sequence[Trial], metric: str) -> list[Trial]:
    """The complete trials, the best first; of equals the earlier."""
    complete = [(trial.score, trial) for trial in trials if trial.state == "complete" and trial.score is not None]
    return [trial for _, trial in sorted(complete, key=itemgetter(0), reverse=HIGHER_IS_BETTER[metric])]


def best_trial(trials: Sequence[Trial], metric: str) -> Trial | None:
    """The best complete trial."""
    return next(iter(rank_trials(trials, metric)), None)


def remedy_of(start: Config, findings: Sequence[Finding]) -> dict[str, JsonValue]:
    """The findings' patches as far as trials stay comparable; empty where they do not make a configuration."""
    patch = {key: value for key, value in merged_patch(findings).items() if key.startswith(COMPARABLE)}
    try:
        override_config(start, patch)
    except ConfigError:
        return {}
    return patch


class Search:
    """One command's part of a search; `run` goes on from where the study stands."""

    def __init__(
        self,
        bench: Bench,
        study: Study,
        budget: Budget,
        observers: Sequence[SearchObserver],
        case: Case | None = None,
        examine: Callable[[Case, TrainingJob], Case] = lambda case, job: case,
    ) -> None:
        self.bench = bench
        self.examine = examine
        self.study = study
        self.budget = budget
        self.observers = observers
        self.trials = study.trials()
        if case is not None and study.findings() is None:
            study.keep_findings(diagnose(case))

    def run(self, interrupted: Callable[[], bool]) -> Searched:
        """Try configurations until the budget is spent or `interrupted` turns true."""
        started = time.monotonic()
        while self.budget.allows(len(self.trials), time.monotonic() - started) and not interrupted():
            for observer in self.observers:
                observer.on_trial_start(len(self.trials) + 1, self.budget)
            trial = self._try_out(self._next(), interrupted)
            if trial is None:
                break
            self.trials.append(trial)
            best = best_trial(self.trials, self.bench.metric)
            for observer in self.observers:
                observer.on_trial_end(trial, best, self.budget)
        return Searched(tuple(self.trials), tuple(self.study.findings() or ()))

    def _next(self) -> Proposal:
        n_done = len(self.trials)
        if n_done == 0:
            return Proposal("start", {})
        remedy = remedy_of(self.bench.start, self.study.findings() or ()) if n_done == 1 else {}
        if remedy:
            return Proposal("remedy", remedy)
        ticket = self.study.propose(n_done)
        return Proposal("search", ticket.values, ticket)

    def _try_out(self, proposal: Proposal, interrupted: Callable[[], bool]) -> Trial | None:
        """Train a proposal and write the result down; None when it was interrupted, which leaves no trace."""
        number, config, values = len(self.trials) + 1, self.bench.start, proposal.values
        try:
            config = override_config(config, values)
            attempt = train_trial(self.bench, config, self.trials, self.observers, interrupted)
        except (ConfigError, DataError, MemoryError, RuntimeError) as error:
            if proposal.origin == "start" or not _is_the_trials_fault(error):
                raise
            trial = Trial(number, proposal.origin, dict(values), "failed", reason=str(error) or "out of memory")
        else:
            if attempt.trained.stopped == "interrupted":
                if proposal.ticket is not None:
                    self.study.drop(proposal.ticket)
                return None
            trial = judge(attempt, self.bench.metric, number, proposal.origin, dict(values))
            self._diagnose_start(proposal, attempt)
        self._keep(trial, config, proposal.ticket)
        return trial

    def _diagnose_start(self, proposal: Proposal, attempt: Attempt) -> None:
        if proposal.origin == "start" and self.study.findings() is None:
            self.study.keep_findings(diagnose(self.examine(case_of(attempt), attempt.job)))

    def _keep(self, trial: Trial, config: Config, ticket: Ticket | None) -> None:
        if ticket is None:
            self.study.add(trial, config)
        else:
            self.study.keep(trial, ticket)


def _is_the_trials_fault(error: Exception) -> bool:
    """Whether another configuration may do better: keys that clash, or a network too large for the memory."""
    if isinstance(error, torch.OutOfMemoryError) or not isinstance(error, RuntimeError):
        return True
    return "can't allocate memory" in str(error)


def changed_keys(before: Config, after: Config) -> dict[str, tuple[JsonValue, JsonValue]]:
    """Dotted keys with their old and new values; None where a key does not exist."""
    old, new = _flatten(before.model_dump(mode="json")), _flatten(after.model_dump(mode="json"))
    keys = dict.fromkeys([*old, *new])
    return {key: (old.get(key), new.get(key)) for key in keys if old.get(key) != new.get(key)}


def _flatten(section: Mapping[str, JsonValue], above: str = "") -> dict[str, JsonValue]:
    flat: dict[str, JsonValue] = {}
    for key, value in section.items():
        path = f"{above}{key}"
        flat |= _flatten(value, f"{path}.") if isinstance(value, dict) and value else {path: value}
    return flat
