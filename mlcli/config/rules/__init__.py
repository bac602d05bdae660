"""Rules that join several keys, checked once every key is right by itself."""

from collections.abc import Iterator

from mlcli.config.fault import Fault
from mlcli.config.rules.columns import column_clashes
from mlcli.config.rules.source import source_clashes
from mlcli.config.rules.space import space_clashes
from mlcli.config.rules.split import split_clashes
from mlcli.config.rules.task import task_clashes
from mlcli.config.rules.training import training_clashes
from mlcli.config.schema import Config
from mlcli.config.tree import Value


def find_clashes(config: Config, written: dict[str, Value]) -> Iterator[Fault]:
    """Every pair of keys that cannot stand together; `written` is what the file says of the configuration."""
    yield from source_clashes(config.dataset)
    yield from split_clashes(config)
    yield from column_clashes(config)
    yield from task_clashes(config)
    yield from training_clashes(config)
    yield from space_clashes(config.improve, written)
