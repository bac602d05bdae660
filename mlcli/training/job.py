"""What stays the same during a training run: network, rows, cost, optimizer and rates."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from mlcli.config.model import ModelConfig
from mlcli.config.rules.facts import watched_metrics
from mlcli.config.schema import Config
from mlcli.memory import require_memory
from mlcli.metrics.catalog import higher_is_better
from mlcli.models.mlp import build_model, count_parameters
from mlcli.task import FittedTask
from mlcli.training.batching import choose_batch_size, rate_for_batch
from mlcli.training.device import choose_device, choose_precision, choose_threads
from mlcli.training.gradients import Gradients, choose_gradients
from mlcli.training.losses import Cost, build_cost
from mlcli.training.optim import build_optimizer
from mlcli.training.scoring import Scorer, build_scorer
from mlcli.training.update import Update, choose_update

# Rows scored at once after an epoch: large enough for the matrix units, small enough for the caches.
SCORING_BATCH = 2048

# Weight, gradient, Adam's two averages and the best weight; and, while a checkpoint is taken, a copy of all but
# the gradient: nine numbers of four bytes.
BYTES_PER_PARAMETER = 36


@dataclass(frozen=True)
class Arrays:
    """Rows as the network takes them: x (n, d) in the arithmetic of its first layer, y as the task encodes it."""

    x: Tensor
    y: Tensor

    def __len__(self) -> int:
        return len(self.x)


@dataclass(frozen=True)
class TrainingJob:
    """All fixed parts of one training; `mlcli.training.loop` runs it.

    update    : the optimizer's step
    lr        : learning rate that the schedule multiplies
    watch     : number that decides which epoch is best
    min_delta : smallest change of it that counts
    """

    config: Config
    model: nn.Module
    train: Arrays
    valid: Arrays
    cost: Cost
    gradients: Gradients
    scorer: Scorer
    optimizer: torch.optim.Optimizer
    update: Update
    batch_size: int
    lr: float
    device: torch.device
    precision: torch.dtype
    threads: int
    watch: str
    min_delta: float

    @property
    def n_parameters(self) -> int:
        """Numbers that training adjusts."""
        return sum(parameter.numel() for parameter in self.model.parameters())

    @property
    def steps_per_epoch(self) -> int:
        """Optimizer steps in one pass over the training rows; the last one may be smaller."""
        return -(-len(self.train) // self.batch_size)

    @property
    def total_steps(self) -> int:
        """Steps of the whole run, when no rule ends it early."""
        return self.steps_per_epoch * self.config.training.epochs

    def improves(self, score: float, best: float | None) -> bool:
        """Whether `score` of the watched number beats the best so far by more than min_delta."""
        if best is None:
            return True
        gain = score - best if higher_is_better(self.watch) else best - score
        return gain > self.min_delta


def assemble_job(
    config: Config,
    task: FittedTask,
    train: Arrays,
    valid: Arrays,
    cardinalities: tuple[int, ...] = (),
    threads: int | None = None,
) -> TrainingJob:
    """Put a job together on the configured device.

    threads: CPU threads, to repeat an earlier run's; None chooses by the size of a step.
    """
    device = choose_device(config.device)
    n_numeric = train.x.shape[1] - len(cardinalities)
    require_memory_for_model(config.model, n_numeric, cardinalities, task.n_outputs)
    model = build_model(config.model, n_numeric, cardinalities, task.n_outputs, config.seed)
    model.to(device, train.x.dtype)
    n_parameters = sum(p.numel() for p in model.parameters())
    batch_size = choose_batch_size(config.training.batch_size, len(train), n_parameters)
    hidden = batch_size * sum(p.numel() for p in model.hidden.parameters())
    precision = choose_precision(config.training.precision, device, hidden)
    cost = build_cost(config.loss, task, device)
    gradients = choose_gradients(model, config.model, cost, precision, device)
    optimizer = build_optimizer(config.optimizer, gradients.parameters)
    early = config.training.early_stopping
    return TrainingJob(
        config=config,
        model=model,
        train=Arrays(train.x.to(device, gradients.input_dtype), train.y.to(device)),
        valid=Arrays(valid.x.to(device, gradients.input_dtype), valid.y.to(device)),
        cost=cost,
        gradients=gradients,
        scorer=build_scorer(task, device, watched_metrics(config).values()),
        optimizer=optimizer,
        update=choose_update(optimizer, device),
        batch_size=batch_size,
        lr=rate_for_batch(config.optimizer, config.training, batch_size),
        device=device,
        precision=precision,
        threads=threads or choose_threads(batch_size * n_parameters),
        watch=early.metric if early else "loss",
        min_delta=early.min_delta if early else 0.0,
    )


def require_memory_for_model(
    config: ModelConfig, n_numeric: int, cardinalities: tuple[int, ...], n_outputs: int
) -> None:
    """Raise ResourceError where a network needs more memory than there is."""
    n_parameters = count_parameters(config, n_numeric, cardinalities, n_outputs)
    what = f"model.hidden: training {n_parameters:,} parameters"
    require_memory(n_parameters * BYTES_PER_PARAMETER, what, "use fewer or smaller hidden layers")
