"""The keys of a game, and how each one changes its state."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import get_args

from mlcli.playground import controls
from mlcli.playground.inputs import LABELS
from mlcli.playground.state import PlayState, Shown, Speed, Wish

Action = Callable[[PlayState], PlayState]


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


def _run(state: PlayState) -> PlayState:
    return replace(state, running=not state.running)


def _wish(state: PlayState, wish: Wish) -> PlayState:
    return replace(state, wish=wish)


def _step(state: PlayState) -> PlayState:
    return replace(state, running=False, wish="step")


def _help(state: PlayState) -> PlayState:
    return replace(state, helping=True)


def _speed(state: PlayState, by: int) -> PlayState:
    speeds: tuple[Speed, ...] = get_args(Speed)
    return replace(state, speed=speeds[max(0, min(len(speeds) - 1, speeds.index(state.speed) + by))])


def _points(state: PlayState) -> PlayState:
    return replace(state, shown=controls.cycle(get_args(Shown), state.shown, 1))


def _sharpness(state: PlayState) -> PlayState:
    return replace(state, sharp=not state.sharp)


def _next_layer(state: PlayState) -> PlayState:
    return controls.select_layer(state, 1)


_quit: Action = partial(_wish, wish="quit")


def _both(up: str, down: str, change: Callable[[PlayState, int], PlayState]) -> dict[str, Action]:
    """A control that one key steps up, and another down."""
    return {up: lambda state: change(state, 1), down: lambda state: change(state, -1)}


CONTROLS = (
    Control("space", "run, pause", {" ": _run}),
    Control("s →", "one epoch", {"s": _step, "right": _step}),
    Control("r", "new weights", {"r": controls.new_weights}),
    Control("g", "new data", {"g": controls.new_data}),
    Control("d D", "next, previous set", _both("d", "D", controls.change_dataset)),
    Control("n N", "more, less noise", _both("n", "N", controls.change_noise)),
    Control("t T", "more, fewer training rows", _both("t", "T", controls.change_train_share)),
    Control("b B", "larger, smaller batches", _both("b", "B", controls.change_batch_size)),
    Control("l L", "learning rate up, down", _both("l", "L", controls.change_learning_rate)),
    Control("o O", "next, previous optimizer", _both("o", "O", controls.change_optimizer)),
    Control("a A", "next, previous activation", _both("a", "A", controls.change_activation)),
    Control("e E", "regularisation; its rate", {
        "e": lambda state: controls.change_penalty(state, 1), "E": lambda state: controls.change_penalty_rate(state, 1),
    }),
    Control("+ -", "add, remove a layer", {
        "+": controls.add_layer, "=": controls.add_layer, "-": controls.remove_layer,
    }),
    Control("> <", "next, previous layer", {**_both(">", "<", controls.select_layer), "tab": _next_layer}),
    Control("] [ ↑ ↓", "more, fewer units", {
        **_both("]", "[", controls.change_units), **_both("up", "down", controls.change_units),
    }),
    Control("1 … 7", f"inputs: {', '.join(LABELS)}", {
        str(index + 1): partial(controls.switch_input, index=index) for index in range(len(LABELS))
    }),
    Control("v", "rows drawn: training, validation, both, none", {"v": _points}),
    Control("k", "the answer alone, or how sure it is", {"k": _sharpness}),
    Control("f F", "faster, slower", {"f": lambda state: _speed(state, 1), "F": lambda state: _speed(state, -1)}),
    Control("w", "write a config that mlcli train runs", {"w": partial(_wish, wish="write")}),
    Control("?", "this help", {"?": _help, "h": _help}),
    Control("q Esc", "quit", {"q": _quit, "escape": _quit}),
)  # fmt: skip
ACTIONS = {key: action for control in CONTROLS for key, action in control.actions.items()}
