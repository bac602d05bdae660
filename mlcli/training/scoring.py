"""Numbers measured after every epoch: cheap, in torch, without scikit-learn."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from mlcli.task import Classification, FittedTask, Regression

Scorer = Callable[[Tensor, Tensor], dict[str, float]]
HIGHER_IS_BETTER = {"loss": False, "accuracy": True, "rmse": False, "mae": False, "r2": True}


def build_scorer(task: FittedTask, device: torch.device) -> Scorer:
    """(outputs, encoded targets) of all rows → accuracy, or rmse, mae and r2 in the target's units."""
    if isinstance(task, Regression):
        std = torch.tensor(task.std, device=device)
        return lambda outputs, y: _regression_scores((outputs - y) * std, y * std)
    return lambda outputs, y: {"accuracy": _accuracy(task, outputs, y)}


def _accuracy(task: Classification, outputs: Tensor, y: Tensor) -> float:
    if task.output == "softmax":
        return (outputs.argmax(dim=1) == y).float().mean().item()
    cut = 0.0 if task.output == "step" else torch.tensor(task.threshold).logit().item()
    return ((outputs > cut) == (y > 0.5)).float().mean().item()


def _regression_scores(error: Tensor, y: Tensor) -> dict[str, float]:
    """Means over rows and targets; r2 is the uniform average over targets, 0 where a target is constant."""
    spread = (y - y.mean(dim=0)).square().sum(dim=0)
    explained = torch.where(spread > 0, 1 - error.square().sum(dim=0) / spread, torch.zeros_like(spread))
    return {
        "rmse": error.square().mean().sqrt().item(),
        "mae": error.abs().mean().item(),
        "r2": explained.mean().item(),
    }
