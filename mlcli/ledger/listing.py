"""The runs there are, the newest first, each with what it does otherwise than the one before."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any

from mlcli.config.differences import Differing, differing_keys
from mlcli.errors import ArtefactError
from mlcli.ledger.record import RunRecord, read_record
from mlcli.run import Run, find_run
from mlcli.run.folder import every_run
from mlcli.typed_json import strict_json


@dataclass(frozen=True)
class Changes:
    """What a run does otherwise than an earlier one of its name.

    keys       : of the configuration, each with the earlier value and the later one
    other_data : the prepared data is not the same, for whatever reason
    """

    since: str
    keys: tuple[Differing, ...]
    other_data: bool

    def to_json(self) -> dict[str, Any]:
        """All of it."""
        return {"since": self.since, "keys": [key.to_json() for key in self.keys], "other_data": self.other_data}


@dataclass(frozen=True)
class Entry:
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
            "parameters": manifest and manifest.n_parameters,
            "rows": manifest and manifest.rows,
            "seconds": manifest and manifest.timings.get("train"),
            "epochs": record.last and record.last.epoch,
            "epochs_asked": config and config.training.epochs,
            "best_epoch": record.kept and record.kept.best_epoch,
            "valid": strict_json(record.valid),
            "test": _test_to_json(record),
            "changes": self.changes and self.changes.to_json(),
        }


@dataclass(frozen=True)
class Listing:
    """Runs, the newest first, out of `total`."""

    entries: tuple[Entry, ...]
    total: int

    def to_json(self) -> dict[str, Any]:
        """The document of `runs --json`."""
        return {"runs": [entry.to_json() for entry in self.entries], "total": self.total}


def list_entries(name: str | None, limit: int) -> Listing:
    """The last runs, of one name or of all; damaged ones are among them.

    limit : how many at most; 0 is all. Raises UsageError for a name that no run has.
    """
    read = cache(read_record)
    runs = _newest_first(name)
    entries = [Entry(read(run), _changes(run, runs, read)) for run in runs[: limit or None]]
    return Listing(tuple(entries), len(runs))


def _newest_first(name: str | None) -> list[Run]:
    every = sorted(every_run(), key=_age, reverse=True)
    chosen = [run for run in every if name in (None, run.name)]
    return chosen or ([] if name is None else [find_run(name)])


def _age(run: Run) -> tuple[str, int]:
    """When it was made; of a run that cannot tell, when something in its folder was made last."""
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
    facts = {"confidence": measured.confidence, "n_rows": measured.n_rows, "looks": measured.test_looks}
    return {"metric": record.test.name, **record.test.to_json(), **facts}
