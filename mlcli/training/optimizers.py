"""Torch's optimizers, fused where possible, regularisation, and learning-rate schedules."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import torch
from torch import Tensor, nn, optim

from mlcli.config.sections.model import (
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


@dataclass(frozen=True)
class Parameters:
    """What an optimizer updates: weights (two dimensions), the other parameters, and all together.

    single : the network's own parameters, which may be views of those above
    hidden : the positions among them of the hidden layers' weights
    """

    weights: list[nn.Parameter]
    others: list[nn.Parameter]
    together: list[nn.Parameter]
    single: list[nn.Parameter]
    hidden: frozenset[int]

    @classmethod
    def of(cls, model: nn.Module) -> Self:
        """A network's own parameters."""
        parameters = list(model.parameters())
        hidden = frozenset(k for k, (name, p) in enumerate(model.named_parameters()) if is_hidden_weight(name, p))
        weights, others = [p for p in parameters if p.ndim >= 2], [p for p in parameters if p.ndim < 2]
        return cls(weights, others, parameters, parameters, hidden)


def is_hidden_weight(name: str, parameter: Tensor) -> bool:
    """Whether a network's parameter is the weight of a hidden layer, which Muon updates."""
    return name.startswith("hidden.") and parameter.ndim == 2


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
        rest = [p for k, p in enumerate(parameters.single) if k not in parameters.hidden]
        hidden = [parameters.single[k] for k in sorted(parameters.hidden)]
        return Muon(config, hidden, [p for p in rest if p.ndim >= 2], [p for p in rest if p.ndim < 2])
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
    """Parameters with two dimensions, which l1, l2 and max_norm act on."""
    return [p for p in model.parameters() if p.ndim >= 2]


def penalty(config: OptimizerConfig, model: nn.Module) -> Tensor | None:
    """The part of regularisation that the optimizer does not apply itself, to be added to the cost; None for none.

    l1 · Σ|w| for every optimizer, and l2/2 · Σw² for L-BFGS, which has no weight decay.
    """
    l2 = config.l2 if isinstance(config, LbfgsConfig) else 0.0
    if config.l1 == 0 and l2 == 0:
        return None
    terms = [config.l1 * w.abs().sum() + l2 / 2 * w.square().sum() for w in weights(model)]
    return torch.stack(terms).sum()


@torch.no_grad()
def limit_norms(model: nn.Module, max_norm: float) -> None:
    """Scale the incoming weights of each unit down to a Euclidean norm of at most max_norm."""
    for weight in weights(model):
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
