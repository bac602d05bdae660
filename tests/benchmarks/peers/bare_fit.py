"""The least that PyTorch can do: tensors sliced by index, fused Adam, mlcli's precision.

python -m tests.benchmarks.peers.bare_fit TASK
"""

import sys
import time

import torch
from torch.nn.functional import cross_entropy

from tests.benchmarks.peers.network import build_network
from tests.benchmarks.peers.task import Task, tell_fit

task = Task.read(sys.argv[1])
recipe = task.recipe
x, y = torch.from_numpy(task.x), torch.from_numpy(task.y)
network = build_network(task.x.shape[1], recipe.hidden, recipe.n_classes)
optimizer = torch.optim.Adam(network.parameters(), recipe.lr, fused=True)
halved = recipe.precision == "bfloat16"
marks = [time.perf_counter()]
for _ in range(recipe.epochs):
    for rows in torch.randperm(len(x)).split(recipe.batch_size):
        optimizer.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=halved):
            outputs = network(x.index_select(0, rows))
        loss = cross_entropy(outputs.float(), y.index_select(0, rows))
        loss.backward()
        optimizer.step()
    marks.append(time.perf_counter())
tell_fit(marks, task.steps)
