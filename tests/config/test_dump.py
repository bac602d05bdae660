import pytest

from mlcli.config.loading.dump import UNSET, differing_keys, show_setting
from mlcli.config.loading.load import parse_config

BASE = "dataset: {name: csv, path: t.csv, target: y}\n"


def differing(*texts):
    configs = [parse_config(BASE + text, "t.yaml", "t") for text in texts]
    return {one.key: one.values for one in differing_keys(configs)}


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("", "", {}),
        ("seed: 1", "seed: 2", {"seed": (1, 2)}),
        ("optimizer: {name: adam, lr: 0.1}", "optimizer: {name: adam, lr: 1e-1}", {}),
        ("model: {hidden: [4]}", "model: {hidden: []}", {"model.hidden": ((4,), ())}),
        # beta1 and momentum are at their defaults, so that the optimizer's name says it all; the rates differ
        ("optimizer: adam", "optimizer: sgd", {"optimizer.name": ("adam", "sgd"), "optimizer.lr": (0.001, 0.01)}),
        (
            "optimizer: {name: sgd, lr: 0.1}",
            "optimizer: {name: rmsprop, lr: 0.1, momentum: 0.9, rho: 0.5}",
            {"optimizer.name": ("sgd", "rmsprop"), "optimizer.momentum": (0.0, 0.9), "optimizer.rho": (UNSET, 0.5)},
        ),
        (
            "training: {early_stopping: {patience: 3}}",
            "",
            {"training.early_stopping": ({"metric": "loss", "patience": 3, "min_delta": 0.0}, None)},
        ),
        ("", "features: {derive: {z: a * b}}", {"features.derive.z": (UNSET, "a * b")}),
        ("", "features: {columns: {a.b: {scale: none}}}", None),
    ],
)
def test_keys_that_differ(before, after, expected):
    found = differing(before, after)
    if expected is None:
        [(key, (nothing, section))] = found.items()
        assert (key, nothing, section["scale"]) == ('features.columns."a.b"', UNSET, "none")
    else:
        assert found == expected


def test_more_than_two():
    found = differing("seed: 1", "seed: 1", "seed: 2")
    assert found == {"seed": (1, 1, 2)}


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (UNSET, "–"), (None, "null"), (True, "true"), (1e-8, "1e-08"), ("relu", "relu"),
        ((64, 32), "[64, 32]"), ((), "[]"),
        ({"name": "pca", "components": 0.95, "whiten": False}, "{name: pca, components: 0.95, whiten: false}"),
    ],
)  # fmt: skip
def test_settings_are_shown_as_yaml_writes_them(value, shown):
    assert show_setting(value) == shown
