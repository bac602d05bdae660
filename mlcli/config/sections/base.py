"""What every section of the configuration shares: its base class, its keys, and the types of their values."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from types import UnionType
from typing import Annotated, Any, ClassVar, Literal, Self, Union, dataclass_transform, get_args, get_origin

from mlcli.config.tree import JsonValue, Value
from mlcli.io.typed import MisfitError, fits, read_as

REQUIRED: Any = ...
Mode = Literal["python", "json"]


@dataclass(frozen=True)
class ErrorHint:
    """What an error message names as expected, where the types alone would describe it badly."""

    text: str


@dataclass(frozen=True)
class Constraint:
    """What a number, a text or a list must keep to: bounds, lengths, a regular expression of the whole text."""

    ge: float | None = None
    gt: float | None = None
    le: float | None = None
    lt: float | None = None
    min_length: int | None = None
    max_length: int | None = None
    pattern: str | None = None

    def allows(self, value: object) -> bool:
        """Whether a value keeps to those that are for its type."""
        match value:
            case str():
                return self.allows_length(len(value)) and (not self.pattern or _matches(self.pattern, value))
            case tuple():
                return self.allows_length(len(value))
            case int() | float() if not isinstance(value, bool):
                return (
                    (self.ge is None or value >= self.ge)
                    and (self.gt is None or value > self.gt)
                    and (self.le is None or value <= self.le)
                    and (self.lt is None or value < self.lt)
                )
        return True

    def allows_length(self, length: int) -> bool:
        """Whether a text or a list may be so long."""
        return (self.min_length or 0) <= length and (self.max_length is None or length <= self.max_length)


def _matches(pattern: str, text: str) -> bool:
    import re

    return re.fullmatch(pattern, text) is not None


Share = Annotated[float, Constraint(ge=0.0, le=1.0)]
OpenShare = Annotated[float, Constraint(ge=0.0, lt=1.0)]
Positive = Annotated[float, Constraint(gt=0.0)]
NonNegative = Annotated[float, Constraint(ge=0.0)]
Count = Annotated[int, Constraint(ge=1)]
ColumnName = Annotated[str, Constraint(min_length=1)]


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

    def sections(self) -> tuple[type["Section"], ...]:
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
            fit = all(one.allows_length(length) for one in self.constraints if isinstance(one, Constraint))
            return (type_of(self.arguments[0]),) * length if fit else None
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
        return fits(self._whole, value)

    def read(self, value: object) -> Any:  # noqa: ANN401
        """A plain value, or sections made already, as this type has it; raises MisfitError."""
        return read_as(self._whole, value)

    @cached_property
    def _whole(self) -> Any:  # noqa: ANN401
        return Annotated[self.annotation, *self.constraints] if self.constraints else self.annotation


def type_of(annotation: Any, constraints: Sequence[Any] = ()) -> ValueType:  # noqa: ANN401 (annotations have no type)
    """Type of an annotation, with the constraints that Annotated puts on it."""
    if get_origin(annotation) is not Annotated:
        return ValueType(annotation, tuple(constraints))
    inner, *more = get_args(annotation)
    return type_of(inner, [*constraints, *more])


@dataclass(frozen=True, eq=False)
class KeyField:
    """What a section says of one of its keys: see `key`."""

    default: Any
    description: str = ""
    when: str = ""
    term: str = ""
    example: JsonValue = None
    limits: tuple[Constraint, ...] = ()
    type: ValueType = ValueType(None)

    @property
    def is_required(self) -> bool:
        """Whether it has no default."""
        return self.default is REQUIRED


def key(default: Any, meaning: str, when: str = "", *, term: str = "", example: JsonValue = None, **limits: Any) -> Any:  # noqa: ANN401
    """A key of a section, with what `explain`, the JSON Schema and the documentation say about it.

    default : ... where the key is required
    when    : when to change it
    term    : the course's word for it, in English and Spanish
    example : a value, where the key's type suggests no good one
    limits  : those of the value, as `Constraint` has them
    """
    return KeyField(default, meaning, when, term, example, (Constraint(**limits),) if limits else ())


@dataclass_transform(kw_only_default=True, frozen_default=True)
class Section:
    """One section of the YAML file: frozen, and closed to unknown keys; made of values that fit its keys.

    Its methods are those of pydantic's models. It does without pydantic, whose import takes a fifth of what the
    prediction of one row may take, and the making of so many models as long again.
    """

    model_fields: ClassVar[dict[str, KeyField]] = {}
    _defaults: ClassVar[dict[str, Any]] = {}

    def __init_subclass__(cls) -> None:
        fields = {name: field for base in reversed(cls.__mro__) for name, field in _fields_of(base).items()}
        for name, annotation in cls.__annotations__.items():
            given = cls.__dict__.get(name, REQUIRED)
            field = given if isinstance(given, KeyField) else KeyField(given)
            fields[name] = replace(field, type=type_of(annotation, field.limits))
            if name in cls.__dict__:
                delattr(cls, name)
        cls.model_fields, cls._defaults = fields, {name: field.default for name, field in fields.items()}

    def __init__(self, **values: Any) -> None:  # noqa: ANN401 (as its keys say)
        fields = self.model_fields
        for name, value in values.items():
            if name not in fields:
                raise MisfitError(f"{type(self).__name__} has no key {name!r}")
            try:
                values[name] = fields[name].type.read(value)
            except MisfitError as error:
                raise MisfitError(f"{name}: {error}") from None
        self.__dict__.update(self._defaults | values)
        if REQUIRED in self.__dict__.values():
            raise MisfitError(f"{type(self).__name__} lacks a key that it requires")

    @classmethod
    def model_construct(cls, **values: Any) -> Self:  # noqa: ANN401
        """A section of values that fit, which are not looked at."""
        section = cls.__new__(cls)
        section.__dict__.update(cls._defaults | values)
        return section

    @classmethod
    def model_validate(cls, value: object) -> Self:
        """The section that plain values describe; raises MisfitError."""
        if isinstance(value, cls):
            return value
        if not isinstance(value, dict):
            raise MisfitError(f"{value!r:.60} is no section")
        return cls(**value)

    def model_copy(self, *, update: dict[str, Any]) -> Self:
        """A copy with other values, which are not looked at."""
        return self.model_construct(**vars(self) | update)

    def model_dump(
        self,
        *,
        mode: Literal["python", "json"] = "python",
        include: Collection[str] = (),
        exclude: Collection[str] = (),
    ) -> dict[str, Any]:
        """The values as dicts, tuples as lists in mode json; of the keys to include, or all, but those to exclude."""
        chosen = {name: value for name, value in vars(self).items() if not include or name in include}
        return {name: _plain(value, mode) for name, value in chosen.items() if name not in exclude}

    def model_dump_json(self) -> str:
        """The values as JSON without blanks, numbers as pydantic writes them: fingerprints are made of it."""
        from pydantic_core import to_json

        return to_json(self.model_dump()).decode()

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> Any:  # noqa: ANN401
        """How pydantic reads it."""
        from pydantic_core.core_schema import no_info_plain_validator_function

        return no_info_plain_validator_function(cls.model_validate)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"{type(self).__name__} is frozen; {name} is not set")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"{type(self).__name__} is frozen; {name} is not deleted")

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and vars(self) == vars(other)

    def __hash__(self) -> int:
        return hash((type(self), *vars(self).values()))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in vars(self).items())})"


def _fields_of(base: type) -> dict[str, KeyField]:
    return getattr(base, "model_fields", {})


def _plain(value: object, mode: Mode) -> object:
    match value:
        case Section():
            return value.model_dump(mode=mode)
        case dict():
            return {name: _plain(inner, mode) for name, inner in value.items()}
        case tuple():
            return (list if mode == "json" else tuple)(_plain(inner, mode) for inner in value)
    return value


def names_of(section: type[Section]) -> tuple[str, ...]:
    """The values of `name` that select this section; empty when it has no such key."""
    field = section.model_fields.get("name")
    return field.type.words if field else ()
