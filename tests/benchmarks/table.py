"""Results as Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction

from tests.benchmarks.measuring import MLCLI, Goal, Result, Verdict, judge

HEADINGS = {
    "epoch": "an epoch",
    "step": "a step",
    "fit": "the fit",
    "command": "whole command",
    "job": "start to saved model",
    "accuracy": "test accuracy",
    "inside": "read, compute, write",
    "help": "--help",
    "error": "a misspelt key",
}
REACHED = {True: "reached", False: "missed", None: "not measured"}


def goals_table(results: Sequence[Result]) -> str:
    """What was wanted beside what was measured, one line a goal."""
    verdicts = [judge(result, goal) for result in results for goal in result.work.goals]
    return table(("work", MLCLI, "beside it", "ratio", "goal", ""), map(goal_row, verdicts))


def goal_row(verdict: Verdict) -> list[str]:
    """One goal's cells."""
    ours, theirs = verdict.ours, verdict.theirs
    return [
        verdict.goal.work,
        duration(ours),
        f"{verdict.rival}: {duration(theirs)}" if verdict.rival else "",
        f"{ours / theirs:.3g}" if ours is not None and theirs is not None else "",
        bound(verdict.goal),
        REACHED[verdict.reached],
    ]


def bound(goal: Goal) -> str:
    """What the goal asks for: ≤ 1/12, ≤ 0.75, ≤ 1 + 0.4 s, ≤ 0.15 s."""
    share = Fraction(goal.factor).limit_denominator(100)
    terms = [str(share) if share.numerator == 1 else f"{goal.factor:g}"] if goal.beside else []
    terms += [f"{goal.seconds:g} s"] if goal.seconds else []
    return "≤ " + " + ".join(terms)


def work_table(result: Result) -> str:
    """Medians of one work, the fastest first; those who failed last, with the reason."""
    measures = result.work.measures
    names = [contender.name for contender in result.work.contenders]
    names.sort(key=lambda name: (name in result.failures, result.median(name, measures[0]) or 0.0))
    rows = [
        [name, *(result.failures.get(name, "") if k == 0 and name in result.failures else cell(result, name, measure)
                 for k, measure in enumerate(measures))]
        for name in names
    ]  # fmt: skip
    return table((result.work.title, *(HEADINGS[measure] for measure in measures)), rows)


def cell(result: Result, name: str, measure: str) -> str:
    """The median, with the lowest and highest run."""
    median = result.median(name, measure)
    if median is None:
        return ""
    if measure == "accuracy":
        return f"{median:.2%}"
    values = result.values[name][measure]
    return f"{duration(median)} ({duration(min(values))} – {duration(max(values))})"


def duration(seconds: float | None) -> str:
    """Three digits in s, ms or µs."""
    if seconds is None:
        return ""
    scale, unit = next(((s, u) for s, u in ((1, "s"), (1e3, "ms")) if seconds * s >= 1), (1e6, "µs"))
    value = seconds * scale
    return f"{value:.0f} {unit}" if value >= 100 else f"{value:.3g} {unit}"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table; numbers stand right."""
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"
