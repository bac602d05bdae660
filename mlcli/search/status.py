"""The searches of a configuration's name, read from where they are stored by whoever wants to know."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_args

import optuna
from optuna.storages import BaseStorage, RDBStorage
from optuna.trial import FrozenTrial
from optuna.trial import TrialState as OptunaState

from mlcli.config.sections.config import Config
from mlcli.io.json import from_json
from mlcli.io.paths import runs_dir
from mlcli.runs.lock import seems_held
from mlcli.search.database import grace, silences
from mlcli.search.storage import JOURNAL, open_storage, reading
from mlcli.search.study import METRIC, PLANNED, RECORD, WORKER, ended_trials
from mlcli.search.trial import Trial, TrialState, best_trial


@dataclass(frozen=True)
class RunningTrial:
    """A trial that had begun and not ended.

    planned : its name where the sampler did not ask for it, such as `start`
    worker  : host and process
    seconds : since its beginning, by the clocks of both machines
    silent  : seconds since the last sign of life of its process; None in a folder, which has none
    is_lost : whether its process is gone, so that another will take its place
    """

    planned: str
    worker: str
    seconds: float | None
    silent: float | None
    is_lost: bool


@dataclass(frozen=True)
class StudyStatus:
    """A search: the trials that have ended, and those that are running. place : such as iris/improve-1a2b3c."""

    place: str
    metric: str
    trials: tuple[Trial, ...]
    running: tuple[RunningTrial, ...]

    @property
    def best(self) -> Trial | None:
        """The best complete trial."""
        return best_trial(self.trials, self.metric)

    def count(self, state: TrialState) -> int:
        """Trials that ended in a state."""
        return sum(trial.state == state for trial in self.trials)

    def to_json(self) -> dict[str, Any]:
        """The search in the document of `improve --status --json`."""
        return {
            "search": self.place,
            "metric": self.metric,
            "trials": {state: self.count(state) for state in get_args(TrialState)},
            "best": self.best,
            "running": self.running,
        }


def read_statuses(config: Config) -> Iterator[StudyStatus]:
    """The searches in improve.storage, or in the runs folder; each data set and start of the name has its own."""
    url = config.improve.storage
    if url is None:
        for journal in sorted((runs_dir() / config.name).glob(f"improve-*/{JOURNAL}")):
            with reading(journal):
                storage, name = open_storage(journal, None, repair=False)
                is_held = seems_held(journal.parent / "lock")
                yield _status(storage, name, f"{config.name}/{journal.parent.name}", is_held)
        return
    place = Path(config.name) / "improve" / JOURNAL
    with reading(place):
        storage, _ = open_storage(place, url, repair=False)
        for name in optuna.get_all_study_names(storage):
            if name.startswith(f"{config.name}/"):
                yield _status(storage, name, name, is_held=True)


def _status(storage: BaseStorage, name: str, place: str, is_held: bool) -> StudyStatus:
    study = optuna.load_study(study_name=name, storage=storage)
    known = study.get_trials(deepcopy=False)
    running = [trial for trial in known if trial.state == OptunaState.RUNNING]
    silent = _silences(storage, name, running) if isinstance(storage, RDBStorage) else {}
    return StudyStatus(
        place=place,
        metric=study.user_attrs.get(METRIC, "loss"),
        trials=tuple(
            replace(from_json(Trial, trial.user_attrs[RECORD], place), number=number)
            for number, trial in enumerate(ended_trials(known), start=1)
        ),
        running=tuple(_running(trial, silent.get(trial.number), is_held) for trial in running),
    )


def _silences(storage: RDBStorage, name: str, running: list[FrozenTrial]) -> dict[int, float]:
    """By the trials' numbers."""
    study = storage.get_study_id_from_name(name)
    numbers = {storage.get_trial_id_from_study_id_trial_number(study, one.number): one.number for one in running}
    return {numbers[trial]: seconds for trial, seconds in silences(storage, list(numbers)).items()}


def _running(trial: FrozenTrial, silent: float | None, is_held: bool) -> RunningTrial:
    worker = trial.user_attrs.get(WORKER)
    return RunningTrial(
        planned=trial.user_attrs.get(PLANNED, ""),
        worker=f"{worker['host']}, process {worker['pid']}" if worker else "",
        seconds=(datetime.now(UTC) - datetime.fromisoformat(worker["since"])).total_seconds() if worker else None,
        silent=silent,
        is_lost=not is_held or (silent is not None and silent > grace()),
    )
