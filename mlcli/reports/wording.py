"""Scores, their differences and their spread as text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlcli.io.text import show_number, show_signed
from mlcli.metrics.catalog import Score

if TYPE_CHECKING:
    from mlcli.evaluation.cross_validation import FoldScores
    from mlcli.evaluation.refit import Spread
    from mlcli.metrics.measure import ScoreDifference, Verdict

# How one model is compared with another on the same rows: "the network is …".
VERDICTS: dict[Verdict, str] = {
    "better": "better",
    "worse": "worse",
    "no difference": "not significantly different",
    "undefined": "not tested",
}


def show_value(score: Score) -> str:
    """The value with its unit, if there is one."""
    return show_number(score.value) if score.value is None else f"{show_number(score.value)} {score.unit}".rstrip()


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
    repeats = f", repeated {folds.repeats} times" if folds.repeats > 1 else ""
    return f"Cross-validation: {folds.n_folds} folds of {rows}{repeats}"


def show_difference(difference: ScoreDifference) -> str:
    """The difference with its sign, and its interval in brackets where there is one."""
    sides = () if difference.low is None or difference.high is None else (difference.low, difference.high)
    interval = f" [{', '.join(map(show_signed, sides))}]" if sides and difference.value is not None else ""
    return f"{show_signed(difference.value)}{interval}"


def describe_verdict(verdict: Verdict) -> str:
    """How the model is compared with the other: better, worse, or not significantly different."""
    return VERDICTS[verdict]
