"""What a game is at one moment, as far as keys decide it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from mlcli.config.load import override_config
from mlcli.config.schema import Config
from mlcli.config.tree import JsonValue
from mlcli.errors import ConfigError

Wish = Literal["", "step", "write", "quit"]
Shown = Literal["training", "validation", "both", "none"]
Speed = Literal["slow", "normal", "fast", "fastest"]

# The rate that regularisation begins with.
FIRST_RATE = 0.003


@dataclass(frozen=True)
class PlayState:
    """The configuration that is played, and how it is looked at.

    columns : names of x1 and x2
    layer   : hidden layer whose units the keys change, from 0
    rate    : of regularisation, kept while there is none
    shown   : the rows drawn
    sharp   : whether the plane shows the answer alone, not how sure it is
    message : what the last key came to, where the screen does not show it
    wish    : what is to be done besides, once
    """

    config: Config
    columns: tuple[str, str]
    running: bool = False
    speed: Speed = "normal"
    layer: int = 0
    rate: float = FIRST_RATE
    shown: Shown = "training"
    sharp: bool = False
    helping: bool = False
    message: str = ""
    wish: Wish = ""

    def edit(self, changes: dict[str, JsonValue]) -> PlayState:
        """With other values at keys of the configuration; where they do not go together, the message says why."""
        try:
            return replace(self, config=override_config(self.config, changes))
        except ConfigError as error:
            return self.say(f"{error.problems[0].path}: {error.problems[0].message}")

    def say(self, message: str) -> PlayState:
        """With a message."""
        return replace(self, message=message)
