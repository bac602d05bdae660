"""How the lower rooms speak to the user without printing."""

from collections.abc import Callable, Iterable
from typing import Protocol

# Sentences on what is being done, under the first as their heading; made up only where somebody asked for them.
Account = Callable[[], Iterable[str]]


class Reporter(Protocol):
    """Receives one-line messages and progress; the console shows them, tests collect them."""

    def say(self, text: str) -> None:
        """Tell what is being done, in one line."""

    def warn(self, text: str) -> None:
        """Tell what the user should not miss."""

    def explain(self, account: Account) -> None:
        """Tell what a step is, to who asked for it."""

    def progress(self, label: str, done: int, total: int | None) -> None:
        """Tell how far a long piece of work is; total is None when unknown."""


class Silent:
    """A Reporter that drops everything."""

    def say(self, text: str) -> None:
        """Drop the line."""

    def warn(self, text: str) -> None:
        """Drop the line."""

    def explain(self, account: Account) -> None:
        """Drop the account."""

    def progress(self, label: str, done: int, total: int | None) -> None:
        """Drop the figure."""
