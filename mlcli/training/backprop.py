"""Backpropagation written out for plain multilayer perceptrons."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple, TypeGuard

import torch
from torch import Tensor, nn
from torch.nn import functional

from mlcli.config.sections.model import MlpConfig
from mlcli.models.networks import Mlp
from mlcli.training.losses import Cost
from mlcli.training.optimizers import Parameters
from mlcli.training.torch_private import derivative

# Each parameter starts at a multiple of this many numbers: of 64 bytes, in bfloat16 too.
ALIGNMENT = 32


class Activation(NamedTuple):
    """An activation whose derivative follows from its output.

    apply : replaces its input by its output
    slope : (gradient of the cost by the output, output) → by the input
    """

    apply: Callable[[Tensor], Tensor]
    slope: Callable[[Tensor, Tensor], Tensor]


_threshold, _leaky = derivative("threshold_backward"), derivative("leaky_relu_backward")
ACTIVATIONS = {
    "identity": Activation(lambda z: z, lambda slope, output: slope),
    "relu": Activation(torch.relu_, lambda slope, output: _threshold(slope, output, 0)),
    "leaky_relu": Activation(
        lambda z: functional.leaky_relu_(z, 0.01), lambda slope, output: _leaky(slope, output, 0.01, True)
    ),
    "sigmoid": Activation(torch.sigmoid_, derivative("sigmoid_backward")),
    "tanh": Activation(torch.tanh_, derivative("tanh_backward")),
}


def is_plain(model: nn.Module, config: MlpConfig) -> TypeGuard[Mlp]:
    """Whether `Backprop` knows the network: Linear layers, one of ACTIVATIONS and dropout, nothing else."""
    return (
        isinstance(model, Mlp) and not model.embeddings and config.norm == "none" and config.activation in ACTIVATIONS
    )


class FlatParameters:
    """Moves a network's parameters together, weights before biases; the network then holds views of them.

    An optimizer updates one tensor instead of many, and one call turns all into another precision.

    values, gradients : (n,), with zeros between parameters
    """

    def __init__(self, model: nn.Module) -> None:
        ordered = sorted(model.parameters(), key=lambda parameter: parameter.ndim < 2)
        lengths = [-(-parameter.numel() // ALIGNMENT) * ALIGNMENT for parameter in ordered]
        self._n_weights = sum(length for p, length in zip(ordered, lengths, strict=True) if p.ndim >= 2)
        self._starts = {id(p): sum(lengths[:index]) for index, p in enumerate(ordered)}
        self.values = torch.zeros(sum(lengths), dtype=ordered[0].dtype)
        self.gradients = torch.zeros_like(self.values)
        for parameter in ordered:
            view = self.part(self.values, parameter)
            view.copy_(parameter.detach())
            parameter.data = view
            parameter.grad = self.part(self.gradients, parameter)

    def part(self, buffer: Tensor, parameter: Tensor) -> Tensor:
        """The view of a buffer that belongs to a parameter, in its shape."""
        start = self._starts[id(parameter)]
        return buffer[start : start + parameter.numel()].view(parameter.shape)

    def parameters(self) -> Parameters:
        """What an optimizer is given: three long parameters over the same memory."""
        weights, biases = slice(0, self._n_weights), slice(self._n_weights, None)
        return Parameters([self._parameter(weights)], [self._parameter(biases)], [self._parameter(slice(None))])

    def _parameter(self, span: slice) -> nn.Parameter:
        parameter = nn.Parameter(self.values[span])
        parameter.grad = self.gradients[span]
        return parameter


class Layer(NamedTuple):
    """A Linear layer: weight (n_out, n_in) and bias (n_out,) in its arithmetic, and where their gradients go."""

    weight: Tensor
    transposed: Tensor
    bias: Tensor
    weight_gradient: Tensor
    bias_gradient: Tensor


@dataclass
class Trace:
    """What the forward pass leaves for the backward one, hidden layer by hidden layer.

    inputs  : of each layer and, last, of the output layer
    outputs : of each activation, before dropout
    masks   : of dropout, 0 or 1 / (1 − p); empty without it
    """

    inputs: list[Tensor]
    outputs: list[Tensor] = field(default_factory=list)
    masks: list[Tensor] = field(default_factory=list)


class Backprop:
    """Costs and gradients of a plain network (`is_plain`) on the CPU.

    precision : arithmetic of the hidden layers, and of the rows they are given. The output layer and the cost stay
                in the parameters' own, since bfloat16 has no more than three digits to tell two outputs apart.
    """

    def __init__(self, model: Mlp, config: MlpConfig, cost: Cost, precision: torch.dtype) -> None:
        flat = FlatParameters(model)
        self.parameters = flat.parameters()
        self.input_dtype = flat.values.dtype
        self._cost = cost
        self._values = self._low = flat.values
        linear = [layer for layer in model.hidden if isinstance(layer, nn.Linear)]
        if precision is torch.bfloat16 and linear:
            self._low = flat.values.to(precision)
            self.input_dtype = precision
        self._hidden = [_layer(flat, layer, self._low) for layer in linear]
        self._output = _layer(flat, model.output, flat.values)
        self._activation = ACTIVATIONS[config.activation]
        self._keep = 1 - config.dropout
        self._chance = torch.Generator()

    def compute_gradients(self, x: Tensor, y: Tensor, seed: int) -> Tensor:
        """Mean cost of a batch, a scalar; its gradients are left in the parameters' `grad`. seed : of dropout."""
        trace = self._trace(x, seed)
        value, slope = self._cost.slope(_forward(self._output, trace.inputs[-1]), y)
        self._backward(trace, slope)
        return value

    def outputs(self, x: Tensor) -> Tensor:
        """The network's raw outputs (n, n_outputs), without dropout."""
        self._refresh()
        for layer in self._hidden:
            x = self._activation.apply(_forward(layer, x))
        return _forward(self._output, x.to(self._values.dtype))

    def _trace(self, x: Tensor, seed: int) -> Trace:
        """The forward pass up to the output layer."""
        self._refresh()
        trace = Trace([x])
        if self._keep < 1:
            self._chance.manual_seed(seed)
        for layer in self._hidden:
            output = self._activation.apply(_forward(layer, trace.inputs[-1]))
            trace.outputs.append(output)
            if self._keep < 1:
                mask = torch.empty_like(output).bernoulli_(self._keep, generator=self._chance).mul_(1 / self._keep)
                trace.masks.append(mask)
                output = output * mask
            trace.inputs.append(output)
        trace.inputs[-1] = trace.inputs[-1].to(self._values.dtype)
        return trace

    def _backward(self, trace: Trace, slope: Tensor) -> None:
        """Leave every layer's gradients; slope : of the cost by the outputs (n, n_outputs)."""
        _collect(self._output, slope, trace.inputs[-1])
        above = self._output
        for index in reversed(range(len(self._hidden))):
            slope = torch.mm(slope, above.weight).to(self._low.dtype)
            if trace.masks:
                slope.mul_(trace.masks[index])
            slope = self._activation.slope(slope, trace.outputs[index])
            above = self._hidden[index]
            _collect(above, slope, trace.inputs[index])

    def _refresh(self) -> None:
        """Bring the hidden layers' weights up to date where they are copies."""
        if self._low is not self._values:
            self._low.copy_(self._values)


def _layer(flat: FlatParameters, layer: nn.Linear, values: Tensor) -> Layer:
    weight = flat.part(values, layer.weight)
    gradients = (flat.part(flat.gradients, parameter) for parameter in (layer.weight, layer.bias))
    return Layer(weight, weight.t(), flat.part(values, layer.bias), *gradients)


def _forward(layer: Layer, inputs: Tensor) -> Tensor:
    return torch.addmm(layer.bias, inputs, layer.transposed)


def _collect(layer: Layer, slope: Tensor, inputs: Tensor) -> None:
    """The gradients of weight and bias: slopeᵀ · inputs, and the sum of the slopes over rows."""
    if slope.dtype is layer.weight_gradient.dtype:
        torch.mm(slope.t(), inputs, out=layer.weight_gradient)
    else:
        layer.weight_gradient.copy_(torch.mm(slope.t(), inputs))
    torch.sum(slope, 0, dtype=layer.bias_gradient.dtype, out=layer.bias_gradient)
