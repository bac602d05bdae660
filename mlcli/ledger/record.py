"""What a run's folder tells of it, its weights and predictions left alone. Nothing here imports torch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from mlcli.config.load import read_resolved
from mlcli.config.schema import Config
from mlcli.errors import ArtefactError, ConfigError, ResourceError
from mlcli.evaluation.measured import MeasuredScores, read_measured
from mlcli.files import read_json, verify_file
from mlcli.metrics.score import Score
from mlcli.run import Run, RunManifest
from mlcli.run.find import BUNDLE_FILE
from mlcli.run.folder import CONFIG_FILE, MANIFEST_FILE, holds
from mlcli.run.history import LastEpoch, read_last_epoch
from mlcli.typed_json import from_json

T = TypeVar("T")


@dataclass(frozen=True)
class KeptWeights:
    """Of the weights kept: their epoch, and loss and metrics on the validation rows."""

    best_epoch: int
    valid: dict[str, float]


@dataclass(frozen=True)
class RunRecord:
    """The parts of a run's account of itself; None for what is not there or cannot be read.

    problems : what could not be read, and what to do
    in_use   : a process that may live has the run
    """

    run: Run
    problems: tuple[str, ...] = ()
    manifest: RunManifest | None = None
    config: Config | None = None
    kept: KeptWeights | None = None
    last: LastEpoch | None = None
    measured: MeasuredScores | None = None
    in_use: bool = False

    @property
    def status(self) -> str:
        """That of the manifest; damaged with problems, killed where it says running and no process does."""
        if self.problems or self.manifest is None:
            return "damaged"
        return "killed" if self.manifest.status == "running" and not self.in_use else self.manifest.status

    @property
    def valid(self) -> dict[str, float]:
        """Loss and metrics on the validation rows, of the weights kept or, before there are any, of the last epoch."""
        if self.kept is not None:
            return self.kept.valid
        if self.last is None or self.last.valid_loss is None:
            return {}
        return {"loss": self.last.valid_loss, **self.last.valid_metrics}

    @property
    def test(self) -> Score | None:
        """The headline on the test rows."""
        return self.measured.headline if self.measured is not None and self.measured.split == "test" else None

    @property
    def headline(self) -> tuple[str, float] | None:
        """The validation metric to name the run by: the test rows' headline, else the first that is no loss."""
        first = self.test.name if self.test is not None else next((name for name in self.valid if name != "loss"), "")
        return next(((name, self.valid[name]) for name in (first, "loss") if name in self.valid), None)


@dataclass(frozen=True)
class _Bundle:
    """Of bundle.json, what tells how good the model is."""

    facts: KeptWeights


def read_record(run: Run) -> RunRecord:
    """Read what there is; what is damaged is told and does not hide the rest."""
    if missing := [name for name in (MANIFEST_FILE, CONFIG_FILE) if not holds(run.folder, name)]:
        return RunRecord(run, (f"{run.folder}: {' and '.join(missing)} missing; restore it, or delete the folder",))
    problems: list[str] = []

    def attempt(read: Callable[[], T]) -> T | None:
        try:
            return read()
        except (ArtefactError, ConfigError, ResourceError) as error:
            problems.append(str(error))
            return None

    return RunRecord(
        run=run,
        manifest=attempt(run.read_manifest),
        config=attempt(lambda: read_resolved(run.config)),
        kept=attempt(lambda: _read_kept(run)),
        last=attempt(lambda: read_last_epoch(run)),
        measured=attempt(lambda: read_measured(run.evaluation)),
        in_use=run.seems_in_use(),
        problems=tuple(problems),
    )


def _read_kept(run: Run) -> KeptWeights | None:
    """Of its folder the bundle's outline alone is verified, since weights may be large."""
    place = run.model / BUNDLE_FILE
    if not place.exists():
        return None
    verify_file(place, "bundle")
    return from_json(_Bundle, read_json(place), place).facts
