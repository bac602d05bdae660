"""Step 5: improvement."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, get_args

from mlcli.bundle import load_bundle
from mlcli.config.load import load_config
from mlcli.config.schema import Config
from mlcli.errors import ArtefactError, ConfigError
from mlcli.files import make_folder, own_part, write_file, write_json
from mlcli.folders import runs_dir
from mlcli.improve.case import Case, untrained_case
from mlcli.improve.diagnose import diagnose
from mlcli.improve.examine import examine
from mlcli.improve.probes.rates import find_range
from mlcli.improve.proposal import write_proposal
from mlcli.improve.search import Budget, Search, Searched, SearchObserver, best_trial
from mlcli.improve.space import search_space
from mlcli.improve.study import Study
from mlcli.improve.subject import Subject
from mlcli.improve.trial import Bench, Trial, TrialState, set_up_bench
from mlcli.inputs import Inputs, gather_inputs, make_job
from mlcli.reporter import Reporter
from mlcli.run import Run, read_metrics
from mlcli.run.lock import held_lock
from mlcli.signals import Interruption
from mlcli.training.job import TrainingJob
from mlcli.training.losses import build_loss
from mlcli.typed_json import from_json

# Sections that decide what a training does; a run that differs in one says nothing about the configuration.
TRAINED_BY = ("seed", "dataset", "features", "model", "loss", "optimizer", "training")
ENDED = ("finished", "early", "diverged")
NOTHING_SEARCHED = Searched((), ())


@dataclass(frozen=True)
class ImproveOutcome:
    """What was found, and what came of the search.

    diagnosed : a run, or the unchanged configuration: the first trial
    metric    : what trials are compared by, on n_valid validation rows; nothing is searched without any
    proposal  : file of the best configuration; None without a complete trial
    """

    config: Config
    folder: Path
    diagnosed: str
    metric: str
    n_valid: int
    budget: Budget
    searched: Searched = NOTHING_SEARCHED
    proposal: Path | None = None
    interrupted: bool = False

    @property
    def best(self) -> Trial | None:
        """The best complete trial; it may be the start itself."""
        return best_trial(self.searched.trials, self.metric)

    @property
    def before(self) -> float | None:
        """The start's score; None where it failed or was not tried."""
        return self.searched.trials[0].score if self.searched.trials else None

    @property
    def improved(self) -> bool:
        """Whether a trial beat the start."""
        return self.best is not None and self.best.origin != "start"

    def count(self, state: TrialState) -> int:
        """Trials that ended so."""
        return sum(trial.state == state for trial in self.searched.trials)

    def to_json(self) -> dict[str, Any]:
        """The document of `improve --json`."""
        return {
            "name": self.config.name,
            "folder": str(self.folder),
            "diagnosed": self.diagnosed,
            "findings": [finding.to_json() for finding in self.searched.findings],
            "metric": self.metric,
            "valid_rows": self.n_valid,
            "before": self.before,
            "after": self.best.score if self.best else None,
            "improved": self.improved,
            "trials": {state: self.count(state) for state in get_args(TrialState)},
            "best": self.best.to_json() if self.best else None,
            "proposal": str(self.proposal) if self.proposal else None,
            "interrupted": self.interrupted,
        }


def improve_step(
    config: Config,
    run: Run | None,
    trials: int | None,
    timeout: float | None,
    reporter: Reporter,
    observers: Sequence[SearchObserver],
    interruption: Interruption,
) -> ImproveOutcome:
    """Diagnose a configuration's training, search better ones, and write the best down.

    run : whose history is diagnosed, where it was trained with this very configuration; else the first trial is
    """
    inputs = gather_inputs(config, reporter)
    bench = set_up_bench(config, inputs, search_space(config))
    budget = Budget(trials or config.improve.trials, timeout or config.improve.timeout)
    subject = Subject(config, inputs.task, inputs.features.layout, *bench.arrays)
    look_closer = partial(examine, subject, find_range(subject))
    case = case_of_run(run, bench, look_closer) if run is not None else None
    diagnosed = str(run) if case is not None else "the unchanged configuration"
    folder = runs_dir() / config.name / f"improve-{fingerprint_search(config, inputs)[:12]}"
    outcome = ImproveOutcome(config, folder, diagnosed, bench.metric, len(bench.arrays[1]), budget)
    if not outcome.n_valid:
        return replace(outcome, searched=Searched((), tuple(diagnose(case or blank_case(bench)))))
    make_folder(own_part(folder))
    with held_lock(folder / "lock", f"{config.name}/{folder.name}"), interruption:
        search = Search(bench, Study(folder, config, bench.metric), budget, observers, case, look_closer)
        reporter.say(describe_search(search, folder))
        searched = search.run(interruption)
        proposal = write_results(folder, bench, searched)
    return replace(outcome, searched=searched, proposal=proposal, interrupted=interruption.signal is not None)


def fingerprint_search(config: Config, inputs: Inputs) -> str:
    """Equal for searches whose trials can be compared: same data and configuration, whatever their budget."""
    budgetless = config.improve.model_copy(update={"trials": 1, "timeout": None})
    core = config.model_copy(update={"improve": budgetless})
    return hashlib.sha256(f"{core.fingerprint()} {inputs.prepared.fingerprint}".encode()).hexdigest()


def case_of_run(run: Run, bench: Bench, look_closer: Callable[[Case, TrainingJob], Case]) -> Case | None:
    """A run as a diagnosis sees it; None where it was not trained like the start, or not to its end."""
    try:
        manifest, trained = run.read_manifest(), load_config(run.config)
        same = all(getattr(trained, section) == getattr(bench.start, section) for section in TRAINED_BY)
        if not same or manifest.status not in ENDED or manifest.data_fingerprint != bench.inputs.prepared.fingerprint:
            return None
        bundle = load_bundle(run.model) if run.model.exists() else None
        facts = bundle.facts if bundle is not None else {}
        train, valid = (from_json(dict[str, float], facts.get(split, {}), run.model) for split in ("train", "valid"))
        history = read_metrics(run)
    except (ArtefactError, ConfigError):
        return None
    diverged = manifest.status == "diverged"
    case = replace(blank_case(bench), history=history, train=train, valid=valid, diverged=diverged)
    job = make_job(bench.start, bench.inputs, bench.arrays)
    if bundle is not None:
        job.model.load_state_dict(bundle.model.state_dict())
    return look_closer(case, job)


def blank_case(bench: Bench) -> Case:
    """The start before its training."""
    task, y = bench.inputs.task, bench.arrays[0].y
    loss = build_loss(bench.start.loss, task, y.device)
    return untrained_case(bench.start, task, loss, y, len(bench.arrays[1]))


def describe_search(search: Search, folder: Path) -> str:
    """One line: how many trials over which keys, and what is there already."""
    done, keys = len(search.trials), ", ".join(search.study.space)
    if done >= search.budget.trials:
        return f"All {done} trials were done before, in {folder}; a larger --trials searches on"
    going_on = f", going on after {done} of them" if done else ""
    return f"Searching {keys} with {search.budget.trials} trials{going_on}, in {folder}"


def write_results(folder: Path, bench: Bench, searched: Searched) -> Path | None:
    """Leave trials.json and best.yaml in the folder; the latter's path, None where no trial was complete."""
    write_json(
        folder / "trials.json",
        {
            "metric": bench.metric,
            "findings": [finding.to_json() for finding in searched.findings],
            "trials": [trial.to_json() for trial in searched.trials],
        },
    )
    best = best_trial(searched.trials, bench.metric)
    if best is None:
        return None
    text = write_proposal(bench.start, best, searched.trials, searched.findings, bench.metric)
    write_file(folder / "best.yaml", text.encode())
    return folder / "best.yaml"
