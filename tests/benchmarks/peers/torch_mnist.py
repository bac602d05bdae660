"""MNIST from files to a saved model in PyTorch: python -m … TASK MNIST_FOLDER STARTED dataloader|bare."""

import sys
import tempfile
from collections.abc import Iterator

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy
from torch.optim.lr_scheduler import LambdaLR
from torch.utils.data import DataLoader, TensorDataset

from tests.benchmarks.peers.mnist import now, one_cycle, read_rows, tell_job
from tests.benchmarks.peers.network import build_network
from tests.benchmarks.peers.task import Recipe

recipe = Recipe.read(sys.argv[1])
bare = sys.argv[4] == "bare"
x, y = map(torch.from_numpy, read_rows(sys.argv[2], "train"))
steps = recipe.epochs * -(-len(x) // recipe.batch_size)


def sliced() -> Iterator[tuple[Tensor, Tensor]]:
    """Batches in a new order, cut out of the tensors."""
    for rows in torch.randperm(len(x)).split(recipe.batch_size):
        yield x.index_select(0, rows), y.index_select(0, rows)


loader = DataLoader(TensorDataset(x, y), recipe.batch_size, shuffle=True)
network = build_network(784, recipe.hidden, 10)
optimizer = torch.optim.AdamW(
    network.parameters(), recipe.lr, betas=(0.9, recipe.beta2), weight_decay=0, fused=bare or None
)
schedule = LambdaLR(optimizer, lambda step: one_cycle(recipe, step, steps))
for _ in range(recipe.epochs):
    for batch_x, batch_y in sliced() if bare else loader:
        optimizer.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=bare and recipe.precision == "bfloat16"):
            outputs = network(batch_x)
        loss = cross_entropy(outputs.float(), batch_y, label_smoothing=recipe.label_smoothing)
        loss.backward()
        optimizer.step()
        schedule.step()
with tempfile.TemporaryDirectory() as folder:
    torch.save(network.state_dict(), f"{folder}/model.pt")
saved = now()
test_x, test_y = read_rows(sys.argv[2], "t10k")
with torch.inference_mode():
    guesses = network(torch.from_numpy(test_x)).argmax(dim=1).numpy()
tell_job(sys.argv[3], saved, guesses, test_y)
