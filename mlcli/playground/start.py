"""What is played: from a name, a table or a configuration to a configuration of two inputs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mlcli.config.loading.dump import changes_of
from mlcli.config.loading.load import load_config, make_config, override_config, parse_config
from mlcli.config.sections.config import Config
from mlcli.config.sections.dataset import PlaygroundConfig
from mlcli.config.sections.rows import TableConfig
from mlcli.config.tree import JsonValue, Value
from mlcli.errors import DataError, UsageError
from mlcli.io.text import nearest
from mlcli.playground.controls import PLAYGROUND_SETS
from mlcli.playground.inputs import choose_columns, reduce_to
from mlcli.playground.state import PlayState
from mlcli.reporter import Reporter

DEFAULT_SET = "circle"
CONFIG_ENDINGS = (".yaml", ".yml")
# The Playground's own first settings. A fifth of the rows are test rows, which are not looked at here.
NETWORK: dict[str, Value] = {
    "model": {"hidden": (4, 2), "activation": "tanh"},
    "optimizer": {"name": "sgd", "lr": 0.03},
}
SPLIT: dict[str, Value] = {"test": 0.2, "valid": 0.4, "seed": 0}
BATCH_SIZE = 10


@dataclass(frozen=True)
class PlayRequest:
    """What the command line says.

    what         : name of a set, a table's file or a configuration's; none is DEFAULT_SET
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
        config = load_config(Path(what), asked.sets)
    else:
        config = _table_config(what, asked, reporter)
    return PlayState(*_playable(config, asked, reporter))


def playground_config(name: str, sets: Sequence[str] = ()) -> Config:
    """One of the Playground's sets with the Playground's first settings."""
    training: dict[str, Value] = {"training": {"batch_size": BATCH_SIZE}}
    tree: dict[str, Value] = {"dataset": {"name": name, "split": SPLIT}, **NETWORK, **training}
    return make_config(tree, name, name, sets)


def _playable(config: Config, asked: PlayRequest, reporter: Reporter) -> tuple[Config, tuple[str, str]]:
    """The configuration with two inputs, which only a key stops, and their columns."""
    dataset = config.dataset
    if isinstance(dataset, PlaygroundConfig):
        if any((asked.target, asked.x, asked.y)):
            raise UsageError(f"--target, --x and --y are for tables; {dataset.name} has x1, x2 and its label")
        columns = ("x1", "x2")
    elif isinstance(dataset, TableConfig):
        columns = choose_columns(config, asked.x, asked.y, reporter)
        config = reduce_to(config, columns)
    else:
        raise DataError(f"dataset.name: {dataset.name} cannot be played; a table of two number columns can")
    seed = config.seed if dataset.split.seed is None else dataset.split.seed
    # Only then can the first weights change while the rows stay.
    changes: dict[str, JsonValue] = {"dataset.split.seed": seed, "training.early_stopping": None}
    return override_config(config, changes), columns


def _table_config(path: str, asked: PlayRequest, reporter: Reporter) -> Config:
    """A table with the Playground's first network; its columns are judged as `mlcli init` does."""
    from mlcli.suggest.source import TableFound, find_source
    from mlcli.suggest.suggest_config import suggest_config

    if not Path(path).suffix and (near := nearest(path, PLAYGROUND_SETS)) and not Path(path).exists():
        raise UsageError(
            f"no set {path!r}; did you mean {near}? There are: {', '.join(PLAYGROUND_SETS)}; or name a CSV"
        )
    found = find_source(path)
    if not isinstance(found, TableFound):
        raise DataError(f"{path}: not a table of named columns; name a CSV, or one of {', '.join(PLAYGROUND_SETS)}")
    target = asked.target or _last_column(found.raw.columns, reporter)
    proposed = parse_config(suggest_config(found, target, "# play").text, path, "table")
    dataset = {**changes_of(proposed.dataset), "split": SPLIT}
    for name in (asked.x, asked.y):
        if name is not None and name in getattr(proposed.dataset, "drop", ()):
            dataset["drop"] = tuple(one for one in getattr(proposed.dataset, "drop", ()) if one != name)
    tree: dict[str, Value] = {"dataset": dataset, **NETWORK}
    return make_config(tree, path, Path(path).name.split(".")[0], asked.sets)


def _last_column(names: Sequence[str], reporter: Reporter) -> str:
    reporter.say(f"The last column, {names[-1]}, is taken as the target; --target names another")
    return names[-1]
