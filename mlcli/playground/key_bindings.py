"""Keys: what each one makes of the state."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import get_args

from mlcli.playground import controls as knobs
from mlcli.playground.inputs import LABELS
from mlcli.playground.state import PlayState, Shown, Speed, Wish

Action = Callable[[PlayState], PlayState]


@dataclass(frozen=True)
class Control:
    """Some keys, what help says of them, and what each does."""

    shown: str
    words: str
    actions: dict[str, Action]


def apply_key(state: PlayState, key: str) -> PlayState:
    """The state after a key; one that means nothing changes nothing."""
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
    return replace(state, shown=knobs.around(get_args(Shown), state.shown, 1))


def _sharpness(state: PlayState) -> PlayState:
    return replace(state, sharp=not state.sharp)


def _next_layer(state: PlayState) -> PlayState:
    return knobs.select_layer(state, 1)


_quit: Action = partial(_wish, wish="quit")


def _both(up: str, down: str, knob: Callable[[PlayState, int], PlayState]) -> dict[str, Action]:
    """A knob that one key turns on, and another back."""
    return {up: lambda state: knob(state, 1), down: lambda state: knob(state, -1)}


CONTROLS = (
    Control("space", "run, pause", {" ": _run}),
    Control("s →", "one epoch", {"s": _step, "right": _step}),
    Control("r", "new weights", {"r": knobs.new_weights}),
    Control("g", "new data", {"g": knobs.new_data}),
    Control("d D", "next, previous set", _both("d", "D", knobs.turn_dataset)),
    Control("n N", "more, less noise", _both("n", "N", knobs.turn_noise)),
    Control("t T", "more, fewer training rows", _both("t", "T", knobs.turn_train_share)),
    Control("b B", "larger, smaller batches", _both("b", "B", knobs.turn_batch_size)),
    Control("l L", "learning rate up, down", _both("l", "L", knobs.turn_learning_rate)),
    Control("o O", "next, previous optimizer", _both("o", "O", knobs.turn_optimizer)),
    Control("a A", "next, previous activation", _both("a", "A", knobs.turn_activation)),
    Control("e E", "regularisation; its rate", {
        "e": lambda state: knobs.turn_penalty(state, 1), "E": lambda state: knobs.turn_penalty_rate(state, 1),
    }),
    Control("+ -", "add, remove a layer", {"+": knobs.add_layer, "=": knobs.add_layer, "-": knobs.remove_layer}),
    Control("> <", "next, previous layer", {**_both(">", "<", knobs.select_layer), "tab": _next_layer}),
    Control("] [ ↑ ↓", "more, fewer units", _both("]", "[", knobs.turn_units) | _both("up", "down", knobs.turn_units)),
    Control("1 … 7", f"inputs: {', '.join(LABELS)}", {
        str(index + 1): partial(knobs.switch_input, index=index) for index in range(len(LABELS))
    }),
    Control("v", "rows drawn: training, validation, both, none", {"v": _points}),
    Control("k", "the answer alone, or how sure it is", {"k": _sharpness}),
    Control("f F", "faster, slower", {"f": lambda state: _speed(state, 1), "F": lambda state: _speed(state, -1)}),
    Control("w", "write a config that mlcli train runs", {"w": partial(_wish, wish="write")}),
    Control("?", "this help", {"?": _help, "h": _help}),
    Control("q Esc", "quit", {"q": _quit, "escape": _quit}),
)  # fmt: skip
ACTIONS = {key: action for control in CONTROLS for key, action in control.actions.items()}
