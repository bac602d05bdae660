"""Steps of mlcli's optimizers, and the numbers that the tests of Keras 3 expect of its own.

The numbers are those of keras-team/keras, keras/src/optimizers/*_test.py; each test starts at ones, takes one step with
a gradient of 0.01 and four with 0.1, 0.2 … 1, or takes one step from 1, 2, 3, 4 with the gradient 1, 6, 7, 2.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from mlcli.config.sections.config import Config
from mlcli.training.optimizers import Parameters, build_optimizer, choose_update


def optimizer_section(section):
    """The `optimizer` section of a config, checked."""
    return Config.model_validate({"name": "x", "dataset": {"name": "iris"}, "optimizer": section}).optimizer


def follow(section, start, gradient, n_steps, cost=None):
    """Weights after each step of mlcli's optimizer, float64 (n_steps, n); a bias, which l2 leaves alone, stays 1.

    gradient : of the weights (1, n), at a step counted from 0
    cost     : of the weights, for L-BFGS, which compares costs
    """
    line = nn.Linear(len(start), 1, dtype=torch.float64)
    weights, bias = line.weight, line.bias
    weights.data[:], bias.data[:] = torch.tensor(start), 1
    optimizer = build_optimizer(optimizer_section(section), Parameters.of(line))
    update = choose_update(optimizer, torch.device("cpu"))
    seen = []
    for step in range(n_steps):

        def closure(step=step):
            weights.grad, bias.grad = gradient(weights.detach(), step), torch.zeros_like(bias)
            return torch.zeros((), dtype=torch.float64) if cost is None else cost(weights.detach())

        update(closure)
        assert bias.item() == 1
        seen.append(weights.detach().clone()[0])
    return torch.stack(seen)


@dataclass(frozen=True)
class Golden:
    """What a test of Keras expects.

    weights : after each step; one number stands for a row of equal ones
    """

    test: str
    section: dict[str, Any]
    weights: list[Any]

    def differences(self):
        """The largest difference of a weight, and what the test of Keras allows."""
        single = len(self.weights) == 1
        start = [1.0, 2.0, 3.0, 4.0] if single else [1.0] * 10
        first = torch.tensor([[1.0, 6.0, 7.0, 2.0]]) if single else torch.full((1, 10), 0.01)
        later = torch.arange(1, 11)[None] / 10
        found = follow(self.section, start, lambda _, step: (first if step == 0 else later).double(), len(self.weights))
        expected = torch.stack([torch.as_tensor(row, dtype=torch.float64).expand(len(start)) for row in self.weights])
        return (found - expected).abs().max().item(), 1e-4 if single else 5e-4


KERAS = (
    Golden("sgd single step", {"name": "sgd", "lr": 0.5}, [[0.5, -1.0, -0.5, 3.0]]),
    Golden(
        "sgd golden",
        {"name": "sgd"},
        [
            0.9999,
            [0.9989, 0.9979, 0.9969, 0.9959, 0.9949, 0.9939, 0.9929, 0.9919, 0.9909, 0.9899],
            [0.9979, 0.9959, 0.9939, 0.9919, 0.9899, 0.9879, 0.9859, 0.9839, 0.9819, 0.9799],
            [0.9969, 0.9939, 0.9909, 0.9879, 0.9849, 0.9819, 0.9789, 0.9759, 0.9729, 0.9699],
            [0.9959, 0.9919, 0.9879, 0.9839, 0.9799, 0.9759, 0.9719, 0.9679, 0.9639, 0.9599],
        ],
    ),
    Golden("adam single step", {"name": "adam", "lr": 0.5}, [[0.5, 1.5, 2.5, 3.5]]),
    Golden("adam golden", {"name": "adam"}, [0.999, 0.9982, 0.9974, 0.9965, 0.9955]),
    Golden("adamw single step", {"name": "adamw", "lr": 0.5, "l2": 0.004}, [[0.498, 1.496, 2.494, 3.492]]),
    Golden("rmsprop single step", {"name": "rmsprop", "lr": 0.5, "rho": 0.9}, [[-0.5811, 0.4189, 1.4189, 2.4189]]),
    Golden("adadelta golden", {"name": "adadelta", "lr": 1.0, "rho": 0.8}, [0.9978, 0.9947, 0.9915, 0.9882, 0.9849]),
    Golden("adamax single step", {"name": "adamax", "lr": 0.5}, [[0.5, 1.5, 2.5, 3.5]]),
    Golden(
        "adamax golden",
        {"name": "adamax", "lr": 0.2, "beta1": 0.85, "beta2": 0.95, "eps": 1e-6},
        [
            0.8,
            [0.6827, 0.6873, 0.6888, 0.6896, 0.6901, 0.6904, 0.6906, 0.6908, 0.6909, 0.691],
            [0.5333, 0.5407, 0.5431, 0.5444, 0.5451, 0.5456, 0.546, 0.5462, 0.5464, 0.5466],
            [0.368, 0.3773, 0.3804, 0.382, 0.3829, 0.3835, 0.384, 0.3843, 0.3846, 0.3848],
            [0.1933, 0.204, 0.2076, 0.2094, 0.2105, 0.2112, 0.2117, 0.2121, 0.2124, 0.2126],
        ],
    ),
)
# Numbers of Keras that no section of mlcli can follow, whose optimizers are PyTorch's.
NOT_COMPARABLE = {
    "adagrad": "Keras starts its sum of squares at 0.1 or 0.3, PyTorch at 0",
    "adadelta single step": "the ε of Keras is 1e-7, PyTorch's 1e-6",
    "adamw golden": "with ε = 2 it matters that Keras adds ε before the correction of bias, PyTorch after it",
    "nadam": "the momentum of Keras rises with 0.96^t, PyTorch's with 0.96^(0.004 t)",
    "rmsprop golden": "its gradients are centred",
    "weight decay": "Keras decouples it in every optimizer; l2 of mlcli is part of the cost except in AdamW",
}
