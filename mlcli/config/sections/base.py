"""What every section of the configuration shares."""

from dataclasses import dataclass
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, JsonValue
from pydantic.config import JsonDict


class Section(BaseModel):
    """One section of the YAML file: frozen, and closed to unknown keys.

    Validators are built when they are first used (defer_build), and default sections are made without one
    (model_construct): an invalid file is explained before any is built.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, defer_build=True)


def advice(change: str = "", *, term: str = "", example: JsonValue = None) -> JsonDict:
    """What a key's Field says in addition to its description.

    change  : when to change it
    term    : the course's word for it, in English and Spanish
    example : a value, where the key's type suggests no good one
    """
    return {"change": change, "term": term, "example": example}


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
