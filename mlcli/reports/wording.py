"""Scores as readers want them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlcli.io.text import show_number
from mlcli.metrics.catalog import Score

if TYPE_CHECKING:
    from mlcli.evaluation.cross_validation import FoldScores
    from mlcli.evaluation.refit import Spread
    from mlcli.metrics.paired import Difference


def show_value(score: Score) -> str:
    """The value with its unit, if there is one."""
    return show_number(score.value) if score.value is None else f"{show_number(score.value)} {score.unit}".rstrip()


def show_interval(score: Score) -> str:
    """The interval as low – high; empty where there is none."""
    if score.low is None or score.high is None:
        return ""
    return f"{show_number(score.low)} – {show_number(score.high)}"


def show_spread(spread: Spread) -> str:
    """Mean ± standard deviation; the mean alone where one value is all there is."""
    return show_number(spread.mean) + ("" if spread.sd is None else f" ± {show_number(spread.sd)}")


def show_range(spread: Spread) -> str:
    """The lowest and the highest value; empty where none is defined."""
    known = [value for value in spread.values if value is not None]
    return f"{show_number(min(known))} – {show_number(max(known))}" if known else ""


def say_folds(folds: FoldScores) -> str:
    """What was done, as a heading."""
    rows = f"{folds.n_rows:,} training and validation rows"
    if folds.leaves_one_out:
        return f"Leave one out: each of the {rows}"
    again = f", dealt {folds.repeats} times" if folds.repeats > 1 else ""
    return f"Cross-validation: {folds.n_folds} folds of the {rows}{again}"


VERDICTS = {
    "better": "the network is better",
    "worse": "the network is worse",
    "no difference": "no difference can be told",
    "undefined": "cannot be told",
}


def show_difference(difference: Difference) -> str:
    """The difference with its sign, and its interval in brackets where there is one."""
    if difference.value is None:
        return "–"
    sides = () if difference.low is None or difference.high is None else (difference.low, difference.high)
    interval = f" [{', '.join(map(_signed, sides))}]" if sides else ""
    return f"{_signed(difference.value)}{interval}"


def say_verdict(difference: Difference) -> str:
    """Whether the network beats the baseline, in words."""
    return VERDICTS[difference.verdict]


def _signed(value: float) -> str:
    return f"{'−' if value < 0 else '+' if value > 0 else ''}{show_number(abs(value))}"
