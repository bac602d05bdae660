"""A running search: its scores, its best trials and its progress on a terminal; a line a trial elsewhere."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from mlcli.config.loading.dump import UNSET, differing_keys
from mlcli.config.sections.config import Config
from mlcli.diagnosis.checks import Checks
from mlcli.io.text import printable, show_number, show_seconds
from mlcli.metrics.catalog import higher_is_better
from mlcli.reports.scales import AxisScale
from mlcli.search.budget import MANY, Budget
from mlcli.search.callbacks import SearchCallback
from mlcli.search.trial import Trial, best_so_far, best_trial, rank_trials
from mlcli.terminal.improve import describe_values, show_checks
from mlcli.terminal.live import AltScreen
from mlcli.terminal.plot import FRAME_ROWS, Point, draw_chart
from mlcli.terminal.screen import Screen
from mlcli.training.context import TrainingContext
from mlcli.training.state import EpochRecord, Stopped, TrainingState

if TYPE_CHECKING:
    from rich.text import Text

# Narrower tables go without the columns TIMES; plots of fewer rows are left out.
WIDE, PLOT_ROWS = 72, 4
HEADER = ("trial", "", "best epoch", "time", "state", "changed")
TIMES = (2, 3)


def describe_trial(trial: Trial, best: Trial | None, budget: Budget) -> str:
    """A trial in one line, e.g. `trial 3/30  0.412  best 0.387 (trial 1)  optimizer.lr=0.02`."""
    result = trial.reason if trial.state == "failed" else show_number(trial.score)
    pruned = " (pruned)" if trial.state == "pruned" else ""
    so_far = f"  best {show_number(best.score)} (trial {best.number})" if best is not None else ""
    of = f"/{budget.trials}" if budget.trials < MANY else ""
    return f"trial {trial.number}{of}  {result}{pruned}{so_far}  {describe_values(trial.values)}"


class PlainSearchView(SearchCallback):
    """The checks, and a line a trial."""

    def __init__(self, screen: Screen) -> None:
        self.screen = screen

    def on_checks(self, config: Config, checks: Checks) -> None:
        show_checks(self.screen, checks, config.optimizer.lr)

    def on_trial_end(self, trial: Trial, best: Trial | None, budget: Budget) -> None:
        self.screen.say(describe_trial(trial, best, budget))


class LiveSearchView(PlainSearchView):
    """The checks; then the scores and the best trials on the alternate screen. `q` acts as Ctrl-C."""

    def __init__(self, screen: Screen) -> None:
        super().__init__(screen)
        self.start: Config | None = None
        self.alt_screen: AltScreen | None = None
        self.timer = TrialTimer(0)
        self.status = SearchStatus((), "", Budget(0))
        self.trial_began = 0.0

    def on_checks(self, config: Config, checks: Checks) -> None:
        super().on_checks(config, checks)
        self.start = config

    def on_search(self, trials: Sequence[Trial], metric: str, budget: Budget) -> None:
        self.status = SearchStatus(tuple(trials), metric, budget)
        if self.alt_screen is None:
            self.timer = TrialTimer(len(trials))
            self.alt_screen = AltScreen(self.screen)
            self.screen.open_view(self.alt_screen, covers=True)

    def on_trial_start(self, number: int, budget: Budget) -> None:
        self._begin(f"trial {number}")

    def on_ensemble(self) -> None:
        self._begin("ensemble")

    def _begin(self, title: str) -> None:
        self.trial_began = time.monotonic()
        self.status = replace(self.status, current=CurrentTrial(title))

    def on_train_begin(self, context: TrainingContext, state: TrainingState) -> None:
        if self.status.current is not None and self.start is not None:
            changed = differing_keys([self.start, context.config])
            values = {one.key: one.values[1] for one in changed if one.values[1] is not UNSET}
            current = CurrentTrial(self.status.current.title, values, epochs=context.config.training.epochs)
            self.status = replace(self.status, current=current)

    def on_batch_end(self, context: TrainingContext, state: TrainingState) -> None:
        self._update()

    def on_epoch_end(self, context: TrainingContext, state: TrainingState, record: EpochRecord) -> None:
        if self.status.current is not None and state.best_epoch:
            score = state.history[state.best_epoch - 1].valid_score(self.status.metric)
            current = replace(self.status.current, epoch=state.epoch, best_epoch=state.best_epoch, score=score)
            self.status = replace(self.status, current=current)
        self._update()

    def on_train_end(self, context: TrainingContext, state: TrainingState, stopped: Stopped) -> None:
        """Announce the diagnosis of the first trial: it may take a while without any callback."""
        if self.alt_screen is not None and self.status.current is not None and not self.status.trials:
            self.status = replace(self.status, current=replace(self.status.current, title="diagnosis of trial 1"))
            self.alt_screen.show(self._draw())

    def on_trial_end(self, trial: Trial, best: Trial | None, budget: Budget) -> None:
        self.status = replace(self.status, trials=(*self.status.trials, trial))

    def on_poll(self, running: int) -> None:
        self.status = replace(self.status, running=running)
        self._update()

    def _update(self) -> None:
        if self.alt_screen is not None:
            self.alt_screen.update(self._draw)

    def _draw(self) -> Text:
        status, now = self.status, time.monotonic()
        if status.current is not None:
            status = replace(status, current=replace(status.current, seconds=now - self.trial_began))
        ended, budget = len(status.trials), status.budget
        status = replace(status, seconds=self.timer.seconds(), left=self.timer.left(ended, budget))
        return draw_search_chart(status, *self.screen.stderr.size)


class TrialTimer:
    """The time that a search takes; ended_before : trials of earlier commands."""

    def __init__(self, ended_before: int) -> None:
        self.began = time.monotonic()
        self.ended_before = ended_before

    def seconds(self) -> float:
        """Since the search began."""
        return time.monotonic() - self.began

    def left(self, ended: int, budget: Budget) -> float | None:
        """Seconds until its end, about; None before the first trial's."""
        timeout = [] if budget.timeout is None else [max(0.0, budget.timeout - self.seconds())]
        done = ended - self.ended_before
        trials = [self.seconds() / done * max(0, budget.trials - ended)] if done else []
        return min(timeout + trials, default=None)


def search_view(screen: Screen) -> SearchCallback:
    """The view that suits where the screen is shown."""
    return LiveSearchView(screen) if screen.draws_charts else PlainSearchView(screen)


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


def shorten_values(values: Mapping[str, Any]) -> dict[str, Any]:
    """The keys' last names alone; in full what has none of its own, such as `loss.name`."""
    return {key if key.endswith(".name") else key.rpartition(".")[2]: value for key, value in values.items()}


def describe_counts(status: SearchStatus) -> str:
    """How the trials ended, e.g. `5 of 30 trials: 3 complete, 1 pruned, 1 failed   1 running`."""
    counts = Counter(trial.state for trial in status.trials)
    ended = ", ".join(f"{counts[state]} {state}" for state in ("complete", "pruned", "failed"))
    running = max(status.running, int(status.current is not None))
    return f"{len(status.trials)} of {status.budget.n_trials}: {ended}   {running} running"


def describe_time(status: SearchStatus) -> str:
    """The time passed and left, and the current trial."""
    left = "" if status.left is None else f", about {show_seconds(status.left)} left"
    now = ""
    if (current := status.current) is not None:
        now = f"   {current.title}: epoch {min(current.epoch + 1, current.epochs)}/{current.epochs}"
    return f"{show_seconds(status.seconds)} so far{left}{now}"


def _draw_scores(status: SearchStatus, width: int, height: int) -> Text:
    """The score of each trial and the best so far; the scale may leave out the worse half."""
    best = best_points(status.trials, status.metric)
    single = scores_of(status.trials)
    scores = sorted((score for _, score in single), reverse=higher_is_better(status.metric))
    shown = [*scores[: -(-len(scores) // 2)], *(score for _, score in best)]
    apart = [point for place, score in single for point in ((place, score), (place, math.nan))]
    leader = best_trial(status.trials, status.metric)
    last = status.budget.trials if status.budget.trials < MANY else max(10, len(status.trials))
    title, curves = f"validation {printable(status.metric)}", {"trials": apart, "best so far": best}
    across, ends, mark = AxisScale(1, max(2, last)), ("1", "trial", str(last)), leader.number if leader else None
    return draw_chart(title, curves, across, ends, width, height, mark, shown)


def scores_of(trials: Sequence[Trial]) -> list[Point]:
    """Number and score of the trials that have one."""
    return [(trial.number, trial.score) for trial in trials if trial.score is not None]


def best_points(trials: Sequence[Trial], metric: str) -> list[Point]:
    """Number of each trial from the first complete one on, with the best score up to it."""
    scores = best_so_far(trials, metric)
    return [(trial.number, score) for trial, score in zip(trials, scores, strict=True) if score is not None]


def _draw_table(status: SearchStatus, width: int, rows: int) -> list[tuple[str, str]]:
    """Lines with their styles: the header, as many of the trials as fit, the best first, and the current trial."""
    current = [] if status.current is None else [(_cells("", status.current, "running"), "cyan")]
    ranked = [
        (_cells(str(trial.number), trial, trial.state), "" if trial.state == "complete" else "dim")
        for trial in rank_all(status)
    ]
    header = tuple(title or status.metric for title in HEADER)
    shown = [(header, "bold"), *ranked[: rows - len(current)], *current]
    lines = [""] * len(shown)
    for index, title in enumerate(HEADER):
        if width >= WIDE or index not in TIMES:
            size = max(len(cells[index]) for cells, _ in shown)
            align = "<" if title in ("state", "changed") else ">"  # words to the left, numbers to the right
            lines = [f"{line}  {cells[index]:{align}{size}}" for line, (cells, _) in zip(lines, shown, strict=True)]
    return [(line[2:].rstrip(), style) for line, (_, style) in zip(lines, shown, strict=True)]


def rank_all(status: SearchStatus) -> list[Trial]:
    """The complete trials, the best first, then those that were pruned, then those that failed, the latest first."""
    others = [trial for trial in reversed(status.trials) if trial.state != "complete"]
    return [*rank_trials(status.trials, status.metric), *sorted(others, key=lambda trial: trial.state == "failed")]


def _cells(number: str, trial: Trial | CurrentTrial, state: str) -> tuple[str, ...]:
    epochs = f"{trial.best_epoch or '–'} of {trial.epochs or '–'}"
    changed = printable(describe_values(shorten_values(trial.values)))
    return (number, show_number(trial.score), epochs, show_seconds(trial.seconds), state, changed)
