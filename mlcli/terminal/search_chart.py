"""A search on a terminal: its scores, its best trials and its progress."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mlcli.io.text import printable, show_number, show_seconds
from mlcli.metrics.catalog import higher_is_better
from mlcli.search.search import Budget
from mlcli.search.trial import Trial, best_so_far, best_trial, rank_trials
from mlcli.terminal.plot import FRAME_ROWS, AxisScale, Point, draw_chart

if TYPE_CHECKING:
    from rich.text import Text

# Narrower tables go without the columns of time; plots of fewer rows are left out.
WIDE = 72
PLOT_ROWS = 4
HEADER = ("trial", "", "best epoch", "time", "state", "changed")
TIMES = (2, 3)


@dataclass(frozen=True)
class CurrentTrial:
    """The trial that this process trains.

    title   : such as `trial 3`
    values  : the keys that differ from the start, dotted
    score   : the best so far; None before the first epoch's end
    """

    title: str
    values: Mapping[str, Any] = field(default_factory=dict)
    epoch: int = 0
    epochs: int = 0
    best_epoch: int = 0
    score: float | None = None
    seconds: float = 0.0


@dataclass(frozen=True)
class SearchStatus:
    """The progress of a search.

    running : trials in training in all processes
    seconds : since the search began
    left    : seconds until its end, about; None before the first trial ends
    """

    trials: Sequence[Trial]
    metric: str
    budget: Budget
    running: int = 0
    current: CurrentTrial | None = None
    seconds: float = 0.0
    left: float | None = None


def draw_search_chart(status: SearchStatus, width: int, height: int) -> Text:
    """The status within a terminal of this size."""
    from rich.text import Text

    table = _draw_table(status, width, max(2, height // 4))
    facts = [describe_counts(status), describe_time(status)]
    text = Text(no_wrap=True, overflow="crop")
    left = height - len(table) - len(facts) - 1
    if left >= FRAME_ROWS + PLOT_ROWS:
        text.append(_draw_scores(status, width, left))
    for line, style in table:
        text.append(line[:width] + "\n", style)
    for fact in facts:
        text.append(fact[:width] + "\n")
    text.append("q stops and keeps all trials"[:width], "dim")
    return text


def describe_values(values: Mapping[str, Any]) -> str:
    """The changed keys as on the command line; `unchanged` for the start."""
    return "  ".join(f"{key}={json.dumps(value)}" for key, value in values.items()) or "unchanged"


def shorten_values(values: Mapping[str, Any]) -> dict[str, Any]:
    """The keys' last names alone; in full what has none of its own, such as `loss.name`."""
    return {key if key.endswith(".name") else key.rpartition(".")[2]: value for key, value in values.items()}


def describe_counts(status: SearchStatus) -> str:
    """How the trials ended, e.g. `5 of 30 trials: 3 complete, 1 pruned, 1 failed   1 running`."""
    counts = Counter(trial.state for trial in status.trials)
    ended = ", ".join(f"{counts[state]} {state}" for state in ("complete", "pruned", "failed"))
    running = max(status.running, int(status.current is not None))
    return f"{len(status.trials)} of {status.budget.trials} trials: {ended}   {running} running"


def describe_time(status: SearchStatus) -> str:
    """The time passed and left, and the current trial."""
    left = "" if status.left is None else f", about {show_seconds(status.left)} left"
    current = status.current
    now = (
        ""
        if current is None
        else f"   {current.title}: epoch {min(current.epoch + 1, current.epochs)}/{current.epochs}"
    )
    return f"{show_seconds(status.seconds)} so far{left}{now}"


def _draw_scores(status: SearchStatus, width: int, height: int) -> Text:
    """The score of each trial and the best so far; the worse half may lie beyond the scale."""
    best = best_points(status.trials, status.metric)
    single = scores_of(status.trials)
    scores = sorted((score for _, score in single), reverse=higher_is_better(status.metric))
    shown = [*scores[: -(-len(scores) // 2)], *(score for _, score in best)]
    apart = [point for place, score in single for point in ((place, score), (place, math.nan))]
    ends = ("1", "trial", str(status.budget.trials))
    across = AxisScale(1, max(2, status.budget.trials))
    return draw_chart(
        f"validation {printable(status.metric)}",
        {"trials": apart, "best so far": best},
        across,
        ends,
        width,
        height,
        mark=leader.number if (leader := best_trial(status.trials, status.metric)) else None,
        shown=shown,
    )


def scores_of(trials: Sequence[Trial]) -> list[Point]:
    """Number and score of the trials that have one."""
    return [(trial.number, trial.score) for trial in trials if trial.score is not None]


def best_points(trials: Sequence[Trial], metric: str) -> list[Point]:
    """Number of each trial from the first complete one on, with the best score up to it."""
    scores = best_so_far(trials, metric)
    return [(trial.number, score) for trial, score in zip(trials, scores, strict=True) if score is not None]


def _draw_table(status: SearchStatus, width: int, rows: int) -> list[tuple[str, str]]:
    """Lines with their styles: the header, the training in hand, and as many of the trials, the best first."""
    current = [] if status.current is None else [(_cells_of_current(status.current), "cyan")]
    ranked = [(_cells_of(trial), "" if trial.state == "complete" else "dim") for trial in rank_all(status)]
    header = tuple(title or status.metric for title in HEADER)
    shown = [(header, "bold"), *ranked[: rows - len(current)], *current]
    kept = [index for index in range(len(HEADER)) if width >= WIDE or index not in TIMES]
    sizes = {index: max(len(cells[index]) for cells, _ in shown) for index in kept}
    return [
        ("  ".join(_aligned(cells[index], sizes[index], index) for index in kept).rstrip(), style)
        for cells, style in shown
    ]


def _aligned(cell: str, size: int, index: int) -> str:
    """Words to the left, numbers to the right."""
    return cell.ljust(size) if HEADER[index] in ("state", "changed") else cell.rjust(size)


def rank_all(status: SearchStatus) -> list[Trial]:
    """The complete trials, the best first, then those that were pruned, then those that failed, the latest first."""
    others = [trial for trial in reversed(status.trials) if trial.state != "complete"]
    return [*rank_trials(status.trials, status.metric), *sorted(others, key=lambda trial: trial.state == "failed")]


def _cells_of(trial: Trial) -> tuple[str, ...]:
    epochs = f"{trial.best_epoch or '–'} of {trial.epochs or '–'}"
    changed = printable(describe_values(shorten_values(trial.values)))
    return (str(trial.number), show_number(trial.score), epochs, show_seconds(trial.seconds), trial.state, changed)


def _cells_of_current(current: CurrentTrial) -> tuple[str, ...]:
    epochs, changed = (
        f"{current.best_epoch or '–'} of {current.epochs}",
        printable(describe_values(shorten_values(current.values))),
    )
    return ("", show_number(current.score), epochs, show_seconds(current.seconds), "running", changed)
