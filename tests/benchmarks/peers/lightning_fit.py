"""Lightning: python -m tests.benchmarks.peers.lightning_fit TASK."""

import sys
import time

import lightning
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader, TensorDataset

from tests.benchmarks.peers.network import build_network
from tests.benchmarks.peers.task import Task, tell_fit


class Module(lightning.LightningModule):  # type: ignore[misc]
    """The network and its step; notes the time after every epoch."""

    def __init__(self, task: Task) -> None:
        super().__init__()
        self.lr = task.recipe.lr
        self.network = build_network(task.x.shape[1], task.recipe.hidden, task.recipe.n_classes)
        self.marks: list[float] = []

    def training_step(self, batch: tuple[Tensor, Tensor], index: int) -> Tensor:
        x, y = batch
        return cross_entropy(self.network(x), y)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.Adam(self.parameters(), self.lr)

    def on_train_epoch_end(self) -> None:
        self.marks.append(time.perf_counter())


task = Task.read(sys.argv[1])
rows = TensorDataset(torch.from_numpy(task.x), torch.from_numpy(task.y))
loader = DataLoader(rows, task.recipe.batch_size, shuffle=True)
module = Module(task)
trainer = lightning.Trainer(
    accelerator="cpu",
    max_epochs=task.recipe.epochs,
    logger=False,
    enable_checkpointing=False,
    enable_progress_bar=False,
    enable_model_summary=False,
)
module.marks.append(time.perf_counter())
trainer.fit(module, loader)
tell_fit(module.marks, task.steps)
