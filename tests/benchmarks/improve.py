"""What five minutes of improvement bring on the test rows: python -m tests.benchmarks.improve.

For each config, as it is shipped: train it; improve it within the seconds given, with an ensemble at the end; measure
both on the same test rows.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.benchmarks.folders import DATA, ROOT, RUNS
from tests.benchmarks.machine import describe_machine
from tests.benchmarks.processes import mlcli, own
from tests.benchmarks.table import table

PAGE = ROOT / "docs" / "improve.md"
CONFIGS = ("adult", "california", "penguins", "digits", "mnist")
NEEDS_FILES = ("adult", "california", "penguins", "mnist")
# More than any search here comes to: time ends it.
TRIALS = 100_000


@dataclass(frozen=True)
class Gain:
    """One config's improvement.

    differences : improved less untuned on the test rows, by metric; the compared one first
    """

    name: str
    improved: dict[str, Any]
    differences: tuple[dict[str, Any], ...]


def main() -> None:
    """Train, improve, measure, show."""
    options = parse_options()
    link_data(Path(options.data))
    gains = [measure(name, options) for name in options.only]
    page = describe(gains, options)
    print(page)
    if options.write:
        PAGE.write_text(page)


def parse_options() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.improve", description=__doc__)
    parser.add_argument("--only", type=lambda text: text.split(","), default=CONFIGS, metavar="adult,…")
    parser.add_argument("--seconds", type=int, default=300, help="of improvement for each config (300)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="processes (one a core)")
    parser.add_argument("--ensemble", type=int, default=12, help="networks of the final model (12)")
    parser.add_argument("--seed", type=int, default=0, help="of split, training and search (0)")
    parser.add_argument("--data", default=os.environ.get("MLCLI_TEST_DATA", "data"), help="folder of the real datasets")
    parser.add_argument("--write", action="store_true", help="write docs/improve.md")
    return parser.parse_args()


def link_data(source: Path) -> None:
    """Let mlcli find the real datasets in its data folder."""
    DATA.mkdir(parents=True, exist_ok=True)
    for name in NEEDS_FILES:
        link = DATA / name
        if (source / name).is_dir() and not link.exists():
            link.symlink_to((source / name).resolve())


def measure(name: str, options: argparse.Namespace) -> Gain:
    """Train the config, improve it, and compare the two on the test rows."""
    shutil.rmtree(RUNS / name, ignore_errors=True)
    config, seed = f"configs/{name}.yaml", ("-S", f"seed={options.seed}")
    untuned = mlcli("train", config, "--json", *seed).document["run"]
    budget = {"timeout": options.seconds, "trials": TRIALS, "ensemble": options.ensemble, "jobs": options.jobs}
    arguments = [text for option, value in budget.items() for text in (f"--{option}", value)]
    done = mlcli("improve", config, "--json", *arguments, *seed)
    improved = {**done.document, "seconds": done.seconds}
    told = own("differences", improved["ensemble"]["run"], untuned, improved["metric"]).document
    gain = Gain(name, improved, tuple(told["differences"]))
    print(json.dumps({"name": name, **told}), file=sys.stderr, flush=True)
    return gain


def describe(gains: Sequence[Gain], options: argparse.Namespace) -> str:
    """The page: a table of what was won, the winners, and how it was measured."""
    head = ("config", "metric", "as shipped", "improved", "difference", "95 %", "", "trials", "networks", "seconds")
    rows = [row for gain in gains for row in gain_rows(gain)]
    winners = "\n".join(f"- {gain.name}: {describe_winner(gain)}" for gain in gains)
    return f"""# What improvement brings

Made by `python -m tests.benchmarks.improve --write` on {datetime.date.today():%d %B %Y}.

{table(head, rows)}
On the test rows, which neither training nor search has seen. The first metric of each config is the one that its trials
were compared by, on validation rows. Differences are of the same rows, with intervals of a paired bootstrap.

Each config was trained as it is shipped, and improved by `mlcli improve configs/NAME.yaml --timeout {options.seconds} --ensemble {options.ensemble}
--jobs {options.jobs}` with the default space, seed {options.seed}; the improved model is the ensemble. Seconds are those of the whole command.

The best single configurations:

{winners}

Machine: {describe_machine()}.
"""  # noqa: E501 (a table's line)


def gain_rows(gain: Gain) -> list[list[str]]:
    """A line a metric."""
    counts = gain.improved["trials"]
    facts = [str(sum(counts.values())), str(gain.improved["ensemble"]["members"]), f"{gain.improved['seconds']:.0f}"]
    rows = []
    for k, one in enumerate(gain.differences):
        sides = [show(one["untuned"]), show(one["improved"]), show(one["value"], sign=True)]
        interval = f"{show(one['low'], sign=True)} to {show(one['high'], sign=True)}"
        first = k == 0
        rows.append([gain.name * first, one["name"], *sides, interval, one["verdict"], *(facts if first else [""] * 3)])
    return rows


def show(value: float | None, *, sign: bool = False) -> str:
    """Five digits, or a dash."""
    return "–" if value is None else f"{value:{'+' if sign else ''}.5g}"


def describe_winner(gain: Gain) -> str:
    """What the best trial changed."""
    values = gain.improved["best"]["values"]
    return ", ".join(f"`{key}: {json.dumps(value)}`" for key, value in values.items()) or "as shipped"


if __name__ == "__main__":
    main()
