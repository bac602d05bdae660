"""How well networks predict tables, beside boosting: python -m tests.benchmarks.quality FOLDER.

FOLDER/NAME/ holds train.csv, test.csv and meta.json (target; task: regression, binary or multiclass). Every contender
is trained on train.csv on one thread and predicts the rows of test.csv: root mean squared error, or log loss. A result
is kept in build/, so that a campaign that was stopped goes on; --fresh measures anew. With --development a fifth of
train.csv takes the place of test.csv: settings are chosen on those rows, and test rows serve for the final figures.
"""

from __future__ import annotations

import argparse
import csv
import datetime
import json
import shutil
import sys
import zlib
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean, median
from typing import Any

import numpy as np
import polars as pl
from sklearn.metrics import log_loss, root_mean_squared_error

from tests.benchmarks.environments import ensure, python_of
from tests.benchmarks.folders import ROOT, WORKSPACE
from tests.benchmarks.machine import describe_machine
from tests.benchmarks.processes import FailedError, run
from tests.benchmarks.table import table

PAGE = ROOT / "docs" / "quality.md"
FOLDER = WORKSPACE / "quality"
PEERS = ("catboost", "lightgbm", "boosting", "mlp")
OURS = ("init", "improve", "ten_lines")
BESIDE = "catboost"
HELD_OUT = 5
THREADS = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "POLARS_MAX_THREADS"), "1")
TEN_LINES = """\
dataset:
  name: csv
  path: {path}
  target: {target}
  task: {task}
model:
  hidden: [64, 32]
"""


@dataclass(frozen=True)
class Table:
    """A table of the folder: its name, target and task, and the files to train on and to predict."""

    name: str
    target: str
    task: str
    train: Path
    test: Path


@dataclass(frozen=True)
class Score:
    """What one training came to: RMSE or log loss on the predicted rows, and the seconds of all its commands."""

    score: float
    seconds: float


def main() -> None:
    """Measure what is missing, show everything."""
    options = parse_options()
    ensure("quality")
    tables = [one for one in read_tables(Path(options.folder), options.development) if wanted(one.name, options.only)]
    jobs = [(one, name, seed) for one in tables for name in options.contenders for seed in options.seeds]
    with ThreadPoolExecutor(options.jobs) as pool:
        results = dict(zip(jobs, pool.map(lambda job: measure(*job, options), jobs), strict=True))
    page = describe(tables, results, options)
    print(page)
    if options.write:
        PAGE.write_text(page)


def parse_options() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.quality", description=__doc__)
    parser.add_argument("folder", help="folder of tables")
    parser.add_argument("--only", type=split, default=(), metavar="NAME,…", help="tables (all)")
    parser.add_argument("--contenders", type=split, default=(*OURS, *PEERS), metavar="NAME,…")
    parser.add_argument("--seeds", type=lambda text: tuple(map(int, text.split(","))), default=(0,), metavar="0,…")
    parser.add_argument("--timeout", type=int, default=120, help="seconds of improve (120)")
    parser.add_argument(
        "--sets",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="a change of the config of init, improve or ten_lines; repeatable",
    )
    parser.add_argument("--jobs", type=int, default=1, help="trainings at a time, of one thread each (1)")
    parser.add_argument("--development", action="store_true", help="predict a fifth of train.csv instead of test.csv")
    parser.add_argument("--fresh", action="store_true", help="measure mlcli anew; what the peers came to is kept")
    parser.add_argument("--looks", type=int, default=1, help="how often the test rows have been predicted (1)")
    parser.add_argument("--write", action="store_true", help="write docs/quality.md")
    return parser.parse_args()


def split(text: str) -> tuple[str, ...]:
    """Parts between commas."""
    return tuple(text.split(","))


def wanted(name: str, only: Sequence[str]) -> bool:
    """Whether a table was asked for."""
    return not only or name in only


def read_tables(folder: Path, development: bool) -> Iterator[Table]:
    """Every table of the folder, by name."""
    for meta in sorted(folder.glob("*/meta.json")):
        facts = json.loads(meta.read_text())
        name, place = meta.parent.name, meta.parent
        place = hold_out(place, FOLDER / "development" / name) if development else place
        yield Table(name, facts["target"], facts["task"], place / "train.csv", place / "test.csv")


def hold_out(source: Path, place: Path) -> Path:
    """A folder whose test.csv is every fifth row of the source's train.csv in an order drawn with seed 0."""
    if (place / "test.csv").is_file():
        return place
    place.mkdir(parents=True, exist_ok=True)
    with (source / "train.csv").open(newline="", encoding="utf-8") as file:
        head, *rows = csv.reader(file)
    order = np.random.default_rng(0).permutation(len(rows))
    parts = {"train.csv": np.sort(order[len(rows) // HELD_OUT :]), "test.csv": np.sort(order[: len(rows) // HELD_OUT])}
    for name, kept in parts.items():
        with (place / name).open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([head, *(rows[index] for index in kept)])
    return place


def measure(one: Table, contender: str, seed: int, options: argparse.Namespace) -> Score | None:
    """The kept result, or a new one; None where the contender failed, which is said."""
    rows = "development" if options.development else "test"
    asked = () if contender in PEERS else (*options.sets, f"{options.timeout}s")
    changes = f"-{zlib.crc32(repr(asked).encode()):08x}" if asked else ""
    kept = FOLDER / rows / one.name / f"{contender}-{seed}{changes}.json"
    if contender not in PEERS and options.fresh:
        kept.unlink(missing_ok=True)
    if kept.is_file():
        found = json.loads(kept.read_text())
        return Score(found["score"], found["seconds"])
    place = FOLDER / "work" / f"{rows}-{one.name}-{contender}-{seed}"
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    try:
        result = run_contender(one, contender, seed, place, options)
    except FailedError as error:
        print(f"{one.name}, {contender}, seed {seed}: {error}", file=sys.stderr, flush=True)
        return None
    kept.parent.mkdir(parents=True, exist_ok=True)
    kept.write_text(json.dumps({"asked": asked, **asdict(result)}))
    print(f"{one.name}, {contender}, seed {seed}: {result.score:.6g} in {result.seconds:.0f} s", flush=True)
    return result


def run_contender(one: Table, contender: str, seed: int, place: Path, options: argparse.Namespace) -> Score:
    """Train and predict, and score the predictions."""
    if contender in PEERS:
        peer = ("tests.benchmarks.peers.tables", contender, one.train, one.test, one.target, one.task, seed)
        seconds = run([python_of("quality"), "-m", *peer, place / "out.csv"], variables=THREADS).seconds
    else:
        seconds = sum(train_ours(one, contender, seed, place, options))
    return Score(score_predictions(one, pl.read_csv(place / "out.csv", infer_schema=False)), seconds)


def train_ours(one: Table, contender: str, seed: int, place: Path, options: argparse.Namespace) -> Iterator[float]:
    """Seconds of each command of mlcli, as a user types them."""
    config = place / "config.yaml"

    def mlcli(*arguments: object) -> float:
        variables = THREADS | {"MLCLI_DATA_DIR": str(place), "MLCLI_RUNS_DIR": str(place / "runs")}
        return run([sys.executable, "-m", "mlcli", *arguments], variables=variables).seconds

    changes = [text for change in (f"seed={seed}", *options.sets) for text in ("-S", change)]
    if contender == "ten_lines":
        task = "regression" if one.task == "regression" else "classification"
        config.write_text(TEN_LINES.format(path=one.train, target=one.target, task=task))
        yield mlcli("train", config, "-q", *changes)
    else:
        yield mlcli("init", one.train, "--target", one.target, "-o", config)
        if contender == "init":
            yield mlcli("train", config, "-q", *changes)
        else:
            budget = ("--timeout", options.timeout, "--trials", 100_000, "--ensemble", 8, "--jobs", 1)
            yield mlcli("improve", config, "-q", *budget, *changes)
    yield mlcli("predict", one.test, "-q", "-o", place / "out.csv")


def score_predictions(one: Table, predicted: pl.DataFrame) -> float:
    """RMSE, or log loss of the columns probability_CLASS (of one such column, the class it names against the other)."""
    truth = pl.read_csv(one.test, columns=[one.target], infer_schema=False)[one.target]
    if one.task == "regression":
        return float(root_mean_squared_error(truth.cast(pl.Float64), predicted["prediction"].cast(pl.Float64)))
    names = [name for name in predicted.columns if name.startswith("probability_")]
    p = predicted.select(pl.col(names).cast(pl.Float64)).to_numpy()
    classes = [name.removeprefix("probability_") for name in names]
    # A class that no training row has is given the smallest probability.
    missing = sorted(set(truth) - set(classes))
    p = np.clip(np.hstack([p, np.zeros((len(p), len(missing)))]), 1e-15, None)
    order = np.argsort([*classes, *missing])
    return float(log_loss(truth, p[:, order] / p.sum(axis=1, keepdims=True), labels=np.sort([*classes, *missing])))


Results = Mapping[tuple[Table, str, int], Score | None]


def mean_score(results: Results, one: Table, contender: str, seeds: Sequence[int]) -> float | None:
    """The mean over seeds; None where one of them is absent."""
    scores = [results[one, contender, seed] for seed in seeds]
    return None if None in scores else fmean(score.score for score in scores if score)


def describe(tables: Sequence[Table], results: Results, options: argparse.Namespace) -> str:
    """The page: mean ranks, gaps and wins of each contender, and every table's scores."""
    names = options.contenders
    scores = {(one.name, name): mean_score(results, one, name, options.seeds) for one in tables for name in names}
    rows = [[one.name, *(show(scores[one.name, name]) for name in names)] for one in tables]
    head = ("contender", "mean rank", f"mean gap to {BESIDE}", "median gap", "wins", "seconds a table")
    summary = [summarise(name, tables, scores, results, options) for name in names]
    seeds = ", ".join(map(str, options.seeds))
    looks = "" if options.development else f"Looks at the test rows so far: {options.looks}. "
    return f"""# How well networks predict tables

Made by `python -m tests.benchmarks.quality` on {datetime.date.today():%d %B %Y}. Root mean squared error, or log loss,
of {"rows held out of the training rows" if options.development else "the test rows"}; means of the seeds {seeds}.
{looks}One thread each. A gap is the score over {BESIDE}'s, less one; negative is better.

{table(head, summary)}
{table(("table", *names), rows)}
Machine: {describe_machine()}.
"""


def summarise(
    name: str, tables: Sequence[Table], scores: Mapping[tuple[str, str], float | None], results: Results,
    options: argparse.Namespace,
) -> list[str]:  # fmt: skip
    """A contender's line."""
    own = {one.name: scores[one.name, name] for one in tables if scores[one.name, name] is not None}
    ranks = [rank(name, table_name, scores, options.contenders) for table_name in own]
    pairs = [(value, scores.get((table_name, BESIDE))) for table_name, value in own.items()]
    gaps = [value / beside - 1 for value, beside in pairs if value is not None and beside is not None]
    seconds = [one.seconds for (_, contender, _), one in results.items() if contender == name and one]
    if not own:
        return [name, *[""] * 5]
    mean_rank = f"{fmean(ranks):.2f}"
    if name == BESIDE or not gaps:
        return [name, mean_rank, "", "", "", f"{fmean(seconds):.0f}"]
    wins = f"{sum(gap < 0 for gap in gaps)} of {len(gaps)}"
    return [name, mean_rank, f"{fmean(gaps):+.1%}", f"{median(gaps):+.1%}", wins, f"{fmean(seconds):.0f}"]


def rank(name: str, table_name: str, scores: Mapping[tuple[str, str], Any], contenders: Sequence[str]) -> int:
    """1 for the best of those that have a score on the table."""
    own = scores[table_name, name]
    others = (scores[table_name, other] for other in contenders)
    return 1 + sum(other is not None and other < own for other in others)


def show(value: float | None) -> str:
    """Four digits."""
    return "" if value is None else f"{value:.4g}"


if __name__ == "__main__":
    main()
