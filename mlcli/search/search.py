"""The search: the unchanged configuration, recommendations, networks of other kinds, then the sampler's proposals."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace

import torch

from mlcli.config.loading.load import override_config
from mlcli.config.sections.config import Config
from mlcli.config.tree import JsonValue
from mlcli.diagnosis.diagnose import diagnose, merge_patches
from mlcli.diagnosis.evidence import TrainingEvidence, training_evidence
from mlcli.diagnosis.recommendations import Finding
from mlcli.errors import ConfigError, DataError, DivergedError, ResourceError
from mlcli.search.budget import ENOUGH, Budget
from mlcli.search.callbacks import Periodic, SearchCallback
from mlcli.search.objective import (
    SearchContext,
    judge,
    judge_by_folds,
    network_of,
    plain_config,
    train_trial,
)
from mlcli.search.space import config_with, recipes
from mlcli.search.storage import ModelCache
from mlcli.search.study import AskedTrial, Study
from mlcli.search.timing import Timing, is_beyond_start
from mlcli.search.trial import Origin, Trial, best_trial, distinct_trials, rank_trials, start_trial
from mlcli.training.callbacks import Callback
from mlcli.training.context import TrainingContext

# Sections that recommendations may change in a trial: rows and loss stay the same, so that scores are comparable.
COMPARABLE = ("model.", "optimizer.", "training.")
# Seconds between two readings of the study during a training, of a folder and of a database.
POLL_SECONDS, SHARED_SECONDS = 1.0, 10.0


Diagnose = Callable[[TrainingEvidence, TrainingContext], list[Finding]]


def diagnose_history(evidence: TrainingEvidence, context: TrainingContext) -> list[Finding]:
    """The findings of history and scores alone."""
    return diagnose(evidence)


def recommended_values(start: Config, findings: Sequence[Finding]) -> dict[str, JsonValue]:
    """The findings' patches as far as scores stay comparable; empty where they do not make a configuration."""
    patch = {key: value for key, value in merge_patches(findings).items() if key.startswith(COMPARABLE)}
    try:
        override_config(start, patch)
    except ConfigError:
        return {}
    return patch


@dataclass(eq=False)
class Search:
    """One process's part of a search; `run` continues from the state of the study.

    deadline : of `timing`
    leads    : whether it tries the start and the recommendations; one of several processes does
    trials   : those that have ended, in all processes, as last read from the study
    recipes  : values of networks of other kinds, tried once each before the sampler's proposals
    """

    context: SearchContext
    study: Study
    budget: Budget
    callbacks: Sequence[SearchCallback]
    model_cache: ModelCache
    deadline: float = math.inf
    leads: bool = True
    diagnose: Diagnose = diagnose_history
    timing: Timing = field(init=False)
    trials: list[Trial] = field(init=False)
    recipes: tuple[dict[str, JsonValue], ...] = field(init=False)
    _tried_start: bool = field(init=False, default=False)

    def __post_init__(self) -> None:
        self.timing = Timing(self.context, self.budget, self.model_cache, self.deadline)
        self.trials = self.study.trials()
        self.recipes = recipes(self.context.start)

    @property
    def findings(self) -> tuple[Finding, ...]:
        """The findings on the search's start; empty before its diagnosis."""
        return tuple(self.study.findings() or ())

    def run(self, interrupted: Callable[[], bool], *, start_alone: bool = False) -> None:
        """Run trials, or the start's, until the budget is spent or `interrupted` returns True."""

        def stopped() -> bool:
            return interrupted() or self.timing.is_over(self.trials)

        self.timing.begin()
        for callback in self.callbacks:
            callback.on_search(self.trials, self.context.metric, self.budget)
        self.poll()
        while not stopped() and not (start_alone and self.start_values is None):
            if self.study.exhausted or len(self.trials) + self.study.n_running >= self.budget.trials:
                if not self._awaits_others:
                    break
                time.sleep(POLL_SECONDS)
            elif is_beyond_start(self.trials) and self.timing.lacks_time(self.trials, ENOUGH):
                break  # more networks of the ensemble are worth more
            elif (begun := self._begin_trial()) and not self._run_trial(*begun, stopped, interrupted):
                break
            self.timing.for_others = 0.0
            self.poll()

    @property
    def _awaits_others(self) -> bool:
        """Whether trials of other machines are to end, of which a process may die: this one then takes its place."""
        return self.study.shared and self.study.n_running > 0 and len(self.trials) < self.budget.trials

    @property
    def start_values(self) -> dict[str, JsonValue] | None:
        """What the start's next training changes: nothing, or the epochs that the time allows; None where it is done.

        A start that an earlier command had too little time for is trained again as soon as there is enough.
        """
        tried = [trial for trial in self.trials if trial.origin == "start"]
        if self._tried_start or any(not trial.values and trial.state != "pruned" for trial in tried):
            return None
        whole, epochs = self.context.start.training.epochs, self.timing.start_epochs()
        known = [int(trial.values.get("training.epochs", 0)) for trial in tried if trial.state == "complete"]
        if epochs == whole:
            return {}
        return None if 2 * max(known, default=0) > epochs else {"training.epochs": epochs}

    @property
    def fewer_epochs(self) -> dict[str, JsonValue]:
        """The start's, where the time did not allow all; else empty."""
        start = start_trial(self.trials)
        return dict(start.values) if start else {}

    def poll(self, patience: float | None = None) -> None:
        """Read the trials that have ended since, here or in other processes; patience as in `Study.trials`."""
        for trial in self.study.trials(patience)[len(self.trials) :]:
            self.trials.append(trial)
            best = best_trial(self.trials, self.context.metric)
            for callback in self.callbacks:
                callback.on_trial_end(trial, best, self.budget)
        for callback in self.callbacks:
            callback.on_poll(self.study.n_running)

    def _glance(self) -> None:
        """Poll during a training, which does not wait for a database that is away."""
        with suppress(ResourceError):
            self.poll(patience=0.0)

    def _begin_trial(self) -> tuple[Trial, AskedTrial] | None:
        """The next trial before its training; None where other processes came first."""
        number, limit = len(self.trials) + 1, self.budget.trials
        for callback in self.callbacks:
            callback.on_trial_start(number, self.budget)
        for planned, origin, values in self._planned_trials() if self.leads else ():
            if planned not in self.study.planned:
                asked = self.study.begin(planned, values, limit)
                return (Trial(number, origin, values, "failed"), asked) if asked else None
        if (asked := self.study.ask(number - 1, limit)) is None:
            return None
        return Trial(number, "search", {**asked.values, **self.fewer_epochs}, "failed"), asked

    def _planned_trials(self) -> Iterator[tuple[str, Origin, dict[str, JsonValue]]]:
        """Name, origin and values of what is tried once each, by the first to come, before the sampler's proposals."""
        if (values := self.start_values) is not None:
            tried = sum(trial.origin == "start" for trial in self.trials)
            yield f"start {tried + 1}" if tried else "start", "start", values
        values, fewer = recommended_values(self.context.start, self.findings), self.fewer_epochs
        others: list[tuple[str, Origin, dict[str, JsonValue]]] = [
            (f"recipe {place}", "recipe", {**values, **fewer}) for place, values in enumerate(self.recipes)
        ]
        if not values.keys() <= fewer.keys():
            others.insert(0, ("remedy", "remedy", {**values, **fewer}))
        if self.timing.lacks_time(self.trials, 1.0):
            kind = self.context.start.model.name
            others.sort(key=lambda one: one[2].get("model.name", kind) == kind)
        yield from others

    def _run_trial(
        self, blank: Trial, asked: AskedTrial, stopped: Callable[[], bool], interrupted: Callable[[], bool]
    ) -> bool:
        """Train a trial and store the result; False when it was interrupted, which leaves no trace."""
        trial: Trial | None
        with self.study.signs_of_life(asked):
            try:
                if (fitting := self.timing.shorten(blank, self.trials)) is None:
                    trial = replace(blank, state="pruned", reason="too slow for the time left")
                else:
                    config = config_with(self.context.start, fitting.values)
                    trial = self._train(fitting, config, stopped, interrupted)
            except (ConfigError, DataError, ResourceError, MemoryError, RuntimeError) as error:
                unchanged = blank.origin == "start" and not blank.values
                if unchanged or not _is_the_trials_fault(error):
                    raise
                trial = replace(blank, reason=str(error) or "out of memory")
            if trial is None:
                self.study.drop(asked)
            else:
                self.study.store(trial, asked)
        return trial is not None

    def _train(
        self, blank: Trial, config: Config, stopped: Callable[[], bool], interrupted: Callable[[], bool]
    ) -> Trial | None:
        """The trial with its result; None when it was interrupted.

        A trial that the time is too short for counts as pruned, with the score it had reached.
        """
        callbacks: list[Callback] = [*self.callbacks]
        if self.callbacks and (self.budget.jobs > 1 or self.study.shared):
            callbacks.append(Periodic(self._glance, SHARED_SECONDS if self.study.shared else POLL_SECONDS))
        is_start = blank.origin == "start"
        if is_start:
            self._tried_start = True
            self.timing.keep_for_others(config)
        trial_run = train_trial(self.context, config, () if is_start else self.trials, callbacks, stopped)
        late = trial_run.trained.stopped == "interrupted"
        if late and (interrupted() or not trial_run.trained.state.best_epoch):
            return None
        judged = judge(trial_run, self.context.selection_metric, blank)
        trial = self._score_on_folds(judged, config, callbacks, stopped)
        if trial is None:
            return None
        best = distinct_trials([*self.trials, trial], self.context.metric)
        if trial.score is not None and (is_start or trial in best):
            self.model_cache.put(trial.values, network_of(trial_run))
        if is_start and trial.state != "pruned" and self.study.findings() is None:
            evidence = training_evidence(trial_run.context, trial_run.task, trial_run.trained)
            self.study.store_findings(self.diagnose(evidence, trial_run.context))
        return trial

    def _score_on_folds(
        self, trial: Trial, config: Config, callbacks: Sequence[Callback], stopped: Callable[[], bool]
    ) -> Trial | None:
        """A complete trial with its score over the folds, if any; None when stopped."""
        folds = self.context.folds
        if folds is None or trial.state != "complete":
            return trial
        started = time.perf_counter()
        try:
            predictions = folds.predict(plain_config(config), callbacks, stopped)
        except DivergedError:
            return replace(trial, state="failed", score=None, reason="the training on one of the folds diverged")
        if predictions is None:
            return None
        scored = judge_by_folds(trial, predictions, folds, self.context.metric, time.perf_counter() - started)
        if trial.origin == "start" or scored in rank_trials([*self.trials, scored], self.context.metric)[:1]:
            self.model_cache.put_fold_outputs(trial.values, folds.outputs_of(predictions))
        return scored


def _is_the_trials_fault(error: Exception) -> bool:
    """Whether another configuration may do better: conflicting keys, or a network too large for the memory."""
    if isinstance(error, torch.OutOfMemoryError) or not isinstance(error, RuntimeError):
        return True
    return "can't allocate memory" in str(error)
