"""metrics.jsonl: one JSON line per epoch, without times, so that equal runs write equal bytes."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mlcli.errors import ArtefactError
from mlcli.io import disk
from mlcli.io.atomic import write_file
from mlcli.io.disk import resource_errors
from mlcli.io.json import from_json, read_limited, read_tail, strict_json
from mlcli.runs.folder import Run

if TYPE_CHECKING:
    from mlcli.training.state import EpochRecord

HISTORY_LIMIT = 256 << 20
# Far more than one line takes.
TAIL = 1 << 16


@dataclass(frozen=True)
class LastEpoch:
    """Part of an `EpochRecord`, whose module imports torch: the progress of a run."""

    epoch: int
    valid_loss: float | None
    valid_metrics: dict[str, float]


@dataclass(frozen=True)
class MetricsLog:
    """The writer's side of metrics.jsonl."""

    path: Path

    def append(self, record: EpochRecord) -> None:
        """Add an epoch; a reader sees it at once."""
        with resource_errors(self.path):
            disk.append(self.path, _to_line(record))

    def sync(self) -> None:
        """Make the epochs so far durable."""
        with resource_errors(self.path):
            disk.sync(self.path)

    def rewrite(self, records: Iterable[EpochRecord]) -> None:
        """Replace the file by the history of a resumed run, without epochs after its checkpoint."""
        write_file(self.path, b"".join(map(_to_line, records)))


def read_metrics(run: Run) -> list[EpochRecord]:
    """The epochs so far; a last line cut short by a crash is left out.

    Raises ArtefactError for any other line that is not a record.
    """
    if not run.metrics.exists():
        return []
    from mlcli.training.state import EpochRecord  # imports torch

    lines = read_limited(run.metrics, HISTORY_LIMIT).split(b"\n")
    places = (f"{run.metrics}:{number}" for number in range(1, len(lines)))
    return [from_json(EpochRecord, _parse(line, place), place) for line, place in zip(lines[:-1], places, strict=True)]


def read_last_epoch(run: Run) -> LastEpoch | None:
    """The last whole line, however long the history is; None before the first epoch. Raises ArtefactError."""
    if not run.metrics.exists():
        return None
    *whole, _ = read_tail(run.metrics, TAIL).split(b"\n")
    return from_json(LastEpoch, _parse(whole[-1], str(run.metrics)), run.metrics) if whole else None


def _to_line(record: EpochRecord) -> bytes:
    return json.dumps(strict_json(asdict(record)), allow_nan=False).encode() + b"\n"


def _parse(line: bytes, place: str) -> object:
    try:
        value: object = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise ArtefactError(f"{place}: not a JSON line ({error}); restore the file or train again") from None
    return value
