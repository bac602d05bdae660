"""What every section of the configuration shares."""

from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, JsonValue
from pydantic.config import JsonDict


class Section(BaseModel):
    """One section of the YAML file: frozen, and closed to unknown keys.

    Validators are built when they are first used (defer_build), and default sections are made without one
    (model_construct): an invalid file is explained before any is built.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, defer_build=True)


def key(default: Any, meaning: str, when: str = "", *, term: str = "", example: JsonValue = None, **limits: Any) -> Any:  # noqa: ANN401
    """A key of a section: pydantic's Field with what `explain`, the JSON Schema and the documentation say of it.

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
    """What an error message says must be there, where the types alone would tell it badly."""

    text: str


Share = Annotated[float, Field(ge=0.0, le=1.0)]
OpenShare = Annotated[float, Field(ge=0.0, lt=1.0)]
Positive = Annotated[float, Field(gt=0.0)]
NonNegative = Annotated[float, Field(ge=0.0)]
Count = Annotated[int, Field(ge=1)]
ColumnName = Annotated[str, Field(min_length=1)]
