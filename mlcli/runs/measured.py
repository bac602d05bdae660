"""The scores that the last evaluation of a run has left."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlcli.io.json import from_json, read_json, refuse_symlink
from mlcli.metrics.catalog import Score


@dataclass(frozen=True)
class MeasuredScores:
    """The scores in metrics.json; the first that has a value is the headline."""

    split: str
    n_rows: int
    scores: tuple[Score, ...]
    confidence: float = 0.95
    test_looks: int = 0
    threshold: float | None = None

    @property
    def headline(self) -> Score | None:
        """The score shown for a model; None where none is defined."""
        return next((score for score in self.scores if score.value is not None), None)


def read_measured(folder: Path) -> MeasuredScores | None:
    """The scores of the last evaluation; None before the first. Raises ArtefactError."""
    place = refuse_symlink(folder / "metrics.json")
    if not place.exists():
        return None
    found = from_json(dict[str, Any], read_json(place), place)
    scores = from_json(dict[str, dict[str, Any]], found.get("scores"), f"{place}: scores")
    named = tuple({**values, "name": name} for name, values in scores.items())
    return from_json(MeasuredScores, {**found, "scores": named}, place)
