"""Sections from values without faults, without pydantic's validators, whose building takes longer than all the rest.

Only for looking at what is right in a file that also has faults: a whole number where a number is expected stays one.
"""

from typing import Any

from mlcli.config.explain import chosen_section
from mlcli.config.fault import Fault
from mlcli.config.schema import Config
from mlcli.config.shape import Shape, field_shape
from mlcli.config.tree import Value


def construct_config(value: Value) -> Config:
    """Configuration of values in which `find_faults` finds nothing."""
    config = _construct(Shape(Config), value)
    assert isinstance(config, Config)
    return config


def _construct(shape: Shape, value: Value) -> object:
    ...
