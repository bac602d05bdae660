"""A state read from disk is checked before it is used."""

import copy

import numpy as np
import pytest

from mlcli.config.sections.features import FeaturesConfig
from mlcli.errors import ArtefactError
from mlcli.features.fit import fit_features
from mlcli.features.fitted import FittedFeatures
from tests.features.feature_cases import EVERYTHING
from tests.features.feature_tables import binary_target, mixed_table, pictures


@pytest.fixture(scope="module")
def fitted():
    config = FeaturesConfig.model_validate(EVERYTHING)
    return fit_features(mixed_table(), config, 0, binary_target(), True).to_state()


@pytest.fixture(scope="module")
def fitted_pictures():
    return fit_features(pictures(), FeaturesConfig(), 0).to_state()


def put(path, value):
    def change(state, tensors):
        place = state
        for key in path[:-1]:
            place = place[key]
        place[path[-1]] = value

    return change


def replace(name, make):
    def change(state, tensors):
        tensors[name] = make(tensors[name])

    return change


def drop(name):
    return lambda state, tensors: tensors.pop(name)


def with_value(value):
    def make(tensor):
        changed = tensor.copy()
        changed.reshape(-1)[-1] = value
        return changed

    return make


DATED = {"name": "income", "parts": ["year"], "origin": "2024-01-31"}
DAMAGES = {
    "no plan": lambda state, tensors: state.pop("plan"),
    "extra key": put(["more"], 1),
    "unknown rows": put(["rows"], "trees"),
    "pictures": put(["rows"], "pictures"),
    "plan of text": put(["plan"], "x"),
    "report of numbers": put(["report"], {"rows": "many"}),
    "unknown kind": put(["plan", "columns", 0, "kind"], "colour"),
    "another kind": put(["plan", "columns", 0, "kind"], "date"),
    "dates of no column": lambda state, tensors: state["plan"].update(dates=[DATED]),
    "fewer columns": put(["plan", "columns"], []),
    "formula of code": put(["plan", "derived", "gap"], "__import__('os').system('true')"),
    "formula on nothing": put(["plan", "derived", "gap"], "nothing + 1"),
    "column called twice": put(["plan", "derived", "income"], "age"),
    "indicator beyond": put(["plan", "indicators"], [99]),
    "indicator below": put(["plan", "indicators"], [-1]),
    "power beyond": put(["plan", "power"], [99]),
    "two powers": put(["plan", "power"], [0, 1]),
    "no quantile": put(["plan", "quantile"], []),
    "unknown encode": put(["plan", "vocabularies", 0, "encode"], "binary"),
    "groups mixed": put(["plan", "vocabularies", 0, "encode"], "one_hot"),
    "category twice": put(["plan", "vocabularies", 2, "kept"], ["Oslo"] * 4),
    "fewer categories": put(["plan", "vocabularies", 0, "kept"], ["S"]),
    "foreign column": put(["plan", "vocabularies", 0, "name"], "elsewhere"),
    "no fill": drop("impute.fill"),
    "no centre": drop("scale.centre"),
    "no components": drop("project.components"),
    "no mean": drop("project.mean"),
    "extra tensor": lambda state, tensors: tensors.update(more=np.zeros(1)),
    "half precision": replace("impute.fill", lambda tensor: tensor.astype(np.float16)),
    "too short": replace("scale.spread", lambda tensor: tensor[:-1]),
    "too deep": replace("scale.spread", lambda tensor: tensor[None]),
    "fill is NaN": replace("impute.fill", with_value(float("nan"))),
    "target is infinite": replace("encode.target", with_value(float("inf"))),
    "spread is 0": replace("scale.spread", with_value(0.0)),
    "limit is negative": replace("scale.limit", with_value(-1.0)),
    "one quantile": replace("scale.quantile.quantiles", lambda tensor: tensor[:, :1]),
    "no share above": replace("scale.quantile.shares", lambda tensor: tensor[:, :1]),
    "position beyond": replace("select", with_value(10**6)),
    "position below": replace("select", lambda tensor: tensor - 10**6),
    "positions turned": replace("select", lambda tensor: tensor[::-1]),
    "positions are numbers": replace("select", lambda tensor: tensor.astype(np.float64)),
    "five folds": replace("encode.target", lambda tensor: tensor[:5]),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_table_features_are_refused(fitted, damage):
    state, tensors = copy.deepcopy(fitted)
    DAMAGES[damage](state, tensors)
    with pytest.raises(ArtefactError, match="fitted features"):
        FittedFeatures.from_state(state, tensors)


@pytest.mark.parametrize(
    "damage",
    [
        put(["rows"], "table"),
        put(["plan", "shape"], [4]),
        put(["plan", "shape"], [4, 0]),
        put(["plan", "shape"], [2, 2]),
        put(["plan", "shape"], "4x5"),
        replace("line", lambda tensor: tensor[:2]),
        replace("line", lambda tensor: tensor * np.array([1.0, 0.0, 1.0])),
        replace("select", lambda tensor: tensor + 1),
        drop("select"),
    ],
)
def test_damaged_picture_features_are_refused(fitted_pictures, damage):
    state, tensors = copy.deepcopy(fitted_pictures)
    damage(state, tensors)
    with pytest.raises(ArtefactError, match="fitted features"):
        FittedFeatures.from_state(state, tensors)


def test_the_state_shares_no_memory_with_the_features():
    features = fit_features(mixed_table(), FeaturesConfig(), 0)
    before = features.transform(mixed_table())
    tensors = features.to_state()[1]
    again = FittedFeatures.from_state(features.to_state()[0], tensors)
    for tensor in tensors.values():
        tensor.fill(1)
    assert np.array_equal(features.transform(mixed_table()), before)
    assert np.array_equal(again.transform(mixed_table()), before)
