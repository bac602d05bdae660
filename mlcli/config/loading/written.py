"""A configuration as a bundle has it: complete, and written by mlcli."""

from __future__ import annotations

from mlcli.config.sections.config import Config
from mlcli.config.tree import JsonValue, dotted, freeze
from mlcli.errors import ArtefactError
from mlcli.io.typed import MisfitError


def config_from_json(value: JsonValue, place: object) -> Config:
    """The configuration of a JSON value; raises ArtefactError, naming `place` and the first wrong key."""
    try:
        return Config.model_validate(value)
    except MisfitError as error:
        from mlcli.config.rules.values import find_issues

        values = freeze(value)
        issue = next(find_issues(values), None) if isinstance(values, dict) else None
        wrong = f"{dotted(issue.path)}: {issue.message}" if issue else f"content: {error}"
        raise ArtefactError(f"{place}: {wrong}; restore the file or create it again") from None
