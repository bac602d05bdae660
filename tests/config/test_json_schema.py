"""The JSON Schema says of a configuration what the loader says."""

import json

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft7Validator

from mlcli.config.loading.yaml import read_yaml
from mlcli.config.reference.json_schema import config_schema, schema_text
from mlcli.config.rules.values import expand_shorthand, find_issues
from mlcli.config.sections.config import all_keys
from mlcli.config.tree import freeze
from mlcli.errors import ConfigError
from tests.config.test_against_pydantic import mutated
from tests.config.test_bad_configs import MISSING, NAMES, UNKNOWN_KEYS, VALUES
from tests.config.valid_configs import CONFIGS
from tests.conftest import CONFIGS as FOLDER

SCHEMA = config_schema()
VALIDATOR = Draft7Validator(SCHEMA)
FILES = {path.name: path.read_text() for path in sorted(FOLDER.glob("*.yaml"))}


def plain(value):
    """Tuples as lists, as a JSON document has them."""
    return json.loads(json.dumps(value))


def as_integers(value):
    """The same with 1.0 as 1: JSON Schema holds them to be one number."""
    if isinstance(value, dict):
        return {key: as_integers(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [as_integers(inner) for inner in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def is_accepted(value):
    return next(find_issues(expand_shorthand({"name": "c", **freeze(value)})), None) is None


def test_it_is_a_schema_of_draft_7():
    Draft7Validator.check_schema(SCHEMA)
    assert json.loads(schema_text()) == SCHEMA


@pytest.mark.parametrize("text", [*FILES.values(), *CONFIGS.values()], ids=[*FILES, *CONFIGS])
def test_what_the_loader_accepts_is_valid(text):
    assert [error.message for error in VALIDATOR.iter_errors(plain(read_yaml(text, "c.yaml").value))] == []


BAD = [row[0] for row in (*UNKNOWN_KEYS, *NAMES, *MISSING, *VALUES)]


def test_mistakes_are_invalid():
    passed = []
    for text in BAD:
        try:
            value = plain(read_yaml(text, "c.yaml").value)
        except ConfigError:
            continue
        if not is_accepted(value) and VALIDATOR.is_valid(value):
            passed.append((text, is_accepted(as_integers(value))))
    assert [text for text, only_whole in passed if not only_whole] == []
    assert len(passed) < len(BAD) / 10


@given(st.data())
@settings(max_examples=60, derandomize=True, deadline=None)
def test_it_agrees_with_the_loader_on_changed_configurations(data):
    value = yaml.safe_load(data.draw(st.sampled_from([*CONFIGS.values(), *FILES.values()])))
    rng = data.draw(st.randoms(use_true_random=False))
    for _ in range(data.draw(st.integers(1, 3))):
        value = mutated(value, rng, data.draw)
    if isinstance(value, dict):
        value = json.loads(json.dumps({str(key): inner for key, inner in value.items()}))
        valid = VALIDATOR.is_valid(value)
        assert valid or not is_accepted(value)
        assert is_accepted(as_integers(value)) or not valid


def test_every_key_is_described_for_the_editor():
    lacking = [
        f"{name}.{key}"
        for name, node in SCHEMA["definitions"].items()
        for key, inner in node.get("properties", {}).items()
        if key != "name" and not inner.get("description")
    ]
    assert lacking == []
    assert {key.path[0] for key in all_keys()} == set(SCHEMA["properties"])
