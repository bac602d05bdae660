"""What every section of the configuration shares: its base class, its keys, and the types of their values."""

import math
import operator
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field, JsonValue
from pydantic.config import JsonDict
from pydantic.fields import FieldInfo

from mlcli.config.tree import Value


class Section(BaseModel):
    """One section of the YAML file: frozen, and closed to unknown keys.

    Validators are built when they are first used (defer_build), and default sections are made without one
    (model_construct): an invalid file is explained before any is built.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, defer_build=True)


def key(default: Any, meaning: str, when: str = "", *, term: str = "", example: JsonValue = None, **limits: Any) -> Any:  # noqa: ANN401
    """A key of a section: pydantic's Field with what `explain`, the JSON Schema and the documentation say about it.

    default : ... where the key is required
    when    : when to change it
    term    : the course's word for it, in English and Spanish
    example : a value, where the key's type suggests no good one
    limits  : as Field takes them
    """
    extra: JsonDict = {"when": when, "term": term, "example": example}
    return Field(default, description=meaning, json_schema_extra=extra, **limits)


@dataclass(frozen=True)
class ErrorHint:
    """What an error message names as expected, where the types alone would describe it badly."""

    text: str


Share = Annotated[float, Field(ge=0.0, le=1.0)]
OpenShare = Annotated[float, Field(ge=0.0, lt=1.0)]
Positive = Annotated[float, Field(gt=0.0)]
NonNegative = Annotated[float, Field(ge=0.0)]
Count = Annotated[int, Field(ge=1)]
ColumnName = Annotated[str, Field(min_length=1)]


@dataclass(frozen=True)
class ValueType:
    """An annotation with the constraints on it."""

    annotation: Any
    constraints: tuple[Any, ...] = ()

    def options(self) -> tuple["ValueType", ...]:
        """The members of a union, flattened; itself when it is none."""
        if self.origin not in (Union, UnionType):
            return (self,)
        return tuple(option for member in self.arguments for option in type_of(member, self.constraints).options())

    def sections(self) -> tuple[type[Section], ...]:
        """The members that are sections."""
        return tuple(option.annotation for option in self.options() if option.is_section)

    @property
    def is_section(self) -> bool:
        """Whether it is one section."""
        return isinstance(self.annotation, type) and issubclass(self.annotation, Section)

    @property
    def origin(self) -> object:
        """tuple, dict or Literal for their parametrised forms, the type itself for the others."""
        return get_origin(self.annotation) or self.annotation

    @property
    def arguments(self) -> tuple[Any, ...]:
        """The arguments in the brackets of a parametrised type."""
        return get_args(self.annotation)

    @property
    def words(self) -> tuple[str, ...]:
        """The words of a Literal."""
        return self.arguments if self.origin is Literal else ()

    def items(self, length: int) -> tuple["ValueType", ...] | None:
        """Type of each item of a list of this length; None when the length does not fit."""
        if self.any_length:
            fits = (self.limit("min_length") or 0) <= length <= (self.limit("max_length") or length)
            return (type_of(self.arguments[0]),) * length if fits else None
        return tuple(map(type_of, self.arguments)) if len(self.arguments) == length else None

    @property
    def any_length(self) -> bool:
        """Whether it is a list of any number of items."""
        return self.arguments[1:] == (Ellipsis,)

    def key_and_value(self) -> tuple["ValueType", "ValueType"]:
        """Types of the keys and values of a dict."""
        key, value = self.arguments
        return type_of(key), type_of(value)

    def limit(self, name: str) -> float | None:
        """The ge, gt, le, lt, min_length or max_length constraint; None without."""
        return next((getattr(one, name) for one in self.constraints if getattr(one, name, None) is not None), None)

    @property
    def pattern(self) -> str | None:
        """The regular expression that a text must match as a whole; None without."""
        return next((one.pattern for one in self.constraints if getattr(one, "pattern", None)), None)

    def accepts(self, value: Value) -> bool:
        """Whether a scalar fits; the types are strict, except that a whole number is a number."""
        if self.annotation is NoneType:
            return value is None
        if self.words:
            return isinstance(value, str) and value in self.words
        wanted = (int, float) if self.annotation is float else (self.annotation,)
        if type(value) not in wanted:
            return False
        if isinstance(value, str):
            long_enough = len(value) >= (self.limit("min_length") or 0)
            return long_enough and (not self.pattern or bool(re.fullmatch(self.pattern, value)))
        return not isinstance(value, int | float) or (math.isfinite(value) and self._in_range(value))

    def _in_range(self, value: float) -> bool:
        checks = {"ge": operator.ge, "gt": operator.gt, "le": operator.le, "lt": operator.lt}
        limits = ((check, self.limit(name)) for name, check in checks.items())
        return all(limit is None or check(value, limit) for check, limit in limits)


def type_of(annotation: Any, constraints: Sequence[Any] = ()) -> ValueType:  # noqa: ANN401 (annotations have no type)
    """Type of an annotation, with the constraints that Annotated puts on it."""
    if get_origin(annotation) is not Annotated:
        return ValueType(annotation, tuple(constraints))
    inner, *more = get_args(annotation)
    nested = [one.metadata if isinstance(one, FieldInfo) else [one] for one in more]
    return type_of(inner, [*constraints, *chain.from_iterable(nested)])


def field_type(field: FieldInfo) -> ValueType:
    """Type of a section's key."""
    return type_of(field.annotation, field.metadata)


def names_of(section: type[Section]) -> tuple[str, ...]:
    """The values of `name` that select this section; empty when it has no such key."""
    field = section.model_fields.get("name")
    return field_type(field).words if field else ()
