"""Measure mlcli beside its peers: python -m tests.benchmarks. It takes about twenty minutes on two cores.

The peers are installed once, into build/peers; from then on nothing is downloaded.
"""

from __future__ import annotations

import argparse
import datetime
import os
import re
from collections.abc import Sequence

from tests.benchmarks.environments import FILES, ensure
from tests.benchmarks.folders import ROOT
from tests.benchmarks.machine import describe_machine, describe_versions
from tests.benchmarks.measuring import Result, measure
from tests.benchmarks.page import PAGE, read_section
from tests.benchmarks.processes import own
from tests.benchmarks.table import goals_table, work_table
from tests.benchmarks.works import all_works

README = ROOT / "README.md"
SECTION = re.compile(r"(?<=<!-- benchmarks -->\n).*?(?=<!-- /benchmarks -->)", flags=re.DOTALL)


def main() -> None:
    """Install, make the data, measure, show."""
    options = parse_options()
    for name in FILES:
        ensure(name)
    own("data", options.data)
    works = [work for work in all_works() if not options.only or work.key in options.only]
    results = [measure(work, options.runs) for work in works]
    page = describe(results, options.runs)
    print(page)
    if options.write:
        PAGE.write_text(page)
        README.write_text(SECTION.sub(lambda _: goals_table(results), README.read_text()))


def parse_options() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("--only", type=lambda text: text.split(","), metavar="a,b", help="works to measure (a to i)")
    parser.add_argument("--runs", type=int, default=5, help="runs of every contender (5)")
    parser.add_argument(
        "--data", default=os.environ.get("MLCLI_TEST_DATA", "data"), help="folder with mnist/ and adult/ (data)"
    )
    parser.add_argument("--write", action="store_true", help="write docs/benchmarks.md and the README's table")
    return parser.parse_args()


def describe(results: Sequence[Result], runs: int) -> str:
    """The page: goals, every work's table, and how it was measured."""
    works = "\n".join(work_table(result) for result in results)
    return f"""# Benchmarks

Made by `python -m tests.benchmarks --write` on {datetime.date.today():%d %B %Y}.

{goals_table(results)}
Machine: {describe_machine()}.
Versions: {describe_versions()}.

Medians of {runs} runs, lowest and highest in brackets. The contenders take turns; each run is a process of its own that
chooses its own threads. Everyone trains the same network with ReLU and Adam on the same numbers, in a new order every
epoch and without validation; an epoch is one after the first, which warms up. mlcli's loop is its own `train_model`;
two classes are one output for it and two for the others. The bare loop slices tensors and uses the fused Adam in the
precision of mlcli; the matrix products are those of the forward and backward pass alone. Commands are timed from start
to exit.

{works}
## On a busy machine

<!-- busy -->
{read_section("busy")}<!-- /busy -->
"""


if __name__ == "__main__":
    main()
