"""How often the diagnosis is right: python -m tests.campaigns.diagnosis.

It trains one fault or none at a time, counts what the diagnosis names, and trains again with what it recommends. The
result of each training is kept in build/, so that a campaign that was stopped goes on; --fresh begins anew. The order
is drawn by chance, so that what is done is a sample of all. --setting does the same with the trainings on which the
thresholds are set. About half an hour on one core.
"""

import argparse
import contextlib
import json
import multiprocessing
import random
from pathlib import Path

from tests.campaigns.diagnosis import faults, planted
from tests.campaigns.diagnosis.page import describe, is_right, page
from tests.campaigns.diagnosis.trainings import run_case

ROOT = Path(__file__).parents[3]
PAGE, RESULTS = ROOT / "docs" / "diagnosis.md", ROOT / "build" / "diagnosis"
SEEDS, HEALTHY_SEEDS = range(400, 401), range(400, 404)
SETTING_SEEDS = range(3)


def list_cases(tables, seeds, healthy_seeds):
    """(fault, table, seed, names that are right) of every training in tables; a healthy one has no fault."""
    for name, table in tables.items():
        for fault, plant in faults.FAULTS.items():
            if plant.suits(table):
                yield from ((fault, name, seed, plant.problems) for seed in seeds)
        for network in faults.HEALTHY:
            yield from (("", f"{name}, {network}", seed, ()) for seed in healthy_seeds)


def list_setting_cases():
    """The same of the trainings on which thresholds are set."""
    for seed in SETTING_SEEDS:
        yield from ((name, "", seed, (plant.problem,)) for name, plant in planted.PLANTED.items())
        yield from (("", name, seed, ()) for name in planted.CLEAN)
    yield from list_cases(faults.SETTING_TABLES, SETTING_SEEDS[:2], SETTING_SEEDS)


def run_cases(cases, path, jobs):
    """The results of all cases; those in the file are not trained again."""
    path.parent.mkdir(parents=True, exist_ok=True)
    results = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    done = {(result["fault"], result["table"], result["seed"]) for result in results}
    left = [case for case in cases if case[:3] not in done]
    random.Random(0).shuffle(left)
    with contextlib.suppress(KeyboardInterrupt), multiprocessing.get_context("spawn").Pool(jobs) as pool:
        for result in pool.imap_unordered(run_case, left):
            with path.open("a") as file:
                file.write(json.dumps(result) + "\n")
            results.append(result)
            print(f"{len(results)}/{len(cases)} {'' if is_right(result) else 'NOT '}{describe(result)}", flush=True)
    return results


def main():
    """Train, count, show."""
    parser = argparse.ArgumentParser(prog="python -m tests.campaigns.diagnosis", description=__doc__)
    parser.add_argument("--setting", action="store_true", help="the trainings on which thresholds are set")
    parser.add_argument("--jobs", type=int, default=1, help="processes (1)")
    parser.add_argument("--fresh", action="store_true", help="forget earlier results")
    parser.add_argument("--show", action="store_true", help="what is done, without further trainings")
    parser.add_argument("--write", action="store_true", help="write docs/diagnosis.md")
    options = parser.parse_args()
    path = RESULTS / f"{'setting' if options.setting else 'measured'}.jsonl"
    if options.fresh:
        path.unlink(missing_ok=True)
    measured = list_cases(faults.MEASURED_TABLES, SEEDS, HEALTHY_SEEDS)
    cases = list(list_setting_cases() if options.setting else measured)
    text = page(run_cases([] if options.show else cases, path, options.jobs), len(cases))
    print(text)
    if options.write and not options.setting:
        PAGE.write_text(text)


if __name__ == "__main__":
    main()
