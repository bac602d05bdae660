"""A search as it is watched: drawn on a terminal, a line a trial elsewhere."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from mlcli.config.loading.dump import UNSET, differing_keys
from mlcli.config.sections.config import Config
from mlcli.diagnosis.checks import Checks
from mlcli.io.text import show_number
from mlcli.search.search import Budget, SearchCallback
from mlcli.search.trial import Trial
from mlcli.terminal.alt_screen import AltScreen
from mlcli.terminal.improve import show_checks
from mlcli.terminal.screen import Screen
from mlcli.terminal.search_chart import CurrentTrial, SearchStatus, describe_values, draw_search_chart
from mlcli.training.context import TrainingContext
from mlcli.training.state import EpochRecord, Stopped, TrainingState

if TYPE_CHECKING:
    from rich.text import Text


def describe_trial(trial: Trial, best: Trial | None, budget: Budget) -> str:
    """A trial in one line, e.g. `trial 3/30  0.412  best 0.387 (trial 1)  optimizer.lr=0.02`."""
    result = trial.reason if trial.state == "failed" else show_number(trial.score)
    pruned = " (pruned)" if trial.state == "pruned" else ""
    so_far = f"  best {show_number(best.score)} (trial {best.number})" if best is not None else ""
    return f"trial {trial.number}/{budget.trials}  {result}{pruned}{so_far}  {describe_values(trial.values)}"


class SearchView(SearchCallback):
    """Shows the checks; subclasses show the trials."""

    def __init__(self, screen: Screen) -> None:
        self.screen = screen

    def on_checks(self, config: Config, checks: Checks) -> None:
        show_checks(self.screen, checks, config.optimizer.lr)


class PlainSearchView(SearchView):
    """A line a trial."""

    def on_trial_end(self, trial: Trial, best: Trial | None, budget: Budget) -> None:
        self.screen.say(describe_trial(trial, best, budget))


class LiveSearchView(SearchView):
    """The best trials and the way to them, on a screen of its own. `q` is a Ctrl-C.

    That screen, and the reading of keys, end when the search's result is shown, or with the command.
    """

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

    def on_train_begin(self, context: TrainingContext, state: TrainingState) -> None:
        if self.status.current is not None and self.start is not None:
            changed = differing_keys([self.start, context.config])
            values = {one.key: one.values[1] for one in changed if one.values[1] is not UNSET}
            self._set_current(CurrentTrial(self.status.current.title, values, epochs=context.config.training.epochs))

    def on_batch_end(self, context: TrainingContext, state: TrainingState) -> None:
        self._look()

    def on_epoch_end(self, context: TrainingContext, state: TrainingState, record: EpochRecord) -> None:
        if self.status.current is not None and state.best_epoch:
            score = state.history[state.best_epoch - 1].valid_score(self.status.metric)
            current = replace(self.status.current, epoch=state.epoch, best_epoch=state.best_epoch, score=score)
            self._set_current(current)
        self._look()

    def on_train_end(self, context: TrainingContext, state: TrainingState, stopped: Stopped) -> None:
        """After the start's training its diagnosis may take a while, in which nothing is heard."""
        if self.alt_screen is not None and self.status.current is not None and not self.status.trials:
            self._set_current(replace(self.status.current, title="diagnosis of trial 1"))
            self.alt_screen.show(self._draw())

    def on_trial_end(self, trial: Trial, best: Trial | None, budget: Budget) -> None:
        self.status = replace(self.status, trials=(*self.status.trials, trial))

    def on_poll(self, running: int) -> None:
        self.status = replace(self.status, running=running)
        self._look()

    def _begin(self, title: str) -> None:
        self.trial_began = time.monotonic()
        self._set_current(CurrentTrial(title))

    def _set_current(self, current: CurrentTrial) -> None:
        self.status = replace(self.status, current=current)

    def _look(self) -> None:
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
    """How fast a search goes on; ended_before counts the trials of earlier commands."""

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
    return LiveSearchView(screen) if screen.pictures else PlainSearchView(screen)
