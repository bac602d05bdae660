"""The hyper-parameters that are searched, as Optuna's distributions and back."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from mlcli.config.loading.load import override_config
from mlcli.config.sections.config import Config, usual_rate
from mlcli.config.sections.keys import owners
from mlcli.config.sections.optimizer import DECADE, LbfgsConfig
from mlcli.config.sections.rows import ImageConfig
from mlcli.config.sections.training import Choices, LogRange, Searched, Space
from mlcli.config.tree import JsonValue, dotted, read_key
from mlcli.diagnosis.recommendations import round_number

if TYPE_CHECKING:
    import optuna
    from optuna.distributions import BaseDistribution

T = TypeVar("T")

# Dropout reaches so far to either side of the config's: what few validation rows prefer beyond that is mostly luck.
DROPOUT = 0.2
MOST_DROPOUT = 0.7
L2 = (1e-6, 1e-1)
# Learning rates reach from this share of the config's to as many times it.
SPREAD = 4.0
# Into how many pieces numbers are cut.
PIECES = (0, 16, 64)
# So few epochs may end before the learning does.
FEW_EPOCHS, MORE = 10, 2


def search_space(config: Config) -> Space:
    """The config's improve.space, else the default one."""
    return config.improve.space or default_space(config)


def default_space(config: Config) -> Space:
    """What mostly makes a difference, around the configuration.

    Learning rates, networks half to four times as wide, their activation and normalisation, dropout, weight decay; into
    how many pieces the numbers of a table are cut; and the epochs where they are few.
    """
    space: Space = {}
    if not isinstance(config.optimizer, LbfgsConfig):  # it searches its own step length
        space["optimizer.lr"] = LogRange(log=_rates(config))
    if config.model.hidden:
        space["model.hidden"] = Choices(choices=_networks(config.model.hidden))
        space["model.activation"] = Choices(choices=_with(config.model.activation, "relu", "silu"))
        space["model.norm"] = Choices(choices=_with(config.model.norm, "none", "layer"))
        low, high = config.model.dropout - DROPOUT, config.model.dropout + DROPOUT
        space["model.dropout"] = (round_number(max(0.0, low)), round_number(min(MOST_DROPOUT, high)))
        if not isinstance(config.dataset, ImageConfig):
            space["features.pieces"] = Choices(choices=_with(config.features.pieces, *PIECES))
    if config.training.epochs <= FEW_EPOCHS:
        space["training.epochs"] = Choices(choices=(config.training.epochs, MORE * config.training.epochs))
    return space | {"optimizer.l2": LogRange(log=L2)}


def _with(own: T, *usual: T) -> tuple[T, ...]:
    """The usual choices and the configuration's own, which comes first."""
    return tuple(dict.fromkeys((own, *usual)))


def distributions(space: Space) -> dict[str, BaseDistribution]:
    """Optuna's distribution of each key."""
    return {key: distribution_of(searched) for key, searched in space.items()}


def drawn_keys(space: Space, params: Mapping[str, Any]) -> Iterator[str]:
    """The keys to draw, names first; of the others those that the names drawn have.

    params : filled by the caller as it draws
    """
    names = [key for key in space if read_key(key)[-1] == "name"]
    yield from names
    drawn = {name: json.loads(params[name]) for name in names}
    for key in space:
        if key not in names and _is_had(key, drawn):
            yield key


def draw(space: Space, asked: optuna.Trial) -> dict[str, JsonValue]:
    """Draw a configuration's values."""
    params: dict[str, Any] = {}
    for key in drawn_keys(space, params):
        params[key] = _suggest(asked, key, distribution_of(space[key]))
    return read_params(space, params)


def config_with(start: Config, values: Mapping[str, JsonValue]) -> Config:
    """The start with a trial's values, and without keys searched that the name drawn lacks. Raises ConfigError."""
    return override_config(start, values, [key for key in search_space(start) if not _is_had(key, values)])


def _is_had(key: str, values: Mapping[str, JsonValue]) -> bool:
    """Whether the name among the values, if any, has a key."""
    *above, _ = path = read_key(key)
    name, having = values.get(dotted((*above, "name"))), owners(path)
    return name is None or not having or name in having


def _suggest(asked: optuna.Trial, key: str, among: BaseDistribution) -> Any:  # noqa: ANN401 (what it holds)
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    match among:
        case CategoricalDistribution():
            return asked.suggest_categorical(key, among.choices)
        case IntDistribution():
            return asked.suggest_int(key, among.low, among.high, log=among.log)
        case FloatDistribution():
            return asked.suggest_float(key, among.low, among.high, log=among.log)
    raise TypeError(among)


def read_params(space: Space, params: Mapping[str, Any]) -> dict[str, JsonValue]:
    """The values that Optuna's parameters stand for."""
    return {key: _read_param(searched, params[key]) for key, searched in space.items() if key in params}


def params_of(space: Space, values: Mapping[str, JsonValue]) -> dict[str, Any]:
    """Optuna's parameters for the values that a trial drew."""
    return {
        key: json.dumps(values[key]) if isinstance(searched, Choices) else values[key]
        for key, searched in space.items()
        if key in values
    }


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
    """SPREAD to either side of lr; where the optimizer's default lies a decade off, from lr to a decade beyond it."""
    lr, usual = config.optimizer.lr, usual_rate(config)
    if lr < usual / DECADE:
        return lr, round_number(usual * DECADE)
    if lr > usual * DECADE:
        return round_number(usual / DECADE), lr
    return round_number(lr / SPREAD), round_number(lr * SPREAD)


def _networks(hidden: tuple[int, ...]) -> tuple[tuple[int, ...], ...]:
    """Half, once, twice and four times the width; one layer more; and one less where there are several."""
    scaled = [tuple(max(1, round(factor * units)) for units in hidden) for factor in (1, 0.5, 2, 4)]
    return tuple(dict.fromkeys([*scaled, (*hidden, hidden[-1]), hidden[:-1] or hidden]))


def distribution_of(searched: Searched) -> BaseDistribution:
    """Optuna's distribution of a key's range or choices, which are told apart as JSON."""
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
