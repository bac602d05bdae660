import pytest

from mlcli.config.loading.dump import value_at
from mlcli.config.loading.load import override_config, parse_config
from mlcli.config.sections.training import Choices, LogRange
from mlcli.search.samplers import grid_of
from mlcli.search.space import config_with, default_space, draw, known_params, read_params, recipes, search_space

NETWORK = ["model.hidden", "model.activation", "model.norm", "model.dropout", "features.pieces", "features.scale"]


@pytest.mark.parametrize(
    ("sets", "keys"),
    [
        ([], ["optimizer.lr", *NETWORK, "optimizer.l2"]),
        (["training.epochs=3"], ["optimizer.lr", *NETWORK, "training.epochs", "optimizer.l2"]),
        (["model.hidden=[]"], ["optimizer.lr", "optimizer.l2"]),
        (
            ["model=tabm"],
            ["optimizer.lr", "model.hidden", "model.dropout", "features.pieces", "features.scale", "optimizer.l2"],
        ),
        (
            ["model={name: tabm, embedding: piecewise}"],
            ["optimizer.lr", "model.hidden", "model.dropout", "model.embedding.bins", "features.scale", "optimizer.l2"],
        ),
        (
            ["optimizer={name: lbfgs}", "training.batch_size=full"],
            [*NETWORK, "optimizer.l2"],
        ),
    ],
)
def test_default_space_has_the_keys_that_fit(make_config, sets, keys):
    assert list(default_space(make_config(*sets))) == keys


def test_targets_with_outliers_are_searched_transformed():
    dataset = "{name: csv, path: t.csv, target: y, task: regression}"
    space = default_space(parse_config(f"dataset: {dataset}\nloss: {{name: huber, target: log}}\n", "test", "t"))
    assert space["loss.target"] == Choices(choices=("log", "none", "quantile"))


@pytest.mark.parametrize(
    ("lr", "low", "high"),
    [
        ("0.001", 2.5e-4, 4e-3),
        ("0.01", 2.5e-3, 0.04),
        ("1e-5", 1e-5, 1e-2),
        ("3.0", 1e-4, 3.0),
    ],
)
def test_rates_reach_the_optimizers_default(make_config, lr, low, high):
    assert default_space(make_config(f"optimizer.lr={lr}"))["optimizer.lr"] == LogRange(log=(low, high))


@pytest.mark.parametrize(
    ("hidden", "networks"),
    [
        ("[8]", ((8,), (4,), (16,), (32,), (8, 8))),
        ("[1]", ((1,), (2,), (4,), (1, 1))),
        ("[64, 32]", ((64, 32), (32, 16), (128, 64), (256, 128), (64, 32, 32), (64,))),
    ],
)
def test_networks_are_scaled_around_the_configs(make_config, hidden, networks):
    assert default_space(make_config(f"model.hidden={hidden}"))["model.hidden"] == Choices(choices=networks)


SPACE = """improve.space={
  optimizer.lr: {log: [1.0e-4, 0.1]}, model.dropout: [0.0, 0.5], training.epochs: {log: [4, 64]},
  training.batch_size: [8, 32], model.activation: {choices: [tanh, relu]}, model.hidden: {choices: [[4], [8, 8]]},
  training.clip_norm: {choices: [null, 1.0]}}"""


@pytest.mark.parametrize(
    ("space", "values"),
    [
        ("{optimizer.schedule.name: {choices: [constant, cosine]}}", {"optimizer.schedule.name": "cosine"}),
        (
            "{model.name: {choices: [mlp, tabm]}, model.embedding.name: {choices: [none, piecewise]}, "
            "model.members: [4, 8], model.embedding.bins: [8, 64]}",
            {"model.name": "tabm", "model.embedding.name": "none", "model.members": 4},
        ),
    ],
)
def test_names_within_sections_are_searched(make_config, space, values):
    config = config_with(make_config(f"improve.space={space}"), values)
    assert {key: value_at(config, key) for key in values} == values


def test_the_configs_own_space_comes_first(make_config):
    config = make_config(SPACE)
    assert search_space(config) == config.improve.space


def test_draws_are_of_the_keys_types_and_make_configurations(make_config):
    import optuna

    config = make_config(SPACE)
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    drawn = [draw(config.improve.space, study.ask()) for _ in range(40)]
    for values in drawn:
        assert 1e-4 <= values["optimizer.lr"] <= 0.1
        assert values["optimizer.lr"] == float(f"{values['optimizer.lr']:.3g}")
        assert 0.0 <= values["model.dropout"] <= 0.5
        assert isinstance(values["training.epochs"], int)
        assert 4 <= values["training.epochs"] <= 64
        assert override_config(config, values).optimizer.lr == values["optimizer.lr"]
    assert {str(values["model.hidden"]) for values in drawn} == {"[4]", "[8, 8]"}
    assert {values["model.activation"] for values in drawn} == {"tanh", "relu"}
    assert {values["training.clip_norm"] for values in drawn} == {None, 1.0}


CONDITIONAL = """improve.space={optimizer.momentum: [0.1, 0.9], optimizer.name: {choices: [sgd, adam, rmsprop]},
  optimizer.beta1: {choices: [0.8, 0.9]}, model.dropout: {choices: [0.1, 0.2]}}"""


def test_keys_that_the_drawn_name_lacks_are_not_drawn(make_config):
    import optuna

    config = make_config("optimizer.beta1=0.5", CONDITIONAL)
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    drawn = [draw(config.improve.space, study.ask()) for _ in range(40)]
    own = {"sgd": {"optimizer.momentum"}, "rmsprop": {"optimizer.momentum"}, "adam": {"optimizer.beta1"}}
    assert {values["optimizer.name"] for values in drawn} == set(own)
    for values in drawn:
        assert values.keys() == {"optimizer.name", "model.dropout"} | own[values["optimizer.name"]]
        assert config_with(config, values).optimizer.name == values["optimizer.name"]


def test_a_grid_has_each_combination_once(make_config):
    text = CONDITIONAL.replace("[0.1, 0.9]", "{choices: [0.1, 0.5, 0.9]}")
    grid = [read_params(make_config(text).improve.space, params) for params in grid_of(make_config(text).improve.space)]
    assert len(grid) == 2 * (3 + 2 + 3)
    assert len({str(sorted(values.items())) for values in grid}) == len(grid)


def test_rounding_stays_within_the_range(make_config):
    space = make_config("improve.space={optimizer.lr: [0.123456, 0.123458]}").improve.space
    assert read_params(space, {"optimizer.lr": 0.123457})["optimizer.lr"] == 0.123456


def test_known_params_are_those_within_the_space(make_config):
    config = make_config(SPACE, "optimizer.lr=0.5", "model.hidden=[8, 8]")
    assert known_params(config.improve.space, config) == {
        "model.dropout": 0.0,
        "training.batch_size": 16,
        "training.epochs": 30,
        "model.activation": '"tanh"',
        "model.hidden": "[8, 8]",
        "training.clip_norm": "null",
    }


def test_value_at_a_key(make_config):
    config = make_config()
    assert value_at(config, "optimizer.lr") == 0.03
    assert value_at(config, "model.hidden") == (8,)
    assert value_at(config, "training.early_stopping.patience") is None


def test_recipes_are_networks_of_other_kinds(make_config):
    kinds = [
        (one.model.name, one.optimizer.name) for one in (config_with(make_config(), v) for v in recipes(make_config()))
    ]
    assert kinds == [("tabm", "muon"), ("mlp", "muon"), ("tabm", "adamw")]
    tabm = make_config("model=tabm", "optimizer.name=muon")
    assert [(v["model.name"], v["optimizer.name"]) for v in recipes(tabm)] == [("mlp", "muon"), ("tabm", "adamw")]
    assert recipes(make_config("model.hidden=[]")) == ()
    assert recipes(make_config("improve.space={optimizer.lr: [0.1, 0.2]}")) == ()
