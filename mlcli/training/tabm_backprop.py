"""Backpropagation written out for TabM, on the CPU."""

from __future__ import annotations

from typing import TypeGuard

import numpy as np
import torch
from torch import Tensor, nn

from mlcli.config.sections.model import ModelConfig
from mlcli.models.networks import Tabm
from mlcli.training.backprop import (
    ACTIVATIONS,
    FlatParameters,
    fused_linear,
    has_plain_layers,
    layer_of,
    store_gradients,
)
from mlcli.training.embedding_backprop import EmbeddingBackprop
from mlcli.training.losses import Cost

# Integers as wide as the numbers whose bits they mask.
INTEGERS = {torch.bfloat16: torch.int16, torch.float32: torch.int32, torch.float64: torch.int64}
HALF = 2**14


def is_plain_tabm(model: nn.Module, config: ModelConfig) -> TypeGuard[Tabm]:
    """Whether `TabmBackprop` supports the network: the same, at least one of them, after any embedding."""
    return isinstance(model, Tabm) and len(config.hidden) > 0 and has_plain_layers(config)


class TabmBackprop:
    """Costs and gradients of a `Tabm` (`is_plain_tabm`) on the CPU.

    Rows of all tensors are grouped by member: (n_members · n, …), those of the first member first. Dropout sets units
    to 0, and the weights that follow are divided by the share that is kept.

    precision : of the hidden layers. Embedded inputs, the heads and the cost are computed in the parameters' own,
                since bfloat16 has too few digits (three) to distinguish numbers and outputs.
    """

    def __init__(self, model: Tabm, config: ModelConfig, cost: Cost, precision: torch.dtype) -> None:
        self._flat = flat = FlatParameters(model)
        self.parameters = flat.parameters()
        self.input_dtype = flat.values.dtype
        self._cost, self._n_members = cost, model.n_members
        self._dtype = torch.bfloat16 if precision is torch.bfloat16 else self.input_dtype
        self._embedding = EmbeddingBackprop(model)
        self._keep = 1 - config.dropout
        self._values, self._gradients = flat.values, flat.gradients
        if self._dtype is not self.input_dtype or self._keep < 1:
            self._values, self._gradients = (
                buffer.to(self._dtype, copy=True) for buffer in (flat.values, flat.gradients)
            )
        linear = [layer for layer in model.hidden if isinstance(layer, nn.Linear)]
        self._layers = [layer_of(flat, layer, self._values, self._gradients) for layer in linear]
        self._heads = layer_of(flat, model.output, flat.values)
        self._scale, self._scale_gradient = (flat.part(x, model.scale) for x in (flat.values, flat.gradients))
        self._linear = fused_linear(config.activation, self._dtype)
        self._activation = ACTIVATIONS[config.activation]
        self._is_relu = config.activation == "relu"  # whose slope is 0 already where dropout made a unit 0

    @torch.no_grad()
    def compute_gradients(self, x: Tensor, y: Tensor, seed: int, weights: Tensor | None = None) -> Tensor:
        """As `Autograd.compute_gradients`."""
        self._refresh(1 / self._keep)
        rows = self._embedding.forward(x)
        inputs, masks = self._forward(rows, np.random.SFC64(seed) if self._keep < 1 else None)
        last, weight = self._by_member(inputs[-1]), self._by_member(self._heads.weight)
        weight = weight / self._keep if self._keep < 1 else weight
        targets = y.expand(self._n_members, *y.shape).flatten(0, 1)
        of_rows = None if weights is None else weights.repeat(self._n_members)
        value, grad = self._cost.value_and_grad(self._outputs(last, weight).flatten(0, 1), targets, of_rows)
        grad = self._by_member(grad)
        slope = self._backward(inputs, masks, torch.bmm(grad, weight).to(self._dtype).flatten(0, 1))
        self._store_gradients()
        self._backward_heads(last, grad)
        self._backward_scale(rows, self._by_member(slope))
        return value

    def _refresh(self, factor: float) -> None:
        """Copy the parameters to the hidden layers' memory and precision; times `factor`, what follows dropout."""
        if self._values is not self._flat.values:
            self._values.copy_(self._flat.values)
        if factor != 1:
            for layer in self._layers[1:]:
                layer.weight.mul_(factor)

    def _store_gradients(self) -> None:
        """The inverse of `_refresh`: from the gradients of the weights used to those of the parameters."""
        if self._gradients is not self._flat.gradients:
            if self._keep < 1:
                for layer in self._layers[1:]:
                    layer.weight_gradient.div_(self._keep)
            self._flat.gradients.copy_(self._gradients)

    def _by_member(self, rows: Tensor) -> Tensor:
        """(n_members · n, …) → (n_members, n, …), in the precision of the parameters."""
        return rows.to(self.input_dtype).view(self._n_members, -1, rows.shape[1])

    def _forward(self, rows: Tensor, random: np.random.SFC64 | None) -> tuple[list[Tensor], list[Tensor]]:
        """The inputs of each layer, the heads last, and the dropout masks. random : None without dropout."""
        inputs = [(rows * self._scale.unsqueeze(1)).flatten(0, 1).to(self._dtype)]
        masks = [] if random is None else self._draw_masks(len(inputs[0]), random)
        for index, layer in enumerate(self._layers):
            units = self._linear(inputs[-1], layer.weight, layer.bias)
            if masks:
                units.view(masks[index].dtype).bitwise_and_(masks[index])
            inputs.append(units)
        return inputs, masks

    def _draw_masks(self, n: int, random: np.random.SFC64) -> list[Tensor]:
        """A dropout mask for the units (n, …) of each hidden layer."""
        widths = [len(layer.bias) for layer in self._layers]
        mask = draw_mask(torch.empty(n * sum(widths), dtype=self._dtype), self._keep, random)
        return [part.view(n, -1) for part in torch.split(mask, [n * width for width in widths])]

    def _outputs(self, last: Tensor, weight: Tensor) -> Tensor:
        """Outputs (n_members, n, n_outputs), from the last units (n_members, n, n_in) and the heads' weights."""
        return torch.baddbmm(self._heads.bias.view(self._n_members, 1, -1), last, weight.transpose(1, 2))

    def _backward(self, inputs: list[Tensor], masks: list[Tensor], grad: Tensor) -> Tensor:
        """The hidden layers' gradients; returns that of the scaled rows. grad : of the last units."""
        for index in reversed(range(len(self._layers))):
            if masks and not self._is_relu:
                grad.view(masks[index].dtype).bitwise_and_(masks[index])
            grad = self._activation.backward(grad, inputs[index + 1])
            store_gradients(self._layers[index], grad, inputs[index])
            grad = torch.mm(grad, self._layers[index].weight)
        return grad

    def _backward_heads(self, last: Tensor, grad: Tensor) -> None:
        """The heads' gradients. grad : of the outputs, (n_members, n, n_outputs)."""
        weight = self._by_member(self._heads.weight_gradient)
        torch.bmm(grad.transpose(1, 2), last, out=weight)
        if self._keep < 1:
            weight.div_(self._keep)
        torch.sum(grad, 1, out=self._heads.bias_gradient.view(self._n_members, -1))

    def _backward_scale(self, rows: Tensor, grad: Tensor) -> None:
        """The gradients of scales and embedded rows. grad : of the scaled rows, (n_members, n, n_inputs)."""
        torch.sum(grad * rows, 1, out=self._scale_gradient)
        if self._embedding.learns:
            self._embedding.backward(grad.mul_(self._scale.unsqueeze(1)).sum(0))


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
