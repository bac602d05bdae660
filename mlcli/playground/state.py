"""The state of a game: how it starts from a set, a table or a configuration, and the configuration it writes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, get_args

from mlcli.config.loading.dump import changes_of, commented_keys, write_document
from mlcli.config.loading.load import load_config, make_config, override_config, parse_config
from mlcli.config.sections.config import Config
from mlcli.config.sections.dataset import PlaygroundConfig, PlaygroundSet
from mlcli.config.sections.optimizer import CosineSchedule, OneCycleSchedule
from mlcli.config.sections.rows import TableConfig
from mlcli.config.tree import JsonValue, Value
from mlcli.errors import ConfigError, DataError, UsageError
from mlcli.io.atomic import write_file
from mlcli.io.paths import refuse_overwriting
from mlcli.io.text import counted, nearest
from mlcli.playground.inputs import choose_columns, reduce_to
from mlcli.reporter import Reporter

Wish = Literal["", "step", "write", "quit"]
Shown = Literal["training", "validation", "both", "none"]
Speed = Literal["slow", "normal", "fast", "fastest"]

PLAYGROUND_SETS: tuple[PlaygroundSet, ...] = get_args(PlaygroundSet)
DEFAULT_SET = "circle"
CONFIG_ENDINGS = (".yaml", ".yml")
# The Playground's own first settings. A fifth of the rows are test rows, which are not looked at here.
NETWORK: dict[str, Value] = {
    "model": {"hidden": (4, 2), "activation": "tanh"},
    "optimizer": {"name": "sgd", "lr": 0.03},
}
SPLIT: dict[str, Value] = {"test": 0.2, "valid": 0.4, "seed": 0}
BATCH_SIZE = 10
# The first rate of regularisation.
FIRST_RATE = 0.003


@dataclass(frozen=True)
class PlayState:
    """The configuration that is played, and how it is drawn.

    columns : names of x1 and x2
    layer   : hidden layer whose units the keys change, from 0
    rate    : of regularisation, remembered while it is off
    shown   : the rows drawn
    sharp   : whether the plane shows predictions without their confidence
    message : the last key's effect, where the screen does not show it
    wish    : an action to carry out once
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
        """With other values at keys of the configuration; a combination that is invalid changes only the message."""
        try:
            return replace(self, config=override_config(self.config, changes))
        except ConfigError as error:
            return self.say(f"{error.problems[0].path}: {error.problems[0].message}")

    def say(self, message: str) -> PlayState:
        """With a message."""
        return replace(self, message=message)


@dataclass(frozen=True)
class PlayRequest:
    """The command's arguments.

    what         : name of a set, or path of a table or a configuration; None is DEFAULT_SET
    target, x, y : columns of a table
    sets         : --set overrides
    """

    what: str | None = None
    target: str | None = None
    x: str | None = None
    y: str | None = None
    sets: Sequence[str] = ()


def start_play(asked: PlayRequest, reporter: Reporter) -> PlayState:
    """The first state. Raises UsageError, ConfigError and DataError."""
    what = asked.what or DEFAULT_SET
    if what in PLAYGROUND_SETS:
        config = playground_config(what, asked.sets)
    elif what.endswith(CONFIG_ENDINGS):
        config = load_config(Path(what), asked.sets, reporter)
    else:
        config = _table_config(what, asked, reporter)
    return PlayState(*_playable(config, asked, reporter))


def playground_config(name: str, sets: Sequence[str] = ()) -> Config:
    """One of the Playground's sets with the Playground's first settings."""
    training: dict[str, Value] = {"training": {"batch_size": BATCH_SIZE}}
    tree: dict[str, Value] = {"dataset": {"name": name, "split": SPLIT}, **NETWORK, **training}
    return make_config(tree, name, name, sets)


def _playable(config: Config, asked: PlayRequest, reporter: Reporter) -> tuple[Config, tuple[str, str]]:
    """The configuration with two inputs and without early stopping, and the inputs' columns."""
    dataset = config.dataset
    if isinstance(dataset, PlaygroundConfig):
        if any((asked.target, asked.x, asked.y)):
            raise UsageError(f"--target, --x and --y are for tables; {dataset.name} has x1, x2 and its label")
        columns = ("x1", "x2")
    elif isinstance(dataset, TableConfig):
        columns = choose_columns(config, asked.x, asked.y, reporter)
        config = reduce_to(config, columns)
    else:
        raise DataError(f"dataset.name: {dataset.name} cannot be played; name a table with two number columns")
    seed = config.seed if dataset.split.seed is None else dataset.split.seed
    # With a seed of its own the split stays the same when the config's seed changes the first weights.
    changes: dict[str, JsonValue] = {"dataset.split.seed": seed, "training.early_stopping": None}
    return override_config(config, changes), columns


def _table_config(path: str, asked: PlayRequest, reporter: Reporter) -> Config:
    """A table with the Playground's first network; its columns are typed as `mlcli init` types them."""
    from mlcli.suggest.source import TableFound, find_source
    from mlcli.suggest.suggest_config import suggest_config

    if not Path(path).suffix and (near := nearest(path, PLAYGROUND_SETS)) and not Path(path).exists():
        raise UsageError(
            f"no set {path!r}; did you mean {near}? There are: {', '.join(PLAYGROUND_SETS)}; or name a CSV"
        )
    found = find_source(path)
    if not isinstance(found, TableFound):
        raise DataError(f"{path}: not a table of named columns; name a CSV, or one of {', '.join(PLAYGROUND_SETS)}")
    target = asked.target or found.raw.columns[-1]
    if not asked.target:
        reporter.say(f"The target is the last column, {target}; --target names another")
    proposed = parse_config(suggest_config(found, target, "# play").text, path, "table")
    dataset = {**changes_of(proposed.dataset), "split": SPLIT}
    for name in (asked.x, asked.y):
        if name is not None and name in getattr(proposed.dataset, "drop", ()):
            dataset["drop"] = tuple(one for one in getattr(proposed.dataset, "drop", ()) if one != name)
    tree: dict[str, Value] = {"dataset": dataset, **NETWORK}
    return make_config(tree, path, Path(path).name.split(".")[0], asked.sets)


def played_config(config: Config, epochs: int) -> Config:
    """With as many epochs as were played; a schedule that depends on the last epoch keeps its own number."""
    schedule = config.optimizer.schedule
    if not epochs or schedule.warmup or isinstance(schedule, CosineSchedule | OneCycleSchedule):
        return config
    return override_config(config, {"training.epochs": epochs})


def describe_played(config: Config, epochs: int, rates: Sequence[tuple[int, float]]) -> str:
    """YAML of the configuration's values other than defaults, which loads back to it.

    rates : learning rates, each with the epoch after which it was set
    """
    played = counted(epochs, "epoch")
    head = [f"Played with mlcli play for {played}; mlcli train gives the same numbers."]
    if len(rates) > 1:
        way = ", ".join(f"{rate:g} after epoch {epoch}" for epoch, rate in rates[1:])
        head = [
            f"Played with mlcli play for {played}, with a learning rate of {rates[0][1]:g}, and {way}.",
            "mlcli train uses the last learning rate from the start, so its numbers differ.",
        ]
    tree = {"name": config.name, **changes_of(played_config(config, epochs))}
    return write_document(head, commented_keys(tree, {}))


def write_played(path: Path, text: str) -> None:
    """Raises UsageError if the file exists."""
    refuse_overwriting(path)
    write_file(path, text.encode())
