"""The sections as models of pydantic, which judge and construct configurations independently of mlcli's own reading."""

import operator
from functools import cache, reduce
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, create_model

from mlcli.config.sections.base import Constraint, Section, ValueType, names_of, type_of


@cache
def model_of(section: type[Section]) -> type[BaseModel]:
    """The model with the keys of a section."""
    config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
    fields: dict[str, Any] = {
        name: (_annotation(field.type), Field(_default(field.default))) for name, field in section.model_fields.items()
    }
    return create_model(section.__name__, __config__=config, **fields)


def _default(value: object) -> Any:
    return model_of(type(value)).model_construct(**_values(value)) if isinstance(value, Section) else value


def _values(section: Section) -> dict[str, Any]:
    return {name: _default(value) for name, value in vars(section).items()}


def _annotation(expected: ValueType) -> Any:
    options = expected.options()
    if len(options) == 1:
        return _option(options[0])
    if len(expected.sections()) > 1 and all(map(names_of, expected.sections())):
        by_name = [
            Annotated[_option(one), Tag(name)] for one in options if one.is_section for name in names_of(one.annotation)
        ]
        named: Any = Annotated[reduce(operator.or_, by_name), Discriminator(_name)]
        others = [_option(one) for one in options if not one.is_section]
        return reduce(operator.or_, [named, *others])
    return reduce(operator.or_, map(_option, options))


def _name(value: Any) -> Any:
    return value.get("name") if isinstance(value, dict) else getattr(value, "name", None)


def _option(option: ValueType) -> Any:
    if option.is_section:
        return model_of(option.annotation)
    arguments = option.arguments
    if option.origin in (tuple, dict):
        inner = tuple(one if one is Ellipsis else _annotation(type_of(one)) for one in arguments)
        kind = (tuple if option.origin is tuple else dict)[inner]  # type: ignore[index]
    else:
        kind = option.annotation
    limits = [
        Field(**{name: limit for name, limit in vars(one).items() if limit is not None})
        for one in option.constraints
        if isinstance(one, Constraint)
    ]
    return Annotated[kind, *limits] if limits and kind is not type(None) else kind
