"""Times of a step and an epoch on this machine's CPU and GPU, about two minutes: python -m tests.device."""

from __future__ import annotations

import sys
from datetime import UTC, datetime

import numpy as np
import torch

from mlcli.config.sections.config import Config
from mlcli.training.context import TrainingContext, build_context, set_threads
from mlcli.training.datasets import TensorDataset
from mlcli.training.loop import measure_step_time
from tests.training.contexts import fit_task, table_of

# Rows, inputs, hidden layers, rows a step.
SIZES = ((60_000, 784, [512], 128), (60_000, 784, [512], 1024), (1_000_000, 28, [256, 256], 4096))
WIDE = (200_000, 1024, [4096, 4096], 4096)
SECONDS = 2.0


def main() -> None:
    """Print a table, or why there is none."""
    if not torch.cuda.is_available():
        sys.exit("torch sees no CUDA device here: nothing was measured")
    print(f"{torch.cuda.get_device_name()}, torch {torch.__version__}, {datetime.now(UTC):%d %B %Y}\n")
    print("| rows × inputs, network, batch | device | precision | a step | an epoch |")
    print("| --- | --- | --- | ---: | ---: |")
    for size in (*SIZES, WIDE):
        for device, precision in (("cpu", "auto"), ("cuda", "float32"), ("cuda", "bfloat16")):
            if size is not WIDE or device == "cuda":
                tell(size, context_of(size, device, precision))


def context_of(size: tuple[int, int, list[int], int], device: str, precision: str) -> TrainingContext:
    """A regression on random rows."""
    n_rows, n_inputs, hidden, batch_size = size
    config = Config.model_validate({
        "name": "device", "dataset": {"name": "iris"}, "device": device, "model": {"hidden": hidden},
        "training": {"batch_size": batch_size, "precision": precision},
    })  # fmt: skip
    rng = np.random.default_rng(0)
    table = table_of(rng.normal(size=n_rows).tolist())
    task = fit_task(table, "regression", config.model, config.loss)
    rows = TensorDataset.of(rng.standard_normal((n_rows, n_inputs), dtype=np.float32), task.encode(table))
    context = build_context(config, task, rows, TensorDataset(rows.x[:0], rows.y[:0]))
    set_threads(context.threads)
    return context


def tell(size: tuple[int, int, list[int], int], context: TrainingContext) -> None:
    """A line of the table."""
    n_rows, n_inputs, hidden, batch_size = size
    step = measure_step_time(context, SECONDS).step
    shown = f"{n_rows:,} × {n_inputs}, {'-'.join(map(str, hidden))}, {batch_size}"
    precision = str(context.precision).removeprefix("torch.")
    epoch = step * context.steps_per_epoch
    print(f"| {shown} | {context.device} | {precision} | {step * 1e3:.3g} ms | {epoch:.3g} s |", flush=True)


if __name__ == "__main__":
    main()
