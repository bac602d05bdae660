"""The check of where a search keeps its trials."""

from collections.abc import Iterator

from mlcli.config.rules.values import ConfigIssue
from mlcli.config.sections.training import ImproveConfig
from mlcli.io.text import hide_password


def check_storage(config: ImproveConfig) -> Iterator[ConfigIssue]:
    """A password in the URL, which would be copied into runs and proposals with the rest of the configuration."""
    if config.storage is not None and (shown := hide_password(config.storage)) != config.storage:
        message = f"{shown} has a password, which is not written in a configuration; export it, and write ${{NAME}}"
        yield ConfigIssue(("improve", "storage"), message)
