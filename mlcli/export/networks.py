"""Networks as nodes: raw outputs from the inputs, in float32 as they were trained; ensembles in float64."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlcli.config.sections.model import Activation, ModelConfig
from mlcli.export.features import NetworkInputs
from mlcli.export.graph import DOUBLE, FLOAT, Graph
from mlcli.features.state import FeatureLayout
from mlcli.models.task import Output

Weights = Mapping[str, NDArray[np.float32]]
_NORM_EPS = 1e-5


def write_networks(
    graph: Graph,
    inputs: NetworkInputs,
    networks: Sequence[ModelConfig],
    layout: FeatureLayout,
    weights: Weights,
    unit: Output,
) -> str:
    """Raw outputs of one network, or of the mean of several (whose weights are named members.0.…): float64 (n, o)."""
    if "members.0.output.weight" not in weights:
        return graph.cast(_write_network(graph, inputs, networks[0], layout, weights, unit), DOUBLE)
    each = []
    for i, config in enumerate(networks):
        prefix = f"members.{i}."
        own = {name.removeprefix(prefix): array for name, array in weights.items() if name.startswith(prefix)}
        outputs = graph.cast(_write_network(graph, inputs, config, layout, own, unit), DOUBLE)
        each.append(graph.node("Unsqueeze", outputs, np.array([0])))
    return _combine(graph, graph.concat(each, axis=0), unit)


def _write_network(
    graph: Graph, inputs: NetworkInputs, config: ModelConfig, layout: FeatureLayout, weights: Weights, unit: Output
) -> str:
    x = _embed(graph, inputs, layout, weights)
    scale = weights.get("scale")
    if scale is None:
        return _linear(graph, _hidden(graph, x, config, weights), weights, "output")
    members = graph.node("Mul", graph.node("Unsqueeze", x, np.array([1])), scale)
    hidden = _hidden(graph, graph.reshape(members, -1, scale.shape[1]), config, weights)
    return _combine(graph, _heads(graph, hidden, len(scale), weights), unit)


def _embed(graph: Graph, inputs: NetworkInputs, layout: FeatureLayout, weights: Weights) -> str:
    """The first layer's inputs: embedded numbers, other numbers, embedded categories."""
    parts = []
    if inputs.numeric is not None and "numbers.weight" in weights:
        others = sorted({*range(layout.n_numeric)}.difference(layout.numbers))
        write = _piecewise if "numbers.low" in weights else _periodic
        parts.append(write(graph, graph.columns(inputs.numeric, layout.numbers), weights))
        parts += [graph.columns(inputs.numeric, others)] if others else []
    elif inputs.numeric is not None:
        parts.append(inputs.numeric)
    for i, codes in enumerate(inputs.codes):
        table = weights[f"embeddings.{i}.weight"]
        parts.append(graph.reshape(graph.node("Gather", table, codes), -1, table.shape[1]))
    return graph.concat(parts)


def _piecewise(graph: Graph, x: str, weights: Weights) -> str:
    """As `mlcli.models.embeddings.Piecewise`: (n, columns) → (n, columns · width)."""
    low, slope, weight, bias = (weights[f"numbers.{name}"] for name in ("low", "slope", "weight", "bias"))
    n_columns, n_terms, width = weight.shape
    least, most = np.full((2, n_terms), [[-np.inf], [np.inf]], dtype=np.float32)
    least[1:-1], most[:-2] = 0.0, 1.0
    by_column = graph.node("Unsqueeze", graph.node("Transpose", x, perm=[1, 0]), np.array([2]))
    terms = graph.node("Mul", graph.node("Sub", by_column, low[:, np.newaxis]), slope[:, np.newaxis])
    terms = graph.node("Max", graph.node("Min", terms, most), least)
    vectors = graph.node("Add", graph.node("MatMul", terms, weight), bias[:, np.newaxis])
    return graph.reshape(graph.node("Transpose", vectors, perm=[1, 0, 2]), -1, n_columns * width)


def _periodic(graph: Graph, x: str, weights: Weights) -> str:
    """As `mlcli.models.embeddings.PeriodicFeatures`: (n, columns) → (n, columns · width)."""
    frequencies, linear = weights["numbers.weight"], weights["numbers.linear.weight"]
    angles = graph.node("Mul", graph.node("Unsqueeze", x, np.array([2])), np.float32(2 * math.pi) * frequencies)
    waves = graph.concat([graph.node("Cos", angles), graph.node("Sin", angles)], axis=2)
    vectors = graph.node("Add", graph.node("MatMul", waves, linear.T.copy()), weights["numbers.linear.bias"])
    return graph.reshape(graph.node("Relu", vectors), -1, len(frequencies) * len(linear))


def _hidden(graph: Graph, x: str, config: ModelConfig, weights: Weights) -> str:
    """The hidden layers: Linear → norm → activation each; dropout does nothing."""
    place = 0
    for _ in config.hidden:
        x = _linear(graph, x, weights, f"hidden.{place}")
        if config.norm != "none":
            x = _norm(graph, x, weights, f"hidden.{place + 1}")
        x = _ACTIVATIONS[config.activation](graph, x)
        place += 2 + (config.norm != "none") + (config.dropout > 0)
    return x


def _linear(graph: Graph, x: str, weights: Weights, layer: str) -> str:
    return graph.node("Gemm", x, weights[f"{layer}.weight"], weights[f"{layer}.bias"], transB=1)


def _norm(graph: Graph, x: str, weights: Weights, layer: str) -> str:
    """By the training rows' mean and variance (batch), or the row's own (layer)."""
    names = ("weight", "bias", "running_mean", "running_var")
    numbers = [weights[f"{layer}.{name}"] for name in names if f"{layer}.{name}" in weights]
    operator = "BatchNormalization" if len(numbers) == len(names) else "LayerNormalization"
    return graph.node(operator, x, *numbers, epsilon=_NORM_EPS)


def _heads(graph: Graph, hidden: str, n_members: int, weights: Weights) -> str:
    """The output layer of each member: (n · members, h) → (members, n, o)."""
    weight, bias = weights["output.weight"], weights["output.bias"]
    members = graph.node("Transpose", graph.reshape(hidden, -1, n_members, weight.shape[1]), perm=[1, 0, 2])
    each = weight.reshape(n_members, -1, weight.shape[1]).transpose(0, 2, 1).copy()
    return graph.node("Add", graph.node("MatMul", members, each), bias.reshape(n_members, 1, -1))


def _combine(graph: Graph, outputs: str, unit: Output) -> str:
    """As `mlcli.models.inference.combine_outputs`: (k, n, o) → float64 (n, o)."""
    wide = graph.cast(outputs, DOUBLE)
    match unit:
        case "softmax":
            return _log_mean(graph, graph.node("LogSoftmax", wide, axis=2))
        case "sigmoid":
            opposite = graph.node("Neg", wide)
            logs = [_log_mean(graph, _log_sigmoid(graph, one)) for one in (wide, opposite)]
            return graph.node("Sub", *logs)
        case "exp":
            return _log_mean(graph, wide)
    return graph.node("ReduceMean", wide, axes=[0], keepdims=0)


def _log_sigmoid(graph: Graph, x: str) -> str:
    """min(x, 0) − ln(1 + exp(−|x|))."""
    rest = graph.node("Exp", graph.node("Neg", graph.node("Abs", x)))
    return graph.node("Sub", graph.node("Min", x, 0.0), graph.node("Log", graph.node("Add", rest, 1.0)))


def _log_mean(graph: Graph, logs: str) -> str:
    """Logarithm of the mean over the first dimension of exp(logs), in float64."""
    largest = graph.node("ReduceMax", logs, axes=[0], keepdims=1)
    shares = graph.node("Exp", graph.node("Sub", logs, largest))
    log = graph.node("Log", graph.node("ReduceMean", shares, axes=[0], keepdims=0))
    return graph.node("Add", log, graph.node("Squeeze", largest, np.array([0])))


def _operator(name: str, **attributes: Any) -> Callable[[Graph, str], str]:  # noqa: ANN401
    return lambda graph, x: graph.node(name, x, **attributes)


def _clip(low: float, high: float) -> Callable[[Graph, str], str]:
    return lambda graph, x: graph.node("Clip", x, np.float32(low), np.float32(high))


def _step(graph: Graph, x: str) -> str:
    return graph.cast(graph.node("Greater", x, np.float32(0)), FLOAT)


def _gelu(graph: Graph, x: str) -> str:
    share = graph.node("Erf", graph.node("Mul", x, np.float32(math.sqrt(0.5))))
    return graph.node("Mul", graph.node("Mul", x, np.float32(0.5)), graph.node("Add", share, np.float32(1)))


def _gated(gate: Callable[[Graph, str], str]) -> Callable[[Graph, str], str]:
    return lambda graph, x: graph.node("Mul", x, gate(graph, x))


_ACTIVATIONS: dict[Activation, Callable[[Graph, str], str]] = {
    "identity": lambda _, x: x,
    "step": _step,
    "sigmoid": _operator("Sigmoid"),
    "tanh": _operator("Tanh"),
    "relu": _operator("Relu"),
    "leaky_relu": _operator("LeakyRelu", alpha=0.01),
    "elu": _operator("Elu"),
    "selu": _operator("Selu"),
    "celu": _operator("Celu"),
    "gelu": _gelu,
    "silu": _gated(_operator("Sigmoid")),
    "mish": _gated(lambda graph, x: graph.node("Tanh", graph.node("Softplus", x))),
    "softplus": _operator("Softplus"),
    "softsign": _operator("Softsign"),
    "hard_tanh": _clip(-1, 1),
    "hard_sigmoid": _operator("HardSigmoid", alpha=1 / 6, beta=0.5),
    "hard_swish": _operator("HardSwish"),
    "relu6": _clip(0, 6),
}
