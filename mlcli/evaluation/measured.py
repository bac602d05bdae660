"""The scores of an evaluation as they are read back from disk, without what it takes to measure them."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

from mlcli.files import own_part, read_json
from mlcli.metrics.score import Score
from mlcli.typed_json import from_json


@dataclass(frozen=True)
class MeasuredScores:
    """What metrics.json tells of the model; the first score that has a value is the headline."""

    split: str
    n_rows: int
    confidence: float
    test_looks: int
    scores: tuple[Score, ...]

    @property
    def headline(self) -> Score | None:
        """The score to name a model by; None where none is defined."""
        return next((score for score in self.scores if score.value is not None), None)


@dataclass(frozen=True)
class _Numbers:
    """A score without its name, as `Score.to_json` writes it."""

    value: float | None
    reason: str | None
    low: float | None
    high: float | None
    higher_is_better: bool
    unit: str


@dataclass(frozen=True)
class _Document:
    split: str
    n_rows: int
    scores: dict[str, _Numbers]
    confidence: float = 0.95
    test_looks: int = 0


def read_measured(folder: Path) -> MeasuredScores | None:
    """What was measured last; None where nothing was. Raises ArtefactError."""
    place = own_part(folder / "metrics.json")
    if not place.exists():
        return None
    found = from_json(_Document, read_json(place), place)
    scores = tuple(Score(name, **asdict(numbers)) for name, numbers in found.scores.items())
    return MeasuredScores(found.split, found.n_rows, found.confidence, found.test_looks, scores)
