"""How the lower layers report to the user without printing."""

from typing import Literal, Protocol

# What can be explained while it is done; `mlcli.reports.narration` has the words for each.
Step = Literal["data", "features", "training", "scores", "prediction", "diagnosis", "search"]


class Reporter(Protocol):
    """Receives one-line messages and progress; the console shows them, tests collect them."""

    def say(self, text: str) -> None:
        """Tell what is being done, in one line."""

    def warn(self, text: str) -> None:
        """Tell what the user should not miss."""

    def explain(self, step: Step, *facts: object) -> None:
        """Explain a step to a user who asked for it; facts are what the narration of the step takes."""

    def progress(self, label: str, done: int, total: int | None) -> None:
        """Tell how far a long piece of work is; total is None when unknown."""


class Silent:
    """A Reporter that drops everything."""

    def say(self, text: str) -> None:
        """Drop the line."""

    def warn(self, text: str) -> None:
        """Drop the line."""

    def explain(self, step: Step, *facts: object) -> None:
        """Drop the explanation."""

    def progress(self, label: str, done: int, total: int | None) -> None:
        """Drop the figure."""


SILENT = Silent()
