"""Keras 3: python -m tests.benchmarks.peers.keras_fit TASK BACKEND."""

import os
import sys
import time
from typing import Any

os.environ["KERAS_BACKEND"] = sys.argv[2]
import keras  # reads the backend when it is imported

from tests.benchmarks.peers.task import Task, tell_fit


class Clock(keras.callbacks.Callback):  # type: ignore[misc]
    """Notes the time after every epoch."""

    def __init__(self) -> None:
        super().__init__()
        self.marks = [time.perf_counter()]

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.marks.append(time.perf_counter())


task = Task.read(sys.argv[1])
recipe = task.recipe
hidden = [keras.layers.Dense(units, "relu") for units in recipe.hidden]
model = keras.Sequential([keras.Input(task.x.shape[1:]), *hidden, keras.layers.Dense(recipe.n_classes)])
model.compile(keras.optimizers.Adam(recipe.lr), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
clock = Clock()
model.fit(task.x, task.y, recipe.batch_size, recipe.epochs, verbose=0, callbacks=[clock])
tell_fit(clock.marks, task.steps)
