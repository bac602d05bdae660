"""Sections are frozen values, equal by their keys, and are dumped as pydantic dumps its models."""

import pytest
from pydantic import TypeAdapter, ValidationError

from mlcli.config.sections.base import Constraint, Section, key
from mlcli.config.sections.dataset import CsvConfig, DatasetConfig
from mlcli.config.sections.model import AutoLoss, MlpConfig, TabmConfig
from mlcli.config.sections.rows import SplitConfig
from mlcli.io.typed import MisfitError


class Inner(Section):
    ratio: float = key(0.5, "A share.", ge=0, le=1)


class Outer(Section):
    name: str
    inner: Inner = key(Inner.model_construct(), "More.")
    items: tuple[int, ...] = key((), "Numbers.", max_length=2)


def test_the_keys_of_a_class_come_before_those_of_the_classes_made_of_it():
    inherited, own = ["reduction", "target", "class_weights"], ["name", "label_smoothing", "correct_probabilities"]
    assert list(AutoLoss.model_fields) == [*inherited, *own]
    assert TabmConfig.model_fields["hidden"].default == (128, 128)
    assert MlpConfig.model_fields["hidden"].default == (64, 32)
    assert Outer.model_fields["items"].type.constraints == (Constraint(max_length=2),)


def test_a_section_is_made_of_values_that_fit():
    made = Outer(name="a", inner={"ratio": 1}, items=[1, 2])
    assert made == Outer(name="a", inner=Inner(ratio=1.0), items=(1, 2))
    assert hash(made) == hash(made.model_copy(update={}))
    assert made != made.model_copy(update={"items": ()})
    assert repr(made) == "Outer(name='a', inner=Inner(ratio=1.0), items=(1, 2))"
    assert made.model_dump() == {"name": "a", "inner": {"ratio": 1.0}, "items": (1, 2)}
    assert made.model_dump(mode="json", include={"items"}) == {"items": [1, 2]}
    assert made.model_dump(exclude={"items", "inner"}) == {"name": "a"}
    assert made.model_dump_json() == '{"name":"a","inner":{"ratio":1.0},"items":[1,2]}'


@pytest.mark.parametrize(
    ("values", "wrong"),
    [
        ({}, "lacks a key"),
        ({"name": "a", "more": 1}, "no key 'more'"),
        ({"name": 1}, "name: "),
        ({"name": "a", "inner": {"ratio": 2}}, "inner: ratio: "),
        ({"name": "a", "items": [1, 2, 3]}, "items: "),
    ],
)
def test_other_values_are_refused(values, wrong):
    with pytest.raises(MisfitError, match=wrong):
        Outer.model_validate(values)


def test_a_section_is_frozen():
    made = Outer(name="a")
    with pytest.raises(AttributeError, match="frozen"):
        made.name = "b"
    with pytest.raises(AttributeError, match="frozen"):
        del made.name
    assert made.inner is Outer(name="b").inner


def test_pydantic_reads_sections_as_they_read_themselves():
    adapter = TypeAdapter(DatasetConfig)
    values = {"name": "csv", "path": "a.csv", "target": "y", "split": {"test": 0.1}}
    assert adapter.validate_python(values) == CsvConfig(
        name="csv", path="a.csv", target="y", split=SplitConfig(test=0.1)
    )
    with pytest.raises(ValidationError, match="delimiter"):
        adapter.validate_python({**values, "delimiter": "?"})
