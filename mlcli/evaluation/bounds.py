"""Bounds that an evaluation must keep, such as accuracy=0.9 or rmse=3."""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mlcli.errors import UsageError
from mlcli.evaluation.evaluate import Evaluation
from mlcli.metrics.score import Score


@dataclass(frozen=True)
class Miss:
    """A bound that was not kept; str() tells which, what was measured and what was asked."""

    score: Score
    bound: float

    def __str__(self) -> str:
        side = "at least" if self.score.higher_is_better else "at most"
        got = f"is undefined ({self.score.reason})" if self.score.value is None else f"is {self.score.value:.6g}"
        return f"{self.score.name} {got}, but must be {side} {self.bound:.6g}"


def check_bounds(evaluation: Evaluation, bounds: Sequence[str]) -> list[Miss]:
    """The bounds, each "METRIC=VALUE", that the evaluation misses; an undefined score misses any.

    Scores must reach their bound, errors and losses must not exceed it. Raises UsageError for a
    bound that is not understood or names a metric that was not measured.
    """
    scores = {score.name: score for score in evaluation.scores}
    wanted = [_parse_bound(text, scores) for text in bounds]
    return [Miss(score, bound) for score, bound in wanted if not _keeps(score, bound)]


def _parse_bound(text: str, scores: Mapping[str, Score]) -> tuple[Score, float]:
    name, equals, number = (part.strip() for part in text.partition("="))
    if not equals:
        raise UsageError(f"--fail-under '{text}': expected METRIC=VALUE, such as {next(iter(scores))}=0.9")
    if name not in scores:
        near = difflib.get_close_matches(name, scores, n=1)
        hint = f"did you mean '{near[0]}'? " if near else ""
        raise UsageError(f"--fail-under '{text}': '{name}' was not measured; {hint}measured are {', '.join(scores)}")
    return scores[name], _parse_number(text, number)


def _parse_number(text: str, number: str) -> float:
    try:
        bound = float(number)
    except ValueError:
        bound = math.nan
    if not math.isfinite(bound):
        raise UsageError(f"--fail-under '{text}': '{number}' is not a number; expected METRIC=VALUE")
    return bound


def _keeps(score: Score, bound: float) -> bool:
    if score.value is None:
        return False
    return score.value >= bound if score.higher_is_better else score.value <= bound
