"""Torch's optimizers, fused where possible, regularisation, and learning-rate schedules."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, Self

import torch
from torch import Tensor, nn, optim

from mlcli.config.sections.optimizer import (
    AdadeltaConfig,
    AdagradConfig,
    AdamConfig,
    ConstantSchedule,
    CosineSchedule,
    ExponentialSchedule,
    InverseSqrtSchedule,
    LbfgsConfig,
    MuonConfig,
    OneCycleSchedule,
    OptimizerConfig,
    PlateauSchedule,
    RmspropConfig,
    ScheduleConfig,
    SgdConfig,
    StepSchedule,
)
from mlcli.metrics.catalog import beats
from mlcli.training.muon import Muon
from mlcli.training.state import EpochRecord
from mlcli.training.torch_private import Update, fused_adam, plain_step, skip_compiler

FUSED_ADAMS: dict[str, type[optim.Adam]] = {"adam": optim.Adam, "adamw": optim.AdamW}
ADAM_KIN: dict[str, Any] = {"adamax": optim.Adamax, "nadam": optim.NAdam, "radam": optim.RAdam}
# A rate of zero would waste the step, and divide by zero in L-BFGS's line search.
LOWEST = 1e-12
# One-cycle starts and ends at these shares of its peak (fastai's div and div_final).
CYCLE_START, CYCLE_END = 1 / 25, 1e-5


Kind = Literal["hidden", "weight", "other"]


@dataclass(frozen=True)
class Parameters:
    """What an optimizer updates: weights, the other parameters, and all together.

    single : the network's own parameters, which may be views of those above
    kinds  : of each of them, see `kind_of`
    """

    weights: list[nn.Parameter]
    others: list[nn.Parameter]
    together: list[nn.Parameter]
    single: list[nn.Parameter]
    kinds: tuple[Kind, ...]

    @classmethod
    def of(cls, model: nn.Module) -> Self:
        """A network's own parameters."""
        own, kinds = list(model.parameters()), tuple(kind_of(name, p) for name, p in model.named_parameters())
        others = [p for p, kind in zip(own, kinds, strict=True) if kind == "other"]
        return cls(weights_of(model), others, own, own, kinds)


def kind_of(name: str, parameter: Tensor) -> Kind:
    """Whether a network's parameter is the weight of a hidden layer, which Muon updates; another weight; or neither.

    l1, l2 and max_norm act on weights: not on biases, norms, the scales of TabM's members and embedded numbers.
    """
    if parameter.ndim < 2 or name == "scale" or name.startswith("numbers."):
        return "other"
    return "hidden" if name.startswith("hidden.") else "weight"


def weights_of(model: nn.Module) -> list[nn.Parameter]:
    """The parameters that are weights."""
    return [parameter for name, parameter in model.named_parameters() if kind_of(name, parameter) != "other"]


def build_optimizer(config: OptimizerConfig, parameters: Parameters) -> optim.Optimizer:
    """The optimizer named in the config. l2 acts on weights, never on biases or normalisation."""
    skip_compiler()
    if isinstance(config, LbfgsConfig):
        return optim.LBFGS(
            parameters.together,
            lr=config.lr,
            max_iter=config.iterations,
            history_size=config.history,
            line_search_fn="strong_wolfe",
        )
    if isinstance(config, MuonConfig):
        kinds: dict[Kind, list[nn.Parameter]] = {"hidden": [], "weight": [], "other": []}
        for parameter, kind in zip(parameters.single, parameters.kinds, strict=True):
            kinds[kind].append(parameter)
        return Muon(config, *kinds.values())
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


def penalty(config: OptimizerConfig, model: nn.Module) -> Tensor | None:
    """The part of regularisation that the optimizer does not apply itself, to be added to the cost; None for none.

    l1 · Σ|w| for every optimizer, and l2/2 · Σw² for L-BFGS, which has no weight decay.
    """
    l2 = config.l2 if isinstance(config, LbfgsConfig) else 0.0
    if config.l1 == 0 and l2 == 0:
        return None
    terms = [config.l1 * w.abs().sum() + l2 / 2 * w.square().sum() for w in weights_of(model)]
    return torch.stack(terms).sum()


@torch.no_grad()
def clip_gradients(parameters: Sequence[nn.Parameter], max_norm: float) -> None:
    """Scale all gradients down together to a Euclidean norm of at most max_norm, as `clip_grad_norm_` does."""
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    norms = [torch.linalg.vector_norm(gradient) for gradient in gradients]
    norm = norms[0] if len(norms) == 1 else torch.linalg.vector_norm(torch.stack(norms))
    factor = (max_norm / (norm + 1e-6)).clamp_(max=1.0)
    for gradient in gradients:
        gradient.mul_(factor)


@torch.no_grad()
def limit_norms(model: nn.Module, max_norm: float) -> None:
    """Scale the incoming weights of each unit down to a Euclidean norm of at most max_norm."""
    for weight in weights_of(model):
        weight.copy_(torch.renorm(weight, p=2, dim=0, maxnorm=max_norm))


def choose_update(optimizer: optim.Optimizer, device: torch.device) -> Update:
    """A faster equivalent of the optimizer's `step`, with the same bits; it too is called with a closure."""
    if device.type == "cpu" and isinstance(optimizer, optim.Adam) and optimizer.defaults["fused"]:
        return fused_adam(optimizer)
    return plain_step(optimizer)


def lr_factor(
    config: ScheduleConfig, step: int, steps_per_epoch: int, total_steps: int, history: Sequence[EpochRecord] = ()
) -> float:
    """The factor of lr at `step`, which counts from 0."""
    warmup_steps = config.warmup * total_steps
    warmup = min(1.0, (step + 1) / warmup_steps) if warmup_steps >= 1 else 1.0
    return max(LOWEST, warmup * _decay(config, step, steps_per_epoch, total_steps, history))


def _decay(
    config: ScheduleConfig, step: int, steps_per_epoch: int, total_steps: int, history: Sequence[EpochRecord]
) -> float:
    progress = step / max(total_steps - 1, 1)
    match config:
        case ConstantSchedule():
            return 1.0
        case StepSchedule():
            return float(config.factor ** (step // steps_per_epoch // config.every))
        case ExponentialSchedule():
            return float(config.factor ** (step / steps_per_epoch))
        case CosineSchedule():
            return _cosine(1.0, config.end, progress)
        case OneCycleSchedule() if progress < config.peak:
            return _cosine(CYCLE_START, 1.0, progress / config.peak)
        case OneCycleSchedule():
            return _cosine(1.0, CYCLE_END, (progress - config.peak) / (1 - config.peak))
        case InverseSqrtSchedule():
            return min(1.0, math.sqrt(config.after / (step + 1)))
        case PlateauSchedule():
            return float(config.factor ** _plateaus(history, config.patience, config.metric))


def _cosine(start: float, end: float, share: float) -> float:
    return end + (start - end) * (1 + math.cos(math.pi * min(share, 1.0))) / 2


def _plateaus(history: Sequence[EpochRecord], patience: int, metric: str) -> int:
    """How often the metric went `patience` epochs without a new best value."""
    best, waited, drops = math.nan, 0, 0
    for record in history:
        score = record.train_loss if record.valid_loss is None else record.valid_score(metric)
        best, waited = (score, 0) if beats(score, best, metric) else (best, waited + 1)
        if waited == patience:
            drops, waited = drops + 1, 0
    return drops
