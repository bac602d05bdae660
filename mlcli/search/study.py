"""The study of a search: Optuna proposes configurations, and its storage keeps the trials between processes."""

from __future__ import annotations

import secrets
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal

import optuna
from optuna.storages import RDBStorage, fail_stale_trials
from optuna.trial import TrialState as OptunaState

from mlcli.config.sections.config import Config
from mlcli.config.tree import JsonValue
from mlcli.diagnosis.recommendations import Finding
from mlcli.io.json import from_json, strict_json
from mlcli.metrics.catalog import higher_is_better
from mlcli.search.samplers import GridSampler, build_sampler
from mlcli.search.space import distributions, draw, known_params, search_space
from mlcli.search.storage import JOURNAL, calm, open_storage, reading
from mlcli.search.trial import Trial, TrialState
from mlcli.training.state import derive_seed

RECORD, FINDINGS = "trial", "findings"

Ending = TrialState | Literal["dropped"]


@dataclass(frozen=True)
class AskedTrial:
    """A configuration that the sampler proposed, and Optuna's trial, which receives the result."""

    trial: optuna.Trial
    values: dict[str, JsonValue]


class Study:
    """The trials of one search. The folder's lock must be held by one of its processes.

    shared : whether other machines may take part
    worker : 0 leads and repairs a journal after a crash; the number is part of the sampler's seed
    """

    def __init__(self, folder: Path, config: Config, metric: str, worker: int = 0) -> None:
        self.config = config
        self.space = search_space(config)
        self.shared = config.improve.storage is not None
        self._place = folder / JOURNAL
        # Every machine has a leader.
        self._stream = secrets.randbits(32) if self.shared else worker
        self._records: dict[int, Trial] = {}
        with reading(self._place):
            direction: Literal["minimize", "maximize"] = "maximize" if higher_is_better(metric) else "minimize"
            self._storage, name = open_storage(self._place, config.improve.storage, repair=worker == 0)
            self._study = optuna.create_study(
                storage=self._storage, study_name=name, direction=direction, load_if_exists=True
            )
            if worker == 0:
                self.settle_orphans()

    @property
    def exhausted(self) -> bool:
        """Whether a grid has no combination left."""
        return self.config.improve.sampler == "grid" and not GridSampler(self.space).untried(self._study)

    def trials(self) -> list[Trial]:
        """All trials that have ended, in that order, which numbers them."""
        with reading(self._place):
            if self.shared:
                fail_stale_trials(self._study)
            known = self._study.get_trials(deepcopy=False)
        ended = [trial for trial in known if RECORD in trial.user_attrs and trial.state.is_finished()]
        ended.sort(key=lambda trial: (trial.datetime_complete, trial.number))
        for number, trial in enumerate(ended, start=1):
            record = self._records.get(trial.number)
            if record is None:
                record = from_json(Trial, trial.user_attrs[RECORD], self._place)
            self._records[trial.number] = record if record.number == number else replace(record, number=number)
        return [self._records[trial.number] for trial in ended]

    def n_running(self) -> int:
        """Trials that are running in any process."""
        with calm(self._place):
            return len(self._study.get_trials(deepcopy=False, states=(OptunaState.RUNNING,)))

    def record_heartbeat(self, asked: AskedTrial) -> None:
        """Record for other machines that a trial's process is alive."""
        if isinstance(self._storage, RDBStorage):
            with calm(self._place):
                study_id = self._storage.get_study_id_from_name(self._study.study_name)
                trial_id = self._storage.get_trial_id_from_study_id_trial_number(study_id, asked.trial.number)
                self._storage.record_heartbeat(trial_id)

    def findings(self) -> list[Finding] | None:
        """The findings on the search's start; None before its diagnosis."""
        stored = self._study.user_attrs.get(FINDINGS)
        return None if stored is None else from_json(list[Finding], stored, self._place)

    def store_findings(self, findings: list[Finding]) -> None:
        """Store the findings on the search's start."""
        with calm(self._place):
            self._study.set_user_attr(FINDINGS, [asdict(finding) for finding in findings])

    def ask(self, n_done: int) -> AskedTrial:
        """The sampler's next configuration, after n_done trials."""
        with calm(self._place):
            seed = derive_seed(self.config.seed, self._stream) if self._stream else self.config.seed
            self._study.sampler = build_sampler(self.config.improve, self.space, derive_seed(seed, n_done) % 2**32)
            trial = self._study.ask()
            return AskedTrial(trial, draw(self.space, trial))

    def store(self, trial: Trial, config: Config, asked: AskedTrial | None) -> None:
        """Store a trial that has ended; one that the sampler did not ask for is added for it to learn from."""
        with calm(self._place):
            if asked is None:
                params, known = known_params(self.space, config), distributions(self.space)
                added = optuna.trial.create_trial(
                    state=_optuna_state(trial.state),
                    value=trial.score,
                    params=params,
                    distributions={key: known[key] for key in params},
                    user_attrs={RECORD: strict_json(asdict(trial))},
                )
                self._study.add_trial(added)
                return
            if trial.state == "pruned" and trial.score is not None:
                asked.trial.report(trial.score, trial.epochs)
            asked.trial.set_user_attr(RECORD, strict_json(asdict(trial)))
            self._tell(asked.trial.number, trial.state, trial.score)

    def drop(self, asked: AskedTrial) -> None:
        """Discard a trial that was interrupted; its configuration will be proposed again."""
        with calm(self._place):
            self._tell(asked.trial.number, "dropped", None)

    def settle_orphans(self) -> None:
        """End the trials that a killed process left running, by their record where they have one.

        Call it only while no process runs them. Those of another machine end when their heartbeat is old.
        """
        if self.shared:
            return
        for orphan in self._study.get_trials(deepcopy=False, states=(OptunaState.RUNNING,)):
            stored = orphan.user_attrs.get(RECORD)
            record = None if stored is None else from_json(Trial, stored, self._place)
            self._tell(orphan.number, record.state if record else "dropped", record.score if record else None)

    def _tell(self, number: int, state: Ending, score: float | None) -> None:
        self._study.tell(number, score if state == "complete" else None, state=_optuna_state(state))


def _optuna_state(state: Ending) -> OptunaState:
    """Optuna's samplers rank pruned trials below complete ones and ignore failed ones.

    A configuration that diverged counts as pruned, so that they learn from it.
    """
    match state:
        case "complete":
            return OptunaState.COMPLETE
        case "pruned" | "failed":
            return OptunaState.PRUNED
    return OptunaState.FAIL
