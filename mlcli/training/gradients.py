"""The gradients of a batch's cost: by backpropagation written out for plain networks, else by torch's autograd."""

from __future__ import annotations

import contextlib

import torch
from torch import Tensor

from mlcli.config.sections.model import ModelConfig
from mlcli.models.networks import Mlp, Tabm
from mlcli.training.backprop import Backprop, is_plain
from mlcli.training.losses import Cost
from mlcli.training.optimizers import Parameters
from mlcli.training.tabm_backprop import TabmBackprop, is_plain_tabm, repeat_targets


class Autograd:
    """Costs and gradients of any network, on any device.

    precision   : of the forward pass; outputs are converted to float32, since the cost needs its digits
    parameters  : for the optimizer
    input_dtype : of the rows x
    """

    def __init__(self, model: Mlp | Tabm, config: ModelConfig, cost: Cost, precision: torch.dtype) -> None:
        self.parameters = Parameters.of(model)
        self.input_dtype = self.parameters.together[0].dtype
        self._model = model
        self._cost = cost
        self._precision = precision
        self._is_random = config.dropout > 0

    def compute_gradients(self, x: Tensor, y: Tensor, seed: int, weights: Tensor | None = None) -> Tensor:
        """Mean cost of a batch, a scalar; its gradients are left in the parameters' `grad`.

        seed    : of dropout
        weights : (n,), of the rows; None where all count alike
        """
        if self._is_random:
            # On the CPU as torch.manual_seed does, but a tenth of a millisecond faster.
            (torch.default_generator if x.device.type == "cpu" else torch).manual_seed(seed)
        self._model.train()
        self._model.zero_grad()
        exact = self._precision is torch.float32
        with contextlib.nullcontext() if exact else torch.autocast(x.device.type, dtype=self._precision):
            outputs = self._model.member_outputs(x)
        outputs = outputs.float() if outputs.dtype is torch.bfloat16 else outputs
        members = self._model.n_members
        own = None if weights is None else repeat_targets(weights, members)
        value = self._cost(outputs, repeat_targets(y, members), own)
        value.backward()  # type: ignore[no-untyped-call]
        return value.detach()


Gradients = Autograd | Backprop | TabmBackprop


def choose_gradients(
    model: Mlp | Tabm, config: ModelConfig, cost: Cost, precision: torch.dtype, device: torch.device
) -> Gradients:
    """`Backprop` for plain networks on the CPU, where it saves up to half of a step's time; else `Autograd`."""
    if device.type == "cpu" and is_plain(model, config):
        return Backprop(model, config, cost, precision)
    if device.type == "cpu" and is_plain_tabm(model, config):
        return TabmBackprop(model, config, cost, precision)
    return Autograd(model, config, cost, precision)
