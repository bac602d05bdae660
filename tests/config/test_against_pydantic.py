"""Configurations are judged and constructed as pydantic would, and nothing but ConfigError escapes."""

import random
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from mlcli.config.loading.load import load_config, parse_config
from mlcli.config.loading.yaml import read_yaml
from mlcli.config.rules.values import expand_shorthand, find_issues
from mlcli.config.sections.config import ANY, Config, all_keys, find_keys
from mlcli.config.tree import Value, freeze
from mlcli.errors import ConfigError, Problem
from tests.config.pydantic_models import model_of
from tests.config.valid_configs import CONFIGS

NAMES = sorted({key.path[-1] for key in all_keys()} - {ANY})
WORDS = ["adam", "mse", "sgd", "auto", "none", "full", "csv", "x", "", "0.1", "f1", "step", "plateau", "pca", "group"]
SCALARS = st.sampled_from([None, True, False, 0, 1, -1, 2, 500, 2**62, 0.0, 0.5, 1.0, 1e300, *WORDS]) | st.text(
    max_size=3
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=3),
    max_leaves=6,
)


def mutated(value: Any, rng: random.Random, draw: Any) -> Any:
    """Copy with one place somewhere below replaced, renamed, removed or added."""
    if isinstance(value, dict) and value and rng.random() < 0.85:
        key = rng.choice(list(value))
        change = rng.choice(["inside"] * 6 + ["rename", "remove", "add"])
        if change == "inside":
            return {**value, key: mutated(value[key], rng, draw)}
        rest = value if change == "add" else {name: inner for name, inner in value.items() if name != key}
        return (
            rest
            if change == "remove"
            else {**rest, rng.choice([*NAMES, key + "s"]): value[key] if change == "rename" else draw(VALUES)}
        )
    if isinstance(value, list) and value and rng.random() < 0.7:
        index = rng.randrange(len(value))
        return [*value[:index], mutated(value[index], rng, draw), *value[index + 1 :]]
    return draw(VALUES)


def read_by_pydantic(value: dict[str, Value]) -> BaseModel | None:
    """None where pydantic refuses the value."""
    try:
        return model_of(Config).model_validate(value, strict=True)
    except ValidationError:
        return None


def assert_agreement(value: Any) -> None:
    """The same verdict, and the same configuration; its text tells 1 from 1.0."""
    written = expand_shorthand({"name": "c", **value})
    expected, issue = read_by_pydantic(written), next(find_issues(written), None)
    assert (expected is None) == (issue is not None)
    if expected is not None:
        config = Config.model_validate(written)
        assert repr(config) == repr(expected)
        assert config.model_dump_json() == expected.model_dump_json()
        assert config.model_dump(mode="json") == expected.model_dump(mode="json")


@pytest.mark.parametrize("text", CONFIGS.values(), ids=CONFIGS)
def test_valid_configurations_are_read_as_pydantic_reads_them(text: str) -> None:
    value = read_yaml(text, "c.yaml").value
    assert_agreement(value)
    assert read_by_pydantic(expand_shorthand({"name": "c", **value}))


@given(st.data())
@settings(max_examples=250, derandomize=True, deadline=None)
def test_changed_configurations_are_judged_as_pydantic_judges_them(data: st.DataObject) -> None:
    value = yaml.safe_load(data.draw(st.sampled_from(list(CONFIGS.values()))))
    rng = data.draw(st.randoms(use_true_random=False))
    for _ in range(data.draw(st.integers(1, 3))):
        value = mutated(value, rng, data.draw)
    if isinstance(value, dict):
        assert_agreement(freeze(value))


def problems_of(text: str, overrides: list[str]) -> tuple[Problem, ...]:
    try:
        parse_config(text, "c.yaml", "c", overrides)
    except ConfigError as error:
        return error.problems
    return ()


@given(st.data())
@settings(max_examples=200, derandomize=True, deadline=None)
def test_damaged_text_raises_nothing_but_config_errors(data: st.DataObject) -> None:
    text = data.draw(st.sampled_from(list(CONFIGS.values())))
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(text)))
        stop = data.draw(st.integers(start, min(len(text), start + 8)))
        text = (
            text[:start] + data.draw(st.text(max_size=4) | st.sampled_from("\t:[]{}-?&*!|>'\"%@#,\n\r\0")) + text[stop:]
        )
    overrides = data.draw(st.lists(st.text(max_size=8) | st.sampled_from([f"{name}=1" for name in NAMES]), max_size=1))
    problems = problems_of(text, overrides)
    assert all(problem.message and (problem.line or problem.source != "c.yaml") for problem in problems)


@given(st.binary(max_size=40))
@settings(max_examples=100, derandomize=True, deadline=None)
def test_damaged_files_raise_nothing_but_config_errors(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "c.yaml"
    path.write_bytes(content)
    with pytest.raises(ConfigError):
        load_config(path)


def test_every_key_is_listed() -> None:
    assert {key.names for key in find_keys(("optimizer", "momentum"))} == {("sgd",), ("rmsprop",), ("muon",)}
    assert len(find_keys(("optimizer", "lr"))) == 7
    assert find_keys(("features", "columns", "any name", "scale"))
    assert find_keys(("training", "early_stopping"))[0].is_section
    assert not find_keys(("optimizer", "lr"))[0].is_section
    assert not find_keys(("optimizer", "lrr"))
    assert all(key.field.description for key in all_keys() if key.path[-1] != "name")
