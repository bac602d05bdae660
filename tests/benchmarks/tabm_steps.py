"""Steps of TabM a second beside those of its authors' package: python -m tests.benchmarks.tabm_steps.

Both train the same network on the same rows, on one thread; two processes take turns. The time is that of the
processor, which other processes disturb least. The package is trained in float32 as its page shows: by torch's own
optimizers, `torch.optim.Muon` with AdamW beside it, and `clip_grad_norm_`. mlcli's precision is its choice: bfloat16
on processors that multiply it faster, else float32.
"""

from __future__ import annotations

import argparse
import itertools
import multiprocessing
import statistics
import time
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from typing import NamedTuple

import numpy as np
import polars as pl
import torch
from torch import Tensor, nn, optim
from torch.nn import functional

from mlcli.config.sections.config import Config
from mlcli.data.tables.types import Column, Table
from mlcli.features.state import FeatureLayout
from mlcli.models.fit_task import fit_task
from mlcli.training.context import TensorDataset, TrainingContext, build_context
from mlcli.training.loop import new_state, optimizer_step, row_order, take_batch
from tests.benchmarks.table import duration, table

MEMBERS, UNITS, BINS, WIDTH, CLIP = 16, 128, 32, 12, 1.0
Step = Callable[[], object]


class Shape(NamedTuple):
    """A table: rows, columns of numbers, categories of each other column, rows a step."""

    name: str
    rows: int
    numbers: int
    cardinalities: tuple[int, ...]
    batch: int


SHAPES = (
    Shape("concrete: 8 numbers", 824, 8, (), 32),
    Shape("california: 8 numbers", 16_512, 8, (), 256),
    Shape("adult: 6 numbers, 8 categories", 26_048, 6, (9, 16, 7, 15, 6, 5, 2, 42), 256),
    Shape("wide: 50 numbers", 8_192, 50, (), 256),
)


def main() -> None:
    """Measure every shape with both optimizers, with and without dropout; print a table."""
    options = parse_options()
    rows = []
    with Worker(our_step) as ours, Worker(their_step) as theirs:
        for shape, optimizer, dropout in itertools.product(SHAPES, ("adamw", "muon"), (0.0, 0.1)):
            if not shape.name.startswith(options.only):
                continue
            for worker in (ours, theirs):
                worker.ask(shape, optimizer, dropout, options.precision)
            turns = [(ours.ask(options.seconds), theirs.ask(options.seconds)) for _ in range(options.runs)]
            cells = [duration(statistics.median(times)) for times in zip(*turns, strict=True)]
            ratio = statistics.median(b / a for a, b in turns)
            rows.append([f"{shape.name}, batch {shape.batch}", optimizer, f"{dropout:g}", *cells, f"{ratio:.2f}"])
            print("  ".join(rows[-1]), flush=True)
    print(table(("table", "optimizer", "dropout", "mlcli, a step", "tabm", "ratio"), rows))


def parse_options() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.tabm_steps", description=__doc__)
    parser.add_argument("--only", default="", metavar="NAME", help="the shapes whose names begin so")
    parser.add_argument("--precision", default="auto", help="mlcli's: float32, bfloat16 or auto (auto)")
    parser.add_argument("--runs", type=int, default=9, help="turns of each (9)")
    parser.add_argument("--seconds", type=float, default=0.4, help="of a turn (0.4)")
    return parser.parse_args()


class Worker:
    """A process that makes a step and times it."""

    def __init__(self, make: Callable[..., Step]) -> None:
        context = multiprocessing.get_context("spawn")
        self._connection, other = context.Pipe()
        self._process = context.Process(target=serve, args=(other, make), daemon=True)

    def __enter__(self) -> Worker:
        self._process.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()

    def ask(self, *question: object) -> float:
        """Seconds of a step, of turns as long as the one number given; or of the first steps of what is described."""
        self._connection.send(question)
        return float(self._connection.recv())


def serve(connection: Connection, make: Callable[..., Step]) -> None:
    """Answer a `Worker`."""
    torch.set_num_threads(1)
    step, each = None, 0.0
    while question := connection.recv():
        if step is None or len(question) > 1:
            step = make(*question)
            time_of(step, 10)
            each = time_of(step, 10)
        else:
            each = time_of(step, max(5, round(question[0] / each)))
        connection.send(each)


def time_of(step: Step, count: int) -> float:
    """Processor seconds of a step, the mean of so many."""
    started = time.thread_time()
    for _ in range(count):
        step()
    return (time.thread_time() - started) / count


def make_rows(shape: Shape) -> tuple[Tensor, Tensor, Tensor]:
    """Normal numbers (n, numbers), category codes (n, categories), and a target (n, 1) that they decide with noise."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((shape.rows, shape.numbers), dtype=np.float32)
    codes = np.stack([rng.integers(0, k, shape.rows) for k in shape.cardinalities] or [np.zeros(0)], axis=-1)
    y = np.sin(x).sum(axis=1, keepdims=True) + rng.standard_normal((shape.rows, 1), dtype=np.float32)
    return torch.from_numpy(x), torch.from_numpy(codes).long(), torch.from_numpy(y)


def our_step(shape: Shape, optimizer: str, dropout: float, precision: str) -> Step:
    """A step of mlcli's own loop; categories are one-hot, as in the package."""
    x, codes, y = make_rows(shape)
    one_hot = [functional.one_hot(codes[:, i], k).float() for i, k in enumerate(shape.cardinalities)]
    names = tuple(f"x{i}" for i in range(shape.numbers))
    names += tuple(f"c{i}={j}" for i, k in enumerate(shape.cardinalities) for j in range(k))
    config = Config.model_validate({
        "name": "steps",
        "dataset": {"name": "iris"},
        "model": {
            "name": "tabm", "members": MEMBERS, "hidden": [UNITS, UNITS], "dropout": dropout,
            "embedding": {"name": "piecewise", "bins": BINS, "width": WIDTH},
        },
        "optimizer": {"name": optimizer, "l2": 0.003},
        "training": {"batch_size": shape.batch, "clip_norm": CLIP, "precision": precision},
    })  # fmt: skip
    targets = Table(pl.DataFrame({"y": y.view(-1).numpy()}), (), (Column("y", "number"),))
    rows = TensorDataset(torch.cat([x, *one_hot], dim=1), y)
    task = fit_task(targets, "regression", config.model, config.loss)
    layout = FeatureLayout(names, (), (), numbers=tuple(range(shape.numbers)))
    return stepper(build_context(config, task, rows, TensorDataset(rows.x[:0], y[:0]), layout, threads=1))


def stepper(context: TrainingContext) -> Step:
    """Steps through epoch after epoch of a context."""
    state = new_state(context)

    def batches() -> Iterator[TensorDataset]:
        for epoch in itertools.count():
            order, state.batch = row_order(context, epoch), 0
            for batch in range(context.steps_per_epoch):
                yield take_batch(context, order, batch)

    batch = batches()
    return lambda: optimizer_step(context, state, next(batch))


def their_step(shape: Shape, optimizer: str, dropout: float, _: str) -> Step:
    """A step of the package's network in a plain loop of torch."""
    x, codes, y = make_rows(shape)
    network = their_network(shape, x, dropout)
    optimizers = their_optimizers(network, optimizer)
    batches = (rows for _ in itertools.count() for rows in torch.randperm(len(x)).split(shape.batch))

    def step() -> None:
        rows = next(batches)
        for each in optimizers:
            each.zero_grad()
        outputs = network(x[rows], codes[rows] if shape.cardinalities else None)
        loss = functional.mse_loss(outputs.flatten(0, 1), y[rows].repeat_interleave(MEMBERS, dim=0))
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), CLIP)
        for each in optimizers:
            each.step()

    return step


def their_network(shape: Shape, x: Tensor, dropout: float) -> nn.Module:
    """TabM-mini with piecewise-linear embeddings, version B."""
    import rtdl_num_embeddings as embeddings
    import tabm

    bins = embeddings.compute_bins(x, n_bins=BINS)
    network: nn.Module = tabm.TabM.make(
        n_num_features=shape.numbers,
        cat_cardinalities=list(shape.cardinalities),
        d_out=1,
        num_embeddings=embeddings.PiecewiseLinearEmbeddings(bins, WIDTH, activation=False, version="B"),
        n_blocks=2,
        d_block=UNITS,
        dropout=dropout,
        k=MEMBERS,
        arch_type="tabm-mini",
    )
    return network


def their_optimizers(network: nn.Module, name: str) -> list[optim.Optimizer]:
    """AdamW; or Muon for the blocks' matrices, and AdamW for the rest."""
    hidden = [p for key, p in network.named_parameters() if name == "muon" and ".blocks." in key and p.ndim == 2]
    rest = [p for p in network.parameters() if all(p is not own for own in hidden)]
    adamw = optim.AdamW(rest, lr=0.002, weight_decay=0.003)
    return [optim.Muon(hidden, lr=0.017, weight_decay=0.003), adamw] if hidden else [adamw]


if __name__ == "__main__":
    main()
