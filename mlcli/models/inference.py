"""Inference in NumPy, by which a row's outputs are the same to the bit, whatever other rows are in the batch.

It is the same in training, evaluation and prediction on the CPU, and needs no torch.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlcli.config.sections.model import ModelConfig
from mlcli.features.blocks import BLOCK, multiply_rows, pad_rows
from mlcli.features.state import FeatureLayout
from mlcli.io.threads import map_alone
from mlcli.models.activations import APPLY, relu, softplus
from mlcli.models.task import Output

Array = NDArray[Any]
Step = Callable[[Array], Array]
# Of a layer's outputs, so many are computed at a time that they stay in the processor's cache: 1 MiB.
CACHED = 2**18
MOST_ROWS = 2**14
# What torch's norms add to a variance.
EPSILON = 1e-5
# Fitted, but no parameters.
BUFFERS = ("low", "slope", "running_mean", "running_var", "num_batches_tracked")


class FittedNetwork:
    """A network of `mlcli.models.networks` with its weights.

    weights : by the names that torch gives them; float32
    unit    : of the outputs, by which the members of TabM are combined
    """

    def __init__(self, config: ModelConfig, layout: FeatureLayout, unit: Output, weights: Mapping[str, Array]) -> None:
        self.config, self.layout, self.unit, self.weights = config, layout, unit, weights

    @property
    def n_parameters(self) -> int:
        """Weights and biases."""
        return sum(array.size for name, array in self.weights.items() if name.rpartition(".")[2] not in BUFFERS)

    @property
    def is_embedded(self) -> bool:
        """Whether inputs pass through learned vectors before the first layer."""
        return "numbers.weight" in self.weights or "embeddings.0.weight" in self.weights

    @property
    def is_plain(self) -> bool:
        """Whether it has the hidden and output layers of a multilayer perceptron, and no other."""
        return not self.is_embedded and "scale" not in self.weights

    def outputs(self, x: Array) -> Array:
        """Rows (n, layout.width) → raw outputs (n, n_outputs), on the threads of `map_alone`."""
        return _outputs(self, x)

    def outputs_of_blocks(self, x: Array) -> Array:
        """The same of rows that are a multiple of BLOCK, on one thread."""
        return _outputs_of_blocks(self, x)

    @np.errstate(all="ignore")
    def forward(self, x: Array) -> Array:
        """Rows, a multiple of BLOCK, all at once → raw outputs."""
        x = x.astype(self._dtype, copy=False)
        for step in self._steps:
            x = step(x)
        return x

    @cached_property
    def rows_at_once(self) -> int:
        """Rows of which a layer's outputs stay in the cache; it does not change the outputs."""
        layers = (array.shape for name, array in self.weights.items() if name.startswith(("hidden", "output")))
        terms = self.weights["numbers.weight"].size if "numbers.weight" in self.weights else 0
        widest = max(self._n_members * max(max(shape, default=1) for shape in layers), terms, self.layout.width)
        return min(MOST_ROWS, max(BLOCK, CACHED // widest // BLOCK * BLOCK))

    @property
    def _dtype(self) -> np.dtype[Any]:
        return self.weights["output.weight"].dtype

    @property
    def _n_members(self) -> int:
        return len(self.weights["scale"]) if "scale" in self.weights else 1

    @cached_property
    def _steps(self) -> tuple[Step, ...]:
        """What happens to the rows, one after the other."""
        weights = self.weights
        steps: list[Step] = [self._embed] if self.is_embedded else []
        if (scale := weights.get("scale")) is not None:
            steps.append(lambda x: (x[:, np.newaxis] * scale).reshape(-1, scale.shape[1]))
        place = 0
        for _ in self.config.hidden:
            steps.append(_linear(weights, f"hidden.{place}"))
            if self.config.norm != "none":
                steps.append(_norm(weights, f"hidden.{place + 1}"))
            steps.append(APPLY[self.config.activation])
            place += 2 + (self.config.norm != "none") + (self.config.dropout > 0)
        if scale is None:
            return (*steps, _linear(weights, "output"))
        return (*steps, self._heads, lambda members: combine_outputs(members, self.unit))

    def _embed(self, x: Array) -> Array:
        """The first layer's inputs: embedded numbers, other numbers, embedded categories."""
        layout, codes = self.layout, x[:, self.layout.n_numeric :].astype(np.int64)
        parts = [x[:, : layout.n_numeric]]
        if "numbers.weight" in self.weights:
            others = sorted({*range(layout.n_numeric)}.difference(layout.numbers))
            embed = _piecewise if "numbers.low" in self.weights else _periodic
            parts = [embed(self.weights, x[:, list(layout.numbers)]), x[:, others]]
        parts += [self.weights[f"embeddings.{i}.weight"][codes[:, i]] for i in range(codes.shape[1])]
        return np.concatenate(parts, axis=1)

    def _heads(self, x: Array) -> Array:
        """The output layer of each member: (n · members, k) → (members, n, n_outputs)."""
        members = x.reshape(-1, self._n_members, x.shape[1]).transpose(1, 0, 2)
        weight = self.weights["output.weight"].reshape(self._n_members, -1, x.shape[1]).transpose(0, 2, 1)
        return multiply_rows(members, weight) + self.weights["output.bias"].reshape(self._n_members, 1, -1)


class FittedEnsemble:
    """The mean of networks with the same inputs and outputs: see `combine_outputs`."""

    def __init__(self, members: Sequence[FittedNetwork], unit: Output) -> None:
        self.members, self.unit, self.layout = tuple(members), unit, members[0].layout

    @property
    def weights(self) -> dict[str, Array]:
        """Those of member i with names that begin by members.i."""
        return {
            f"members.{i}.{name}": array
            for i, member in enumerate(self.members)
            for name, array in member.weights.items()
        }

    @property
    def n_parameters(self) -> int:
        """Of all members."""
        return sum(member.n_parameters for member in self.members)

    @property
    def rows_at_once(self) -> int:
        """The least of the members'."""
        return min(member.rows_at_once for member in self.members)

    def outputs(self, x: Array) -> Array:
        """As `FittedNetwork.outputs`."""
        return _outputs(self, x)

    def outputs_of_blocks(self, x: Array) -> Array:
        """As `FittedNetwork.outputs_of_blocks`."""
        return _outputs_of_blocks(self, x)

    def forward(self, x: Array) -> Array:
        """As `FittedNetwork.forward`."""
        return combine_outputs(np.stack([member.forward(x) for member in self.members]), self.unit)


FittedModel = FittedNetwork | FittedEnsemble


def _outputs(model: FittedModel, x: Array) -> Array:
    step = model.rows_at_once
    parts = map_alone(lambda start: model.forward(pad_rows(x[start : start + step])), range(0, max(1, len(x)), step))
    return np.concatenate(parts)[: len(x)]


def _outputs_of_blocks(model: FittedModel, x: Array) -> Array:
    step = model.rows_at_once
    return np.concatenate([model.forward(x[start : start + step]) for start in range(0, len(x), step)])


@np.errstate(all="ignore")
def combine_outputs(outputs: Array, unit: Output) -> Array:
    """(k, n, n_outputs) of k networks → (n, n_outputs): log p or log-odds of the mean p, computed in float64.

    Raw outputs like one network's: those that decode to the mean probability (sigmoid, softmax) or count (exp), or the
    mean itself (identity, step).
    """
    wide = outputs.astype(np.float64)
    match unit:
        case "softmax":
            shifted = wide - wide.max(axis=2, keepdims=True)
            combined = _log_mean(shifted - np.log(np.exp(shifted).sum(axis=2, keepdims=True)))
        case "sigmoid":
            combined = _log_mean(-softplus(-wide)) - _log_mean(-softplus(wide))
        case "exp":
            combined = _log_mean(wide)
        case _:
            combined = wide.mean(axis=0)
    return combined.astype(outputs.dtype)


def _log_mean(logs: Array) -> Array:
    """Logarithm of the mean over the first dimension of exp(logs)."""
    highest = logs.max(axis=0)
    mean: Array = highest + np.log(np.exp(logs - highest).sum(axis=0) / len(logs))
    return mean


def _linear(weights: Mapping[str, Array], layer: str) -> Step:
    weight, bias = np.ascontiguousarray(weights[f"{layer}.weight"].T), weights[f"{layer}.bias"]

    def multiply(x: Array) -> Array:
        product = multiply_rows(x, weight)
        product += bias
        return product

    return multiply


def _norm(weights: Mapping[str, Array], layer: str) -> Step:
    """By the training rows' mean and variance (batch), or the row's own (layer)."""
    weight, bias = weights[f"{layer}.weight"], weights[f"{layer}.bias"]
    if f"{layer}.running_mean" in weights:
        mean, variance = (weights[f"{layer}.running_{name}"].astype(np.float64) for name in ("mean", "var"))
        factor = weight / np.sqrt(variance + EPSILON)
        return _affine(factor.astype(weight.dtype), (bias - mean * factor).astype(weight.dtype))
    affine = _affine(weight, bias)

    def normalise(x: Array) -> Array:
        x -= x.mean(axis=1, keepdims=True)
        x /= np.sqrt(np.square(x).mean(axis=1, keepdims=True) + weight.dtype.type(EPSILON))
        return affine(x)

    return normalise


def _affine(factor: Array, offset: Array) -> Step:
    def transform(x: Array) -> Array:
        x *= factor
        x += offset
        return x

    return transform


def _piecewise(weights: Mapping[str, Array], x: Array) -> Array:
    """As `mlcli.models.embeddings.Piecewise`: (n, columns) → (n, columns · width)."""
    low, slope, weight, bias = (weights[f"numbers.{name}"] for name in ("low", "slope", "weight", "bias"))
    terms = (x.T[:, :, np.newaxis] - low[:, np.newaxis]) * slope[:, np.newaxis]
    np.maximum(terms[:, :, 1:-1], 0, out=terms[:, :, 1:-1])
    np.minimum(terms[:, :, :-2], 1, out=terms[:, :, :-2])
    vectors = multiply_rows(terms, weight) + bias[:, np.newaxis]
    return vectors.transpose(1, 0, 2).reshape(len(x), -1)


def _periodic(weights: Mapping[str, Array], x: Array) -> Array:
    """As `mlcli.models.embeddings.PeriodicFeatures`: (n, columns) → (n, columns · width)."""
    frequencies, linear = weights["numbers.weight"], weights["numbers.linear.weight"]
    angles = frequencies * x.dtype.type(2 * math.pi) * x[:, :, np.newaxis]
    waves = np.concatenate([np.cos(angles), np.sin(angles)], axis=2).reshape(-1, linear.shape[1])
    vectors = multiply_rows(waves, np.ascontiguousarray(linear.T)) + weights["numbers.linear.bias"]
    return relu(vectors).reshape(len(x), -1)
