"""Makes a table of numbers and a target: python -m tests.benchmarks.scaling_data NAME ROWS INPUTS [CLASSES]."""

from __future__ import annotations

import sys

import numpy as np

from tests.benchmarks.folders import DATA


def write(name: str, n_rows: int, n_inputs: int, n_classes: int = 0) -> None:
    """NAME.npz: x float32 (n, d); y float32 (n,), or one of so many classes, equally frequent, int64 (n,)."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((n_rows, n_inputs), dtype=np.float32)
    y = np.tanh(x @ rng.standard_normal(n_inputs, dtype=np.float32))
    DATA.mkdir(parents=True, exist_ok=True)
    np.savez(DATA / f"{name}.npz", x=x, y=y.argsort().argsort() * n_classes // n_rows if n_classes else y)


if __name__ == "__main__":
    write(sys.argv[1], *map(int, sys.argv[2:]))
