"""The metrics measured after every epoch."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch
from torch import Tensor

from mlcli.metrics.measure import measure
from mlcli.models.task import Classification, FittedTask, Regression

Scorer = Callable[[Tensor, Tensor], dict[str, float]]
QUICK = {"classification": ("accuracy",), "regression": ("rmse", "mae", "r2")}


def build_scorer(task: FittedTask, device: torch.device, watched: Iterable[str] = ()) -> Scorer:
    """(outputs, encoded targets) of all rows → the watched metrics that are not quick, and the QUICK ones.

    An undefined one is left out.
    """
    quick = _quick_scorer(task, device)
    others = tuple(name for name in watched if name != "loss" and name not in QUICK[task.kind])
    if not others:
        return quick
    return lambda outputs, y: {**_watched_scores(task, outputs, y, others), **quick(outputs, y)}


def _watched_scores(task: FittedTask, outputs: Tensor, y: Tensor, names: tuple[str, ...]) -> dict[str, float]:
    scores = measure(task, task.decode_targets(y), task.decode(outputs), names)
    return {score.name: score.value for score in scores if score.value is not None}


def _quick_scorer(task: FittedTask, device: torch.device) -> Scorer:
    """Accuracy, or rmse, mae and r2 in the target's units."""
    if isinstance(task, Regression):
        std = torch.tensor(task.std, device=device)
        return lambda outputs, y: _regression_scores(outputs - y, y, std)
    return lambda outputs, y: {"accuracy": _accuracy(task, outputs, y)}


def _accuracy(task: Classification, outputs: Tensor, y: Tensor) -> float:
    if task.output == "softmax":
        return (outputs.argmax(dim=1) == y).float().mean().item()
    cut = 0.0 if task.output == "step" else torch.tensor(task.threshold).logit().item()
    return ((outputs > cut) == (y > 0.5)).float().mean().item()


def _regression_scores(error: Tensor, y: Tensor, std: Tensor) -> dict[str, float]:
    """Means over rows and targets, whose units std brings back; r2 is 0 where a target is constant.

    Few copies are made: a long table leaves no room for them.
    """
    squares, spread = error.square().mean(dim=0), y.var(dim=0, correction=0)
    explained = torch.where(spread > 0, 1 - squares / spread, torch.zeros_like(spread))
    return {
        "rmse": (squares * std.square()).mean().sqrt().item(),
        "mae": (error.abs().mean(dim=0) * std).mean().item(),
        "r2": explained.mean().item(),
    }
