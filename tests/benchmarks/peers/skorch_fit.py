"""skorch: python -m tests.benchmarks.peers.skorch_fit TASK."""

import sys
import time

import torch
from skorch import NeuralNetClassifier
from skorch.callbacks import Callback

from tests.benchmarks.peers.network import build_network
from tests.benchmarks.peers.task import Task, tell_fit


class Clock(Callback):  # type: ignore[misc]
    """Notes the time after every epoch."""

    def __init__(self) -> None:
        self.marks = [time.perf_counter()]

    def on_epoch_end(self, net: NeuralNetClassifier, **kwargs: object) -> None:
        self.marks.append(time.perf_counter())


task = Task.read(sys.argv[1])
recipe = task.recipe
clock = Clock()
net = NeuralNetClassifier(
    build_network(task.x.shape[1], recipe.hidden, recipe.n_classes),
    criterion=torch.nn.CrossEntropyLoss,
    optimizer=torch.optim.Adam,
    lr=recipe.lr,
    max_epochs=recipe.epochs,
    batch_size=recipe.batch_size,
    iterator_train__shuffle=True,
    train_split=None,
    callbacks=[clock],
    verbose=0,
)
net.fit(task.x, task.y)
tell_fit(clock.marks, task.steps)
