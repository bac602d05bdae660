"""How often the diagnosis is right: python -m tests.campaigns.diagnosis.

It trains what `measured_problems` lists, one fault or none in each training, and counts what the diagnosis names. The
result of each training is kept in build/, so that a campaign that was stopped goes on; --fresh begins anew. The order
is drawn by chance, so that what is done is a sample of all. --setting does the same with `planted_problems`, on which
the thresholds were set. About ten minutes on one core.
"""

import argparse
import contextlib
import datetime
import json
import multiprocessing
import os
import random
import tempfile
from collections import Counter
from pathlib import Path

from mlcli.metrics.intervals import wilson_interval
from tests.benchmarks.table import table
from tests.campaigns import measured_problems as measured
from tests.campaigns import planted_problems as planted

ROOT = Path(__file__).parents[2]
PAGE, RESULTS = ROOT / "docs" / "diagnosis.md", ROOT / "build" / "diagnosis"
# Findings whose advice is opposite: a larger network and a smaller one, a higher rate and a lower one.
OPPOSITE = (
    ("underfitting", "overfitting"),
    ("underfitting", "worse_than_linear"),
    ("underfitting", "too_little_data"),
    ("learning_rate_too_high", "learning_rate_too_low"),
)
SETTING_SEEDS = range(5)
CONFIDENCE = 0.95


def find_problems(config):
    """Train a configuration as `mlcli improve` trains its start: the findings, the most severe first."""
    from mlcli.diagnosis.checks import run_range_test
    from mlcli.diagnosis.diagnose import diagnose
    from mlcli.diagnosis.evidence import training_evidence
    from mlcli.diagnosis.experiment import Experiment
    from mlcli.diagnosis.probes import run_probes
    from mlcli.reporter import Silent
    from mlcli.search.objective import build_search_context, train_trial
    from mlcli.training.inputs import gather_inputs

    context = build_search_context(config, gather_inputs(config, Silent()), {})
    trial = train_trial(context, config, [], [], lambda: False)
    experiment = Experiment(config, context.inputs.task, context.inputs.features.layout, *context.arrays)
    evidence = training_evidence(trial.context, trial.task, trial.trained)
    return diagnose(run_probes(experiment, run_range_test(experiment), evidence, trial.context))


def list_cases(setting):
    """(fault, table, seed, names that are right) of every training; a healthy one has no fault."""
    if setting:
        for seed in SETTING_SEEDS:
            yield from ((name, "", seed, (plant.problem,)) for name, plant in planted.PLANTED.items())
            yield from (("", name, seed, ()) for name in planted.CLEAN)
        return
    for name, own in measured.TABLES.items():
        for fault, plant in measured.FAULTS.items():
            if plant.suits(own):
                yield from ((fault, name, seed, plant.problems) for seed in measured.SEEDS)
        for network in measured.HEALTHY_NETWORKS:
            yield from (("", f"{name}, {network}", seed, ()) for seed in measured.HEALTHY_SEEDS)


def run_case(case):
    """The result of one training, for JSON."""
    fault, name, seed, right = case
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        os.environ |= {"MLCLI_DATA_DIR": str(folder / "data"), "MLCLI_RUNS_DIR": str(folder / "runs")}
        if fault in planted.PLANTED or name in planted.CLEAN:
            config = (planted.PLANTED.get(fault) or planted.CLEAN[name]).config(planted.Field(folder), seed)
        elif fault:
            config = measured.measured_config(folder, name, measured.FAULTS[fault], seed)
        else:
            own, _, network = name.rpartition(", ")
            config = measured.measured_config(folder, own, measured.Fault(()), seed, measured.HEALTHY_NETWORKS[network])
        found = find_problems(config)
    notes = [finding.name for finding in found if finding.level == "note"]
    names = [finding.name for finding in found]
    return {"fault": fault, "table": name, "seed": seed, "right": right, "found": names, "notes": notes}


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


def is_right(result):
    """Named first or second; or, of a healthy training, nothing but notes."""
    if result["fault"]:
        return bool({*result["right"]} & {*result["found"][:2]})
    return {*result["found"]} == {*result["notes"]}


def describe(result):
    """What was planted and what was found."""
    found = " and ".join(result["found"][:2]) or "nothing"
    return f"{result['fault'] or 'healthy'}, {result['table']}, seed {result['seed']}: {found}"


def advises_opposites(result):
    """Whether two findings advise the opposite of each other."""
    return any({*pair} <= {*result["found"]} for pair in OPPOSITE)


def rate(n_right, n):
    """A share with its interval: 95.0 % (89.1 to 97.9)."""
    low, high = wilson_interval(n_right / n, n, CONFIDENCE)
    return f"{100 * n_right / n:.1f} % ({100 * low:.1f} to {100 * high:.1f})"


def fault_rows(results):
    """A row for each fault, and one for all."""
    for fault in [*dict.fromkeys(result["fault"] for result in results), None]:
        own = [result for result in results if fault in (result["fault"], None)]
        first = sum(bool({*result["right"]} & {*result["found"][:1]}) for result in own)
        named = sum(map(is_right, own))
        missed = Counter(" and ".join(result["found"][:2]) or "nothing" for result in own if not is_right(result))
        instead = ", ".join(f"{count} × {names}" for names, count in missed.most_common(3)) if fault else ""
        right = " or ".join(own[0]["right"]) if fault else ""
        yield (fault or "all", f"`{right}`" if right else "", str(len(own)), str(first), str(named),
               rate(named, len(own)), instead)  # fmt: skip


def healthy_rows(results):
    """A row for each healthy training, and one for all."""
    for name in [*sorted({result["table"] for result in results}), None]:
        own = [result for result in results if name in (result["table"], None)]
        alone = sum(map(is_right, own))
        alarms = Counter(found for result in own for found in result["found"] if found not in result["notes"])
        named = ", ".join(f"{count} × {found}" for found, count in alarms.items()) if name else ""
        yield name or "all", str(len(own)), str(alone), rate(alone, len(own)), named


def seeds_of(results):
    """The lowest and the highest seed."""
    seeds = sorted({result["seed"] for result in results}) or ["–"]
    return f"{seeds[0]} to {seeds[-1]}"


def page(results, n_cases):
    """docs/diagnosis.md."""
    faulty = sorted((result for result in results if result["fault"]), key=lambda result: result["fault"])
    healthy = [result for result in results if not result["fault"]]
    opposite = sum(map(advises_opposites, results))
    heads = ("fault", "right finding", "trainings", "named first", "first or second", "95 % interval", "named instead")
    return f"""# How often the diagnosis is right

Made by `python -m tests.campaigns.diagnosis --write` on {datetime.date.today():%d %B %Y}.

Each training has one planted fault, or none. The faults are planted in {len(measured.TABLES)} tables of
scikit-learn's generators, with seeds {seeds_of(faulty)}; healthy trainings have seeds {seeds_of(healthy)}.
The thresholds of the diagnosis were set on other tables (iris, wine, breast cancer, digits, diabetes, the sets of the
Playground, and drawn tables of taxi rides, payments, passengers, patients and wines), with other seeds and severities.
After a first look, faults that did no harm were planted harder, and healthy trainings made longer or given more rows;
the first misses for strong weight decay led to a rule, which was set on the other tables.
{len(results)} of {n_cases} trainings are counted. Intervals are Wilson's, of {CONFIDENCE:.0%}.

## Planted faults

{table(heads, fault_rows(faulty))}
## Healthy trainings

Notes, which change nothing, are not counted.

{table(("training", "trainings", "left alone", "95 % interval", "named"), healthy_rows(healthy))}
Findings with opposite advice (underfitting beside overfitting, a rate too high beside one too low) stood together in
{opposite} of all {len(results)} trainings.
"""


def main():
    """Train, count, show."""
    parser = argparse.ArgumentParser(prog="python -m tests.campaigns.diagnosis", description=__doc__)
    parser.add_argument("--setting", action="store_true", help="the trainings on which thresholds were set")
    parser.add_argument("--jobs", type=int, default=1, help="processes (1)")
    parser.add_argument("--fresh", action="store_true", help="forget earlier results")
    parser.add_argument("--show", action="store_true", help="what is done, without further trainings")
    parser.add_argument("--write", action="store_true", help="write docs/diagnosis.md")
    options = parser.parse_args()
    path = RESULTS / f"{'setting' if options.setting else 'measured'}.jsonl"
    if options.fresh:
        path.unlink(missing_ok=True)
    cases = list(list_cases(options.setting))
    results = run_cases([] if options.show else cases, path, options.jobs)
    text = page(results, len(cases))
    print(text)
    if options.write and not options.setting:
        PAGE.write_text(text)


if __name__ == "__main__":
    main()
