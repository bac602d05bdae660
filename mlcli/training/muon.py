"""Muon for the hidden layers' weights, with AdamW for all other parameters (Jordan et al., 2024)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn, optim

from mlcli.config.sections.optimizer import MuonConfig
from mlcli.training.torch_private import Closure, adamw_update

# Of the Newton–Schulz iteration: coefficients of its polynomial, steps, and what is added to the norm.
COEFFICIENTS, STEPS, EPS = (3.4445, -4.7750, 2.0315), 5, 1e-7
BETAS, ADAM_EPS = (0.9, 0.999), 1e-8


class Muon(optim.Optimizer):
    """Steps of the same spectral size for hidden weights; AdamW, with a rate of its own, for the rest.

    lr of every group is the rate of hidden weights; AdamW's is lr · config.adamw_lr / config.lr, so that schedules
    change both alike.
    """

    def __init__(
        self,
        config: MuonConfig,
        hidden: Sequence[nn.Parameter],
        weights: Sequence[nn.Parameter],
        others: Sequence[nn.Parameter],
    ) -> None:
        self._momentum = config.momentum
        self._adamw_share = config.adamw_lr / config.lr
        adam = {"orthogonal": False, "betas": BETAS, "eps": ADAM_EPS}
        groups: list[dict[str, Any]] = [
            {"params": list(hidden), "orthogonal": True, "weight_decay": config.l2},
            {"params": list(weights), "weight_decay": config.l2, **adam},
            {"params": list(others), "weight_decay": 0.0, **adam},
        ]
        super().__init__([group for group in groups if group["params"]], {"lr": config.lr})

    @torch.no_grad()
    def step(self, closure: Closure) -> Tensor:  # type: ignore[override]
        """One update; the closure computes the gradients and returns the cost."""
        with torch.enable_grad():
            cost = closure()
        for group in self.param_groups:
            if group["orthogonal"]:
                for parameter in group["params"]:
                    self._orthogonal_step(parameter, group["lr"], group["weight_decay"])
            else:
                self._adamw_step({**group, "lr": group["lr"] * self._adamw_share})
        return cost

    def _orthogonal_step(self, weight: nn.Parameter, lr: float, decay: float) -> None:
        """Weight decay, then a step of lr · √max(1, rows / columns) along the orthogonalised Nesterov momentum."""
        gradient, state = weight.grad, self.state[weight]
        if gradient is None:
            return
        if not state:
            state["momentum"] = torch.zeros_like(gradient)
        momentum = state["momentum"].lerp_(gradient, 1 - self._momentum)
        update = orthogonalise(gradient.lerp(momentum, self._momentum))
        rows, columns = weight.shape
        weight.mul_(1 - lr * decay).sub_(update, alpha=lr * math.sqrt(max(1.0, rows / columns)))

    def _adamw_step(self, group: dict[str, Any]) -> None:
        for parameter in group["params"]:
            if not self.state[parameter]:
                zeros = {name: torch.zeros_like(parameter) for name in ("exp_avg", "exp_avg_sq")}
                self.state[parameter] |= {"step": torch.zeros((), device=parameter.device), **zeros}
        adamw_update(group, [self.state[parameter] for parameter in group["params"]])


def orthogonalise(matrix: Tensor) -> Tensor:
    """About U · Vᵀ of a matrix U · S · Vᵀ: singular values come to lie within about 0.7 and 1.2.

    Five steps of the quintic Newton–Schulz iteration of Jordan et al. (2024), in the matrix's own precision.
    """
    a, b, c = COEFFICIENTS
    x = matrix.t() if matrix.shape[0] > matrix.shape[1] else matrix
    x = x / (x.norm() + EPS)
    for _ in range(STEPS):
        gram = x @ x.t()
        x = torch.addmm(x, torch.addmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x.t() if matrix.shape[0] > matrix.shape[1] else x
