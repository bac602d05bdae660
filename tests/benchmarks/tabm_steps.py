"""Steps of TabM a second beside those of its authors' package: python -m tests.benchmarks.tabm_steps.

It needs the packages of `pip install .[test]`.
"""

from __future__ import annotations

import argparse
import datetime
import itertools
import multiprocessing
import statistics
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from functools import partial
from importlib.metadata import version
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
from mlcli.training.context import TrainingContext, build_context
from mlcli.training.datasets import TensorDataset
from mlcli.training.loop import new_state, optimizer_step, row_order, take_batch
from tests.benchmarks.folders import ROOT
from tests.benchmarks.machine import describe_machine
from tests.benchmarks.table import duration, table

MEMBERS, UNITS, BINS, WIDTH, CLIP = 16, 128, 32, 12, 1.0
PAGE = ROOT / "docs" / "tabm.md"
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
    """Measure every shape with both optimizers, with and without dropout; print the page."""
    options = parse_options()
    rows = []
    with ExitStack() as stack:
        workers = [stack.enter_context(Worker(make)) for make in CONTENDERS]
        for case in itertools.product(SHAPES, ("adamw", "muon"), (0.0, 0.1)):
            if case[0].name.startswith(options.only):
                rows.append(measure_case(workers, *case, options.runs, options.seconds))
                print("  ".join(rows[-1]), file=sys.stderr, flush=True)
    page = describe(rows, options.runs)
    print(page)
    if options.write:
        PAGE.write_text(page)


def parse_options() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.tabm_steps", description=__doc__)
    parser.add_argument("--only", default="", metavar="NAME", help="the shapes whose names begin so")
    parser.add_argument("--runs", type=int, default=9, help="turns of each (9)")
    parser.add_argument("--seconds", type=float, default=0.2, help="of a turn (0.2)")
    parser.add_argument("--write", action="store_true", help="write docs/tabm.md")
    return parser.parse_args()


def measure_case(
    workers: Sequence[Worker], shape: Shape, optimizer: str, dropout: float, runs: int, seconds: float
) -> list[str]:
    """A row of the table: median times of a step, and medians over the turns of the package's time by mlcli's."""
    for worker in workers:
        worker.ask(shape, optimizer, dropout)
    turns = [[worker.ask(seconds) for worker in workers] for _ in range(runs)]
    times = [duration(statistics.median(own)) for own in zip(*turns, strict=True)]
    ratios = [statistics.median(turn[-1] / turn[index] for turn in turns) for index in range(len(workers) - 1)]
    return [f"{shape.name}, batch {shape.batch}", optimizer, f"{dropout:g}", *times, *(f"{r:.2f}" for r in ratios)]


def describe(rows: Iterable[Sequence[str]], runs: int) -> str:
    """The page: the table, and how it was measured."""
    head = ("table", "optimizer", "dropout", "mlcli", "in float32", "tabm", "times as fast", "in float32")
    return f"""# TabM beside its authors' package

Made by `python -m tests.benchmarks.tabm_steps --write` on {datetime.date.today():%d %B %Y}. Time of a training step of
the same network: {MEMBERS} members, two hidden layers of {UNITS} units, piecewise-linear embeddings (version B, width
{WIDTH}, {BINS} bins), gradients clipped to a norm of {CLIP:g}.

{table(head, rows)}
Machine: {describe_machine()}.
Versions: tabm {version("tabm")}, rtdl_num_embeddings {version("rtdl_num_embeddings")}, torch {torch.__version__}.

Medians of {runs} turns, which three processes take one after the other, on one thread each. The time is that of the
processor, which other processes disturb least. mlcli chooses the precision of hidden layers: bfloat16 where the
processor multiplies it faster, else float32, which is measured too. The package is trained in float32 as its page
shows: by torch's own AdamW, `torch.optim.Muon` beside it (in bfloat16, as it is), and `clip_grad_norm_`.
"""


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


def our_step(shape: Shape, optimizer: str, dropout: float, precision: str = "auto") -> Step:
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


def their_step(shape: Shape, optimizer: str, dropout: float) -> Step:
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


CONTENDERS = (our_step, partial(our_step, precision="float32"), their_step)

if __name__ == "__main__":
    main()
