"""The list of runs: what is on disk of each, and what changed since the one before."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any, TypeVar

from mlcli.config.loading.dump import Difference, differing_keys
from mlcli.config.loading.load import read_resolved
from mlcli.config.sections.config import Config
from mlcli.errors import ArtefactError, ConfigError, ResourceError
from mlcli.io.atomic import verify_file
from mlcli.io.json import from_json, read_json, strict_json, to_json
from mlcli.metrics.catalog import Score
from mlcli.runs.folder import BUNDLE_FILE, CONFIG_FILE, MANIFEST_FILE, Run, every_run, find_run, holds
from mlcli.runs.history import LastEpoch, read_last_epoch
from mlcli.runs.manifest import RunManifest
from mlcli.runs.measured import MeasuredScores, read_measured

T = TypeVar("T")
# From which probability the second of two classes is predicted, unless another is chosen.
USUAL_THRESHOLD = 0.5


@dataclass(frozen=True)
class BestEpoch:
    """The epoch of the saved weights, and their loss and metrics on the validation rows."""

    best_epoch: int
    valid: dict[str, float]


@dataclass(frozen=True)
class RunRecord:
    """What is on disk of a run; None for what is missing or cannot be read.

    problems : what could not be read, and what to do
    in_use   : whether a process seems to write to the run
    """

    run: Run
    problems: tuple[str, ...] = ()
    manifest: RunManifest | None = None
    config: Config | None = None
    best: BestEpoch | None = None
    last: LastEpoch | None = None
    measured: MeasuredScores | None = None
    in_use: bool = False

    @property
    def status(self) -> str:
        """The manifest's; damaged with problems, killed where it is running and no process has the run."""
        if self.problems or self.manifest is None:
            return "damaged"
        return "killed" if self.manifest.status == "running" and not self.in_use else self.manifest.status

    @property
    def tags(self) -> tuple[str, ...]:
        """The user's; none without a readable manifest."""
        return self.manifest.tags if self.manifest else ()

    @property
    def valid(self) -> dict[str, float]:
        """Loss and metrics on the validation rows: of the saved weights or, before there are any, of the last epoch."""
        if self.best is not None:
            return self.best.valid
        if self.last is None or self.last.valid_loss is None:
            return {}
        return {"loss": self.last.valid_loss, **self.last.valid_metrics}

    @property
    def test(self) -> Score | None:
        """The headline on the test rows."""
        return self.measured.headline if self.measured is not None and self.measured.split == "test" else None

    @property
    def moved_threshold(self) -> float | None:
        """Of two classes, the threshold of the scores on the test rows, where it is not the usual 0.5."""
        if self.measured is None or self.test is None or self.measured.threshold == USUAL_THRESHOLD:
            return None
        return self.measured.threshold

    @property
    def headline(self) -> tuple[str, float] | None:
        """The validation metric shown for the run: the test rows' headline, else the first that is not the loss."""
        first = self.test.name if self.test is not None else next((name for name in self.valid if name != "loss"), "")
        return next(((name, self.valid[name]) for name in (first, "loss") if name in self.valid), None)


def read_record(run: Run) -> RunRecord:
    """Read all that is there; damaged parts are listed as problems and do not hide the rest."""
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
        best=attempt(lambda: _read_best(run)),
        last=attempt(lambda: read_last_epoch(run)),
        measured=attempt(lambda: read_measured(run.evaluation)),
        in_use=run.seems_in_use(),
        problems=tuple(problems),
    )


def _read_best(run: Run) -> BestEpoch | None:
    """Only bundle.json is verified, since weights may be large."""
    place = run.model / BUNDLE_FILE
    if not place.exists():
        return None
    verify_file(place, "bundle")
    return from_json(BestEpoch, from_json(dict[str, Any], read_json(place), place).get("facts"), f"{place}: facts")


@dataclass(frozen=True)
class Changes:
    """The differences of a run from an earlier one of its name.

    keys       : of the configuration, each with the earlier value and the later one
    other_data : the prepared data is not the same
    """

    since: str
    keys: tuple[Difference, ...]
    other_data: bool


@dataclass(frozen=True)
class ListedRun:
    """A run in the list; changes is None for the first of its name, and where one of the two cannot be read."""

    record: RunRecord
    changes: Changes | None

    def to_json(self) -> dict[str, Any]:
        """Null for what is not there or cannot be read."""
        record, manifest, config = self.record, self.record.manifest, self.record.config
        return {
            "run": str(record.run),
            "folder": str(record.run.folder),
            "status": record.status,
            "problems": list(record.problems),
            "created": manifest and manifest.created,
            "dataset": manifest and manifest.dataset,
            "stand_in_for": manifest and manifest.stand_in_for,
            "tags": list(record.tags),
            "note": manifest and manifest.note,
            "parent": manifest and manifest.parent,
            "parameters": manifest and manifest.n_parameters,
            "rows": manifest and manifest.rows,
            "seconds": manifest and manifest.timings.get("train"),
            "epochs": record.last and record.last.epoch,
            "epochs_asked": config and config.training.epochs,
            "best_epoch": record.best and record.best.best_epoch,
            "valid": strict_json(record.valid),
            "test": _test_to_json(record),
            "changes": to_json(self.changes),
        }


@dataclass(frozen=True)
class Listing:
    """Runs, the newest first, out of `total`."""

    entries: tuple[ListedRun, ...]
    total: int

    def to_json(self) -> dict[str, Any]:
        """The document of `runs --json`."""
        return {"runs": to_json(self.entries), "total": self.total}


def list_entries(name: str | None, limit: int, tag: str | None = None) -> Listing:
    """The last runs, of one name or of all; damaged ones are among them.

    limit : how many at most; 0 is all
    tag   : lists only runs with this tag

    Raises UsageError for a name that no run has.
    """
    read = cache(read_record)
    runs = [run for run in sorted(every_run(), key=_age, reverse=True) if name in (None, run.name)]
    if name is not None and not runs:
        runs = [find_run(name)]
    shown = [run for run in runs if tag is None or tag in read(run).tags]
    entries = [ListedRun(read(run), _changes(run, runs, read)) for run in shown[: limit or None]]
    return Listing(tuple(entries), len(shown))


def _age(run: Run) -> tuple[str, int]:
    """When it was created; without a readable manifest, when its folder was last changed."""
    try:
        return run.read_manifest().created, run.number
    except ArtefactError:
        return datetime.fromtimestamp(run.folder.stat().st_mtime, UTC).isoformat(timespec="microseconds"), run.number


def _changes(run: Run, runs: Sequence[Run], read: Callable[[Run], RunRecord]) -> Changes | None:
    """Since the run of the same name with the next lower number."""
    earlier = [other for other in runs if other.name == run.name and other.number < run.number]
    if not earlier:
        return None
    before, after = read(max(earlier, key=lambda other: other.number)), read(run)
    if before.config is None or after.config is None or before.manifest is None or after.manifest is None:
        return None
    keys = tuple(differing_keys([before.config, after.config]))
    return Changes(str(before.run), keys, before.manifest.data_fingerprint != after.manifest.data_fingerprint)


def _test_to_json(record: RunRecord) -> dict[str, Any] | None:
    if record.test is None or record.measured is None:
        return None
    measured = record.measured
    return {
        "metric": record.test.name,
        **record.test.to_json(),
        "confidence": measured.confidence,
        "n_rows": measured.n_rows,
        "looks": measured.test_looks,
        "threshold": measured.threshold,
    }
