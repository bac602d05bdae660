"""The whole job on MNIST, apart from the network: reading, the one-cycle rate, telling what it took."""

from __future__ import annotations

import gzip
import math
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tests.benchmarks.peers.task import Recipe, tell


def read_rows(folder: str, part: str) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Pixels in 0–1, float32 (n, 784), and labels int64 (n,); part is train or t10k."""
    pixels = _bytes(Path(folder) / f"{part}-images-idx3-ubyte")[16:].reshape(-1, 784)
    labels = _bytes(Path(folder) / f"{part}-labels-idx1-ubyte")[8:]
    return pixels.astype(np.float32) / np.float32(255), labels.astype(np.int64)


def one_cycle(recipe: Recipe, step: int, steps: int) -> float:
    """Share of the learning rate at a step: cosine up from 1/25 until the peak, cosine down to 0."""
    share, peak = step / max(steps - 1, 1), recipe.peak or 0.0
    if share < peak:
        return 1 - (1 - 1 / 25) * (1 + math.cos(math.pi * share / peak)) / 2
    return (1 + math.cos(math.pi * (share - peak) / (1 - peak))) / 2


def tell_job(started: str, saved: float, guesses: NDArray[np.int64], labels: NDArray[np.int64]) -> None:
    """Print seconds from the process's start to its saved model, and the share of right test images.

    started, saved : seconds since the epoch; what is done to measure the quality comes after and costs nothing
    """
    tell(job=saved - float(started), accuracy=float((guesses == labels).mean()))


def now() -> float:
    """Seconds since the epoch, which another process can compare."""
    return time.time()


def _bytes(path: Path) -> NDArray[np.uint8]:
    packed = path.with_name(path.name + ".gz")
    content = gzip.decompress(packed.read_bytes()) if packed.exists() else path.read_bytes()
    return np.frombuffer(content, np.uint8)
