"""The configuration that was played, as a file that `mlcli train` runs."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path

from mlcli.config.dump import changes_of, dump_tree
from mlcli.config.load import override_config
from mlcli.config.optimizer import CosineSchedule, OneCycleSchedule
from mlcli.config.schema import Config
from mlcli.errors import UsageError
from mlcli.files import write_file
from mlcli.printable import printable


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
    return "".join(f"# {printable(line)}\n" for line in head) + dump_tree(tree)


def free_path(name: str) -> Path:
    """NAME.yaml here, or the first of NAME-2.yaml, NAME-3.yaml, … that is not there."""
    ends = itertools.chain([""], (f"-{number}" for number in itertools.count(2)))
    return next(path for end in ends if not _is_there(path := Path(f"{name}{end}.yaml")))


def refuse_existing(path: Path) -> None:
    """Raise UsageError where there is a file already."""
    if _is_there(path):
        raise UsageError(f"{path} exists, and nothing is written over; name another file with -o")


def write_played(path: Path, text: str) -> None:
    """Raises UsageError where there is a file already."""
    refuse_existing(path)
    write_file(path, text.encode())


def _is_there(path: Path) -> bool:
    return path.exists() or path.is_symlink()
