"""The floor: only the matrix products of forward and backward pass, in mlcli's precision.

python -m tests.benchmarks.peers.floor_fit TASK
"""

import sys
import time
from itertools import pairwise

import torch

from tests.benchmarks.peers.task import Task, tell_fit

task = Task.read(sys.argv[1])
recipe = task.recipe
dtype = getattr(torch, recipe.precision)
sizes = [task.x.shape[1], *recipe.hidden, recipe.n_classes]
signals = [torch.rand(recipe.batch_size, size, dtype=dtype) for size in sizes]
weights = [torch.rand(fan_out, fan_in, dtype=dtype) for fan_in, fan_out in pairwise(sizes)]


def step() -> None:
    """Outputs of every layer, gradients of its weights, and of its inputs but for the first layer."""
    for weight, inputs, outputs in zip(weights, signals, signals[1:], strict=False):
        torch.mm(inputs, weight.T)
        torch.mm(outputs.T, inputs)
    for weight, outputs in zip(weights[1:], signals[2:], strict=True):
        torch.mm(outputs, weight)


marks = [time.perf_counter()]
for _ in range(recipe.epochs):
    for _ in range(task.steps):
        step()
    marks.append(time.perf_counter())
tell_fit(marks, task.steps)
