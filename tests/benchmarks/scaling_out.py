"""What shards, processes and rows on disk cost: python -m tests.benchmarks.scaling_out [--write]. Five quiet minutes.

A wide network is trained without shards on one and two threads, in two shards by two processes, and in four by one, two
and four processes that must leave the same bytes. Tables of three sizes are trained on from memory and from a file. All
take turns.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
import statistics
import sys
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.folders import CONFIGS, PREPARED, ROOT
from tests.benchmarks.processes import mlcli, own
from tests.benchmarks.scaling import INPUTS
from tests.benchmarks.table import duration, table

WIDE_ROWS, WIDE_INPUTS, EPOCHS, SHARDS = 65_536, 256, 5, 4
ROWS = (300_000, 1_000_000, 3_000_000)
IN_MEMORY, ON_DISK = "memory", "disk"


@dataclass(frozen=True)
class Way:
    """How the wide network is trained."""

    shards: int
    processes: int
    threads: int

    @property
    def name(self) -> str:
        """As shown."""
        if self.shards == 1:
            return f"no shards, {self.threads} thread{'s' * (self.threads > 1)}"
        return f"{self.shards} shards, {self.processes} process{'es' * (self.processes > 1)}"


ALONE, THREADS = Way(1, 1, 1), Way(1, 1, 2)
SHARED = tuple(Way(SHARDS, count, 1) for count in (1, 2, 4))
PAIR = Way(2, 2, 1)


@dataclass(frozen=True)
class Epoch:
    """Seconds of an epoch after the first: of the clock, and of the processor; and bytes of the process's peak."""

    seconds: float
    cpu: float
    peak: int


@dataclass(frozen=True)
class Found:
    """All that was measured.

    wide    : seconds of an epoch of `mlcli train`, one a run, by name of the way
    cpu     : seconds of the processor, of an epoch of one thread
    digests : of the bundles that shards left
    rows    : epochs by number of rows, and by where they are
    """

    wide: Mapping[str, list[float]]
    cpu: Mapping[str, list[float]]
    digests: set[str]
    rows: Mapping[tuple[int, str], list[Epoch]]


def main() -> None:
    """Measure, tell, and draw where asked to."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.scaling_out", description=__doc__)
    parser.add_argument("--runs", type=int, default=3, help="turns (3)")
    parser.add_argument("--write", action="store_true", help="write docs/scaling-out.svg")
    options = parser.parse_args()
    found = measure(options.runs)
    print(describe(found))
    if options.write:
        from tests.benchmarks.scaling_plot import draw_out

        draw_out(found, ROOT / "docs" / "scaling-out.svg")


def measure(runs: int) -> Found:
    """All contenders in turn; the first of them finds everything prepared, as do the others."""
    found = Found(defaultdict(list), defaultdict(list), set(), defaultdict(list))
    shutil.rmtree(PREPARED, ignore_errors=True)
    for name, rows, inputs in (("wide", WIDE_ROWS, WIDE_INPUTS), *((name_of(n), n, INPUTS) for n in ROWS)):
        own("scaling_data", name, rows, inputs)
    for n_rows in ROWS:
        fit_rows(n_rows, ON_DISK)
    for run in range(1, runs + 1):
        for way in (ALONE, THREADS, PAIR, *SHARED):
            seconds, digest = train(way)
            found.wide[way.name].append(seconds)
            tell(run, way.name, seconds)
            if way in SHARED:
                found.digests.add(digest)
        for way in (ALONE, SHARED[0]):
            found.cpu[way.name].append(fit("wide", f"training.shards={way.shards}", threads=1).cpu)
        for n_rows in ROWS:
            for place in (IN_MEMORY, ON_DISK):
                epoch = fit_rows(n_rows, place)
                found.rows[n_rows, place].append(epoch)
                tell(run, f"{n_rows:,} rows, {place}", epoch.seconds)
    return found


def tell(run: int, name: str, seconds: float) -> None:
    """Progress."""
    print(f"run {run}, {name}: {duration(seconds)} an epoch", file=sys.stderr, flush=True)


def train(way: Way) -> tuple[float, str]:
    """Seconds of an epoch of `mlcli train`, and the digest of its bundle."""
    sets = ("-S", f"training.shards={way.shards}", "-S", f"training.epochs={EPOCHS}")
    command = ("train", CONFIGS / "wide.yaml", "--json", "--processes", way.processes, *sets)
    document = mlcli(*command, variables={"OMP_NUM_THREADS": str(way.threads)}).document
    return document["seconds"] / EPOCHS, digest_of(ROOT / document["model"])


def digest_of(bundle: Path) -> str:
    """Of weights and description, but for the time at which it was made."""
    description = json.loads((bundle / "bundle.json").read_text())
    del description["facts"]["created"]
    content = (bundle / "weights.safetensors").read_bytes() + json.dumps(description).encode()
    return hashlib.sha256(content).hexdigest()


def fit_rows(n_rows: int, place: str) -> Epoch:
    """Training on a table of this size, in memory or on disk."""
    return fit("scaling", f"dataset.path={name_of(n_rows)}.npz", f"training.rows={place}")


def name_of(n_rows: int) -> str:
    """Of a table's file."""
    return f"scaling-{n_rows}"


def fit(config: str, *sets: str, threads: int | None = None) -> Epoch:
    """mlcli's own loop in one process, on so many threads or as it chooses."""
    variables = {} if threads is None else {"OMP_NUM_THREADS": str(threads)}
    done = own("fit", CONFIGS / f"{config}.yaml", *sets, f"training.epochs={EPOCHS}", variables=variables)
    return Epoch(done.document["epoch"], done.document["cpu"], done.peak)


def describe(found: Found) -> str:
    """Tables of medians, and whether the goals are kept."""
    seconds = {way: statistics.median(values) for way, values in found.wide.items()}
    cpu = {way: statistics.median(values) for way, values in found.cpu.items()}
    ways = [[way, duration(value), f"{value / seconds[ALONE.name]:.2f}"] for way, value in seconds.items()]
    rows = {key: middle(epochs) for key, epochs in found.rows.items()}
    places = [
        [f"{n_rows:,}", *(f"{duration(rows[n_rows, place].seconds)}, {duration(rows[n_rows, place].cpu)}, "
                          f"{rows[n_rows, place].peak / 1e6:.0f} MB" for place in (IN_MEMORY, ON_DISK)),
         f"{rows[n_rows, ON_DISK].seconds / rows[n_rows, IN_MEMORY].seconds:.2f}"]
        for n_rows in ROWS
    ]  # fmt: skip
    largest = ROWS[-1]
    goals = (
        (f"{SHARDS} shards in one process, by CPU time", cpu[SHARED[0].name] / cpu[ALONE.name], 1.25),
        ("two processes beside two threads, 2 shards", seconds[PAIR.name] / seconds[THREADS.name], 1.25),
        (f"the same with {SHARDS} shards", seconds[SHARED[1].name] / seconds[THREADS.name], 1.25),
        (
            f"{largest:,} rows on disk beside memory",
            rows[largest, ON_DISK].seconds / rows[largest, IN_MEMORY].seconds,
            1.3,
        ),
        ("the same by CPU time", rows[largest, ON_DISK].cpu / rows[largest, IN_MEMORY].cpu, 1.3),
    )
    return "\n".join(
        [
            table((f"{WIDE_INPUTS}-1024-1024-1, batch 1024", "an epoch", "over one thread"), ways),
            table(("rows", "in memory: an epoch, CPU, peak", "on disk: an epoch, CPU, peak", "ratio"), places),
            *(
                f"{what}: {ratio:.2f} ({'reached' if ratio <= goal else 'missed'}, ≤ {goal})"
                for what, ratio, goal in goals
            ),
            f"Bundles of one, two and four processes: {'the same bytes' if len(found.digests) == 1 else 'DIFFERENT'}",
        ]
    )


def middle(epochs: list[Epoch]) -> Epoch:
    """The one of median seconds."""
    return sorted(epochs, key=lambda epoch: epoch.seconds)[len(epochs) // 2]


if __name__ == "__main__":
    main()
