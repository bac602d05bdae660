"""What `mlcli train` costs as rows and epochs grow: python -m tests.benchmarks.scaling [--write].

From a thousand to ten million rows of ten numbers, each training a process of its own. Cost is linear where seconds
grow with an exponent of 1; memory above that of the smallest table is compared with the table's own bytes in float32.
"""

from __future__ import annotations

import argparse
import math
import shutil
import statistics
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from tests.benchmarks.folders import CONFIGS, DATA, PREPARED, ROOT
from tests.benchmarks.processes import mlcli, own

INPUTS = 10
BYTES_A_ROW = 4 * (INPUTS + 1)
EPOCHS = (1, 2, 4, 8, 16, 32)
ROWS_OF_EPOCHS, RUNS_OF_EPOCHS = 100_000, 3
# Below these, what is paid is the start.
LINEAR_FROM_ROWS, LINEAR_FROM_EPOCHS = 100_000, 4
EXPONENTS = (0.85, 1.15)
MEMORY_GOAL = 1.3


@dataclass(frozen=True)
class Training:
    """One `mlcli train`.

    seconds : of the training loop
    peak    : bytes of the process at its largest, reading and preparing the data included
    later   : the same where the data was found prepared
    """

    rows: int
    epochs: int
    seconds: float
    peak: int
    later: int

    @property
    def table(self) -> int:
        """Bytes of inputs and target in float32."""
        return self.rows * BYTES_A_ROW


def main() -> None:
    """Measure, tell, and draw where asked to."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.scaling", description=__doc__)
    parser.add_argument("--largest", type=int, default=10_000_000, help="rows of the largest table (10,000,000)")
    parser.add_argument("--write", action="store_true", help="write docs/scaling.svg")
    options = parser.parse_args()
    by_rows = [train(rows, 2) for rows in sizes(options.largest)]
    by_epochs = [middle([train(ROWS_OF_EPOCHS, epochs) for _ in range(RUNS_OF_EPOCHS)]) for epochs in EPOCHS]
    print(describe(by_rows, by_epochs))
    if options.write:
        from tests.benchmarks.scaling_plot import draw

        draw(by_rows, by_epochs, ROOT / "docs" / "scaling.svg")


def sizes(largest: int) -> list[int]:
    """A thousand rows and up, two sizes to a power of ten."""
    halves = range(6, round(2 * math.log10(largest)) + 1)
    return [round(10 ** (half / 2)) for half in halves]


def train(rows: int, epochs: int) -> Training:
    """Train once on a new table and once more on what that prepared."""
    shutil.rmtree(PREPARED, ignore_errors=True)
    own("scaling_data", "scaling", rows, INPUTS)
    command = ("train", CONFIGS / "scaling.yaml", "--json", "-S", f"training.epochs={epochs}")
    first, later = mlcli(*command), mlcli(*command)
    (DATA / "scaling.npz").unlink()
    done = Training(rows, epochs, later.document["seconds"], first.peak, later.peak)
    print(f"{rows:,} rows, {epochs} epochs: {done.seconds:.3g} s, {done.peak / 2**20:.0f} MiB", file=sys.stderr)
    return done


def middle(trainings: Sequence[Training]) -> Training:
    """The one of median seconds: short runs are easily held up."""
    return sorted(trainings, key=lambda training: training.seconds)[len(trainings) // 2]


def describe(by_rows: Sequence[Training], by_epochs: Sequence[Training]) -> str:
    """The figures and whether they keep what is promised."""
    lines = [
        f"| {t.rows:,} | {t.epochs} | {t.seconds:.3g} s | {t.peak / 2**20:.0f} MiB | {t.later / 2**20:.0f} MiB |"
        for t in (*by_rows, *by_epochs)
    ]
    return "\n".join(
        [
            "| rows | epochs | training | peak, first run | peak, later runs |",
            "| ---: | ---: | ---: | ---: | ---: |",
            *lines,
            "",
            f"Seconds grow as rows to the {tell_exponent(exponent_of_rows(by_rows))}.",
            f"Seconds grow as epochs to the {tell_exponent(exponent_of_epochs(by_epochs))}.",
            f"Memory grows by {tell_memory([t.peak for t in by_rows], by_rows)} times the table in a first run, by "
            f"{tell_memory([t.later for t in by_rows], by_rows)} in later ones; the goal is {MEMORY_GOAL}.",
        ]
    )


def exponent_of_rows(trainings: Sequence[Training]) -> float:
    """k of seconds ~ rows^k, over the tables large enough to tell."""
    large = [t for t in trainings if t.rows >= LINEAR_FROM_ROWS]
    return slope([math.log(t.rows) for t in large], [math.log(t.seconds) for t in large])


def exponent_of_epochs(trainings: Sequence[Training]) -> float:
    """k of seconds ~ epochs^k, over the runs long enough to tell."""
    long = [t for t in trainings if t.epochs >= LINEAR_FROM_EPOCHS]
    return slope([math.log(t.epochs) for t in long], [math.log(t.seconds) for t in long])


def memory_factor(peaks: Sequence[int], trainings: Sequence[Training]) -> float:
    """Bytes more for each byte more of table, over the tables large enough to tell."""
    large = [(t.table, peak) for t, peak in zip(trainings, peaks, strict=True) if t.rows >= LINEAR_FROM_ROWS]
    return slope(*zip(*large, strict=True))


def slope(x: Sequence[float], y: Sequence[float]) -> float:
    """Of the least-squares line."""
    return statistics.linear_regression(x, y).slope


def tell_exponent(exponent: float) -> str:
    """The exponent, and whether it is 1."""
    low, high = EXPONENTS
    return f"{exponent:.2f} ({'linear' if low <= exponent <= high else 'NOT LINEAR'})"


def tell_memory(peaks: Sequence[int], trainings: Sequence[Training]) -> str:
    """The factor, and whether it keeps the goal."""
    factor = memory_factor(peaks, trainings)
    return f"{factor:.2f} ({'reached' if factor <= MEMORY_GOAL else 'missed'})"


if __name__ == "__main__":
    main()
