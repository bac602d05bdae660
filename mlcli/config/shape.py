"""What a key may hold, read off the annotations of the sections."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic.fields import FieldInfo

from mlcli.config.base import Section
from mlcli.config.tree import Value


@dataclass(frozen=True)
class Shape:
    """An annotation with the constraints on it."""

    annotation: Any
    constraints: tuple[Any, ...] = ()

    def options(self) -> tuple["Shape", ...]:
        """The members of a union, flattened; itself when it is none."""
        if self.origin not in (Union, UnionType):
            return (self,)
        return tuple(option for member in self.arguments for option in shape_of(member, self.constraints).options())

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
        """What stands in the brackets of a parametrised type."""
        return get_args(self.annotation)

    @property
    def words(self) -> tuple[str, ...]:
        """The words of a Literal."""
        return self.arguments if self.origin is Literal else ()

    def items(self, length: int) -> tuple["Shape", ...] | None:
        """Shape of each item of a list of this length; None when the length does not fit."""
        if self.any_length:
            fits = (self.limit("min_length") or 0) <= length <= (self.limit("max_length") or length)
            return (shape_of(self.arguments[0]),) * length if fits else None
        return tuple(map(shape_of, self.arguments)) if len(self.arguments) == length else None

    @property
    def any_length(self) -> bool:
        """Whether it is a list of any number of items."""
        return self.arguments[1:] == (Ellipsis,)

    def key_and_value(self) -> tuple["Shape", "Shape"]:
        """Shapes of the keys and values of a dict."""
        key, value = self.arguments
        return shape_of(key), shape_of(value)

    def limit(self, name: str) -> float | None:
        """The ge, gt, le, lt, min_length or max_length constraint; None without."""
        return next((getattr(one, name) for one in self.constraints if getattr(one, name, None) is not None), None)

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
            return self._fits_text(value)
        return not isinstance(value, int | float) or (math.isfinite(value) and self._within(value))

    def _within(self, value: float) -> bool:
        ge, gt, le, lt = map(self.limit, ("ge", "gt", "le", "lt"))
        low = (ge is None or value >= ge) and (gt is None or value > gt)
        return low and (le is None or value <= le) and (lt is None or value < lt)

    def _fits_text(self, value: str) -> bool:
        pattern = next((one.pattern for one in self.constraints if getattr(one, "pattern", None)), None)
        return len(value) >= (self.limit("min_length") or 0) and (not pattern or bool(re.fullmatch(pattern, value)))


def shape_of(annotation: Any, constraints: Sequence[Any] = ()) -> Shape:  # noqa: ANN401 (annotations have no type)
    """Shape of an annotation, with the constraints that Annotated puts on it."""
    if get_origin(annotation) is not Annotated:
        return Shape(annotation, tuple(constraints))
    inner, *more = get_args(annotation)
    nested = [one.metadata if isinstance(one, FieldInfo) else [one] for one in more]
    return shape_of(inner, [*constraints, *chain.from_iterable(nested)])


def field_shape(field: FieldInfo) -> Shape:
    """Shape of a section's key."""
    return shape_of(field.annotation, field.metadata)


def names_of(section: type[Section]) -> tuple[str, ...]:
    """The values of `name` that select this section; empty when it has no such key."""
    field = section.model_fields.get("name")
    return field_shape(field).words if field else ()
