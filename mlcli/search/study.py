"""The study of a search: Optuna proposes configurations, and its storage keeps the trials between processes.

Each trial is in the storage from its beginning, so that no two processes run the same one. A trial has ended once its
record is stored; a process that is killed leaves it running, and it is then dropped: another takes its place.
"""

from __future__ import annotations

import math
import secrets
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

import optuna
from optuna.storages import RDBStorage
from optuna.trial import FrozenTrial
from optuna.trial import TrialState as OptunaState

from mlcli.config.sections.config import Config
from mlcli.config.tree import JsonValue
from mlcli.diagnosis.recommendations import Finding
from mlcli.errors import ConfigError
from mlcli.io.json import from_json, strict_json
from mlcli.metrics.catalog import higher_is_better
from mlcli.runs.lock import this_process
from mlcli.search.database import SIGNS, Result, grace, persist, signs_of_life, silences
from mlcli.search.samplers import GridSampler, build_sampler
from mlcli.search.space import config_with, distributions, draw, known_params, search_space
from mlcli.search.storage import JOURNAL, calm, open_storage, reading
from mlcli.search.trial import Trial, TrialState
from mlcli.training.state import derive_seed

# Attributes of Optuna's trials and studies.
RECORD, FINDINGS, METRIC, WORKER, PLANNED = "trial", "findings", "metric", "worker", "planned"

Ending = TrialState | Literal["dropped"]


@dataclass(frozen=True)
class AskedTrial:
    """A trial that this process runs.

    number : Optuna's, from 0
    id     : the storage's
    params : Optuna's parameters, of the searched keys
    """

    number: int
    id: int
    values: dict[str, JsonValue]
    params: dict[str, Any]


class Study:
    """The trials of one search. The folder's lock must be held by one of its processes.

    shared    : whether other machines may take part
    n_running : trials that were running in any process, when `trials` was last called
    planned   : the planned trials that were running or had ended then, by name
    worker    : 0 leads and repairs a journal after a crash; the number is part of the sampler's seed
    """

    def __init__(self, folder: Path, config: Config, metric: str, worker: int = 0) -> None:
        self.config = config
        self.space = search_space(config)
        self.shared = config.improve.storage is not None
        self.n_running, self.planned = 0, frozenset[str]()
        self._place = folder / JOURNAL
        # Every machine has a leader.
        self._stream = secrets.randbits(32) if self.shared else worker
        self._records: dict[int, Trial] = {}
        self._grace, self._back = grace(), -math.inf
        with reading(self._place):
            self._storage, name = open_storage(self._place, config.improve.storage, repair=worker == 0)
            self._study = self._persist(partial(self._open, name, metric))
            self._id = self._storage.get_study_id_from_name(name)
        if worker == 0:
            self.settle_orphans()

    def _open(self, name: str, metric: str) -> optuna.Study:
        direction: Literal["minimize", "maximize"] = "maximize" if higher_is_better(metric) else "minimize"
        study = optuna.create_study(storage=self._storage, study_name=name, direction=direction, load_if_exists=True)
        if METRIC not in study.user_attrs:
            study.set_user_attr(METRIC, metric)
        return study

    def _persist(self, action: Callable[[], Result], patience: float | None = None) -> Result:
        """The action's result, repeated while a database is away; raises ResourceError."""
        if not self.shared:
            return action()
        result, had_failed = persist(action, self._grace if patience is None else patience)
        if had_failed:
            self._back = time.monotonic()
        return result

    @property
    def exhausted(self) -> bool:
        """Whether a grid has no combination left."""
        if self.config.improve.sampler != "grid":
            return False
        return not self._persist(lambda: GridSampler(self.space).untried(self._study))

    def trials(self, patience: float | None = None) -> list[Trial]:
        """All trials that have ended, in the order in which this process saw it, which numbers them.

        patience : seconds to try again where a database is away. Raises ResourceError after them.
        """
        with reading(self._place):
            known = self._persist(self._read, patience)
            self.n_running = sum(trial.state == OptunaState.RUNNING for trial in known)
            self.planned = frozenset(
                trial.user_attrs[PLANNED]
                for trial in known
                if PLANNED in trial.user_attrs and trial.state != OptunaState.FAIL
            )
            # Clocks of machines differ: what ended earlier may be seen later.
            new = ended_trials(trial for trial in known if trial.number not in self._records)
            for number, trial in enumerate(new, start=len(self._records) + 1):
                record = from_json(Trial, trial.user_attrs[RECORD], self._place)
                self._records[trial.number] = replace(record, number=number)
        return list(self._records.values())

    def _read(self) -> Sequence[FrozenTrial]:
        if self.shared:
            self._settle_silent()
        return self._study.get_trials(deepcopy=False)

    def findings(self) -> list[Finding] | None:
        """The findings on the search's start; None before its diagnosis."""
        stored = self._persist(lambda: self._study.user_attrs.get(FINDINGS))
        return None if stored is None else from_json(list[Finding], stored, self._place)

    def store_findings(self, findings: list[Finding]) -> None:
        """Store the findings on the search's start."""
        with calm(self._place):
            written = [asdict(finding) for finding in findings]
            self._persist(lambda: self._study.set_user_attr(FINDINGS, written))

    def ask(self, n_done: int, limit: int) -> AskedTrial | None:
        """The sampler's next configuration, after n_done trials; None where other processes came first.

        limit : trials of the whole search
        """

        def ask() -> AskedTrial:
            seed = derive_seed(self.config.seed, self._stream) if self._stream else self.config.seed
            self._study.sampler = build_sampler(self.config.improve, self.space, derive_seed(seed, n_done) % 2**32)
            trial = self._study.ask()
            number = self._storage.get_trial_id_from_study_id_trial_number(self._id, trial.number)
            self._give_sign(number)
            trial.set_user_attr(WORKER, this_process())
            values = draw(self.space, trial)
            return AskedTrial(trial.number, number, values, trial.params)

        with calm(self._place):
            asked = self._persist(ask)
            is_grid = self.config.improve.sampler == "grid"
            return self._unless_late(asked, limit, lambda other: is_grid and other.params == asked.params)

    def begin(self, planned: str, values: dict[str, JsonValue], limit: int) -> AskedTrial | None:
        """A trial of these values, which the sampler did not ask for and learns from; None as by `ask`.

        planned : its name, by which the search has it once
        """
        try:
            config = config_with(self.config, values)
        except ConfigError:  # its training fails
            config = self.config
        params, known = known_params(self.space, config), distributions(self.space)

        def begin() -> AskedTrial:
            trial = optuna.trial.create_trial(
                state=OptunaState.RUNNING,
                params=params,
                distributions={key: known[key] for key in params},
                user_attrs={PLANNED: planned, WORKER: this_process()},
            )
            number = self._storage.create_new_trial(self._id, trial)
            self._give_sign(number)
            return AskedTrial(self._storage.get_trial(number).number, number, values, params)

        with calm(self._place):
            return self._unless_late(
                self._persist(begin), limit, lambda other: other.user_attrs.get(PLANNED) == planned
            )

    def _give_sign(self, trial: int) -> None:
        if isinstance(self._storage, RDBStorage):
            self._storage.record_heartbeat(trial)

    def _unless_late(self, asked: AskedTrial, limit: int, is_same: Callable[[FrozenTrial], bool]) -> AskedTrial | None:
        """The trial; dropped, and None, where the search had begun as many before it, or the same one.

        Storages number trials one after the other, so that all processes agree on who came first.
        """
        earlier = [
            trial
            for trial in self._persist(lambda: self._study.get_trials(deepcopy=False))
            if trial.number < asked.number and trial.state != OptunaState.FAIL
        ]
        if len(earlier) < limit and not any(map(is_same, earlier)):
            return asked
        self.drop(asked)
        return None

    def signs_of_life(self, asked: AskedTrial) -> AbstractContextManager[None]:
        """Within it, other machines see that this trial's process is alive, also while it is busy elsewhere."""
        storage = self._storage
        return (
            signs_of_life(storage, asked.id, self._grace / SIGNS) if isinstance(storage, RDBStorage) else nullcontext()
        )

    def store(self, trial: Trial, asked: AskedTrial) -> None:
        """Store a trial that has ended; one that was given up meanwhile stays so: others have taken its place."""

        def store() -> None:
            if self._storage.get_trial(asked.id).state.is_finished():
                return
            if trial.state == "pruned" and trial.score is not None:
                self._storage.set_trial_intermediate_value(asked.id, trial.epochs, trial.score)
            self._storage.set_trial_user_attr(asked.id, RECORD, strict_json(asdict(trial)))
            self._tell(asked.number, trial.state, trial.score)

        with calm(self._place):
            self._persist(store)

    def drop(self, asked: AskedTrial) -> None:
        """Discard a trial that was interrupted; its configuration will be proposed again."""
        with calm(self._place):
            self._persist(lambda: self._tell(asked.number, "dropped", None))

    def settle_orphans(self) -> None:
        """End the trials that killed processes left running, by their record where they have one.

        Of a journal, call it only while no process runs them. In a database, those are ended whose process has given
        no sign of life for so long.
        """
        with calm(self._place):
            if self.shared:
                self._persist(self._settle_silent)
                return
            for orphan in self._study.get_trials(deepcopy=False, states=(OptunaState.RUNNING,)):
                self._settle(orphan)

    def _settle_silent(self) -> None:
        """A trial that has never given a sign of life gets one, from which its silence is counted.

        After the database was away, the others get as long to give one as they always have.
        """
        orphans = self._study.get_trials(deepcopy=False, states=(OptunaState.RUNNING,))
        if not orphans or not isinstance(storage := self._storage, RDBStorage):
            return
        ids = [storage.get_trial_id_from_study_id_trial_number(self._id, orphan.number) for orphan in orphans]
        silent = silences(storage, ids)
        for orphan, number in zip(orphans, ids, strict=True):
            if number not in silent:
                storage.record_heartbeat(number)
            elif silent[number] > self._grace and time.monotonic() > self._back + self._grace:
                self._settle(orphan)

    def _settle(self, orphan: FrozenTrial) -> None:
        stored = orphan.user_attrs.get(RECORD)
        record = None if stored is None else from_json(Trial, stored, self._place)
        self._tell(orphan.number, record.state if record else "dropped", record.score if record else None)

    def _tell(self, number: int, state: Ending, score: float | None) -> None:
        """End a trial that has not ended."""
        self._study.tell(
            number, score if state == "complete" else None, state=_optuna_state(state), skip_if_finished=True
        )


def ended_trials(known: Iterable[FrozenTrial]) -> list[FrozenTrial]:
    """Those that have ended, in that order."""
    ended = [trial for trial in known if RECORD in trial.user_attrs and trial.state.is_finished()]
    return sorted(ended, key=lambda trial: (trial.datetime_complete, trial.number))


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
