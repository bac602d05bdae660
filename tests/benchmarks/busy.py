"""What other programs cost a training: python -m tests.benchmarks.busy [--write]. About ten minutes on a quiet machine.

A step of mlcli, of scikit-learn's MLPClassifier and of a bare loop of PyTorch, alone and while one and two other
programs compute without end. mlcli chooses its threads by the load as it starts; on all threads it is as where the
other programs come later.
"""

from __future__ import annotations

import argparse
import datetime
import os
import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from mlcli.io.load import cpu_pressure
from tests.benchmarks.folders import CONFIGS, TASKS
from tests.benchmarks.machine import describe_machine
from tests.benchmarks.measuring import MLCLI
from tests.benchmarks.page import write_section
from tests.benchmarks.processes import Finished, busy_loops, own
from tests.benchmarks.table import duration, table

LATER, SKLEARN, BARE = "mlcli, on all threads", "scikit-learn", "PyTorch, bare loop"
LOADS = (0, 1, 2)
# By load: a step over one of a quiet machine, at most.
GOALS = {1: 1.6, 2: 2.5}
# Share of time in which some program waited for a processor, at most, before a measurement.
QUIET = 0.05

# Seconds of a step, by contender and load, one a run.
Steps = Mapping[tuple[str, int], list[float]]


@dataclass(frozen=True)
class Shape:
    """A table and a network. classes : equally frequent"""

    name: str
    title: str
    rows: int
    inputs: int
    classes: int
    hidden: str
    batch: int
    epochs: int

    def sets(self, epochs: int) -> tuple[str, ...]:
        """What --set says of it."""
        training = f"training={{epochs: {epochs}, batch_size: {self.batch}}}"
        return (f"dataset.path={self.name}.npz", f"model.hidden={self.hidden}", training)


SHAPES = (
    Shape("busy-diamonds", "diamonds' shape: 26-256-128-5, batch 256", 20_000, 26, 5, "[256, 128]", 256, 12),
    Shape("busy-mnist", "MNIST's shape: 784-512-10, batch 128", 12_000, 784, 10, "[512]", 128, 4),
)


def main() -> None:
    """Measure, judge, show."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.busy", description=__doc__)
    parser.add_argument("--runs", type=int, default=2, help="turns of mlcli at each load (2)")
    parser.add_argument("--write", action="store_true", help="write the section of docs/benchmarks.md")
    options = parser.parse_args()
    tables = [describe(shape, measure(shape, options.runs)) for shape in SHAPES]
    made = f"`python -m tests.benchmarks.busy`, {datetime.date.today():%d %B %Y}, {describe_machine()}."
    text = "\n".join([f"{made}\n", *tables])
    print(text)
    if options.write:
        write_section("busy", text)


def measure(shape: Shape, runs: int) -> Steps:
    """The loads take turns, and the contenders at each; the peers, most of the time, have one turn."""
    contenders, steps = contenders_of(shape), defaultdict[tuple[str, int], list[float]](list)
    for run in range(1, runs + 1):
        for load in LOADS:
            for name, fit in contenders.items():
                if run > 1 and name in (SKLEARN, BARE):
                    continue
                _wait_for_quiet()
                with busy_loops(load):
                    step = fit().document["step"]
                steps[name, load].append(step)
                print(f"{shape.name} {run}/{runs}, {load} busy, {name}: {duration(step)}", file=sys.stderr, flush=True)
    return steps


def _wait_for_quiet() -> None:
    """The kernel's share of waiting is a mean of ten seconds, by which mlcli would take the machine for a busy one."""
    while (pressure := cpu_pressure()) is not None and pressure.recent > QUIET:
        time.sleep(0.5)


def contenders_of(shape: Shape) -> Mapping[str, Callable[[], Finished]]:
    """By name, who trains on a table that is made now."""
    config, task = CONFIGS / "busy.yaml", TASKS / shape.name
    own("scaling_data", shape.name, shape.rows, shape.inputs, shape.classes)
    # Beside busy programs the peers take up to a hundred times as long: a quarter of the epochs is enough of them.
    own("share", config, task, *shape.sets(shape.epochs // 4))
    ours = partial(own, "fit", config, *shape.sets(shape.epochs))
    return {
        MLCLI: ours,
        LATER: partial(ours, variables={"OMP_NUM_THREADS": str(os.cpu_count())}),
        SKLEARN: partial(own, "peers.sklearn_fit", task),
        BARE: partial(own, "peers.bare_fit", task),
    }


def describe(shape: Shape, steps: Steps) -> str:
    """A table of medians and of their ratios to those alone, and whether mlcli keeps its goals."""
    names = list(dict.fromkeys(name for name, _ in steps))
    medians = {key: statistics.median(values) for key, values in steps.items()}
    ratios = {(name, load): medians[name, load] / medians[name, 0] for name in names for load in GOALS}
    rows = [
        [
            name,
            duration(medians[name, 0]),
            *(f"{duration(medians[name, load])}, {ratios[name, load]:.3g} ×" for load in GOALS),
        ]
        for name in names
    ]
    head = (f"a step, {shape.title}", "alone", *(f"beside {load} busy program{'s' * (load > 1)}" for load in GOALS))
    verdicts = [
        f"{name}, {load} busy: {'reached' if ratios[name, load] <= goal else 'missed'} (≤ {goal} ×)"
        for name in (MLCLI, LATER)
        for load, goal in GOALS.items()
    ]
    return f"{table(head, rows)}\n{'; '.join(verdicts)}.\n"


if __name__ == "__main__":
    main()
