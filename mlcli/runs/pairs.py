"""Paired comparison of two runs' predictions on the same rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from mlcli.metrics.paired import Difference, compare_predictions
from mlcli.models.task import Classification
from mlcli.runs.listing import RunRecord
from mlcli.runs.predictions import KeptPredictions, read_kept

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Pair:
    """Two runs' answers to the same rows, or the reason why there is no comparing them.

    confidence  : level of the intervals
    differences : scores of `ours` less those of `theirs`, each with its interval
    """

    ours: str
    theirs: str
    confidence: float
    reason: str | None
    split: str = ""
    n_rows: int = 0
    differences: tuple[Difference, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """All of it, each difference with its verdict on `ours`."""
        told = [asdict(difference) | {"verdict": difference.verdict} for difference in self.differences]
        return {**asdict(self), "differences": told}


def compare_pairs(records: Sequence[RunRecord]) -> tuple[Pair, ...]:
    """Each run against the first. Raises ArtefactError for predictions that are damaged."""
    kept = [(str(record.run), read_kept(record.run.evaluation)) for record in records]
    confidence = next((one.measured.confidence for one in records if one.measured is not None), CONFIDENCE)
    return tuple(_compare(ours, kept[0], confidence) for ours in kept[1:])


def _compare(
    ours: tuple[str, KeptPredictions | None], theirs: tuple[str, KeptPredictions | None], level: float
) -> Pair:
    (name, us), (other, them) = ours, theirs
    if us is None or them is None:
        missing = other if them is None else name
        return Pair(name, other, level, f"{missing} keeps no predictions; measure it with: mlcli evaluate {missing}")
    if reason := _why_apart(us, them):
        return Pair(name, other, level, reason)
    found = compare_predictions(them.task, them.truth, us.predictions, them.predictions, "auto", level)
    return Pair(name, other, level, None, them.split, len(them.truth), tuple(found))


def _why_apart(ours: KeptPredictions, theirs: KeptPredictions) -> str | None:
    """Why the answers cannot be compared row by row; None where they can."""
    if ours.split != theirs.split:
        return f"they were measured on different rows: {ours.split} and {theirs.split}"
    if ours.rows != theirs.rows:
        return f"their {ours.split} rows are not the same: another source, split, seed or cleaning"
    if _classes(ours) != _classes(theirs):
        return "they call another class the positive one (evaluation.positive)"
    return None


def _classes(kept: KeptPredictions) -> tuple[str, ...]:
    return kept.task.classes if isinstance(kept.task, Classification) else ()
