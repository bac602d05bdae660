"""What came of looking at the data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mlcli.data.types import SplitName, TaskKind
from mlcli.exploration.pictures import ExploredPictures
from mlcli.exploration.table import ExploredTable
from mlcli.typed_json import plain_json


@dataclass(frozen=True)
class ShowOutcome:
    """What the rows of a split look like.

    rows        : of the split
    fingerprint : of the prepared data
    notes       : what is worth a look first, a sentence each
    asked       : whether columns were asked for by name
    """

    config: str
    split: SplitName
    task: TaskKind
    rows: int
    data: str
    stand_in_for: str | None
    fingerprint: str
    explored: ExploredTable | ExploredPictures
    notes: tuple[str, ...]
    asked: bool

    def to_json(self) -> dict[str, Any]:
        """The document of `show --json`."""
        found = {name: plain_json(part) for name, part in self.explored.to_json().items()}
        return {
            "config": self.config,
            "data": self.data,
            "stand_in_for": self.stand_in_for,
            "split": self.split,
            "task": self.task,
            "rows": self.rows,
            "notes": list(self.notes),
            **found,
        }
