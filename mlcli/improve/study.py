"""A search that outlives its process: Optuna proposes, and a journal in the search's folder remembers.

The journal is one JSON object a line. What is proposed next is a pure function of the seed and of the trials
so far, so that a search that was killed goes on as if it had never stopped.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, cast

from mlcli.config.schema import Config
from mlcli.config.tree import JsonValue
from mlcli.errors import ArtefactError
from mlcli.files import make_folder, read_limited, resource_errors, write_file
from mlcli.improve.finding import Finding
from mlcli.improve.space import distributions, known_params, read_params, search_space
from mlcli.improve.trial import Trial, TrialState
from mlcli.training.loop import mix
from mlcli.training.scoring import HIGHER_IS_BETTER
from mlcli.typed_json import from_json, strict_json

if TYPE_CHECKING:
    import optuna
    from optuna.samplers import BaseSampler
    from optuna.storages.journal._file import BaseJournalFileLock
    from optuna.study import Study as OptunaStudy

JOURNAL = "journal.jsonl"
JOURNAL_LIMIT = 256 << 20
RECORD, FINDINGS = "trial", "findings"

Ending = TrialState | Literal["dropped"]


class _HeldFolder:
    """The lock that Optuna asks for; the command holds the folder's own for its whole length."""

    def acquire(self) -> bool:
        return True

    def release(self) -> None:
        """Nothing was taken."""


@dataclass(frozen=True)
class Ticket:
    """A configuration that the sampler proposed, to be told how it went."""

    asked: optuna.Trial
    values: dict[str, JsonValue]


class Study:
    """The trials of one search, on disk. The folder's lock must be held."""

    def __init__(self, folder: Path, config: Config, metric: str) -> None:
        self.config = config
        self.space = search_space(config)
        self._place = folder / JOURNAL
        with self._reading():
            self._study = _open(self._place, "maximize" if HIGHER_IS_BETTER[metric] else "minimize")
            self._settle_orphans()

    def trials(self) -> list[Trial]:
        """All that came to an end, in their order."""
        with self._reading():
            records = [trial.user_attrs[RECORD] for trial in self._study.trials if RECORD in trial.user_attrs]
        return [from_json(Trial, record, self._place) for record in records]

    def findings(self) -> list[Finding] | None:
        """The diagnosis the search began with; None before it was made."""
        stored = self._study.user_attrs.get(FINDINGS)
        return None if stored is None else from_json(list[Finding], stored, self._place)

    def keep_findings(self, findings: list[Finding]) -> None:
        """Remember the diagnosis."""
        with _calm(self._place):
            self._study.set_user_attr(FINDINGS, [asdict(finding) for finding in findings])

    def propose(self, n_done: int) -> Ticket:
        """The sampler's next configuration, after n_done trials."""
        with _calm(self._place):
            self._study.sampler = _sampler(self.config.improve.sampler, mix(self.config.seed, n_done) % 2**32)
            asked = self._study.ask(distributions(self.space))
        return Ticket(asked, read_params(self.space, asked.params))

    def keep(self, trial: Trial, ticket: Ticket) -> None:
        """Write down what became of a proposal."""
        with _calm(self._place):
            if trial.state == "pruned" and trial.score is not None:
                ticket.asked.report(trial.score, trial.epochs)
            ticket.asked.set_user_attr(RECORD, strict_json(asdict(trial)))
            self._tell(ticket.asked.number, trial.state, trial.score)

    def add(self, trial: Trial, config: Config) -> None:
        """Write down a trial that the sampler did not propose but is to learn from."""
        import optuna

        params, known = known_params(self.space, config), distributions(self.space)
        with _calm(self._place):
            added = optuna.trial.create_trial(
                state=_optuna_state(trial.state),
                value=trial.score,
                params=params,
                distributions={key: known[key] for key in params},
                user_attrs={RECORD: strict_json(asdict(trial))},
            )
            self._study.add_trial(added)

    def drop(self, ticket: Ticket) -> None:
        """Forget a trial that was interrupted; its configuration will be proposed again."""
        with _calm(self._place):
            self._tell(ticket.asked.number, "dropped", None)

    def _settle_orphans(self) -> None:
        """End the trials that a killed process left running, by their record where they had one already."""
        from optuna import trial as optuna_trial

        running = (optuna_trial.TrialState.RUNNING,)
        for orphan in self._study.get_trials(deepcopy=False, states=running):
            stored = orphan.user_attrs.get(RECORD)
            record = None if stored is None else from_json(Trial, stored, self._place)
            self._tell(orphan.number, record.state if record else "dropped", record.score if record else None)

    def _tell(self, number: int, state: Ending, score: float | None) -> None:
        self._study.tell(number, score if state == "complete" else None, state=_optuna_state(state))

    @contextmanager
    def _reading(self) -> Iterator[None]:
        """A journal that Optuna cannot make sense of is damaged."""
        try:
            with _calm(self._place):
                yield
        except (ValueError, KeyError, TypeError, IndexError, AttributeError, AssertionError) as error:
            raise ArtefactError(
                f"{self._place}: damaged ({type(error).__name__}: {error}); delete its folder to search anew"
            ) from None


def _optuna_state(state: Ending) -> optuna.trial.TrialState:
    """Optuna's samplers learn from pruned trials, as worse than complete ones, and nothing from failed ones.

    A configuration that diverged is to be learned from, too.
    """
    from optuna import trial as optuna_trial

    states = optuna_trial.TrialState
    match state:
        case "complete":
            return states.COMPLETE
        case "pruned" | "failed":
            return states.PRUNED
    return states.FAIL


def _open(place: Path, direction: Literal["minimize", "maximize"]) -> OptunaStudy:
    import optuna
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    optuna.logging.disable_default_handler()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    make_folder(place.parent)
    _mend(place)
    storage = JournalStorage(JournalFileBackend(str(place), lock_obj=cast("BaseJournalFileLock", _HeldFolder())))
    return optuna.create_study(storage=storage, study_name="improve", direction=direction, load_if_exists=True)


def _mend(place: Path) -> None:
    """Cut off a last line that a crash left unfinished: the next one would be written into it."""
    if not place.exists():
        return
    content = read_limited(place, JOURNAL_LIMIT)
    whole = content[: content.rfind(b"\n") + 1]
    if whole != content:
        write_file(place, whole)


def _sampler(name: Literal["tpe", "random"], seed: int) -> BaseSampler:
    from optuna.samplers import RandomSampler, TPESampler

    return RandomSampler(seed=seed) if name == "random" else TPESampler(seed=seed)


@contextmanager
def _calm(place: Path) -> Iterator[None]:
    """A call to Optuna: errors of the disk name the journal, and notes on its future versions are not for users."""
    with resource_errors(place), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
