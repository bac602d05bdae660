"""Plain values as the types that annotations name; what fits is what pydantic takes in strict mode."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal, NotRequired

import pytest
from pydantic import TypeAdapter, ValidationError
from typing_extensions import TypedDict

from mlcli.config.sections.base import Constraint
from mlcli.io.json import from_json
from mlcli.io.typed import MisfitError, fits, read_as


@dataclass(frozen=True)
class Point:
    x: float
    name: str = "p"


@dataclass(frozen=True)
class Line:
    points: tuple[Point, ...]
    closed: bool = False
    facts: dict[str, Any] = field(default_factory=dict)


class Summary(TypedDict):
    mean: float
    span: NotRequired[list[str] | None]


POINT = {"x": 1, "name": "a"}


@pytest.mark.parametrize(
    ("kind", "value", "read"),
    [
        (int, 3, 3),
        (float, 3, 3.0),
        (float | int, 3, 3.0),
        (int | float, 3, 3),
        (int | None, None, None),
        (Literal["a", 1], 1, 1),
        (tuple[float, ...], [1, 2.5], (1.0, 2.5)),
        (tuple[int, str], [1, "a"], (1, "a")),
        (list[tuple[int, ...]], [[1], []], [(1,), ()]),
        (dict[str, float], {"a": 1}, {"a": 1.0}),
        (dict, {"a": [1]}, {"a": [1]}),
        (Any, [1, {"a": None}], [1, {"a": None}]),
        (Annotated[int, Constraint(ge=1, lt=5)], 4, 4),
        (Annotated[tuple[int, ...], Constraint(min_length=1)], [0], (0,)),
        (Annotated[str, Constraint(pattern="a+")], "aa", "aa"),
        (Point, POINT, Point(1.0, "a")),
        (Point, {"x": 2, "later": 0}, Point(2.0)),
        (Summary, {"later": 0, "mean": 2}, {"mean": 2.0}),
        (Summary, {"mean": 1.5, "span": ["a"]}, {"mean": 1.5, "span": ["a"]}),
        (Line, {"points": [POINT], "facts": {"n": [1]}}, Line((Point(1.0, "a"),), facts={"n": [1]})),
    ],
)
def test_what_fits(kind, value, read):
    found = read_as(kind, value)
    assert (found, repr(found)) == (read, repr(read))


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (int, True),
        (int, 3.0),
        (int, "3"),
        (float, True),
        (float, "nan"),
        (float, 10**400),
        (float, float("inf")),
        (str, 1),
        (bool, 1),
        (type(None), False),
        (int | str, None),
        (Literal["a", 1], True),
        (tuple[int, str], [1]),
        (tuple[int, ...], "12"),
        (dict[str, int], {1: 1}),
        (dict[str, int], [1]),
        (Annotated[int, Constraint(gt=1)], 1),
        (Annotated[str, Constraint(max_length=1)], "ab"),
        (Annotated[str, Constraint(pattern="a+")], "aab"),
        (Point, {"name": "a"}),
        (Point, [1, "a"]),
        (Line, {"points": [{"x": None}]}),
        (Summary, {"span": None}),
        (Summary, {"mean": 1.0, "span": "a"}),
        (Summary, [1.0]),
    ],
)
def test_what_is_a_misfit(kind, value):
    assert not fits(kind, value)
    with pytest.raises(MisfitError):
        read_as(kind, value)


@pytest.mark.parametrize("value", [None, True, 0, 1, -1, 2.5, 1e300, "", "a", [], [1], [1.0, 2], {}, {"a": 1}])
@pytest.mark.parametrize(
    "kind",
    [int, float, str, bool, int | None, tuple[int, ...], list[float], dict[str, int], Literal["a", "b"]],
    ids=str,
)
def test_the_verdict_is_that_of_pydantic_on_json(kind, value):
    try:
        expected = TypeAdapter(kind).validate_json(TypeAdapter(Any).dump_json(value), strict=True)
    except ValidationError:
        assert not fits(kind, value)
    else:
        assert repr(read_as(kind, value)) == repr(expected)


def test_other_types_and_texts_as_numbers_are_read_by_pydantic():
    assert from_json(Path, "a/b", "place") == Path("a/b")
    assert from_json(dict[str, float], {"a": "nan"}, "place")["a"] != 0
    assert not fits(Mapping[str, int], {"a": 1})
    assert from_json(Mapping[str, int], {"a": 1}, "place") == {"a": 1}
