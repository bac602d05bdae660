"""Backpropagation written out for networks of Linear layers, on the CPU."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import NamedTuple, TypeGuard

import torch
from torch import Tensor, nn
from torch.nn import functional

from mlcli.config.sections.model import ModelConfig
from mlcli.models.networks import Heads, Mlp
from mlcli.training.losses import Cost
from mlcli.training.optimizers import Parameters, weights_of
from mlcli.training.torch_private import derivative, linear_relu

# Each parameter starts at a multiple of this many numbers: of 64 bytes, in bfloat16 too.
ALIGNMENT = 32


class Activation(NamedTuple):
    """An activation whose derivative follows from its output.

    forward  : replaces its input by its output
    backward : (gradient with respect to the output, output) → gradient with respect to the input
    """

    forward: Callable[[Tensor], Tensor]
    backward: Callable[[Tensor, Tensor], Tensor]


_threshold, _leaky = derivative("threshold_backward"), derivative("leaky_relu_backward")
ACTIVATIONS = {
    "identity": Activation(lambda z: z, lambda grad, output: grad),
    "relu": Activation(torch.relu_, lambda grad, output: _threshold(grad, output, 0)),
    "leaky_relu": Activation(
        lambda z: functional.leaky_relu_(z, 0.01), lambda grad, output: _leaky(grad, output, 0.01, True)
    ),
    "sigmoid": Activation(torch.sigmoid_, derivative("sigmoid_backward")),
    "tanh": Activation(torch.tanh_, derivative("tanh_backward")),
}


def is_plain(model: nn.Module, config: ModelConfig) -> TypeGuard[Mlp]:
    """Whether `Backprop` supports the network: Linear layers, one of ACTIVATIONS and dropout, nothing else."""
    return isinstance(model, Mlp) and not model.is_embedded and has_plain_layers(config)


def has_plain_layers(config: ModelConfig) -> bool:
    """Whether hidden layers are Linear, one of ACTIVATIONS and dropout, nothing else."""
    return config.norm == "none" and config.activation in ACTIVATIONS


class FlatParameters:
    """All parameters of a network in one tensor, weights before biases; the network's parameters become views of it.

    An optimizer updates one tensor instead of many, and one call converts all of them to another precision.

    values, gradients : (n,), with zeros between parameters
    """

    def __init__(self, model: nn.Module) -> None:
        weights = weights_of(model)
        ordered = [*weights, *Parameters.of(model).others]
        lengths = [-(-parameter.numel() // ALIGNMENT) * ALIGNMENT for parameter in ordered]
        self._n_weights = sum(lengths[: len(weights)])
        self._starts = {id(p): sum(lengths[:index]) for index, p in enumerate(ordered)}
        self.values = torch.zeros(sum(lengths), dtype=ordered[0].dtype)
        self.gradients = torch.zeros_like(self.values)
        for parameter in ordered:
            view = self.part(self.values, parameter)
            view.copy_(parameter.detach())
            parameter.data = view
            parameter.grad = self.part(self.gradients, parameter)
        self._own = Parameters.of(model)

    def part(self, buffer: Tensor, parameter: Tensor) -> Tensor:
        """The view of a buffer that belongs to a parameter, in its shape."""
        start = self._starts[id(parameter)]
        return buffer[start : start + parameter.numel()].view(parameter.shape)

    def parameters(self) -> Parameters:
        """Flat parameters over the same memory as the network's own, for an optimizer."""
        weights, biases = slice(0, self._n_weights), slice(self._n_weights, None)
        flat = [[self._parameter(part)] for part in (weights, biases, slice(None))]
        return replace(self._own, weights=flat[0], others=flat[1], together=flat[2])

    def _parameter(self, span: slice) -> nn.Parameter:
        parameter = nn.Parameter(self.values[span])
        parameter.grad = self.gradients[span]
        return parameter


class Layer(NamedTuple):
    """A Linear layer: weight (n_out, n_in) and bias (n_out,) in its precision, and the tensors for their gradients."""

    weight: Tensor
    transposed: Tensor
    bias: Tensor
    weight_gradient: Tensor
    bias_gradient: Tensor


@dataclass
class Trace:
    """What the forward pass saves for the backward pass, for each hidden layer.

    inputs  : of each layer and, last, of the output layer
    outputs : of each activation, before dropout
    masks   : of dropout, 0 or 1 / (1 − p); empty without it
    """

    inputs: list[Tensor]
    outputs: list[Tensor] = field(default_factory=list)
    masks: list[Tensor] = field(default_factory=list)


class Backprop:
    """Costs and gradients of a plain network (`is_plain`) on the CPU.

    precision : of the hidden layers and of the rows. The output layer and the cost are computed in the parameters'
                own, since bfloat16 has too few digits (three) to distinguish outputs.
    """

    def __init__(self, model: Mlp, config: ModelConfig, cost: Cost, precision: torch.dtype) -> None:
        flat = FlatParameters(model)
        self.parameters = flat.parameters()
        self.input_dtype = flat.values.dtype
        self._cost = cost
        self._values = self._low_precision = flat.values
        linear = [layer for layer in model.hidden if isinstance(layer, nn.Linear)]
        if precision is torch.bfloat16 and linear:
            self._low_precision = flat.values.to(precision)
            self.input_dtype = precision
        self._hidden = [layer_of(flat, layer, self._low_precision) for layer in linear]
        self._output = layer_of(flat, model.output, flat.values)
        self._activation = ACTIVATIONS[config.activation]
        self._keep = 1 - config.dropout
        self._generator = torch.Generator()

    def compute_gradients(self, x: Tensor, y: Tensor, seed: int, weights: Tensor | None = None) -> Tensor:
        """As `Autograd.compute_gradients`."""
        trace = self._trace(x, seed)
        value, grad = self._cost.value_and_grad(forward(self._output, trace.inputs[-1]), y, weights)
        self._backward(trace, grad)
        return value

    def _trace(self, x: Tensor, seed: int) -> Trace:
        """The forward pass up to the output layer."""
        self._refresh()
        trace = Trace([x])
        if self._keep < 1:
            self._generator.manual_seed(seed)
        for layer in self._hidden:
            output = self._activation.forward(forward(layer, trace.inputs[-1]))
            trace.outputs.append(output)
            if self._keep < 1:
                mask = torch.empty_like(output).bernoulli_(self._keep, generator=self._generator).mul_(1 / self._keep)
                trace.masks.append(mask)
                output = output * mask
            trace.inputs.append(output)
        trace.inputs[-1] = trace.inputs[-1].to(self._values.dtype)
        return trace

    def _backward(self, trace: Trace, grad: Tensor) -> None:
        """Compute every layer's gradients from that with respect to the outputs, grad (n, n_outputs)."""
        store_gradients(self._output, grad, trace.inputs[-1])
        above = self._output
        for index in reversed(range(len(self._hidden))):
            grad = torch.mm(grad, above.weight).to(self._low_precision.dtype)
            if trace.masks:
                grad.mul_(trace.masks[index])
            grad = self._activation.backward(grad, trace.outputs[index])
            above = self._hidden[index]
            store_gradients(above, grad, trace.inputs[index])

    def _refresh(self) -> None:
        """Copy the parameters to the hidden layers' precision where it is another."""
        if self._low_precision is not self._values:
            self._low_precision.copy_(self._values)


def layer_of(flat: FlatParameters, layer: nn.Linear | Heads, values: Tensor, gradients: Tensor | None = None) -> Layer:
    """A layer's parameters, as views of `values`, and their gradients, as views of `gradients` or the flat ones."""
    weight, bias = (flat.part(values, parameter) for parameter in (layer.weight, layer.bias))
    gradients = flat.gradients if gradients is None else gradients
    return Layer(weight, weight.t(), bias, flat.part(gradients, layer.weight), flat.part(gradients, layer.bias))


def forward(layer: Layer, inputs: Tensor) -> Tensor:
    """Outputs of the layer, before its activation."""
    return torch.addmm(layer.bias, inputs, layer.transposed)


def fused_linear(activation: str, dtype: torch.dtype) -> Callable[[Tensor, Tensor, Tensor], Tensor]:
    """(inputs, weight, bias) → outputs of a Linear layer after its activation; by one kernel where torch has one."""
    kernel = linear_relu(dtype) if activation == "relu" else None
    own = ACTIVATIONS[activation].forward
    return kernel or (lambda inputs, weight, bias: own(torch.addmm(bias, inputs, weight.t())))


def store_gradients(layer: Layer, grad: Tensor, inputs: Tensor) -> None:
    """The gradients of weight and bias: gradᵀ · inputs, and the sum of grad over rows."""
    if grad.dtype is layer.weight_gradient.dtype:
        torch.mm(grad.t(), inputs, out=layer.weight_gradient)
    else:
        layer.weight_gradient.copy_(torch.mm(grad.t(), inputs))
    torch.sum(grad, 0, dtype=layer.bias_gradient.dtype, out=layer.bias_gradient)
