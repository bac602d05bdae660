"""A search that outlives its process: Optuna proposes, and its storage remembers."""

from __future__ import annotations

import secrets
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import optuna
from optuna.storages import fail_stale_trials
from optuna.trial import TrialState as OptunaState

from mlcli.config.sections.config import Config
from mlcli.config.tree import JsonValue
from mlcli.diagnosis.recommendations import Finding
from mlcli.io.json import from_json, strict_json
from mlcli.metrics.catalog import higher_is_better
from mlcli.search.samplers import GridWalk, build_sampler
from mlcli.search.space import distributions, draw, known_params, search_space
from mlcli.search.storage import JOURNAL, calm, open_study, reading
from mlcli.search.trial import Trial, TrialState
from mlcli.training.loop import derive_seed

if TYPE_CHECKING:
    from optuna.samplers import BaseSampler
    from optuna.trial import FrozenTrial

RECORD, FINDINGS = "trial", "findings"

Ending = TrialState | Literal["dropped"]


@dataclass(frozen=True)
class AskedTrial:
    """A configuration that the sampler proposed, to be told how it went."""

    asked: optuna.Trial
    values: dict[str, JsonValue]


class Study:
    """The trials of one search. The folder's lock must be held by one of its processes.

    shared : whether other machines may be at the same search
    worker : 0 leads, and alone opens a journal after a crash; others draw other configurations at the same time
    """

    def __init__(self, folder: Path, config: Config, metric: str, worker: int = 0) -> None:
        self.config = config
        self.space = search_space(config)
        self.shared = config.improve.storage is not None
        self._place = folder / JOURNAL
        # On other machines others lead, too.
        self._stream = secrets.randbits(32) if self.shared else worker
        self._records: dict[int, Trial] = {}
        with reading(self._place):
            direction: Literal["minimize", "maximize"] = "maximize" if higher_is_better(metric) else "minimize"
            self._study = open_study(self._place, config.improve.storage, direction, mend=worker == 0)
            if worker == 0 and not self.shared:
                self.settle_orphans()

    @property
    def exhausted(self) -> bool:
        """Whether a grid has no combination left."""
        return self.config.improve.sampler == "grid" and not GridWalk(self.space).untried(self._study)

    def trials(self) -> list[Trial]:
        """All that came to an end, in that order, which is how they are numbered."""
        with reading(self._place):
            if self.shared:
                fail_stale_trials(self._study)
            ended = [trial for trial in self._study.get_trials(deepcopy=False) if _has_ended(trial)]
        ended.sort(key=lambda trial: (trial.datetime_complete, trial.number))
        return [self._record(number, trial) for number, trial in enumerate(ended, start=1)]

    def _record(self, number: int, ended: FrozenTrial) -> Trial:
        if ended.number not in self._records:
            self._records[ended.number] = from_json(Trial, ended.user_attrs[RECORD], self._place)
        record = self._records[ended.number]
        if record.number != number:
            record = self._records[ended.number] = replace(record, number=number)
        return record

    def n_running(self) -> int:
        """Trials that other processes are at."""
        with calm(self._place):
            return len(self._study.get_trials(deepcopy=False, states=(OptunaState.RUNNING,)))

    def beat(self, ticket: AskedTrial) -> None:
        """Tell other machines that a trial's process lives."""
        if self.shared:
            with calm(self._place):
                self._study._storage.record_heartbeat(ticket.asked._trial_id)  # type: ignore[attr-defined]

    def findings(self) -> list[Finding] | None:
        """The diagnosis the search began with; None before it was made."""
        stored = self._study.user_attrs.get(FINDINGS)
        return None if stored is None else from_json(list[Finding], stored, self._place)

    def keep_findings(self, findings: list[Finding]) -> None:
        """Remember the diagnosis."""
        with calm(self._place):
            self._study.set_user_attr(FINDINGS, [asdict(finding) for finding in findings])

    def propose(self, n_done: int) -> AskedTrial:
        """The sampler's next configuration, after n_done trials."""
        with calm(self._place):
            self._study.sampler = self._sampler(n_done)
            asked = self._study.ask()
            return AskedTrial(asked, draw(self.space, asked))

    def _sampler(self, n_done: int) -> BaseSampler:
        seed = (
            derive_seed(derive_seed(self.config.seed, self._stream) if self._stream else self.config.seed, n_done)
            % 2**32
        )
        return build_sampler(self.config.improve, self.space, seed)

    def keep(self, trial: Trial, ticket: AskedTrial) -> None:
        """Write down what became of a proposal."""
        with calm(self._place):
            if trial.state == "pruned" and trial.score is not None:
                ticket.asked.report(trial.score, trial.epochs)
            ticket.asked.set_user_attr(RECORD, strict_json(asdict(trial)))
            self._tell(ticket.asked.number, trial.state, trial.score)

    def add(self, trial: Trial, config: Config) -> None:
        """Write down a trial that the sampler did not propose but is to learn from."""
        params, known = known_params(self.space, config), distributions(self.space)
        with calm(self._place):
            added = optuna.trial.create_trial(
                state=_optuna_state(trial.state),
                value=trial.score,
                params=params,
                distributions={key: known[key] for key in params},
                user_attrs={RECORD: strict_json(asdict(trial))},
            )
            self._study.add_trial(added)

    def drop(self, ticket: AskedTrial) -> None:
        """Forget a trial that was interrupted; its configuration will be proposed again."""
        with calm(self._place):
            self._tell(ticket.asked.number, "dropped", None)

    def settle_orphans(self) -> None:
        """End the trials that a killed process left running, by their record where they had one already.

        For who knows that no process is at them: those of another machine go stale by themselves.
        """
        if self.shared:
            return
        for orphan in self._study.get_trials(deepcopy=False, states=(OptunaState.RUNNING,)):
            stored = orphan.user_attrs.get(RECORD)
            record = None if stored is None else from_json(Trial, stored, self._place)
            self._tell(orphan.number, record.state if record else "dropped", record.score if record else None)

    def _tell(self, number: int, state: Ending, score: float | None) -> None:
        self._study.tell(number, score if state == "complete" else None, state=_optuna_state(state))


def _has_ended(trial: FrozenTrial) -> bool:
    return RECORD in trial.user_attrs and trial.state.is_finished()


def _optuna_state(state: Ending) -> OptunaState:
    """Optuna's samplers learn from pruned trials, as worse than complete ones, and nothing from failed ones.

    A configuration that diverged is to be learned from, too.
    """
    match state:
        case "complete":
            return OptunaState.COMPLETE
        case "pruned" | "failed":
            return OptunaState.PRUNED
    return OptunaState.FAIL
