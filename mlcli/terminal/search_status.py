"""The searches that `improve --status` finds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mlcli.io.text import counted, show_number, show_seconds
from mlcli.terminal.improve import describe_values

if TYPE_CHECKING:
    from mlcli.search.status import RunningTrial, StudyStatus
    from mlcli.terminal.screen import Screen
    from mlcli.use_cases.improve import FoundSearches


def show_statuses(screen: Screen, status: FoundSearches) -> None:
    """Each search with its counts, its best trial and the processes that run trials."""
    if not status.searches:
        screen.heading(f"No search of {status.name} in {status.place}")
    for search in status.searches:
        _show(screen, search)


def _show(screen: Screen, search: StudyStatus) -> None:
    ended = ", ".join(f"{search.count(state)} {state}" for state in ("complete", "pruned", "failed"))
    screen.heading(f"{search.place}: {counted(len(search.trials), 'trial')}: {ended}; {len(search.running)} running")
    if (best := search.best) is not None:
        screen.say(
            f"Best: trial {best.number}, {search.metric} {show_number(best.score)}  {describe_values(best.values)}"
        )
    if search.running:
        screen.table(("running", "on", "for", "last sign of life"), [_cells(trial) for trial in search.running])
    if any(trial.is_lost for trial in search.running):
        screen.say("The same improve command, on any machine, takes the place of a process that is gone")


def _cells(trial: RunningTrial) -> Sequence[str]:
    sign = "" if trial.silent is None else f"{show_seconds(trial.silent)} ago"
    since = "" if trial.seconds is None else show_seconds(trial.seconds)
    return trial.planned or "search", trial.worker, since, f"{sign} (gone)".strip() if trial.is_lost else sign
