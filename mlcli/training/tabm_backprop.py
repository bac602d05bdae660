"""Backpropagation written out for TabM, on the CPU."""

from __future__ import annotations

from typing import TypeGuard

import numpy as np
import torch
from torch import Tensor, nn

from mlcli.config.sections.model import ModelConfig
from mlcli.models.ensembles import combine_outputs
from mlcli.models.networks import Tabm
from mlcli.training.backprop import ACTIVATIONS, FlatParameters, Layer, has_plain_layers, layer_of
from mlcli.training.losses import Cost

# Integers as wide as the numbers whose bits they mask.
INTEGERS = {torch.bfloat16: torch.int16, torch.float32: torch.int32, torch.float64: torch.int64}
HALF = 2**14


def is_plain_tabm(model: nn.Module, config: ModelConfig) -> TypeGuard[Tabm]:
    """Whether `TabmBackprop` supports the network: the same, at least one of them, after any embedding."""
    return isinstance(model, Tabm) and len(config.hidden) > 0 and has_plain_layers(config)


class TabmBackprop:
    """Costs and gradients of a `Tabm` (`is_plain_tabm`) on the CPU; those of embeddings by autograd.

    A member's scale of the inputs is one of the first layer's weights: the joint weights of all members,
    (n_members · units, n_inputs), take the place of scaled inputs. Dropout sets units to 0, and the weights that
    follow are divided by the share that is kept.
    """

    def __init__(self, model: Tabm, config: ModelConfig, cost: Cost, precision: torch.dtype) -> None:
        flat = FlatParameters(model)
        self.parameters = flat.parameters()
        self.input_dtype = flat.values.dtype
        self._model, self._cost = model, cost
        self._dtype = torch.bfloat16 if precision is torch.bfloat16 else self.input_dtype
        self._shared = [layer_of(flat, own, flat.values) for own in model.hidden if isinstance(own, nn.Linear)]
        self._scale, self._scale_gradient = (flat.part(x, model.scale) for x in (flat.values, flat.gradients))
        self._layers = [_copy_of(layer, 1, self._dtype) for layer in self._shared]
        self._layers[0] = _copy_of(self._shared[0], model.n_members, self._dtype)
        self._heads = layer_of(flat, model.output, flat.values)
        self._embedded = [p for part in (model.numbers, model.embeddings) if part for p in part.parameters()]
        self._activation = ACTIVATIONS[config.activation]
        self._keep = 1 - config.dropout
        self._units, self._slopes = ([torch.empty(0, n, dtype=self._dtype) for n in config.hidden] for _ in range(2))

    def compute_gradients(self, x: Tensor, y: Tensor, seed: int) -> Tensor:
        """As `Autograd.compute_gradients`."""
        self._refresh(1 / self._keep)
        with torch.enable_grad():
            inputs = self._model.embed(x)
        first = inputs.detach().to(self._dtype)
        self._reserve(len(x) * self._model.n_members)
        masks = self._forward(first, self._units, np.random.SFC64(seed) if self._keep < 1 else None)
        last = self._units[-1].to(self.input_dtype)
        weight = self._heads.weight / self._keep
        targets = repeat_targets(y, self._model.n_members)
        value, grad = self._cost.value_and_grad(self._outputs(last, weight), targets)
        self._backward_heads(last, weight, self._by_member(grad))
        self._backward(first, masks)
        if self._embedded:
            for parameter in self._embedded:
                parameter.grad.zero_()  # type: ignore[union-attr]
            slope = torch.mm(self._slopes[0].view(len(x), -1), self._layers[0].weight)
            torch.autograd.backward(inputs, slope.to(inputs.dtype))
        return value

    def outputs(self, x: Tensor) -> Tensor:
        """As `Autograd.outputs`."""
        self._refresh(1.0)
        units = [torch.empty(len(x) * self._model.n_members, one.shape[1], dtype=self._dtype) for one in self._units]
        self._forward(self._model.embed(x).detach().to(self._dtype), units, None)
        outputs = self._outputs(units[-1].to(self.input_dtype), self._heads.weight)
        return combine_outputs(self._by_member(outputs), self._model.unit)

    def _reserve(self, n: int) -> None:
        """Memory for the units of n rows and members and their gradients; kept, as new memory costs time."""
        for memory in (self._units, self._slopes):
            memory[:] = [_first_rows(one, n) for one in memory]

    def _forward(self, inputs: Tensor, units: list[Tensor], random: np.random.SFC64 | None) -> list[Tensor]:
        """Compute the hidden units; returns the dropout masks. random : None without dropout."""
        masks = []
        for layer, own in zip(self._layers, units, strict=True):
            torch.addmm(layer.bias, inputs, layer.transposed, out=own.view(len(inputs), -1))
            self._activation.forward(own)
            if random is not None:
                masks.append(draw_mask(own, self._keep, random))
                own.view(masks[-1].dtype).bitwise_and_(masks[-1])
            inputs = own
        return masks

    def _outputs(self, last: Tensor, weight: Tensor) -> Tensor:
        """Each member's outputs (n · n_members, n_outputs) from its last hidden units."""
        n_members, n_outputs, _ = shape = self._model.output.shape
        bias = self._heads.bias.view(n_members, 1, n_outputs)
        outputs = torch.baddbmm(bias, self._by_member(last), weight.view(shape).transpose(1, 2))
        return outputs.transpose(0, 1).reshape(-1, n_outputs)

    def _by_member(self, rows: Tensor) -> Tensor:
        """(n · n_members, …) → (n_members, n, …), a view."""
        return rows.view(-1, self._model.n_members, rows.shape[1]).transpose(0, 1)

    def _backward_heads(self, last: Tensor, weight: Tensor, grad: Tensor) -> None:
        """The heads' gradients, and that of the last hidden units. grad : (n_members, n, n_outputs)."""
        shape = self._model.output.shape
        product = torch.bmm(grad.transpose(1, 2), self._by_member(last))
        torch.div(product, self._keep, out=self._heads.weight_gradient.view(shape))
        torch.sum(grad, 1, out=self._heads.bias_gradient.view(shape[:2]))
        low = weight.view(shape).to(self._dtype)
        torch.bmm(grad.to(self._dtype), low, out=self._by_member(self._slopes[-1]))

    def _backward(self, first: Tensor, masks: list[Tensor]) -> None:
        """The hidden layers' gradients, from that of the last hidden units. first : the joint layer's inputs."""
        for index in reversed(range(len(self._layers))):
            grad = self._slopes[index]
            if masks:
                grad.view(masks[index].dtype).bitwise_and_(masks[index])
            grad = self._activation.backward(grad, self._units[index])
            layer, inputs = self._layers[index], self._units[index - 1] if index else first
            grad = grad.view(len(inputs), -1)
            layer.weight_gradient.copy_(torch.mm(grad.t(), inputs))
            layer.bias_gradient.copy_(grad.sum(0))
            if index:
                torch.mm(grad, layer.weight, out=self._slopes[index - 1])
            else:
                self._slopes[0] = grad.view(self._slopes[0].shape)
        self._share_gradients()

    def _share_gradients(self) -> None:
        """From the gradients of the weights that were used to those of the parameters."""
        n_members, shared = self._model.n_members, self._shared[0]
        joint = self._layers[0].weight_gradient.view(n_members, *shared.weight.shape)
        torch.sum(joint * self._scale.unsqueeze(1), 0, out=shared.weight_gradient)
        torch.sum(joint * shared.weight, 1, out=self._scale_gradient)
        torch.sum(self._layers[0].bias_gradient.view(n_members, -1), 0, out=shared.bias_gradient)
        for layer, own in zip(self._layers[1:], self._shared[1:], strict=True):
            torch.div(layer.weight_gradient, self._keep, out=own.weight_gradient)
            own.bias_gradient.copy_(layer.bias_gradient)

    def _refresh(self, factor: float) -> None:
        """Make the weights that are used: of the joint first layer, and of the others times `factor`."""
        joint, shared = self._layers[0], self._shared[0]
        torch.mul(shared.weight, self._scale.unsqueeze(1), out=joint.weight.view(-1, *shared.weight.shape))
        joint.bias.view(self._model.n_members, -1).copy_(shared.bias)
        for layer, own in zip(self._layers[1:], self._shared[1:], strict=True):
            torch.mul(own.weight, factor, out=layer.weight)
            layer.bias.copy_(own.bias)


def _copy_of(layer: Layer, times: int, dtype: torch.dtype) -> Layer:
    """A layer with so many times the units, of its own memory; its gradients are in the precision of the original."""
    (units, n_inputs), own = layer.weight.shape, layer.weight.dtype
    weight, bias = torch.empty(times * units, n_inputs, dtype=dtype), torch.empty(times * units, dtype=dtype)
    return Layer(weight, weight.t(), bias, torch.empty(weight.shape, dtype=own), torch.empty(bias.shape, dtype=own))


def _first_rows(memory: Tensor, n: int) -> Tensor:
    """N rows of the memory, or of more where it has too few."""
    whole = memory if memory._base is None else memory._base
    return whole[:n] if len(whole) >= n else torch.empty(n, memory.shape[1], dtype=memory.dtype)


def repeat_targets(y: Tensor, n_members: int) -> Tensor:
    """Targets (n, …) for outputs whose rows are a row's members, one after the other."""
    return y.repeat_interleave(n_members, dim=0) if n_members > 1 else y


def draw_mask(like: Tensor, keep: float, random: np.random.SFC64) -> Tensor:
    """A dropout mask as integers: all bits 1 with probability `keep`, to 15 binary digits, else 0.

    Four of them come from 64 random bits: with `bernoulli_` they would take longer than the layer's matrix product.
    """
    bits = torch.from_numpy(random.random_raw(-(-like.numel() // 4))).view(torch.int16)[: like.numel()]
    below = bits.bitwise_right_shift_(1).sub_(round(keep * 2 * HALF) - HALF)  # negative where kept
    return below.bitwise_right_shift_(15).view(like.shape).to(INTEGERS[like.dtype])
