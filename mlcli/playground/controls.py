"""The Playground's controls: the keys of a game, and how each one changes the state and its configuration."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar, get_args

from mlcli.config.sections.dataset import PlaygroundConfig
from mlcli.config.sections.model import Activation
from mlcli.config.tree import JsonValue
from mlcli.playground.inputs import LABELS, play_inputs
from mlcli.playground.state import PLAYGROUND_SETS, PlayState, Shown, Speed

T = TypeVar("T")
Action = Callable[[PlayState], PlayState]

LEARNING_RATES = (0.00001, 0.0001, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0)
REGULARISATION_RATES = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0)
BATCH_SIZES = (1, 2, 5, 10, 15, 20, 25, 30)
NOISES = tuple(percent / 100 for percent in range(0, 55, 5))
TRAIN_SHARES = tuple(percent / 100 for percent in range(10, 100, 10))
# The Playground's four, then the others. The gradient of a step is 0.
_FIRST = ("tanh", "relu", "sigmoid", "identity")
ACTIVATIONS = (*_FIRST, *(name for name in get_args(Activation) if name not in (*_FIRST, "step")))
OPTIMIZERS = ("sgd", "rmsprop", "adam", "adamw")
PENALTIES = ("none", "L1", "L2")
MOST_LAYERS, MOST_UNITS, NEW_UNITS = 6, 8, 2


@dataclass(frozen=True)
class Control:
    """Keys, their line in the help, and their actions."""

    shown: str
    words: str
    actions: dict[str, Action]


def apply_key(state: PlayState, key: str) -> PlayState:
    """The state after a key; unknown keys change nothing."""
    action = ACTIONS.get(key)
    if state.helping and action is not _quit:
        return replace(state, helping=False)
    return state if action is None else action(replace(state, message=""))


def step_along(values: Sequence[float], current: float, by: int) -> float:
    """The next higher (by 1) or lower (by -1) value of an ascending list, or its end."""
    beyond = [value for value in values if (value - current) * by > 1e-9 * abs(value)]
    return (min if by > 0 else max)(beyond, default=values[-1 if by > 0 else 0])


def cycle(values: Sequence[T], current: T, by: int) -> T:
    """The value `by` places on, cyclically; the first where the current one is not in the list."""
    return values[(values.index(current) + by) % len(values)] if current in values else values[0]


def change_learning_rate(state: PlayState, by: int) -> PlayState:
    """The learning rate, along LEARNING_RATES."""
    return state.edit({"optimizer.lr": step_along(LEARNING_RATES, state.config.optimizer.lr, by)})


def change_activation(state: PlayState, by: int) -> PlayState:
    """The non-linearity of the hidden units."""
    return state.edit({"model.activation": cycle(ACTIVATIONS, state.config.model.activation, by)})


def change_optimizer(state: PlayState, by: int) -> PlayState:
    """The optimizer."""
    return state.edit({"optimizer.name": cycle(OPTIMIZERS, state.config.optimizer.name, by)})


def change_batch_size(state: PlayState, by: int) -> PlayState:
    """Rows a step; 10 where the size was "auto" or "full"."""
    size = state.config.training.batch_size
    return state.edit({"training.batch_size": int(step_along(BATCH_SIZES, size, by)) if isinstance(size, int) else 10})


def change_noise(state: PlayState, by: int) -> PlayState:
    """The noise of a Playground's set."""
    dataset = state.config.dataset
    if not isinstance(dataset, PlaygroundConfig):
        return state.say("only the Playground's data sets have noise; this is a table")
    return state.edit({"dataset.noise": step_along(NOISES, dataset.noise, by)})


def change_dataset(state: PlayState, by: int) -> PlayState:
    """Another of the Playground's sets."""
    config = state.config
    if not isinstance(config.dataset, PlaygroundConfig):
        return state.say("only the Playground's data sets can be switched; `mlcli play xor` starts with one")
    name = cycle(PLAYGROUND_SETS, config.dataset.name, by)
    named_after_it: dict[str, JsonValue] = {"name": name} if config.name == config.dataset.name else {}
    return state.edit({"dataset.name": name, **named_after_it})


def change_train_share(state: PlayState, by: int) -> PlayState:
    """The division of the rows other than test rows into training and validation; test rows stay unused."""
    split = state.config.dataset.split
    counted = any(isinstance(amount, int) and amount for amount in (split.test, split.valid))
    if counted or split.by == "given":
        return state.say("dataset.split fixes the rows of each part; their shares cannot be changed here")
    share = step_along(TRAIN_SHARES, train_share(state), by)
    return state.edit({"dataset.split.valid": round((1 - split.test) * (1 - share), 6)})


def train_share(state: PlayState) -> float:
    """The configured share of training rows among the rows other than test rows."""
    split = state.config.dataset.split
    return 1 - split.valid / (1 - split.test)


def change_penalty(state: PlayState, by: int) -> PlayState:
    """The kind of regularisation, at the state's rate."""
    kind = cycle(PENALTIES, penalty_of(state)[0], by)
    rates = {"L1": (state.rate, 0.0), "L2": (0.0, state.rate)}
    l1, l2 = rates.get(kind, (0.0, 0.0))
    return state.edit({"optimizer.l1": l1, "optimizer.l2": l2})


def change_penalty_rate(state: PlayState, by: int) -> PlayState:
    """The rate of regularisation."""
    kind, rate = penalty_of(state)
    if kind == "none":
        return state.say("no regularisation: e turns on L1, then L2")
    rate = cycle(REGULARISATION_RATES, rate, by)
    changes: dict[str, JsonValue] = {f"optimizer.{key}": rate for key in ("l1", "l2") if key.upper() in kind}
    return replace(state, rate=rate).edit(changes)


def penalty_of(state: PlayState) -> tuple[str, float]:
    """Regularisation by name and rate: none, L1, L2, or L1 + L2 with the rate of L2."""
    l1, l2 = state.config.optimizer.l1, state.config.optimizer.l2
    kinds = [name for name, rate in (("L1", l1), ("L2", l2)) if rate]
    return " + ".join(kinds) or "none", l2 or l1


def add_layer(state: PlayState) -> PlayState:
    """Add a hidden layer and select it."""
    hidden = state.config.model.hidden
    if len(hidden) >= MOST_LAYERS:
        return state.say(f"at most {MOST_LAYERS} hidden layers, as in the Playground")
    return replace(state, layer=len(hidden)).edit({"model.hidden": [*hidden, NEW_UNITS]})


def remove_layer(state: PlayState) -> PlayState:
    """Remove the last hidden layer."""
    hidden = state.config.model.hidden
    if not hidden:
        return state.say("the network has no hidden layer to remove: it is linear")
    return replace(state, layer=max(0, min(state.layer, len(hidden) - 2))).edit({"model.hidden": list(hidden[:-1])})


def select_layer(state: PlayState, by: int) -> PlayState:
    """Select the hidden layer whose units the keys change."""
    n_layers = len(state.config.model.hidden)
    return replace(state, layer=(state.layer + by) % n_layers) if n_layers else state.say("+ adds a hidden layer")


def change_units(state: PlayState, by: int) -> PlayState:
    """Units of the selected layer."""
    hidden = list(state.config.model.hidden)
    if not hidden:
        return state.say("+ adds a hidden layer")
    units = hidden[state.layer] + by
    if not 1 <= units <= max(MOST_UNITS, hidden[state.layer]):
        return state.say(f"1 to {MOST_UNITS} units, as in the Playground")
    hidden[state.layer] = units
    return state.edit({"model.hidden": [*hidden]})


def switch_input(state: PlayState, index: int) -> PlayState:
    """One of the seven inputs on or off; the last one stays on."""
    one, features = play_inputs(state.columns)[index], state.config.features
    on = sum(other.is_on(features) for other in play_inputs(state.columns))
    if on == 1 and one.is_on(features):
        return state.say("a network needs an input: turn on another one first")
    return state.edit(one.switch(features))


def new_weights(state: PlayState) -> PlayState:
    """New initial weights and another order of the same rows."""
    return state.edit({"seed": state.config.seed + 1})


def new_data(state: PlayState) -> PlayState:
    """New points of a Playground's set; or another split of a table's rows into training and validation."""
    dataset = state.config.dataset
    if isinstance(dataset, PlaygroundConfig):
        return state.edit({"dataset.seed": dataset.seed + 1})
    return state.edit({"dataset.split.seed": (dataset.split.seed or 0) + 1})


def change_speed(state: PlayState, by: int) -> PlayState:
    """The speed of the training."""
    speeds: tuple[Speed, ...] = get_args(Speed)
    return replace(state, speed=speeds[max(0, min(len(speeds) - 1, speeds.index(state.speed) + by))])


def _run(state: PlayState) -> PlayState:
    return replace(state, running=not state.running)


def _step(state: PlayState) -> PlayState:
    return replace(state, running=False, wish="step")


def _write(state: PlayState) -> PlayState:
    return replace(state, wish="write")


def _quit(state: PlayState) -> PlayState:
    return replace(state, wish="quit")


def _help(state: PlayState) -> PlayState:
    return replace(state, helping=True)


def _both(up: str, down: str, change: Callable[[PlayState, int], PlayState]) -> dict[str, Action]:
    """A control that one key steps up, and another down."""
    return {up: lambda state: change(state, 1), down: lambda state: change(state, -1)}


CONTROLS = (
    Control("space", "run, pause", {" ": _run}),
    Control("s →", "one epoch", {"s": _step, "right": _step}),
    Control("r", "new weights", {"r": new_weights}),
    Control("g", "new data", {"g": new_data}),
    Control("d D", "next, previous set", _both("d", "D", change_dataset)),
    Control("n N", "more, less noise", _both("n", "N", change_noise)),
    Control("t T", "more, fewer training rows", _both("t", "T", change_train_share)),
    Control("b B", "larger, smaller batches", _both("b", "B", change_batch_size)),
    Control("l L", "learning rate up, down", _both("l", "L", change_learning_rate)),
    Control("o O", "next, previous optimizer", _both("o", "O", change_optimizer)),
    Control("a A", "next, previous activation", _both("a", "A", change_activation)),
    Control("e E", "regularisation; its rate", {
        "e": lambda state: change_penalty(state, 1), "E": lambda state: change_penalty_rate(state, 1),
    }),
    Control("+ -", "add, remove a layer", {
        "+": add_layer, "=": add_layer, "-": remove_layer,
    }),
    Control("> <", "next, previous layer", {**_both(">", "<", select_layer), "tab": partial(select_layer, by=1)}),
    Control("] [ ↑ ↓", "more, fewer units", {
        **_both("]", "[", change_units), **_both("up", "down", change_units),
    }),
    Control("1 … 7", f"inputs: {', '.join(LABELS)}", {
        str(index + 1): partial(switch_input, index=index) for index in range(len(LABELS))
    }),
    Control("v", "rows drawn: training, validation, both, none", {
        "v": lambda state: replace(state, shown=cycle(get_args(Shown), state.shown, 1)),
    }),
    Control("k", "predictions with or without their confidence", {
        "k": lambda state: replace(state, sharp=not state.sharp),
    }),
    Control("f F", "faster, slower", _both("f", "F", change_speed)),
    Control("w", "write a config that mlcli train runs", {"w": _write}),
    Control("?", "this help", {"?": _help, "h": _help}),
    Control("q Esc", "quit", {"q": _quit, "escape": _quit}),
)  # fmt: skip
ACTIONS = {key: action for control in CONTROLS for key, action in control.actions.items()}
