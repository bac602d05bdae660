"""Scores as text, and as the evaluation page shows them: headline, positions on one axis, and tables."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlcli.io.text import counted, show_number, show_signed
from mlcli.metrics.catalog import CATALOG, Score

if TYPE_CHECKING:
    from mlcli.evaluation.evaluate import Evaluation
    from mlcli.evaluation.repeated import FoldScores, Spread
    from mlcli.metrics.paired import ScoreDifference, Verdict

# How one model is compared with another on the same rows: "the network is …".
VERDICTS: dict[Verdict, str] = {
    "better": "better",
    "worse": "worse",
    "no difference": "not significantly different",
    "undefined": "not tested",
}
# Margin at both ends of the axis, as a share of its span.
MARGIN = 0.06
# The worst first, with what connects it to the baselines' names.
TREES = ("tree", "forest", "boosting")
PREPOSITIONS: dict[Verdict, str] = {"worse": "than", "no difference": "from", "better": "than"}


def show_value(score: Score) -> str:
    """The value with its unit, if there is one."""
    return show_number(score.value) if score.value is None else f"{show_number(score.value)} {score.unit}".rstrip()


def describe_direction(score: Score) -> str:
    """Which value is better, or right."""
    if score.higher_is_better is None:
        return f"{score.target:g} is right"
    return "higher is better" if score.higher_is_better else "lower is better"


def footnotes(scores: Sequence[Score]) -> list[str]:
    """Why scores are undefined, and what to know of the others."""
    reasons = [f"{score.name} is undefined: {score.reason}" for score in scores if score.reason is not None]
    noted: dict[str, list[str]] = {}
    for score in scores:
        if score.note is not None:
            noted.setdefault(score.note, []).append(score.name)
    return reasons + [f"{', '.join(names)}: {note}" for note, names in noted.items()]


def show_interval(score: Score) -> str:
    """The interval as low – high; empty where there is none."""
    if score.low is None or score.high is None:
        return ""
    return f"{show_number(score.low)} – {show_number(score.high)}"


def show_spread(spread: Spread) -> str:
    """Mean ± standard deviation; the mean alone of a single value."""
    return show_number(spread.mean) + ("" if spread.sd is None else f" ± {show_number(spread.sd)}")


def show_range(spread: Spread) -> str:
    """The lowest and the highest value; empty where none is defined."""
    known = [value for value in spread.values if value is not None]
    return f"{show_number(min(known))} – {show_number(max(known))}" if known else ""


def describe_folds(folds: FoldScores) -> str:
    """How the rows were split, as a heading."""
    rows = f"{folds.n_rows:,} training and validation rows"
    if folds.leaves_one_out:
        return f"Leave-one-out cross-validation: {rows}"
    how = {"group": ", of whole groups", "time": ", each trained on earlier rows"}.get(folds.by, "")
    repeats = f", repeated {folds.repeats} times" if folds.repeats > 1 else ""
    return f"Cross-validation: {folds.n_folds} folds of {rows}{how}{repeats}"


def describe_coverage(evaluation: Evaluation) -> str:
    """What is covered, as a heading."""
    what = "sets of classes" if evaluation.classes else "intervals"
    return f"{100 * (evaluation.interval or 0):.4g} % {what} on {counted(evaluation.n_rows, f'{evaluation.split} row')}"


def coverage_table(evaluation: Evaluation) -> tuple[Sequence[str], Sequence[Sequence[str]]]:
    """Columns and rows: how often the truth is contained, of each target, or of all rows and each class."""
    rows = [
        (
            own.name or "all rows",
            show_number(own.value),
            f"{show_number(own.low)} – {show_number(own.high)}",
            show_number(own.mean_size),
            f"{own.n_rows:,}",
        )
        for own in evaluation.coverage
    ]
    size = "mean classes" if evaluation.classes else "mean width"
    return ("", "contain the truth", f"{evaluation.confidence:.0%} interval", size, "rows"), rows


def show_difference(difference: ScoreDifference) -> str:
    """The difference with its sign, and its interval in brackets where there is one."""
    sides = () if difference.low is None or difference.high is None else (difference.low, difference.high)
    interval = f" [{', '.join(map(show_signed, sides))}]" if sides and difference.value is not None else ""
    return f"{show_signed(difference.value)}{interval}"


@dataclass(frozen=True)
class MetricRow:
    """One metric; the baselines' scores and verdicts are in the order of the evaluation's baselines."""

    score: Score
    interval: str
    meaning: str
    baselines: tuple[tuple[Score, Verdict], ...]


@dataclass(frozen=True)
class Marks:
    """Positions of a headline score and its interval on the common axis, in per cent; None where undefined."""

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
    advice  : as `advise` gives it
    """

    rows: tuple[MetricRow, ...]
    headline: MetricRow | None
    marks: Marks
    baselines: tuple[BaselineRow, ...]
    level: str
    worst: Verdict
    verdict: str
    advice: str


def advise(evaluation: Evaluation) -> str:
    """What the comparison with the baselines asks for; "" where nothing, and where there are none."""
    if not evaluation.baselines:
        return ""
    if evaluation.split == "train":
        return "No verdict: all models were fitted to these rows; rows that they have not seen decide"
    at = evaluation.headline
    worse = [own.name for own in evaluation.baselines if own.differences[at].verdict == "worse"]
    if not worse:
        return ""
    trees = [name for name in worse if name in TREES]
    suited = f", or use trees, which suit this table better ({', '.join(trees)})" if trees else ""
    return (
        f"The network is worse than {_join_names(worse, len(evaluation.baselines))} by {evaluation.scores[at].name}: "
        f"search for a better one with mlcli improve CONFIG{suited}"
    )


def view_scores(evaluation: Evaluation) -> ScoresView:
    """The headline is the first score that is defined."""
    rows = tuple(
        MetricRow(
            score,
            show_interval(score),
            CATALOG[score.name].meaning,
            tuple((own.scores[index], own.differences[index].verdict) for own in evaluation.baselines),
        )
        for index, score in enumerate(evaluation.scores)
    )
    headline = rows[evaluation.headline] if rows else None
    span = _span(headline) if headline else (0.0, 1.0)
    baselines = tuple(
        BaselineRow(
            name=own.name,
            text=own.text,
            score=own.scores[evaluation.headline],
            marks=_marks(own.scores[evaluation.headline], span),
            difference=show_difference(own.differences[evaluation.headline]),
            verdict=own.differences[evaluation.headline].verdict,
        )
        for own in evaluation.baselines
        if headline
    )
    found = [baseline.verdict for baseline in baselines]
    return ScoresView(
        rows=rows,
        headline=headline,
        marks=_marks(headline.score, span) if headline else Marks(None),
        baselines=baselines,
        level=f"{100 * evaluation.confidence:.4g} %",
        worst=next((verdict for verdict in PREPOSITIONS if verdict in found), "undefined"),
        verdict=_describe_verdicts(baselines),
        advice=advise(evaluation),
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
    """The ends of the axis: all values and intervals, with a margin."""
    scores = (row.score, *(score for score, _ in row.baselines))
    ends = [end for score in scores for end in (score.low, score.value, score.high)]
    known = [end for end in ends if end is not None and math.isfinite(end)]
    low, high = min(known, default=0.0), max(known, default=1.0)
    margin = MARGIN * (high - low) or 1.0
    return low - margin, high + margin


def _marks(score: Score, span: tuple[float, float]) -> Marks:
    low, high = span

    def place(value: float | None) -> float | None:
        if value is None or not math.isfinite(high - low):
            return None
        return round(100 * (value - low) / (high - low), 2)

    return Marks(place(score.value), place(score.low), place(score.high))
