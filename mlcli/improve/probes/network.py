"""What the units and gradients of a network do on a sample of the training rows."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from mlcli.improve.skill import skill_of
from mlcli.improve.subject import Subject
from mlcli.training.job import TrainingJob
from mlcli.training.loop import outputs_of

SAMPLE = 1024
# Beyond, a sigmoid has less than a twentieth of its steepest slope left, and tanh as well.
SATURATED = {"sigmoid": (0.0125, 0.9875), "tanh": (-0.975, 0.975)}
CAN_DIE = ("relu", "relu6")


@dataclass(frozen=True)
class NetworkFacts:
    """One network at one moment.

    gradients : root mean square of the cost's gradient by each layer's weights, the first layer's first
    dead      : share of units of each hidden layer that are 0 for every row; empty for units that cannot die
    saturated : share of activations of each hidden layer in the flat ends; empty for activations without
    predicted : rows of each class that the network predicts; empty for regression
    skill     : of its outputs on these very rows: 0 is guessing and 1 perfect
    """

    gradients: tuple[float, ...]
    dead: tuple[float, ...]
    saturated: tuple[float, ...]
    predicted: tuple[int, ...]
    skill: float


def probe_network(subject: Subject, job: TrainingJob) -> NetworkFacts:
    """Look at the job's network as it is; its gradients are overwritten, its weights are not touched."""
    rows = subject.draw(job.train, SAMPLE)
    activation = subject.config.model.activation
    layers = _activations(job.model, rows.x) if activation in (*CAN_DIE, *SATURATED) else []
    dead = tuple((layer == 0).all(dim=0).float().mean().item() for layer in layers) if activation in CAN_DIE else ()
    saturated = tuple(_share_outside(layer, SATURATED[activation]) for layer in layers if activation in SATURATED)
    job.gradients.find(rows.x, rows.y, seed=subject.config.seed)
    gradients, outputs = _gradient_sizes(job.model), outputs_of(job, rows.x)
    return NetworkFacts(
        gradients, dead, saturated, _count_predicted(subject, outputs), _skill(subject, outputs, rows.y)
    )


@torch.inference_mode()
def _activations(model: nn.Module, x: Tensor) -> list[Tensor]:
    """Outputs of each hidden layer's activation, (n, units), without dropout."""
    seen: list[Tensor] = []
    with ExitStack() as hooks:
        for module in model.modules():
            if isinstance(module, nn.ReLU | nn.ReLU6 | nn.Sigmoid | nn.Tanh):
                hooks.enter_context(module.register_forward_hook(lambda _module, _inputs, output: seen.append(output)))
        model.eval()
        model(x.to(next(model.parameters()).dtype))
    return seen


def _share_outside(layer: Tensor, span: tuple[float, float]) -> float:
    return ((layer < span[0]) | (layer > span[1])).float().mean().item()


def _gradient_sizes(model: nn.Module) -> tuple[float, ...]:
    linear = [module.weight.grad for module in model.modules() if isinstance(module, nn.Linear)]
    return tuple(gradient.float().square().mean().sqrt().item() for gradient in linear if gradient is not None)


def _count_predicted(subject: Subject, outputs: Tensor) -> tuple[int, ...]:
    if not subject.n_classes:
        return ()
    return tuple(np.bincount(subject.task.decode(outputs).values, minlength=subject.n_classes).tolist())


def _skill(subject: Subject, outputs: Tensor, y: Tensor) -> float:
    truth = subject.goals(y)
    if not subject.n_classes:
        return skill_of(truth, outputs.cpu().numpy())
    decoded = subject.task.decode(outputs)
    certain = np.eye(subject.n_classes)[decoded.values]
    return skill_of(truth, certain if decoded.probabilities is None else decoded.probabilities)
