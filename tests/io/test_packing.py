import json
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mlcli.errors import ArtefactError
from mlcli.io.tensors import pack, unpack

SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
KEYS = st.integers() | st.text()
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner) | st.lists(inner).map(tuple) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=20,
)


def through_json(value):
    tensors = {}
    text = json.dumps(pack(value, tensors), allow_nan=False)
    return unpack(json.loads(text), tensors, "here")


def describe(value):
    """A text in which values differ whenever a type, a bit or an order does."""
    match value:
        case torch.Tensor():
            return f"{value.dtype}{tuple(value.shape)}{value.contiguous().view(-1).view(torch.uint8).tolist()}"
        case dict():
            return "{" + ",".join(f"{describe(key)}:{describe(item)}" for key, item in value.items()) + "}"
        case list() | tuple():
            return f"{type(value).__name__}({','.join(map(describe, value))})"
        case float():
            return value.hex()
        case _:
            return f"{type(value).__name__} {value!r}"


@settings(deadline=None, max_examples=50)
@given(st.dictionaries(KEYS, VALUES, max_size=4))
def test_every_type_and_bit_comes_back(value):
    assert describe(through_json(value)) == describe(value)


def test_tensors_are_told_apart_by_place_and_keys_by_type():
    value = {0: torch.zeros(2), "0": torch.ones(2), "a.b": torch.tensor(1), "a": {"b": torch.tensor(2)}, "": None}
    assert describe(through_json(value)) == describe(value)


@pytest.mark.parametrize("tag", ["tuple", "dict", "float", "tensor"])
def test_the_users_own_keys_are_no_tags(tag):
    value = {tag: {tag: [1, "nan"]}}
    assert describe(through_json(value)) == describe(value)


def test_nothing_that_json_lacks_is_written():
    assert "NaN" not in json.dumps(pack({"x": math.nan, "y": [math.inf]}, {}))


@pytest.mark.parametrize("value", [{"x": object()}, {"x": {1, 2}}, {None: 1}, {True: 1}, {(1, 2): 3}, {"x": b"bytes"}])
def test_what_cannot_be_stored_is_refused_when_written(value):
    with pytest.raises(TypeError):
        pack(value, {})


@pytest.mark.parametrize(
    "lie",
    [
        {},
        [],
        {"dict": 3},
        {"dict": [[1]]},
        {"dict": [[1, 2, 3]]},
        {"dict": [[[1], 2]]},
        {"dict": [["x", {"tensor": "absent"}]]},
        {"dict": [["x", {"tensor": ["t"]}]]},
        {"dict": [["x", {"float": "one"}]]},
        {"dict": [["x", {"float": 1}]]},
        {"dict": [["x", {"tuple": 1}]]},
        {"dict": [["x", {"tuple": [], "dict": []}]]},
        {"dict": [["x", {"class": "os.system"}]]},
        {"dict": [["x", {}]]},
    ],
)
def test_lies(lie):
    with pytest.raises(ArtefactError, match=r"^here: "):
        unpack(lie, {"t": torch.zeros(1)}, "here")


def test_depth_without_end():
    deep = []
    for _ in range(5000):
        deep = [deep]
    with pytest.raises(ArtefactError, match="RecursionError"):
        unpack({"dict": [["x", deep]]}, {}, "here")
