"""The hyper-parameters that are searched, as Optuna's distributions and back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mlcli.config.dotted import read_key
from mlcli.config.optimizer import LbfgsConfig
from mlcli.config.schema import Config
from mlcli.config.training import Choices, LogRange, Searched, Space
from mlcli.config.tree import JsonValue
from mlcli.improve.remedies import DECADE, round_number, usual_rate

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

DROPOUT = (0.0, 0.5)
L2 = (1e-6, 1e-1)


def search_space(config: Config) -> Space:
    """The config's improve.space, else learning rate, hidden layers, dropout and l2 where these exist."""
    return config.improve.space or default_space(config)


def default_space(config: Config) -> Space:
    """Learning rates around the config's, networks half to four times as wide, dropout and weight decay."""
    space: Space = {}
    if not isinstance(config.optimizer, LbfgsConfig):  # it searches its own step length
        space["optimizer.lr"] = LogRange(log=_rates(config))
    if config.model.hidden:
        space["model.hidden"] = Choices(choices=_networks(config.model.hidden))
        space["model.dropout"] = DROPOUT
    return space | {"optimizer.l2": LogRange(log=L2)}


def distributions(space: Space) -> dict[str, BaseDistribution]:
    """Optuna's distribution of each key."""
    return {key: _distribution(searched) for key, searched in space.items()}


def read_params(space: Space, params: Mapping[str, Any]) -> dict[str, JsonValue]:
    """The values that Optuna's parameters stand for."""
    return {key: _read_param(searched, params[key]) for key, searched in space.items()}


def known_params(space: Space, config: Config) -> dict[str, Any]:
    """Optuna's parameters for what a configuration already has, as far as it lies in the space."""
    known: dict[str, Any] = {}
    for key, distribution in distributions(space).items():
        value = value_at(config, key)
        written = json.dumps(value) if isinstance(space[key], Choices) else value
        if isinstance(written, str | int | float) and _contains(distribution, written):
            known[key] = written
    return known


def value_at(config: Config, key: str) -> JsonValue:
    """The value at a dotted key; None also where the configuration has no such key."""
    value: Any = config.model_dump(mode="json")
    for name in read_key(key):
        value = value.get(name) if isinstance(value, dict) else None
    found: JsonValue = value
    return found


def _rates(config: Config) -> tuple[float, float]:
    """A decade to either side of lr; where the optimizer's default lies farther off, from lr to a decade beyond it."""
    lr, usual = config.optimizer.lr, usual_rate(config)
    if lr < usual / DECADE:
        return lr, round_number(usual * DECADE)
    if lr > usual * DECADE:
        return round_number(usual / DECADE), lr
    return round_number(lr / DECADE), round_number(lr * DECADE)


def _networks(hidden: tuple[int, ...]) -> tuple[tuple[int, ...], ...]:
    """Half, once, twice and four times the width; one layer more; and one less where there are several."""
    scaled = [tuple(max(1, round(factor * units)) for units in hidden) for factor in (1, 0.5, 2, 4)]
    return tuple(dict.fromkeys([*scaled, (*hidden, hidden[-1]), hidden[:-1] or hidden]))


def _distribution(searched: Searched) -> BaseDistribution:
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    match searched:
        case Choices():
            return CategoricalDistribution([json.dumps(choice) for choice in searched.choices])
        case LogRange():
            (low, high), log = searched.log, True
        case _:
            (low, high), log = searched, False
    if isinstance(low, int) and isinstance(high, int):
        return IntDistribution(low, high, log=log)
    return FloatDistribution(low, high, log=log)


def _read_param(searched: Searched, param: Any) -> JsonValue:  # noqa: ANN401 (whatever its distribution holds)
    if isinstance(searched, Choices):
        choice: JsonValue = json.loads(param)
        return choice
    if isinstance(param, int):
        return param
    low, high = searched.log if isinstance(searched, LogRange) else searched
    return min(max(round_number(param), low), high)


def _contains(distribution: BaseDistribution, value: str | float) -> bool:
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if isinstance(distribution, CategoricalDistribution):
        return value in distribution.choices
    if isinstance(value, str) or not isinstance(distribution, IntDistribution | FloatDistribution):
        return False
    return distribution.low <= value <= distribution.high
