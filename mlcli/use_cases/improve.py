"""Step 5: improvement."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, get_args

from mlcli.config.sections.config import Config
from mlcli.config.sections.training import ImproveConfig
from mlcli.data.prepare import Prepared
from mlcli.data.readers.image_folders import image_names
from mlcli.data.splitting import dependent_groups
from mlcli.diagnosis.checks import Checks, run_checks
from mlcli.diagnosis.diagnose import apply_recommendations, diagnose
from mlcli.diagnosis.evidence import ForestFacts, TrainingEvidence, run_evidence, untrained_evidence
from mlcli.diagnosis.experiment import Experiment
from mlcli.diagnosis.forest import grow_forest
from mlcli.diagnosis.probes import run_probes
from mlcli.diagnosis.recommendations import Finding
from mlcli.errors import LockedError
from mlcli.io.atomic import write_file, write_json
from mlcli.io.disk import make_folder
from mlcli.io.json import refuse_symlink
from mlcli.io.paths import runs_dir
from mlcli.io.signals import Interruption
from mlcli.io.text import counted
from mlcli.metrics.catalog import beats
from mlcli.reporter import Reporter, Silent
from mlcli.reports.figures.learning import draw_rates, draw_search
from mlcli.reports.figures.style import save_svg
from mlcli.runs.folder import Run
from mlcli.runs.lock import held_lock
from mlcli.search.budget import MANY, Budget, checks_seconds
from mlcli.search.callbacks import SearchCallback
from mlcli.search.objective import build_search_context
from mlcli.search.results import Results, describe_next, write_results
from mlcli.search.search import Search
from mlcli.search.space import config_with, search_space
from mlcli.search.status import StudyStatus, read_statuses
from mlcli.search.timing import own_seconds
from mlcli.search.trial import Trial, TrialState, best_trial, start_trial
from mlcli.search.workers import WorkerTask, open_search, run_task, search_and_train
from mlcli.training.context import TrainingContext
from mlcli.training.inputs import Inputs, gather_inputs


@dataclass(frozen=True)
class ImproveRequest:
    """The command line's values; None leaves a value to the config.

    search : False for checks and diagnosis alone
    apply  : file for the next configuration, which does not exist yet; None for none
    begun  : when the command began, in seconds of the monotonic clock
    """

    trials: int | None = None
    timeout: float | None = None
    ensemble: int | None = None
    jobs: int = 1
    search: bool = True
    apply: Path | None = None
    begun: float = field(default_factory=time.monotonic)

    def budget(self, config: Config) -> Budget:
        """The search's budget; one trial, the start, without a search."""
        if not self.search:
            return Budget(trials=1)
        timeout, trials = self.timeout or config.improve.timeout, self.trials or config.improve.trials
        if timeout and not self.trials and config.improve.trials == ImproveConfig().trials:  # the time named is used
            trials = MANY
        return Budget(trials, timeout, self.ensemble or config.improve.ensemble or config.training.ensemble, self.jobs)


@dataclass(frozen=True)
class ImproveResult:
    """The findings, and the results of the search.

    diagnosed : a run, or the unchanged configuration, which is the first trial
    metric    : compares trials
    n_valid   : validation rows; nothing is searched without any
    n_rows    : rows that trials are compared on: those of all folds, or the validation rows
    results   : None where nothing was searched
    applied   : file of the next configuration; None where none was requested, or nothing is to be changed
    """

    config: Config
    folder: Path
    diagnosed: str
    metric: str
    n_valid: int
    n_rows: int
    budget: Budget
    checks: Checks
    trials: tuple[Trial, ...] = ()
    findings: tuple[Finding, ...] = ()
    results: Results | None = None
    applied: Path | None = None
    interrupted: bool = False

    @property
    def best(self) -> Trial | None:
        """The best complete trial; it may be the start."""
        return best_trial(self.trials, self.metric)

    @property
    def start(self) -> Trial | None:
        """The trial of the unchanged configuration, or of as many of its epochs as there was time for."""
        return start_trial(self.trials)

    @property
    def before(self) -> float | None:
        """The start's score; None where it failed or was not tried."""
        return self.start.score if self.start else None

    @property
    def out_of_time(self) -> bool:
        """Whether the timeout ended the search, before all trials were done."""
        return self.budget.timeout is not None and len(self.trials) < self.budget.trials

    @property
    def improved(self) -> bool:
        """Whether a trial beat the start."""
        if self.best is None or self.best.score is None or self.best.origin == "start":
            return False
        # A start that the timeout cut has a score, and is not complete.
        return self.before is None or beats(self.best.score, self.before, self.metric)

    def count(self, state: TrialState) -> int:
        """Trials that ended in a state."""
        return sum(trial.state == state for trial in self.trials)

    def to_json(self) -> dict[str, Any]:
        """The document of `improve --json`."""
        return {
            "name": self.config.name,
            "folder": self.folder,
            "diagnosed": self.diagnosed,
            **self.checks.to_json(),
            "findings": self.findings,
            "metric": self.metric,
            "valid_rows": self.n_valid,
            "folds": self.config.improve.folds,
            "compared_rows": self.n_rows,
            "before": self.before,
            "after": self.best.score if self.best else None,
            "improved": self.improved,
            "trials": {state: self.count(state) for state in get_args(TrialState)},
            "best": self.best,
            **(self.results.to_json() if self.results else {"proposal": None}),
            "applied": self.applied,
            "interrupted": self.interrupted,
        }


def improve(
    config: Config,
    run: Run | None,
    asked: ImproveRequest,
    reporter: Reporter,
    callbacks: Sequence[SearchCallback],
    interruption: Interruption,
    prepared: Prepared | None = None,
) -> ImproveResult:
    """Diagnose a configuration's training, search for a better one, and write the best.

    run      : is diagnosed where it was trained with this configuration; else the first trial is
    prepared : the data of this config, where step 1 has just been run
    """
    budget = asked.budget(config)
    inputs = gather_inputs(config, reporter, prepared)
    deadline = budget.deadline(asked.begun, ready=time.monotonic())
    on_disk = inputs.on_disk(config)
    context = build_search_context(config, inputs, search_space(config), on_disk=on_disk, reporter=reporter)
    groups = dependent_groups(config.dataset.split, inputs.prepared.splits.train)
    numbers = inputs.prepared.splits.numbers
    files = image_names(config.dataset)
    experiment = Experiment(config, inputs.task, inputs.features.layout, *context.arrays, groups, numbers, files)
    reporter.explain("diagnosis")
    own = own_seconds(context, budget) if budget.timeout is not None else 0.0
    end_of_checks = time.monotonic() + checks_seconds(deadline - time.monotonic(), own)
    checks = run_checks(replace(experiment, deadline=end_of_checks))
    left = end_of_checks - time.monotonic()
    for callback in callbacks:
        callback.on_checks(config, checks)
    diagnose_training = partial(probe_and_diagnose, experiment, checks, left)
    of_run = run_evidence(run, config, inputs, context.arrays) if run is not None else None
    diagnosed = str(run) if of_run is not None else "the unchanged configuration"
    folder, n_valid = search_folder(config, inputs), len(context.arrays[1])
    result = ImproveResult(config, folder, diagnosed, context.metric, n_valid, context.n_compared, budget, checks)
    if not n_valid:
        untrained = untrained_evidence(experiment.context(), inputs.task)
        findings = diagnose(untrained) if of_run is None else diagnose_training(*of_run)
        return write_next(replace(result, findings=tuple(findings)), asked)
    make_folder(refuse_symlink(folder))
    with _own_folder(config, folder), interruption:
        if checks.rates is not None:  # before the search, whose end a timeout names
            save_svg(draw_rates(checks.rates, config.optimizer.lr, checks.suggested_rate), folder / "learning_rate.svg")
        search = open_search(context, folder, budget, deadline, callbacks, diagnose=diagnose_training)
        if on_disk and left > 0 and search.study.findings() is None:
            # Before any training, which leaves less memory for the process that the forest is grown in.
            search.diagnose = partial(diagnose_training, forest=grow_forest(experiment))
        if of_run is not None and search.study.findings() is None:
            search.study.store_findings(search.diagnose(*of_run))
        if asked.search:
            result = search_better(result, search, reporter, interruption)
        else:
            reporter.say(f"Diagnosing {diagnosed}")
            if of_run is None:
                search.run(interruption)
        result = replace(result, trials=tuple(search.trials), findings=search.findings)
        write_json(folder / "diagnosis.json", {**checks.to_json(), "findings": result.findings})
    return write_next(replace(result, interrupted=interruption.signal is not None), asked)


@contextmanager
def _own_folder(config: Config, folder: Path) -> Iterator[None]:
    """The folder's lock; machines share the trials in a database, and no folder. Raises LockedError."""
    with ExitStack() as held:
        try:
            held.enter_context(held_lock(folder / "lock", f"{config.name}/{folder.name}"))
        except LockedError as error:
            if config.improve.storage is None:
                raise
            raise LockedError(f"{error}; or set MLCLI_RUNS_DIR to a folder of this process's own") from None
        yield


def probe_and_diagnose(
    experiment: Experiment,
    checks: Checks,
    seconds: float,
    evidence: TrainingEvidence,
    context: TrainingContext,
    forest: ForestFacts | None = None,
) -> list[Finding]:
    """The findings on a training, with the results of the probes that take so many seconds."""
    experiment = replace(experiment, deadline=time.monotonic() + seconds)
    return diagnose(run_probes(experiment, checks.rates, evidence, context, forest))


def search_better(
    result: ImproveResult, search: Search, reporter: Reporter, interruption: Interruption
) -> ImproveResult:
    """Search, train the ensemble, and write the results in the folder."""
    reporter.explain("search", result.config, result.metric, list(search.study.space))
    reporter.say(describe_search(search, result.folder))
    ensemble = search_and_train(search, result.folder, interruption)
    results = write_results(result.folder, search, ensemble)
    scores = [trial.score if trial.state == "complete" else None for trial in search.trials]
    figure = draw_search(scores, results.best_so_far, result.metric, results.outlook)
    save_svg(figure, result.folder / "search.svg")
    return replace(result, results=results)


def write_next(result: ImproveResult, asked: ImproveRequest) -> ImproveResult:
    """Write the next configuration if requested: the best trial or, without a search, the recommendations."""
    start, best = result.config, result.best
    config, causes = apply_recommendations(start, result.findings)
    headline = f"After the diagnosis of {result.diagnosed}."
    if asked.search and best is not None:
        config = config_with(start, best.values)
        headline = f"The best of {counted(len(result.trials), 'trial')}: validation {result.metric} {best.score:.6g}."
    if asked.apply is None or config == start:
        return result
    write_file(asked.apply, describe_next(start, config, headline, causes).encode())
    return replace(result, applied=asked.apply)


def join_search(config: Config, asked: ImproveRequest, task: WorkerTask, interruption: Interruption) -> None:
    """Run a worker's task in a search that another process leads."""
    inputs = gather_inputs(config, Silent())
    search_context = build_search_context(config, inputs, search_space(config), on_disk=task.on_disk)
    folder = search_folder(config, inputs)
    with interruption:
        search = open_search(search_context, folder, asked.budget(config), task.deadline, worker=task.worker)
        run_task(search, task, interruption)


@dataclass(frozen=True)
class FoundSearches:
    """The searches of a configuration's name. place : where they are."""

    name: str
    place: str
    searches: tuple[StudyStatus, ...]


def search_status(config: Config) -> FoundSearches:
    """What --status shows; it needs no data."""
    place = "improve.storage" if config.improve.storage else str(runs_dir() / config.name)
    return FoundSearches(config.name, place, tuple(read_statuses(config)))


def search_folder(config: Config, inputs: Inputs) -> Path:
    """The folder of a search; searches of the same data and configuration share it, whatever their budget."""
    budgetless = config.improve.model_copy(update={"trials": 1, "timeout": None, "ensemble": 1, "storage": None})
    core = config.model_copy(update={"improve": budgetless})
    fingerprint = hashlib.sha256(f"{core.fingerprint()} {inputs.prepared.fingerprint}".encode()).hexdigest()
    return runs_dir() / config.name / f"improve-{fingerprint[:12]}"


def describe_search(search: Search, folder: Path) -> str:
    """One line: how many trials over which keys, and how many are done."""
    done, keys = len(search.trials), ", ".join(search.study.space)
    if done >= search.budget.trials:
        all_done = "The only trial is" if done == 1 else f"All {done} trials are"
        return f"{all_done} already done, in {folder}; increase --trials to continue"
    continued = f", {done} of them already done" if done else ""
    return f"Searching {keys} with {search.budget.n_trials}{continued}, in {folder}"
