"""What a game is at one moment, and the configuration that it writes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from mlcli.config.loading.dump import changes_of, commented_keys, write_document
from mlcli.config.loading.load import override_config
from mlcli.config.sections.config import Config
from mlcli.config.sections.model import CosineSchedule, OneCycleSchedule
from mlcli.config.tree import JsonValue
from mlcli.errors import ConfigError
from mlcli.io.atomic import write_file
from mlcli.io.paths import refuse_overwriting

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


def played_config(config: Config, epochs: int) -> Config:
    """With as many epochs as were played; a schedule that leads to a last epoch keeps its own number."""
    schedule = config.optimizer.schedule
    if not epochs or schedule.warmup or isinstance(schedule, CosineSchedule | OneCycleSchedule):
        return config
    return override_config(config, {"training.epochs": epochs})


def describe_played(config: Config, epochs: int, rates: Sequence[tuple[int, float]]) -> str:
    """YAML of what the configuration says beyond its defaults, which loads back to it.

    rates : learning rates, each with the epoch that it came after
    """
    head = [f"Played with mlcli play for {epochs:,} epochs; mlcli train comes to the same numbers."]
    if len(rates) > 1:
        way = ", ".join(f"{rate:g} after epoch {epoch}" for epoch, rate in rates[1:])
        head = [
            f"Played with mlcli play for {epochs:,} epochs, with a learning rate of {rates[0][1]:g}, and {way}.",
            "mlcli train has the last one from the start, so its numbers are others.",
        ]
    tree = {"name": config.name, **changes_of(played_config(config, epochs))}
    return write_document(head, commented_keys(tree, {}))


def write_played(path: Path, text: str) -> None:
    """Raises UsageError where there is a file already."""
    refuse_overwriting(path)
    write_file(path, text.encode())
