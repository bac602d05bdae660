"""A configuration as a bundle has it: complete, and written by mlcli."""

from __future__ import annotations

from mlcli.config.rules.values import construct_config, find_issues
from mlcli.config.sections.config import Config
from mlcli.config.tree import JsonValue, freeze
from mlcli.io.json import from_json


def config_from_json(value: JsonValue, place: object) -> Config:
    """The configuration of a JSON value; raises ArtefactError, naming `place` and the first wrong key.

    Pydantic's validators, which take a hundred times as long to build as to do without, only tell what is wrong.
    """
    values = freeze(value)
    if isinstance(values, dict) and next(find_issues(values), None) is None:
        return construct_config(values)
    return from_json(Config, value, place)
