"""Sections from values without faults, made without pydantic's validators, which take longer to build than all else.

Only for judging a file that may have other faults: nothing is converted, so a whole number stays one.
"""

from typing import Any

from mlcli.config.base import Section
from mlcli.config.explain import chosen_section
from mlcli.config.fault import Fault
from mlcli.config.schema import Config
from mlcli.config.shape import Shape, field_shape
from mlcli.config.tree import Value


def construct_config(value: dict[str, Value]) -> Config:
    """Configuration of values in which `find_faults` finds nothing."""
    return Config.model_construct(**_fields(Config, value))


def _fields(section: type[Section], value: dict[str, Value]) -> dict[str, Any]:
    fields = section.model_fields
    return {key: _construct(field_shape(fields[key]), inner) for key, inner in value.items()}


def _construct(shape: Shape, value: Value) -> object:
    if not isinstance(value, dict):
        return value
    if shape.sections():
        section = chosen_section(shape, value, ())
        return value if isinstance(section, Fault) else section.model_construct(**_fields(section, value))
    inner = next(option.key_and_value()[1] for option in shape.options() if option.origin is dict)
    return {key: _construct(inner, one) for key, one in value.items()}
