"""PyTorch as its tutorials write it, with a DataLoader: python -m tests.benchmarks.peers.dataloader_fit TASK."""

import sys
import time

import torch
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader, TensorDataset

from tests.benchmarks.peers.network import build_network
from tests.benchmarks.peers.task import Task, tell_fit

task = Task.read(sys.argv[1])
recipe = task.recipe
rows = TensorDataset(torch.from_numpy(task.x), torch.from_numpy(task.y))
loader = DataLoader(rows, recipe.batch_size, shuffle=True)
network = build_network(task.x.shape[1], recipe.hidden, recipe.n_classes)
optimizer = torch.optim.Adam(network.parameters(), recipe.lr)
marks = [time.perf_counter()]
for _ in range(recipe.epochs):
    for x, y in loader:
        optimizer.zero_grad()
        loss = cross_entropy(network(x), y)
        loss.backward()
        optimizer.step()
    marks.append(time.perf_counter())
tell_fit(marks, task.steps)
