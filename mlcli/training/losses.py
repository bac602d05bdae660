"""The loss of one row and the cost of a batch, its mean; all work on the network's raw outputs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from mlcli.config.sections.model import LossConfig
from mlcli.models.fit_task import class_weights
from mlcli.models.task import Classification, FittedTask

RowLoss = Callable[[Tensor, Tensor], Tensor]
ValueAndGrad = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]


class Loss(Protocol):
    """The cost of a batch."""

    def __call__(self, outputs: Tensor, y: Tensor, weights: Tensor | None = None) -> Tensor:
        """Outputs (n, n_outputs), encoded targets, weights (n,) of rows → their mean of weight × loss, a scalar.

        Weights whose mean is 1 over all rows leave the size of the cost as it was; None where all rows count alike.
        """


@dataclass(frozen=True)
class Cost:
    """The cost of a batch and its gradient.

    closed_form : (outputs, encoded targets) → the value without weights, and its gradient; None where none is known
    """

    value: Loss
    closed_form: ValueAndGrad | None

    def __call__(self, outputs: Tensor, y: Tensor, weights: Tensor | None = None) -> Tensor:
        """The value."""
        return self.value(outputs, y, weights)

    def value_and_grad(self, outputs: Tensor, y: Tensor, weights: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """The value, and its gradient with respect to the outputs (n, n_outputs)."""
        if weights is None and self.closed_form is not None:
            return self.closed_form(outputs, y)
        with torch.enable_grad():
            outputs = outputs.detach().requires_grad_()
            cost = self.value(outputs, y, weights)
            return cost.detach(), torch.autograd.grad(cost, outputs)[0]


def build_cost(config: LossConfig, task: FittedTask, device: torch.device) -> Cost:
    """`build_loss` with its gradient: in closed form for three common losses, by autograd for the others."""
    return Cost(build_loss(config, task, device), _closed_form(config, task))


def _closed_form(config: LossConfig, task: FittedTask) -> ValueAndGrad | None:
    if getattr(config, "class_weights", "none") != "none":
        return None
    smoothing: float = getattr(config, "label_smoothing", 0.0)
    match loss_name(config, task):
        case "mse" if isinstance(task, Classification):
            return _squared_probability_grad
        case "mse":
            return _squared_error_grad
        case "bce" | "cross_entropy" if isinstance(task, Classification) and task.output == "sigmoid":
            return _sigmoid_grad(smoothing)
        case "cross_entropy" if isinstance(task, Classification) and task.output == "softmax":
            return _softmax_grad(smoothing, task.n_outputs)
    return None


def _squared_error_grad(z: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    error = z - y
    return error.square().mean(), error * (2 / error.numel())


def _squared_probability_grad(z: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """∂/∂z of (p − y)² is 2 (p − y) p (1 − p), with p the sigmoid of z."""
    p = z.sigmoid()
    error = p - y
    return error.square().mean(), error * p * (1 - p) * (2 / error.numel())


def _sigmoid_grad(smoothing: float) -> ValueAndGrad:
    """∂/∂z of −t·log p − (1 − t)·log(1 − p) is p − t, with p the sigmoid of z."""

    def value_and_grad(z: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        target = y * (1 - smoothing) + smoothing / 2 if smoothing else y
        return F.binary_cross_entropy_with_logits(z, target), (z.sigmoid() - target) / len(z)

    return value_and_grad


def _softmax_grad(smoothing: float, n_classes: int) -> ValueAndGrad:
    """∂/∂z of −Σ t·log p is p − t, with p the softmax of z and t the true class, smoothed."""

    def value_and_grad(z: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        log_p = z.log_softmax(dim=1)
        cost = F.nll_loss(log_p, y)
        if smoothing:
            cost = (1 - smoothing) * cost - smoothing * log_p.mean()
        excess = log_p.exp_()
        if smoothing:
            excess.sub_(smoothing / n_classes)
        excess.scatter_add_(1, y.unsqueeze(1), excess.new_full((1, 1), smoothing - 1).expand(len(z), 1))
        return cost, excess.div_(len(z))

    return value_and_grad


def build_loss(config: LossConfig, task: FittedTask, device: torch.device) -> Loss:
    """The cost of a batch. Targets come as `task.encode` makes them.

    Class weights multiply the loss of each row as its own weight does; "balanced" leaves the size of the cost as it
    was.
    """
    row_loss = _row_loss(config, task)
    if isinstance(task, Classification) and (of_classes := class_weights(config, task)) is not None:
        row_loss = _weighted(row_loss, torch.tensor(of_classes, device=device))

    def loss(outputs: Tensor, y: Tensor, weights: Tensor | None = None) -> Tensor:
        losses = row_loss(outputs, y)
        return (losses if weights is None else losses * weights).mean()

    return loss


def _weighted(row_loss: RowLoss, of_classes: Tensor) -> RowLoss:
    return lambda outputs, y: row_loss(outputs, y) * of_classes[y.long().view(-1)]


def _row_loss(config: LossConfig, task: FittedTask) -> RowLoss:
    """Loss of each row: (outputs, targets) → (n,)."""
    match loss_name(config, task):
        case "mse" if isinstance(task, Classification):
            return lambda z, y: (z.sigmoid() - y).square().view(-1)
        case "mse":
            return lambda z, y: F.mse_loss(z, y, reduction="none").mean(dim=1)
        case "mae":
            return lambda z, y: F.l1_loss(z, y, reduction="none").mean(dim=1)
        case "huber":
            delta: float = getattr(config, "delta")  # noqa: B009
            return lambda z, y: F.huber_loss(z, y, reduction="none", delta=delta).mean(dim=1)
        case "quantile":
            q: float = getattr(config, "q")  # noqa: B009
            return lambda z, y: torch.maximum(q * (y - z), (q - 1) * (y - z)).mean(dim=1)
        case "poisson":  # half the deviance of the mean e^z: 0 where it is the truth
            return lambda z, y: (z.exp() - y * z + torch.xlogy(y, y) - y).mean(dim=1)
        case "hinge":
            return lambda z, y: F.relu(1 - (2 * y - 1) * z).view(-1)  # 0/1 targets as −1/+1
        case "perceptron":
            return _perceptron
        case "focal":
            return _focal(getattr(config, "gamma"), task)  # noqa: B009
        case _:
            return _cross_entropy(task, getattr(config, "label_smoothing", 0.0))


def loss_name(config: LossConfig, task: FittedTask) -> str:
    """The configured loss; "auto" is resolved by the task."""
    if config.name != "auto":
        return config.name
    if not isinstance(task, Classification):
        return "mse"
    return {"step": "perceptron", "sigmoid": "bce"}.get(task.output, "cross_entropy")


def _perceptron(z: Tensor, y: Tensor) -> Tensor:
    """max(0, −y·z) of targets as −1/+1, with Rosenblatt's update also at z = 0, where torch's relu has no gradient."""
    margin = (2 * y - 1) * z
    return torch.where(margin <= 0, -margin, torch.zeros_like(margin)).view(-1)


def _cross_entropy(task: FittedTask, smoothing: float) -> RowLoss:
    if isinstance(task, Classification) and task.output == "softmax":
        return lambda z, y: F.cross_entropy(z, y, reduction="none", label_smoothing=smoothing)
    return lambda z, y: F.binary_cross_entropy_with_logits(
        z, y * (1 - smoothing) + smoothing / 2, reduction="none"
    ).view(-1)


def _focal(gamma: float, task: FittedTask) -> RowLoss:
    """(1 − p)^γ · cross-entropy, p the probability given to the true class (Lin et al., 2017)."""
    cross_entropy = _cross_entropy(task, 0.0)

    def focal(z: Tensor, y: Tensor) -> Tensor:
        loss = cross_entropy(z, y)
        return (1 - torch.exp(-loss)) ** gamma * loss

    return focal
