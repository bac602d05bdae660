"""How the lower rooms speak to the user without printing."""

from typing import Protocol


class Reporter(Protocol):
    """Receives one-line messages and progress; the console shows them, tests collect them."""

    def say(self, text: str) -> None:
        """Tell what is being done, in one line."""

    def warn(self, text: str) -> None:
        """Tell what the user should not miss."""

    def progress(self, label: str, done: int, total: int | None) -> None:
        """Tell how far a long piece of work is; total is None when unknown."""


class Silent:
    """A Reporter that drops everything."""

    def say(self, text: str) -> None:
        """Drop the line."""

    def warn(self, text: str) -> None:
        """Drop the line."""

    def progress(self, label: str, done: int, total: int | None) -> None:
        """Drop the figure."""
