"""The loss of one row and the cost of a batch, its mean; all work on the network's raw outputs."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from mlcli.config.model import LossConfig
from mlcli.task import Classification, FittedTask

Loss = Callable[[Tensor, Tensor], Tensor]


def build_loss(config: LossConfig, task: FittedTask, device: torch.device) -> Loss:
    """The cost of a batch: (outputs (n, n_outputs), encoded targets) → mean over rows, a scalar.

    Targets come as `task.encode` makes them. With class weights it is the mean of weight × loss, so that
    "balanced" leaves the size of the cost as it was.
    """
    row_loss = _row_loss(config, task)
    if isinstance(task, Classification) and (weights := _class_weights(config, task)) is not None:
        table = weights.to(device)
        return lambda outputs, y: (row_loss(outputs, y) * table[y.long().view(-1)]).mean()
    return lambda outputs, y: row_loss(outputs, y).mean()


def _class_weights(config: LossConfig, task: Classification) -> Tensor | None:
    chosen: str | dict[str, float] = getattr(config, "class_weights", "none")
    if chosen == "none":
        return None
    if isinstance(chosen, str):
        total = sum(task.counts)
        return torch.tensor([total / (len(task.classes) * max(count, 1)) for count in task.counts])
    return torch.tensor([chosen.get(name, 1.0) for name in task.classes])


def _row_loss(config: LossConfig, task: FittedTask) -> Loss:
    """Loss of each row: (outputs, targets) → (n,)."""
    match config.name if config.name != "auto" else _default_name(task):
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
        case "hinge":
            return lambda z, y: F.relu(1 - _signs(y) * z).view(-1)
        case "perceptron":
            return lambda z, y: _perceptron(z, _signs(y)).view(-1)
        case "focal":
            return _focal(getattr(config, "gamma"), task)  # noqa: B009
        case _:
            return _cross_entropy(task, getattr(config, "label_smoothing", 0.0))


def _default_name(task: FittedTask) -> str:
    if not isinstance(task, Classification):
        return "mse"
    return "perceptron" if task.output == "step" else "cross_entropy"


def _signs(y: Tensor) -> Tensor:
    """0/1 targets as −1/+1."""
    return 2 * y - 1


def _perceptron(z: Tensor, signs: Tensor) -> Tensor:
    """max(0, −y·z), with Rosenblatt's update also at z = 0, where torch's relu has no gradient."""
    margin = signs * z
    return torch.where(margin <= 0, -margin, torch.zeros_like(margin))


def _cross_entropy(task: FittedTask, smoothing: float) -> Loss:
    if isinstance(task, Classification) and task.output == "softmax":
        return lambda z, y: F.cross_entropy(z, y, reduction="none", label_smoothing=smoothing)
    return lambda z, y: F.binary_cross_entropy_with_logits(
        z, y * (1 - smoothing) + smoothing / 2, reduction="none"
    ).view(-1)


def _focal(gamma: float, task: FittedTask) -> Loss:
    """(1 − p)^γ · cross-entropy, p the probability given to the true class (Lin et al., 2017)."""
    cross_entropy = _cross_entropy(task, 0.0)

    def focal(z: Tensor, y: Tensor) -> Tensor:
        loss = cross_entropy(z, y)
        return (1 - torch.exp(-loss)) ** gamma * loss

    return focal
