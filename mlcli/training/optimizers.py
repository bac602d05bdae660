"""Gradient descent and its variants: torch's optimizers, fused where possible."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Self, TypeVar

import torch
from torch import Tensor, nn, optim

from mlcli.config.sections.optimizer import (
    AdadeltaConfig,
    AdagradConfig,
    AdamConfig,
    LbfgsConfig,
    OptimizerConfig,
    RmspropConfig,
    SgdConfig,
)

F = TypeVar("F", bound=Callable[..., Any])
NAME = "torch._dynamo"


class _Deferred(ModuleType):
    """`disable` and `graph_break` as they are outside of compilation: no change, and nothing."""

    def disable(self, fn: F, recursive: bool = True, *, wrapping: bool = True) -> F:
        return fn

    def graph_break(self, msg: str = "") -> None:
        return None

    def __getattr__(self, name: str) -> object:
        if sys.modules.get(NAME) is self:
            del sys.modules[NAME]
        real = importlib.import_module(NAME)
        setattr(torch, NAME.rpartition(".")[2], real)
        found: object = getattr(real, name)
        return found


def defer_compiler() -> None:
    """Put the stand-in where `import torch._dynamo` looks, unless the compiler is there already."""
    if NAME not in sys.modules:
        deferred = _Deferred(NAME)
        sys.modules[NAME] = deferred
        setattr(torch, NAME.rpartition(".")[2], deferred)


FUSED_ADAMS: dict[str, type[optim.Adam]] = {"adam": optim.Adam, "adamw": optim.AdamW}
ADAM_KIN: dict[str, Any] = {"adamax": optim.Adamax, "nadam": optim.NAdam, "radam": optim.RAdam}


@dataclass(frozen=True)
class Parameters:
    """What an optimizer adjusts: weights (two dimensions), the others, and all together."""

    weights: list[nn.Parameter]
    others: list[nn.Parameter]
    together: list[nn.Parameter]

    @classmethod
    def of(cls, model: nn.Module) -> Self:
        """A network's own parameters."""
        parameters = list(model.parameters())
        return cls([p for p in parameters if p.ndim >= 2], [p for p in parameters if p.ndim < 2], parameters)


def build_optimizer(config: OptimizerConfig, parameters: Parameters) -> optim.Optimizer:
    """The optimizer named in the config. l2 acts on weights, never on biases or normalisation."""
    defer_compiler()
    if isinstance(config, LbfgsConfig):
        return optim.LBFGS(
            parameters.together,
            lr=config.lr,
            max_iter=config.iterations,
            history_size=config.history,
            line_search_fn="strong_wolfe",
        )
    groups: Any = [{"params": parameters.together, "weight_decay": 0.0}]
    if config.l2 > 0:
        groups = [
            {"params": parameters.weights, "weight_decay": config.l2},
            {"params": parameters.others, "weight_decay": 0.0},
        ]
    fused = parameters.weights[0].device.type in ("cpu", "cuda")
    match config:
        case SgdConfig():
            return optim.SGD(groups, lr=config.lr, momentum=config.momentum, nesterov=config.nesterov, fused=fused)
        case AdagradConfig():
            return optim.Adagrad(groups, lr=config.lr, fused=fused)
        case AdadeltaConfig():
            return optim.Adadelta(groups, lr=config.lr, rho=config.rho)
        case RmspropConfig():
            return optim.RMSprop(groups, lr=config.lr, alpha=config.rho, momentum=config.momentum)
        case AdamConfig(name="adam" | "adamw"):
            betas = (config.beta1, config.beta2)
            return FUSED_ADAMS[config.name](groups, lr=config.lr, betas=betas, eps=config.eps, fused=fused)
        case AdamConfig():
            betas = (config.beta1, config.beta2)
            kin: optim.Optimizer = ADAM_KIN[config.name](groups, lr=config.lr, betas=betas, eps=config.eps)
            return kin


def weights(model: nn.Module) -> list[Tensor]:
    """Parameters with two dimensions: what l1, l2 and max_norm speak of."""
    return [p for p in model.parameters() if p.ndim >= 2]


def penalty(config: OptimizerConfig, model: nn.Module) -> Tensor | None:
    """What regularisation adds to the cost and the optimizer does not do by itself; None for nothing.

    l1 · Σ|w| for every optimizer, and l2/2 · Σw² for L-BFGS, which has no weight decay.
    """
    l2 = config.l2 if isinstance(config, LbfgsConfig) else 0.0
    if config.l1 == 0 and l2 == 0:
        return None
    terms = [config.l1 * w.abs().sum() + l2 / 2 * w.square().sum() for w in weights(model)]
    return torch.stack(terms).sum()


Update = Callable[[Callable[[], Tensor]], Tensor]


def choose_update(optimizer: optim.Optimizer, device: torch.device) -> Update:
    """A function that takes the closure of an optimizer's `step`, and leaves the same bits.

    Adam's own `step` costs a tiny network as much as its forward and backward passes; its fused kernel costs a tenth.
    """
    if device.type == "cpu" and isinstance(optimizer, optim.Adam) and optimizer.defaults["fused"]:
        return FusedAdam(optimizer)
    return optimizer.step  # type: ignore[return-value]  # torch annotates float and takes the tensor


class FusedAdam:
    """The kernel of a fused Adam or AdamW, called straight; the optimizer keeps the state and the settings."""

    def __init__(self, optimizer: optim.Adam) -> None:
        self._optimizer = optimizer
        self._kernel = torch._fused_adamw_ if isinstance(optimizer, optim.AdamW) else torch._fused_adam_

    def __call__(self, closure: Callable[[], Tensor]) -> Tensor:
        """As the optimizer's `step`."""
        optimizer = self._optimizer
        if not optimizer.state:  # which the first step makes
            return optimizer.step(closure)  # type: ignore[no-any-return]
        cost = closure()
        with torch.no_grad():
            for group in optimizer.param_groups:
                self._update(group["params"], [optimizer.state[p] for p in group["params"]], group)
        return cost

    def _update(self, parameters: list[Tensor], states: list[dict[str, Tensor]], settings: dict[str, Any]) -> None:
        steps = [state["step"] for state in states]
        torch._foreach_add_(steps, 1)
        beta1, beta2 = settings["betas"]
        self._kernel(
            parameters,
            [p.grad for p in parameters],  # type: ignore[misc]
            [state["exp_avg"] for state in states],
            [state["exp_avg_sq"] for state in states],
            [],
            steps,
            lr=settings["lr"],
            beta1=beta1,
            beta2=beta2,
            weight_decay=settings["weight_decay"],
            eps=settings["eps"],
            amsgrad=False,
            maximize=False,
        )
