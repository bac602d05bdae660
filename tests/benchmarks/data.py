"""Makes the files that the works read, where they are missing: python -m tests.benchmarks.data SOURCE.

SOURCE is a folder with mnist/ (the IDX files, packed or not) and adult/ (adult.data, with a header line).
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import polars as pl

from tests.benchmarks.folders import DATA

ROWS, WIDTH = 1_000_000, 28


def link_mnist(source: Path) -> None:
    """Let mlcli find the pictures in its data folder."""
    link = DATA / "mnist"
    if source.is_dir() and not link.exists():
        link.symlink_to(source.resolve())


def write_adult(source: Path) -> None:
    """adult.csv: the same cells without the blanks around them, which not every reader drops."""
    if source.is_file():
        rows = [[cell.strip() for cell in row.split(",")] for row in source.read_text().splitlines() if row]
        (DATA / "adult.csv").write_text("".join(",".join(row) + "\n" for row in rows))


def write_million() -> None:
    """million.npz: float32 x (n, 28) and two classes that a quadric divides, with noise; million.csv: the same x."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((ROWS, WIDTH), dtype=np.float32).round(4)
    score = x @ rng.standard_normal(WIDTH) + (x**2 - 1) @ rng.standard_normal(WIDTH)
    y = (score + rng.standard_normal(ROWS) * 3 > 0).astype(np.int64)
    pl.DataFrame(x, schema=[f"x{k}" for k in range(1, WIDTH + 1)]).write_csv(DATA / "million.csv")
    np.savez(DATA / "million.npz", x=x, y=y)


def write_flower() -> None:
    """one.csv: one iris."""
    header = "sepal_length,sepal_width,petal_length,petal_width\n"
    (DATA / "one.csv").write_text(header + "5.9,3.0,4.2,1.5\n")


if __name__ == "__main__":
    DATA.mkdir(parents=True, exist_ok=True)
    link_mnist(Path(sys.argv[1]) / "mnist")
    write_flower()
    if not (DATA / "adult.csv").exists():
        write_adult(Path(sys.argv[1]) / "adult" / "adult.data")
    if not (DATA / "million.npz").exists():
        write_million()
