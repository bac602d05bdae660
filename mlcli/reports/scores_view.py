"""The scores as the page lays them out: the headline, a line of marks for each model, tables of all."""

from __future__ import annotations

import math
from dataclasses import dataclass

from mlcli.evaluation.evaluate import Evaluation, MeasuredBaseline
from mlcli.metrics.catalog import CATALOG, Score
from mlcli.metrics.paired import Verdict
from mlcli.reports.wording import say_verdict, show_difference, show_interval

# Free room at both ends of the line of marks, as a share of what it spans.
MARGIN = 0.06
# How the model fares, the worst first, as it is told of the baselines for which it is so.
CLAUSES: dict[Verdict, str] = {
    "worse": "worse than {}",
    "no difference": "no telling it from {}",
    "better": "better than {}",
}


@dataclass(frozen=True)
class MetricRow:
    """One metric; the baselines' scores and how the model fares against each are in the order of the evaluation's."""

    score: Score
    interval: str
    meaning: str
    baselines: tuple[tuple[Score, Verdict], ...]


@dataclass(frozen=True)
class Marks:
    """Where a model's headline score stands on the line that all share, in per cent; None where there is none."""

    at: float | None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class BaselineView:
    """A baseline beside the model, by the headline metric; difference: the model's less the baseline's."""

    name: str
    text: str
    score: Score
    marks: Marks
    difference: str
    verdict: Verdict
    told: str


@dataclass(frozen=True)
class ScoresView:
    """What the page says of the scores; headline is None where nothing was measured.

    worst   : how the model fares against the baseline that is hardest on it
    verdict : how it fares against all, in a sentence without its full stop; "" without baselines
    """

    rows: tuple[MetricRow, ...]
    headline: MetricRow | None
    marks: Marks
    rivals: tuple[BaselineView, ...]
    level: str
    worst: Verdict
    verdict: str


def view_scores(evaluation: Evaluation) -> ScoresView:
    """The headline is the first score that is defined."""
    rows = tuple(_row(evaluation, index) for index in range(len(evaluation.scores)))
    headline = rows[evaluation.headline] if rows else None
    span = _span(headline) if headline else (0.0, 1.0)
    rivals = tuple(_baseline_view(own, evaluation.headline, span) for own in evaluation.baselines if headline)
    found = [rival.verdict for rival in rivals]
    return ScoresView(
        rows=rows,
        headline=headline,
        marks=_marks(headline.score, span) if headline else Marks(None),
        rivals=rivals,
        level=f"{100 * evaluation.confidence:.4g} %",
        worst=next((verdict for verdict in CLAUSES if verdict in found), "undefined"),
        verdict=_verdict(rivals),
    )


def _row(evaluation: Evaluation, index: int) -> MetricRow:
    score = evaluation.scores[index]
    rivals = tuple((own.scores[index], own.differences[index].verdict) for own in evaluation.baselines)
    return MetricRow(score, show_interval(score), CATALOG[score.name].meaning, rivals)


def _baseline_view(baseline: MeasuredBaseline, headline: int, span: tuple[float, float]) -> BaselineView:
    score, difference = baseline.scores[headline], baseline.differences[headline]
    return BaselineView(
        name=baseline.name,
        text=baseline.text,
        score=score,
        marks=_marks(score, span),
        difference=show_difference(difference),
        verdict=difference.verdict,
        told=say_verdict(difference),
    )


def _verdict(rivals: tuple[BaselineView, ...]) -> str:
    names = {verdict: [rival.name for rival in rivals if rival.verdict == verdict] for verdict in CLAUSES}
    clauses = [CLAUSES[verdict].format(_listed(found, len(rivals))) for verdict, found in names.items() if found]
    sentence = "; ".join(clauses)
    return sentence[:1].upper() + sentence[1:]


def _listed(names: list[str], n_rivals: int) -> str:
    if len(names) == 1:
        return f"the {names[0]} baseline" if n_rivals == 1 else names[0]
    return f"all {n_rivals} baselines" if len(names) == n_rivals else f"{', '.join(names[:-1])} and {names[-1]}"


def _span(row: MetricRow) -> tuple[float, float]:
    """What the line of marks spans: every value and interval, with some room."""
    scores = (row.score, *(score for score, _ in row.baselines))
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
