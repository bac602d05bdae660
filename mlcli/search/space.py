"""The search space: default hyper-parameters, and values to Optuna's distributions and back."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from mlcli.config.loading.dump import value_at
from mlcli.config.loading.load import override_config
from mlcli.config.sections.config import Config, owners, usual_rate
from mlcli.config.sections.model import HuberLoss, PiecewiseEmbedding
from mlcli.config.sections.optimizer import DECADE, LbfgsConfig
from mlcli.config.sections.rows import ImageConfig
from mlcli.config.sections.training import Choices, LogRange, Searched, Space
from mlcli.config.tree import JsonValue, dotted, read_key
from mlcli.diagnosis.recommendations import round_number

T = TypeVar("T")

# Distance from the config's dropout; farther values win by chance on few validation rows.
DROPOUT = 0.2
MOST_DROPOUT = 0.7
L2 = (1e-6, 0.3)
# Learning rates are searched from lr / SPREAD to lr · SPREAD.
SPREAD = 4.0
# Pieces of the piecewise-linear encoding.
PIECES = (0, 16, 64)
# Bins of embedded numbers.
BINS = (16, 64)
SCALES = ("standard", "quantile")
# Up to so many epochs, more of them are searched as well.
FEW_EPOCHS, MORE = 10, 2


def search_space(config: Config) -> Space:
    """The config's improve.space, else the default one."""
    return config.improve.space or default_space(config)


def default_space(config: Config) -> Space:
    """The usual hyper-parameters, around the configuration.

    Learning rate; networks half to four times as wide, or with one layer more or less; an MLP's activation and
    normalisation; dropout; weight decay; for tables their scaling and the pieces of the piecewise-linear encoding, or
    the bins of embedded numbers; the transform of a target with outliers, which loss: huber stands for; and the epochs
    where they are few.
    """
    space: Space = {}
    if not isinstance(config.optimizer, LbfgsConfig):  # its line search sets the step length
        space["optimizer.lr"] = LogRange(log=_rates(config))
    if config.model.hidden:
        hidden = config.model.hidden
        factors = (1, 0.5, 2, 4) if config.model.name == "mlp" else (1, 0.5, 2)
        scaled = [tuple(max(1, round(factor * units)) for units in hidden) for factor in factors]
        space["model.hidden"] = Choices(choices=_with(*scaled, (*hidden, hidden[-1]), hidden[:-1] or hidden))
        if config.model.name == "mlp":
            space["model.activation"] = Choices(choices=_with(config.model.activation, "relu", "silu"))
            space["model.norm"] = Choices(choices=_with(config.model.norm, "none", "layer"))
        low, high = config.model.dropout - DROPOUT, config.model.dropout + DROPOUT
        space["model.dropout"] = (round_number(max(0.0, low)), round_number(min(MOST_DROPOUT, high)))
        if isinstance(config.model.embedding, PiecewiseEmbedding):
            space["model.embedding.bins"] = Choices(choices=_with(config.model.embedding.bins, *BINS))
        elif not isinstance(config.dataset, ImageConfig):
            space["features.pieces"] = Choices(choices=_with(config.features.pieces, *PIECES))
        if not isinstance(config.dataset, ImageConfig):
            space["features.scale"] = Choices(choices=_with(config.features.scale, *SCALES))
    if isinstance(config.loss, HuberLoss):
        space["loss.target"] = Choices(choices=_with(config.loss.target, "none", "quantile"))
    if config.training.epochs <= FEW_EPOCHS:
        space["training.epochs"] = Choices(choices=(config.training.epochs, MORE * config.training.epochs))
    return space | {"optimizer.l2": LogRange(log=L2)}


def recipes(config: Config) -> tuple[dict[str, JsonValue], ...]:
    """Values of networks of other kinds than the configuration's; of tables, where improve.space is empty."""
    if config.improve.space or isinstance(config.dataset, ImageConfig) or not config.model.hidden:
        return ()
    embedded: dict[str, JsonValue] = {"model.embedding": "piecewise", "model.hidden": [128, 128], "model.dropout": 0.0}
    muon: dict[str, JsonValue] = {"optimizer.name": "muon", "optimizer.lr": 0.017, "training.clip_norm": 1}
    adamw: dict[str, JsonValue] = {"optimizer.name": "adamw", "optimizer.lr": 0.002, "training.clip_norm": 1}
    normed: dict[str, JsonValue] = {"model.name": "mlp", "model.norm": "layer", "model.activation": "silu"}
    kinds = (("tabm", "muon", muon), ("mlp", "muon", muon | normed), ("tabm", "adamw", adamw))
    own = (config.model.name, config.optimizer.name)
    return tuple({"model.name": model, **embedded, **more} for model, name, more in kinds if (model, name) != own)


def _with(own: T, *usual: T) -> tuple[T, ...]:
    """The configuration's own choice first, then the usual ones."""
    return tuple(dict.fromkeys((own, *usual)))


def distributions(space: Space) -> dict[str, BaseDistribution]:
    """Optuna's distribution of each key."""
    return {key: distribution_of(searched) for key, searched in space.items()}


def drawn_keys(space: Space, params: Mapping[str, Any]) -> Iterator[str]:
    """The keys to draw, names first; of the others those that apply to the names drawn.

    params : of the keys; the caller may fill them in as it draws
    """
    names = [key for key in space if read_key(key)[-1] == "name"]
    yield from names
    drawn = {name: json.loads(params[name]) for name in names}
    for key in space:
        if key not in names and _applies(key, drawn):
            yield key


def draw(space: Space, asked: optuna.Trial) -> dict[str, JsonValue]:
    """Draw a configuration's values."""
    params: dict[str, Any] = {}
    for key in drawn_keys(space, params):
        params[key] = _suggest(asked, key, distribution_of(space[key]))
    return read_params(space, params)


def config_with(start: Config, values: Mapping[str, JsonValue]) -> Config:
    """The start with a trial's values, without searched keys that do not apply to its names. Raises ConfigError."""
    return override_config(start, values, [key for key in search_space(start) if not _applies(key, values)])


def _applies(key: str, values: Mapping[str, JsonValue]) -> bool:
    """Whether a key applies to the name among the values, if there is one."""
    *above, _ = path = read_key(key)
    name, having = values.get(dotted((*above, "name"))), owners(path)
    return name is None or not having or name in having


def _suggest(asked: optuna.Trial, key: str, among: BaseDistribution) -> Any:  # noqa: ANN401 (a value of its distribution)
    match among:
        case CategoricalDistribution():
            return asked.suggest_categorical(key, among.choices)
        case IntDistribution():
            return asked.suggest_int(key, among.low, among.high, log=among.log)
        case FloatDistribution():
            return asked.suggest_float(key, among.low, among.high, log=among.log)
    raise TypeError(among)


def read_params(space: Space, params: Mapping[str, Any]) -> dict[str, JsonValue]:
    """A configuration's values from Optuna's parameters."""
    return {key: _read_param(searched, params[key]) for key, searched in space.items() if key in params}


def params_of(space: Space, values: Mapping[str, JsonValue]) -> dict[str, Any]:
    """Optuna's parameters for the values that a trial drew."""
    return {
        key: json.dumps(values[key]) if isinstance(searched, Choices) else values[key]
        for key, searched in space.items()
        if key in values
    }


def known_params(space: Space, config: Config) -> dict[str, Any]:
    """Optuna's parameters for a configuration's own values, as far as they are in the space."""
    known: dict[str, Any] = {}
    for key, distribution in distributions(space).items():
        value = value_at(config, key)
        written = json.dumps(value) if isinstance(space[key], Choices) else value
        if isinstance(written, str | int | float) and _contains(distribution, written):
            known[key] = written
    return known


def _rates(config: Config) -> tuple[float, float]:
    """Around lr by SPREAD; where the optimizer's default is a decade off, from lr to a decade beyond the default."""
    lr, usual = config.optimizer.lr, usual_rate(config)
    if lr < usual / DECADE:
        return lr, round_number(usual * DECADE)
    if lr > usual * DECADE:
        return round_number(usual / DECADE), lr
    return round_number(lr / SPREAD), round_number(lr * SPREAD)


def distribution_of(searched: Searched) -> BaseDistribution:
    """Optuna's distribution of a key's range or choices, which are written as JSON."""
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


def _read_param(searched: Searched, param: Any) -> JsonValue:  # noqa: ANN401 (a value of its distribution)
    if isinstance(searched, Choices):
        choice: JsonValue = json.loads(param)
        return choice
    if isinstance(param, int):
        return param
    low, high = searched.log if isinstance(searched, LogRange) else searched
    return min(max(round_number(param), low), high)


def _contains(distribution: BaseDistribution, value: str | float) -> bool:
    if isinstance(distribution, CategoricalDistribution):
        return value in distribution.choices
    if isinstance(value, str) or not isinstance(distribution, IntDistribution | FloatDistribution):
        return False
    return distribution.low <= value <= distribution.high
