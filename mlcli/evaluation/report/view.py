"""The scores as the page lays them out: the headline, a line of marks for each model, a table of all."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from mlcli.evaluation.evaluate import Evaluation, MeasuredBaseline
from mlcli.evaluation.show import compare_with, show_interval, show_number
from mlcli.metrics.catalog import CATALOG
from mlcli.metrics.score import Score

# Free room at both ends of the line of marks, as a share of what it spans.
MARGIN = 0.06


@dataclass(frozen=True)
class MetricRow:
    """One metric of the table; baselines are in the order of the evaluation's."""

    score: Score
    interval: str
    baselines: tuple[Score, ...]
    meaning: str


@dataclass(frozen=True)
class Marks:
    """Where a model's headline score stands on the line that all share, in per cent; None where there is none."""

    at: float | None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Rival:
    """A baseline beside the model.

    lead    : the model's headline less the baseline's, signed, "" where one is undefined
    verdict : how the model fares, such as "better"; "" where that cannot be said
    """

    name: str
    text: str
    score: Score
    marks: Marks
    lead: str
    verdict: str


@dataclass(frozen=True)
class ScoresView:
    """What the page says of the scores; headline is None where nothing was measured."""

    rows: tuple[MetricRow, ...]
    headline: MetricRow | None
    marks: Marks
    rivals: tuple[Rival, ...]
    level: str
    verdict: str


def view_scores(evaluation: Evaluation) -> ScoresView:
    """The headline is the first score that is defined."""
    rows = tuple(_row(evaluation, index) for index in range(len(evaluation.scores)))
    headline = next((row for row in rows if row.score.value is not None), rows[0] if rows else None)
    rivals = _rivals(headline, evaluation.baselines) if headline else ()
    return ScoresView(
        rows=rows,
        headline=headline,
        marks=_marks(headline.score, _span(headline)) if headline else Marks(None),
        rivals=rivals,
        level=f"{100 * evaluation.confidence:.4g} %",
        verdict=_verdict(rivals),
    )


def _row(evaluation: Evaluation, index: int) -> MetricRow:
    score = evaluation.scores[index]
    rivals = tuple(baseline.scores[index] for baseline in evaluation.baselines)
    return MetricRow(score, show_interval(score), rivals, CATALOG[score.name].meaning)


def _rivals(headline: MetricRow, baselines: Iterable[MeasuredBaseline]) -> tuple[Rival, ...]:
    return tuple(
        Rival(
            baseline.name,
            baseline.text,
            score,
            _marks(score, _span(headline)),
            _lead(headline.score, score),
            compare_with(headline.score, score).removesuffix(" than").removesuffix(" from"),
        )
        for baseline, score in zip(baselines, headline.baselines, strict=True)
    )


def _lead(ours: Score, theirs: Score) -> str:
    if ours.value is None or theirs.value is None:
        return ""
    lead = ours.value - theirs.value
    return f"{'+' if lead > 0 else '−' if lead < 0 else '±'}{show_number(abs(lead))}"


def _verdict(rivals: tuple[Rival, ...]) -> str:
    """In words, over all baselines that can be compared with."""
    told = [rival for rival in rivals if rival.verdict]
    beaten = [rival.name for rival in told if rival.verdict == "better"]
    if not told:
        return ""
    if len(beaten) == len(told):
        return f"Better than {_listed(beaten)}"
    others = [rival for rival in told if rival.verdict != "better"]
    worst = next((rival for rival in others if rival.verdict == "worse"), others[0])
    clause = "Worse than" if worst.verdict == "worse" else "Not clearly better than"
    return f"{clause} {worst.name}" + (f"; better than {_listed(beaten)}" if beaten else "")


def _listed(names: list[str]) -> str:
    if len(names) == 1:
        return f"the {names[0]} baseline"
    return f"all {len(names)} baselines" if len(names) > 2 else f"the baselines {' and '.join(names)}"


def _span(row: MetricRow) -> tuple[float, float]:
    """What the line of marks spans: every value and interval, with some room."""
    scores = (row.score, *row.baselines)
    ends = [end for score in scores for end in (score.low, score.value, score.high)]
    known = [end for end in ends if end is not None and math.isfinite(end)]
    low, high = min(known, default=0.0), max(known, default=1.0)
    room = MARGIN * (high - low) or 1.0
    return low - room, high + room


def _marks(score: Score, span: tuple[float, float]) -> Marks:
    low, high = span

    def place(value: float | None) -> float | None:
        if value is None or not math.isfinite(high - low):
            return None
        return round(100 * (value - low) / (high - low), 2)

    return Marks(place(score.value), place(score.low), place(score.high))
