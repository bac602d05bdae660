"""The fixed parts of a training: network, rows, cost, optimizer, batch size, learning rate, device and precision."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import Literal

import torch

from mlcli.config.sections.config import Config, watched_metrics
from mlcli.config.sections.model import normalises_batches
from mlcli.config.sections.optimizer import AdadeltaConfig, LbfgsConfig, OptimizerConfig
from mlcli.config.sections.training import AugmentConfig, TrainingConfig
from mlcli.errors import DataError, config_error
from mlcli.features.state import FeatureLayout, layout_of_numbers
from mlcli.io.load import free_cores
from mlcli.io.memory import keep_freed_memory, require_memory
from mlcli.io.threads import use_threads
from mlcli.metrics.catalog import higher_is_better
from mlcli.metrics.scorer import Scorer, build_scorer
from mlcli.models.networks import Mlp, Tabm, build_model, count_parameters
from mlcli.models.task import FittedTask
from mlcli.training.augment import Augmentation
from mlcli.training.datasets import FileDataset, Rows
from mlcli.training.gradients import Gradients, choose_gradients
from mlcli.training.losses import Cost, build_cost
from mlcli.training.optimizers import build_optimizer, choose_update
from mlcli.training.processes import Processes
from mlcli.training.sharded import Sharded
from mlcli.training.torch_private import Update
from mlcli.training.windows import WindowPlan

# Automatic batch sizes: about fifty steps an epoch within these bounds, above which a row takes no less time, and at
# most so many multiply-adds (rows × parameters × members) in a step.
STEPS_PER_EPOCH = 50
SMALLEST, LARGEST = 16, 8192
LONGEST_STEP = 2**28
# The batch size that a configuration's learning rate is meant for when the size is automatic.
REFERENCE = 32
# Rows scored at once after an epoch: large enough for the matrix units, small enough for the caches.
SCORING_BATCH = 2048
# At most so many numbers of `Network.row_size` are scored at once: 256 MiB.
SCORED_NUMBERS = 2**26
# Weight, gradient, Adam's two averages and the best weight; and, while a checkpoint is taken, a copy of all but
# the gradient: nine numbers of four bytes.
BYTES_PER_PARAMETER = 36
BYTES_PER_SUM = 4  # of the gradients of some shards
# Bytes that are not asked for: what earlier trainings have freed has room for them, and counts as taken.
SMALL = 1 << 20
# A number of `Network.row_size`, its gradient, and what follows from it.
BYTES_PER_NUMBER = 12
# Below this many multiply-adds a step, a second thread costs more time than it saves.
ONE_THREAD_BELOW = 2_000_000
# From this many multiply-adds a step, bfloat16 saves more time than its conversions cost.
BFLOAT16_FROM = 10_000_000


@dataclass(frozen=True)
class TrainingContext:
    """All fixed parts of one training; `mlcli.training.loop` runs it.

    update    : the optimizer's step
    augment   : of each batch of images, where `gradients` does not change them
    lr        : learning rate that the schedule multiplies
    watch     : "loss" or the metric that decides which epoch is best
    min_delta : smallest improvement of it that counts
    processes : that train together
    mean_weight : of the training rows, before their weights became multiples of it; 1 where all count alike
    """

    config: Config
    model: Mlp | Tabm
    train: Rows
    valid: Rows
    cost: Cost
    gradients: Gradients | Sharded
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
    augment: Augmentation | None = None
    processes: Processes = field(default_factory=Processes)
    mean_weight: float = 1.0

    @property
    def n_parameters(self) -> int:
        """Trainable parameters."""
        return sum(parameter.numel() for parameter in self.model.parameters())

    @property
    def multiply_adds(self) -> int:
        """Of a row, about: each member's parameters."""
        return self.n_parameters * self.model.n_members

    def layer_sizes(self, task: FittedTask) -> tuple[int, ...]:
        """Inputs, units of each hidden layer, outputs."""
        return (self.train.x.shape[1], *self.config.model.hidden, task.n_outputs)

    @property
    def on_disk(self) -> bool:
        """Whether the training rows are read from a file, and so in another order."""
        return isinstance(self.train, FileDataset)

    @property
    def windows(self) -> WindowPlan:
        """How training rows are read from a file, where they are in one."""
        n_rows, width = self.train.x.shape
        return WindowPlan.of(n_rows, width, self.batch_size)

    @property
    def window_memory(self) -> int:
        """Bytes of the window that is trained on, and of the next."""
        return self.windows.memory(self.train.x.shape[1] * self.train.x.dtype.itemsize)

    @property
    def scoring_batch(self) -> int:
        """Rows scored at once after an epoch."""
        return max(1, min(SCORING_BATCH, SCORED_NUMBERS // max(1, self.model.row_size)))

    @cached_property
    def steps_per_epoch(self) -> int:
        """Optimizer steps in one pass over the training rows.

        The last one takes the rows that are left. Where batches are normalised, rows too few for two in each shard join
        the step before it: one row has no variance.
        """
        steps, left = divmod(len(self.train), self.batch_size)
        too_few = left < 2 * self.config.training.shards and normalises_batches(self.config.model)
        return steps + (left > 0 and not too_few)

    @property
    def total_steps(self) -> int:
        """Steps of the whole training, unless a rule ends it early."""
        return self.steps_per_epoch * self.config.training.epochs

    def improves(self, score: float, best: float | None) -> bool:
        """Whether `score` of what is watched is better than the best so far by more than min_delta."""
        if best is None:
            return True
        gain = score - best if higher_is_better(self.watch) else best - score
        return gain > self.min_delta


def build_context(
    config: Config,
    task: FittedTask,
    train: Rows,
    valid: Rows,
    layout: FeatureLayout | None = None,
    threads: int | None = None,
    processes: Processes | None = None,
) -> TrainingContext:
    """The context of a configuration, on its device.

    Raises ResourceError for a network too large for the memory, DataError for one row where batches are normalised.

    layout  : of the rows' columns; None where all are numbers
    threads : of the CPU, as in a run that is repeated; None chooses by the size of a step; one where there are shards
    processes : that train together; None for this one alone
    """
    device, shards, processes = choose_device(config.device), config.training.shards, processes or Processes()
    if processes.size > 1 and device.type != "cpu":
        raise config_error("device", f"several processes train on CPUs, and this is {device}; use cpu, or one process")
    keep_freed_memory()
    layout = layout or layout_of_numbers(train.x.shape[1])
    n_parameters = count_parameters(config.model, layout, task)
    each = BYTES_PER_PARAMETER + (shards > 1) * BYTES_PER_SUM * (shards.bit_length() + 1)
    needed, what = n_parameters * each, f"model.hidden: training {n_parameters:,} parameters"
    if needed > SMALL:
        require_memory(needed, what, "use fewer or smaller hidden layers")
    model = build_model(config.model, layout, task, config.seed)
    model.fit(train.x)
    model.to(device, train.x.dtype)
    multiply_adds = n_parameters * model.n_members
    batch_size = choose_batch_size(config.training.batch_size, len(train), multiply_adds)
    if batch_size < 2 * shards and normalises_batches(config.model):
        own = ", two for each of training.shards" * (shards > 1)
        raise DataError(
            f"model.norm: batch needs {2 * shards} training rows or more{own}, got {batch_size}; use model.norm: layer"
        )
    hidden = batch_size * model.n_members * sum(p.numel() for p in model.hidden.parameters())
    _require_step_memory(model, batch_size)
    precision = choose_precision(config.training.precision, device, hidden)
    cost = build_cost(config.loss, task, device)
    augment = _build_augmentation(config.training.augment, layout)
    plain = choose_gradients(model, config.model, cost, precision, device)
    gradients = plain if shards == 1 else Sharded(plain, model, shards, processes, augment)
    optimizer = build_optimizer(config.optimizer, gradients.parameters)
    early = config.training.early_stopping
    return TrainingContext(
        config=config,
        model=model,
        train=train.normalised().to(device, gradients.input_dtype),
        valid=valid.normalised().to(device, train.x.dtype),
        cost=cost,
        gradients=gradients,
        scorer=build_scorer(task, watched_metrics(config).values()),
        optimizer=optimizer,
        update=choose_update(optimizer, device),
        batch_size=batch_size,
        lr=rate_for_batch(config.optimizer, config.training, batch_size),
        device=device,
        precision=precision,
        threads=threads or (choose_threads(batch_size * multiply_adds) if shards == 1 else 1),
        watch=early.metric if early else "loss",
        min_delta=early.min_delta if early else 0.0,
        augment=augment if shards == 1 else None,
        processes=processes,
        mean_weight=1.0 if train.weights is None else float(train.weights.double().mean()),
    )


def _require_step_memory(model: Mlp | Tabm, batch_size: int) -> None:
    if model.row_size:
        what = f"training.batch_size: a step of {batch_size:,} rows, each of {model.row_size:,} numbers,"
        remedy = "use a smaller training.batch_size, model.members or model.embedding"
        require_memory(batch_size * model.row_size * BYTES_PER_NUMBER, what, remedy)


def _build_augmentation(config: AugmentConfig | None, layout: FeatureLayout) -> Augmentation | None:
    if config is not None and not layout.image_shape:
        reason = "needs whole images; remove features.select and features.extract, or training.augment"
        raise config_error("training.augment", reason)
    if config is None:
        return None
    side = min(layout.image_shape[:2])
    for key, largest in (("shift", side / 2), ("elastic", side / 4)):
        if (value := getattr(config, key)) > largest:
            reason = f"{value:g} pixels would leave little of images of {side} pixels; use {largest:g} or less"
            raise config_error(f"training.augment.{key}", reason)
    return Augmentation(config, layout.image_shape)


def choose_batch_size(configured: int | str, n_rows: int, multiply_adds: int) -> int:
    """Rows a step: as configured, at most all of them.

    auto is the power of two nearest to a fiftieth of the rows, or to the rows that make a step of 2²⁸ multiply-adds
    if those are fewer; within 16–8192.

    multiply_adds : of a row
    """
    if configured == "full":
        return n_rows
    if configured == "auto":
        target = min(n_rows / STEPS_PER_EPOCH, LONGEST_STEP / max(multiply_adds, 1))
        target = min(max(target, SMALLEST), LARGEST)
        return min(int(2 ** round(math.log2(target))), n_rows)
    return min(int(configured), n_rows)


def rate_for_batch(optimizer: OptimizerConfig, training: TrainingConfig, batch_size: int) -> float:
    """The learning rate of a context: the configured one or, with an automatic batch size, √(batch size / 32) times it.

    The gradient of k times the rows has 1/√k of the noise (Krizhevsky, 2014; for Adam, Malladi et al., 2022).
    Adadelta and L-BFGS choose the length of their steps themselves.
    """
    if training.batch_size != "auto" or isinstance(optimizer, AdadeltaConfig | LbfgsConfig):
        return optimizer.lr
    return optimizer.lr * math.sqrt(batch_size / REFERENCE)


def choose_device(name: str) -> torch.device:
    """Raises ConfigError for an accelerator this machine does not have."""
    available = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if name == "auto":
        return torch.device(next((kind for kind in ("cuda", "mps") if available[kind]), "cpu"))
    device = torch.device(name)
    if not available[device.type] or (device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count()):
        usable = ", ".join(kind for kind, here in available.items() if here)
        raise config_error("device", f"{name} is not available to torch; available: {usable}. Use auto or cpu")
    return device


def choose_precision(
    name: Literal["auto", "float32", "bfloat16"], device: torch.device, multiply_adds: int
) -> torch.dtype:
    """Auto is bfloat16 where the hardware multiplies it faster and a step has enough multiplications.

    multiply_adds : of one step's hidden layers
    """
    if name == "auto":
        units = False  # tensor cores on a GPU; AMX or AVX512-BF16 on a CPU
        if device.type == "cuda":
            units = torch.cuda.get_device_capability(device) >= (8, 0)
        elif device.type == "cpu":
            units = any(cpu_capabilities().get(unit) for unit in ("amx_bf16", "avx512_bf16"))
        return torch.bfloat16 if units and multiply_adds >= BFLOAT16_FROM else torch.float32
    return torch.bfloat16 if name == "bfloat16" else torch.float32


def set_threads(count: int) -> None:
    """Set the threads of training and of inference."""
    torch.set_num_threads(count)
    use_threads(count)


def choose_threads(multiply_adds: int) -> int:
    """Threads for steps of this many multiply-adds: one for tiny networks, else those of `available_threads`."""
    available = available_threads()  # asked first, before torch is set to one
    return 1 if multiply_adds < ONE_THREAD_BELOW else available


@cache
def available_threads() -> int:
    """Torch's threads when this is first called; fewer where others keep processors busy, as all wait for the last."""
    return min(torch.get_num_threads(), free_cores())


def cpu_capabilities() -> dict[str, object]:
    """The processor's capabilities as torch reports them; empty where torch has no such function."""
    return getattr(torch.cpu, "get_capabilities", dict)()
