"""The terminal: messages and progress to stderr, data to stdout."""

from __future__ import annotations

import json
import os
import sys
import textwrap
from collections.abc import Sequence
from functools import cached_property
from itertools import accumulate
from typing import TYPE_CHECKING, Protocol

from mlcli.errors import ConfigError, MlcliError, UsageError
from mlcli.io.text import printable, printable_json
from mlcli.reporter import Step

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.progress import Progress


# Sentences in longer lines are hard to read.
READABLE_COLUMNS = 100
# The smallest terminal that curves are drawn on.
CHART_COLUMNS, CHART_ROWS = 40, 12
# Environment variables by which rich takes another stream for a terminal.
TERMINAL_SETTINGS = {"FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"}
# Blanks between two columns of a table.
GAP = 3


class View(Protocol):
    """A part of the terminal that is redrawn."""

    def start(self) -> None: ...

    def stop(self) -> None: ...


class Screen:
    """The output of a command; the `Reporter` of the layers below.

    quiet   : errors and warnings only
    as_json : stdout carries one JSON document and nothing else
    verbose : each step is explained
    """

    def __init__(self, quiet: bool = False, as_json: bool = False, verbose: bool = False) -> None:
        self.quiet = quiet
        self.as_json = as_json
        self.verbose = verbose
        self._bar: Progress | None = None
        self._view: View | None = None
        self._waiting: list[tuple[RenderableType, bool]] = []
        self._covered = self._emitted = False
        self._warned: set[str] = set()

    @cached_property
    def stderr(self) -> Console:
        """The console for messages; rich takes as long to import as a config to read."""
        from rich.console import Console

        return Console(stderr=True, highlight=False)

    @property
    def live(self) -> bool:
        """Whether stderr is a terminal, and not quiet."""
        return not self.quiet and not _is_plain() and self.stderr.is_terminal

    @property
    def draws_charts(self) -> bool:
        """Whether charts can be redrawn: they need colours and a minimum size."""
        console = self.stderr
        drawable = not console.is_dumb_terminal and not console.no_color
        return self.live and drawable and console.width >= CHART_COLUMNS and console.height >= CHART_ROWS

    def say(self, text: str) -> None:
        """One line of information."""
        if not self.quiet:
            self._line((text, "dim"))

    def warn(self, text: str) -> None:
        """A warning, shown even when quiet; repeated ones once."""
        if text not in self._warned:
            self._warned.add(text)
            self._line(("warning: ", "bold yellow"), text)

    def explain(self, step: Step, *facts: object) -> None:
        """A step in sentences, one per line."""
        if not self.verbose:
            return
        from mlcli.reports.narration import NARRATIONS

        title, *sentences = NARRATIONS[step](*facts)
        self._line((title, "bold"))
        width = min(self.stderr.width, READABLE_COLUMNS) if self.stderr.is_terminal else sys.maxsize
        for sentence in sentences:
            for line in textwrap.wrap(sentence, width, initial_indent="  · ", subsequent_indent="    "):
                self._line(line)

    def progress(self, label: str, done: int, total: int | None) -> None:
        """A bar for long work such as a download; closed when done reaches total."""
        if not self.live:
            return
        if self._bar is None:
            from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

            columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
            bar = Progress(*columns, console=self.stderr, transient=True)
            bar.add_task(label, total=total)
            self.open_view(bar)
            self._bar = bar
        self._bar.update(self._bar.task_ids[0], description=label, completed=done, total=total)
        if total is not None and done >= total:
            self.close()

    def open_view(self, view: View, covers: bool = False) -> None:
        """Start a view; there is one at a time, and `close` ends it.

        covers : whether the view hides messages, which are then printed at its end
        """
        self.close()
        self._view, self._covered = view, covers
        view.start()

    def ask(self, question: str) -> str:
        """The line that the user types; raises UsageError at the end of input."""
        self._line((question, "bold green"))
        if not (answer := sys.stdin.readline()):
            raise UsageError("no answer was given")
        return answer

    def heading(self, text: str) -> None:
        """The line that opens a result."""
        if not self.quiet:
            self._line((text, "bold"))

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[str]], title: str = "") -> None:
        """A result table; columns of numbers are aligned right."""
        if self.quiet:
            return
        if title:
            self.heading(title)
        from rich.box import SIMPLE_HEAD
        from rich.table import Table
        from rich.text import Text

        table = Table(header_style="bold cyan", box=SIMPLE_HEAD, pad_edge=False)
        for index, column in enumerate(columns):
            cells = [row[index] for row in rows]  # a number, with a unit or not, an interval, or a dash for none
            numeric = index > 0 and all(not cell or cell[0].isdigit() or cell[0] in "-–+" for cell in cells)
            table.add_column(Text(printable(column)), justify="right" if numeric else "left", overflow="fold")
        for row in rows:
            table.add_row(*(Text(printable(cell)) for cell in row))
        self._print(table)

    def next_step(self, command: str) -> None:
        """The command that a user would run now."""
        if not self.quiet:
            self._line(("Next: ", "bold green"), command)

    def emit(self, document: object) -> None:
        """The JSON document of --json, of which there is one; nothing otherwise."""
        if self.as_json and not self._emitted:
            self._emitted = True
            from mlcli.io.json import to_json

            text = json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False, default=to_json)
            sys.stdout.write(f"{printable_json(text, sys.stdout.encoding)}\n")
            sys.stdout.flush()

    def error(self, error: MlcliError) -> None:
        """An error's message; with --json the same as a document, where none has been printed."""
        problems = [str(problem) for problem in error.problems] if isinstance(error, ConfigError) else [str(error)]
        self.close()
        for problem in problems:
            self._line(("error: ", "bold red"), problem)
        if len(problems) > 1:
            self._line((f"{len(problems)} errors; nothing was done", "bold red"))
        self.emit({"error": {"kind": type(error).__name__, "exit_code": error.exit_code, "messages": problems}})

    def close(self) -> None:
        """End an open view, and print the messages that waited for its end."""
        view, self._view, self._bar, self._covered = self._view, None, None, False
        if view is not None:
            view.stop()
        waiting, self._waiting = self._waiting, []
        for shown, soft_wrap in waiting:
            self._print(shown, soft_wrap)

    def _line(self, *parts: str | tuple[str, str]) -> None:
        """Text, or text with its style, in one line."""
        safe = [printable(part) if isinstance(part, str) else (printable(part[0]), part[1]) for part in parts]
        if not self._covered and _is_plain():
            sys.stderr.write("".join(part if isinstance(part, str) else part[0] for part in safe) + "\n")
            sys.stderr.flush()
            return
        from rich.text import Text

        self._print(Text.assemble(*safe), soft_wrap=not self.stderr.is_terminal)

    def _print(self, shown: RenderableType, soft_wrap: bool = False) -> None:
        if self._covered:
            self._waiting.append((shown, soft_wrap))
        else:
            self.stderr.print(shown, soft_wrap=soft_wrap)


def _is_plain() -> bool:
    """Whether stderr takes text as it is: it is no terminal, and is not said to be one."""
    return sys.stderr is not None and not sys.stderr.isatty() and not TERMINAL_SETTINGS & os.environ.keys()


def columns_that_fit(columns: Sequence[str], rows: Sequence[Sequence[str]], width: int) -> int:
    """How many of the columns, from the first on, fit side by side."""
    ends = accumulate(GAP + max(map(len, cells)) for cells in zip(columns, *rows, strict=True))
    return sum(end <= width for end in ends)
