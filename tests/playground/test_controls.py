"""Keys: what each makes of the configuration and of the view."""

from dataclasses import replace
from typing import get_args

import pytest

from mlcli.config.sections.model import Activation
from mlcli.playground import controls
from mlcli.playground.controls import ACTIONS, CONTROLS, apply_key
from mlcli.playground.state import PlayState, playground_config


def state_of(name="circle", *sets, columns=("x1", "x2"), **fields):
    config = playground_config(name, sets)
    return PlayState(config, columns, **fields)


def pressed(state, keys):
    for key in keys:
        state = apply_key(state, key)
    return state


def value(config, dotted):
    for name in dotted.split("."):
        config = config[name] if isinstance(config, dict) else getattr(config, name)
    return config


@pytest.mark.parametrize(
    ("keys", "key", "expected"),
    [
        ("l", "optimizer.lr", 0.1),
        ("L", "optimizer.lr", 0.01),
        ("l" * 20, "optimizer.lr", 10.0),
        ("L" * 20, "optimizer.lr", 0.00001),
        ("a", "model.activation", "relu"),
        ("aa", "model.activation", "sigmoid"),
        ("aaa", "model.activation", "identity"),
        ("aA", "model.activation", "tanh"),
        ("o", "optimizer.name", "rmsprop"),
        ("oo", "optimizer.name", "adam"),
        ("oo", "optimizer.lr", 0.03),
        ("O", "optimizer.name", "adamw"),
        ("+", "model.hidden", (4, 2, 2)),
        ("=", "model.hidden", (4, 2, 2)),
        ("++++++++", "model.hidden", (4, 2, 2, 2, 2, 2)),
        ("-", "model.hidden", (4,)),
        ("---", "model.hidden", ()),
        ("]", "model.hidden", (5, 2)),
        ("[", "model.hidden", (3, 2)),
        ("]]]]]]]]", "model.hidden", (8, 2)),
        ("[[[[[[", "model.hidden", (1, 2)),
        (">]", "model.hidden", (4, 3)),
        ("<]", "model.hidden", (4, 3)),
        (">>]", "model.hidden", (5, 2)),
        ("+]", "model.hidden", (4, 2, 3)),
        (">-]", "model.hidden", (5,)),
        (["up", "tab", "down"], "model.hidden", (5, 1)),
        ("n", "dataset.noise", 0.05),
        ("n" * 20, "dataset.noise", 0.5),
        ("nnN", "dataset.noise", 0.05),
        ("NN", "dataset.noise", 0.0),
        ("d", "dataset.name", "xor"),
        ("d", "name", "xor"),
        ("D", "dataset.name", "multi_gauss"),
        ("b", "training.batch_size", 15),
        ("B", "training.batch_size", 5),
        ("b" * 9, "training.batch_size", 30),
        ("B" * 9, "training.batch_size", 1),
        ("t", "dataset.split.valid", 0.32),
        ("t" * 9, "dataset.split.valid", 0.08),
        ("T" * 9, "dataset.split.valid", 0.72),
        ("tT", "dataset.split.test", 0.2),
        ("e", "optimizer.l1", 0.003),
        ("ee", "optimizer.l2", 0.003),
        ("ee", "optimizer.l1", 0.0),
        ("eee", "optimizer.l2", 0.0),
        ("eE", "optimizer.l1", 0.01),
        ("eEe", "optimizer.l2", 0.01),
        ("E", "optimizer.l1", 0.0),
        ("r", "seed", 1),
        ("r", "dataset.split.seed", 0),
        ("g", "dataset.seed", 1),
        ("1", "features.drop", ("x1",)),
        ("11", "features.drop", ()),
        ("12", "features.drop", ("x1",)),
        ("3", "features.derive", {"x1_squared": "x1 * x1"}),
        ("4", "features.derive", {"x2_squared": "x2 * x2"}),
        ("5", "features.derive", {"x1_x2": "x1 * x2"}),
        ("512", "features.drop", ("x1", "x2")),
        ("67", "features.derive", {"sin_x1": "sin(x1)", "sin_x2": "sin(x2)"}),
        ("676", "features.derive", {"sin_x2": "sin(x2)"}),
    ],
)  # fmt: skip
def test_keys_turn_the_configuration(keys, key, expected):
    assert value(pressed(state_of(), keys).config, key) == expected


@pytest.mark.parametrize(
    ("keys", "field", "expected"),
    [
        (" ", "running", True),
        ("  ", "running", False),
        (" s", "running", False),
        ("s", "wish", "step"),
        (["right"], "wish", "step"),
        ("w", "wish", "write"),
        ("q", "wish", "quit"),
        (["escape"], "wish", "quit"),
        ("?q", "wish", "quit"),
        ("?", "helping", True),
        ("?x", "helping", False),
        ("f", "speed", "fast"),
        ("ffff", "speed", "fastest"),
        ("FFF", "speed", "slow"),
        ("v", "shown", "validation"),
        ("vvvv", "shown", "training"),
        ("k", "sharp", True),
        ("----]", "message", "+ adds a hidden layer"),
        ("+", "layer", 2),
        ("+-", "layer", 1),
        ("12", "message", "a network needs an input: turn on another one first"),
        ("E", "message", "no regularisation: e turns on L1, then L2"),
        ("El", "message", ""),
    ],
)  # fmt: skip
def test_keys_turn_the_view(keys, field, expected):
    assert getattr(pressed(state_of(), keys), field) == expected


def test_a_key_that_means_nothing_changes_nothing():
    state = state_of(running=True, message="here")
    assert all(apply_key(state, key) == state for key in ("x", "é", "F5", "delete"))


def test_while_help_is_shown_a_key_only_ends_it():
    state = pressed(state_of(), "?l")
    assert state == state_of()


@pytest.mark.parametrize("text", ["x1 * x1", "x1*x1", "x1 ** 2"])
def test_inputs_are_known_by_what_they_are_not_by_their_names(text):
    state = state_of("circle", f"features.derive={{mine: {text}, other: x1 + x2}}")
    assert apply_key(state, "3").config.features.derive == {"other": "x1 + x2"}


def test_columns_of_any_name_can_be_derived_from():
    state = state_of(columns=("petal length", "x2"))
    derived = pressed(state, "356").config.features.derive
    assert list(derived.values()) == ["`petal length` * `petal length`", "`petal length` * x2", "sin(`petal length`)"]


def test_what_does_not_go_together_is_refused_and_told():
    state = state_of("circle", "training.batch_size=full", "optimizer.name=lbfgs")
    after = apply_key(state, "b")
    assert after.config == state.config
    assert "lbfgs needs training.batch_size" in after.message


def test_rows_given_by_their_number_are_left_alone():
    state = state_of("circle", "dataset.split.valid=100")
    assert apply_key(state, "t") == replace(state, message=apply_key(state, "t").message)
    assert "dataset.split" in apply_key(state, "t").message


def test_rows_without_validation_can_be_given_some():
    state = state_of("circle", "dataset.split={test: 0, valid: 0}")
    assert apply_key(state, "T").config.dataset.split.valid == pytest.approx(0.1)


def test_every_key_is_listed_once():
    listed = [key for control in CONTROLS for key in control.actions]
    assert len(listed) == len(set(listed)) == len(ACTIONS)


def test_the_activations_are_all_but_the_one_that_cannot_learn():
    assert sorted((*controls.ACTIVATIONS, "step")) == sorted(get_args(Activation))


def test_whatever_is_pressed_leaves_a_valid_configuration():
    state = state_of("plane")
    for key in ACTIONS:
        state = pressed(state, [key] * 3)
        assert state.config.model_validate(state.config.model_dump()) == state.config
