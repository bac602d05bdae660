"""Bounds that an evaluation must keep, such as accuracy=0.9 or rmse=3."""

from __future__ import annotations

import math
from collections.abc import Sequence

from mlcli.errors import UsageError
from mlcli.io.text import nearest
from mlcli.metrics.catalog import Score, names_for
from mlcli.models.task import FittedTask

# A metric, and the value that it must reach or, where lower is better, not exceed.
Bound = tuple[str, float]


def parse_bounds(task: FittedTask, texts: Sequence[str]) -> tuple[Bound, ...]:
    """The bounds, each "METRIC=VALUE", of any metric that suits the task.

    Raises UsageError for a bound that is not understood or names another metric.
    """
    return tuple(_parse_bound(text, names_for(task.kind)) for text in texts)


def _parse_bound(text: str, names: Sequence[str]) -> Bound:
    name, equals, number = (part.strip() for part in text.partition("="))
    if not equals:
        raise UsageError(f"--fail-under '{text}': expected METRIC=VALUE, such as {names[0]}=0.9")
    if name not in names:
        near = nearest(name, names)
        hint = f"did you mean '{near}'? " if near else ""
        raise UsageError(
            f"--fail-under '{text}': '{name}' is no metric of this task; {hint}choose from {', '.join(names)}"
        )
    return name, _parse_number(text, number)


def _parse_number(text: str, number: str) -> float:
    try:
        bound = float(number)
    except ValueError:
        bound = math.nan
    if not math.isfinite(bound):
        raise UsageError(f"--fail-under '{text}': '{number}' is not a number; expected METRIC=VALUE")
    return bound


def find_misses(bounds: Sequence[Bound], scores: Sequence[Score]) -> tuple[str, ...]:
    """A sentence for each bound that the scores, which hold its metric, miss; an undefined score misses any."""
    known = {score.name: score for score in scores}
    return tuple(_describe_miss(known[name], bound) for name, bound in bounds if not _keeps(known[name], bound))


def _keeps(score: Score, bound: float) -> bool:
    if score.value is None:
        return False
    return score.value >= bound if score.higher_is_better else score.value <= bound


def _describe_miss(score: Score, bound: float) -> str:
    side = "at least" if score.higher_is_better else "at most"
    value = f"is undefined ({score.reason})" if score.value is None else f"is {score.value:.6g}"
    return f"{score.name} {value}, but must be {side} {bound:.6g}"
