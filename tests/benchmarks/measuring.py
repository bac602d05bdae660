"""Works, the contenders that do them, and what is wanted of mlcli: measured in turns, summed up by medians."""

from __future__ import annotations

import statistics
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from tests.benchmarks.processes import FailedError

MLCLI = "mlcli"


@dataclass(frozen=True)
class Contender:
    """Who does a work; `measure` does it once and gives value by measure, raising FailedError."""

    name: str
    measure: Callable[[], Mapping[str, float]]


@dataclass(frozen=True)
class Goal:
    """mlcli's median is at most `factor` times the lowest median of `beside`, plus `seconds`.

    work    : what the goal is about, in a few words
    measure : what is compared
    beside  : contenders; () where the bound is a number of seconds
    """

    work: str
    measure: str
    beside: tuple[str, ...] = ()
    factor: float = 0.0
    seconds: float = 0.0
    beside_measure: str | None = None


@dataclass(frozen=True)
class Work:
    """One job, done by several contenders.

    key      : a letter, for --only
    measures : what its table shows
    setup    : makes what it needs, not timed
    """

    key: str
    title: str
    measures: tuple[str, ...]
    contenders: tuple[Contender, ...]
    goals: tuple[Goal, ...] = ()
    setup: Callable[[], object] = lambda: None


@dataclass
class Result:
    """Values by contender and measure, one a run; and why contenders failed."""

    work: Work
    values: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)

    def add(self, name: str, values: Mapping[str, float]) -> None:
        """Keep what one run measured."""
        for measure, value in values.items():
            self.values.setdefault(name, {}).setdefault(measure, []).append(value)

    def median(self, name: str, measure: str) -> float | None:
        """None where the contender failed or does not tell it."""
        values = self.values.get(name, {}).get(measure)
        return statistics.median(values) if values and name not in self.failures else None


@dataclass(frozen=True)
class Verdict:
    """A goal beside what was measured; None where it could not be.

    rival : the best of those beside it
    bound : what mlcli may take
    """

    goal: Goal
    ours: float | None
    rival: str | None
    theirs: float | None

    @property
    def bound(self) -> float | None:
        if not self.goal.beside:
            return self.goal.seconds
        return None if self.theirs is None else self.goal.factor * self.theirs + self.goal.seconds

    @property
    def reached(self) -> bool | None:
        return None if self.ours is None or self.bound is None else self.ours <= self.bound


def measure(work: Work, runs: int) -> Result:
    """Let the contenders take turns, `runs` times; whoever fails is left out from then on."""
    result = Result(work)
    try:
        work.setup()
    except FailedError as error:
        result.failures = {contender.name: str(error) for contender in work.contenders}
    for turn in range(1, runs + 1):
        for contender in work.contenders:
            if contender.name in result.failures:
                continue
            try:
                values = contender.measure()
            except FailedError as error:
                result.failures[contender.name] = str(error)
                continue
            result.add(contender.name, values)
            shown = "  ".join(f"{name} {value:.4g}" for name, value in values.items())
            print(f"{work.key} {turn}/{runs}  {contender.name}: {shown}", file=sys.stderr, flush=True)
    return result


def judge(result: Result, goal: Goal) -> Verdict:
    """Compare mlcli with the best of those that the goal names."""
    measured = {name: result.median(name, goal.beside_measure or goal.measure) for name in goal.beside}
    told = {name: value for name, value in measured.items() if value is not None}
    rival = min(told, key=told.__getitem__, default=None)
    return Verdict(goal, result.median(MLCLI, goal.measure), rival, told.get(rival) if rival else None)
