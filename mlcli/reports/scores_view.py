"""Scores laid out for the evaluation page: the headline, each model's place on one line, and tables of all metrics."""

from __future__ import annotations

import math
from dataclasses import dataclass

from mlcli.evaluation.evaluate import Evaluation, MeasuredBaseline
from mlcli.metrics.catalog import CATALOG, Score
from mlcli.metrics.measure import Verdict
from mlcli.reports.wording import VERDICTS, show_difference, show_interval

# Margin at both ends of the line, as a share of its span.
MARGIN = 0.06
# The worst first, with what connects it to the baselines' names.
PREPOSITIONS: dict[Verdict, str] = {"worse": "than", "no difference": "from", "better": "than"}


@dataclass(frozen=True)
class MetricRow:
    """One metric; the baselines' scores and verdicts are in the order of the evaluation's baselines."""

    score: Score
    interval: str
    meaning: str
    baselines: tuple[tuple[Score, Verdict], ...]


@dataclass(frozen=True)
class Marks:
    """Where a model's headline score and its interval stand on the common line, in per cent; None where undefined."""

    at: float | None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class BaselineRow:
    """A baseline beside the model, by the headline metric; difference: the model's less the baseline's."""

    name: str
    text: str
    score: Score
    marks: Marks
    difference: str
    verdict: Verdict


@dataclass(frozen=True)
class ScoresView:
    """The scores section of the page; headline is None where nothing was measured.

    worst   : the verdict against the strongest baseline
    verdict : against all baselines, a sentence without its full stop; "" without baselines
    """

    rows: tuple[MetricRow, ...]
    headline: MetricRow | None
    marks: Marks
    baselines: tuple[BaselineRow, ...]
    level: str
    worst: Verdict
    verdict: str


def view_scores(evaluation: Evaluation) -> ScoresView:
    """The headline is the first score that is defined."""
    rows = tuple(_row(evaluation, index) for index in range(len(evaluation.scores)))
    headline = rows[evaluation.headline] if rows else None
    span = _span(headline) if headline else (0.0, 1.0)
    baselines = tuple(_baseline_row(own, evaluation.headline, span) for own in evaluation.baselines if headline)
    found = [baseline.verdict for baseline in baselines]
    return ScoresView(
        rows=rows,
        headline=headline,
        marks=_marks(headline.score, span) if headline else Marks(None),
        baselines=baselines,
        level=f"{100 * evaluation.confidence:.4g} %",
        worst=next((verdict for verdict in PREPOSITIONS if verdict in found), "undefined"),
        verdict=_describe_verdicts(baselines),
    )


def _row(evaluation: Evaluation, index: int) -> MetricRow:
    score = evaluation.scores[index]
    baselines = tuple((own.scores[index], own.differences[index].verdict) for own in evaluation.baselines)
    return MetricRow(score, show_interval(score), CATALOG[score.name].meaning, baselines)


def _baseline_row(baseline: MeasuredBaseline, headline: int, span: tuple[float, float]) -> BaselineRow:
    score, difference = baseline.scores[headline], baseline.differences[headline]
    return BaselineRow(
        name=baseline.name,
        text=baseline.text,
        score=score,
        marks=_marks(score, span),
        difference=show_difference(difference),
        verdict=difference.verdict,
    )


def _describe_verdicts(baselines: tuple[BaselineRow, ...]) -> str:
    """Such as `Worse than boosting; not significantly different from logistic and knn`."""
    clauses = []
    for verdict, preposition in PREPOSITIONS.items():
        if names := [baseline.name for baseline in baselines if baseline.verdict == verdict]:
            clauses.append(f"{VERDICTS[verdict]} {preposition} {_join_names(names, len(baselines))}")
    sentence = "; ".join(clauses)
    return sentence[:1].upper() + sentence[1:]


def _join_names(names: list[str], n_baselines: int) -> str:
    if len(names) == 1:
        return f"the {names[0]} baseline" if n_baselines == 1 else names[0]
    return f"all {n_baselines} baselines" if len(names) == n_baselines else f"{', '.join(names[:-1])} and {names[-1]}"


def _span(row: MetricRow) -> tuple[float, float]:
    """The ends of the line: all values and intervals, with a margin."""
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
