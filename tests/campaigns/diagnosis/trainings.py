"""Train a faulty configuration, diagnose it, and train what the recommendation makes of it."""

import functools
import math
import os
import tempfile
from pathlib import Path

import numpy as np

from tests.campaigns.diagnosis import faults, planted


def train(config):
    """Train a configuration as `mlcli improve` trains its start: the context, and the trial."""
    from mlcli.reporter import Silent
    from mlcli.search.objective import build_search_context, train_trial
    from mlcli.training.inputs import gather_inputs

    context = build_search_context(config, gather_inputs(config, Silent()), {})
    return context, train_trial(context, config, [], [], lambda: False)


def find_problems(config, trained=None):
    """The findings on a configuration's training, the most severe first."""
    from mlcli.diagnosis.diagnose import diagnose
    from mlcli.diagnosis.evidence import training_evidence
    from mlcli.diagnosis.experiment import Experiment
    from mlcli.diagnosis.probes import run_probes
    from mlcli.diagnosis.range_test import run_range_test

    context, trial = trained or train(config)
    experiment = Experiment(config, context.inputs.task, context.inputs.features.layout, *context.arrays)
    evidence = training_evidence(trial.context, trial.task, trial.trained)
    return diagnose(run_probes(experiment, run_range_test(experiment), evidence, trial.context))


def test_error(context, trial):
    """Of the best weights on the test rows, as a share of that of the mean: squared error, or Brier's score."""
    import torch

    from mlcli.training.loop import outputs_of

    inputs, task = context.inputs, trial.task
    rows = inputs.prepared.splits.test
    found = task.decode(outputs_of(trial.context, torch.from_numpy(inputs.features.transform(rows))))
    return relative_error(found.values if found.probabilities is None else found.probabilities, task.truth(rows))


def relative_error(predicted, truth):
    """predicted: (n, K) probabilities, or numbers."""
    truth = np.eye(predicted.shape[1])[truth] if predicted.ndim > 1 and predicted.shape[1] > 1 else truth.reshape(-1, 1)
    error = np.square(predicted.reshape(truth.shape) - truth).sum() / np.square(truth - truth.mean(axis=0)).sum()
    return float(error) if math.isfinite(error) else None


def reference_error(context):
    """The lowest test error of scikit-learn's forest and linear model on the network's inputs."""
    from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
    from sklearn.linear_model import LogisticRegression, RidgeCV

    inputs, splits = context.inputs, context.inputs.prepared.splits
    x, asked = (inputs.features.transform(rows) for rows in (splits.train, splits.test))
    y, truth = (inputs.task.truth(rows).reshape(len(rows)) for rows in (splits.train, splits.test))
    if y.dtype.kind == "i":
        models = RandomForestClassifier(random_state=0), LogisticRegression(max_iter=1000)
        return min(relative_error(model.fit(x, y).predict_proba(asked), truth) for model in models)
    models = RandomForestRegressor(random_state=0, max_features=1 / 3), RidgeCV()
    return min(relative_error(model.fit(x, y).predict(asked), truth) for model in models)


@functools.cache
def healthy_error(name, seed):
    """The test error of the training without a fault."""
    with tempfile.TemporaryDirectory() as place:
        return test_error(*train(faults.make_config(move_to(place), name, faults.Fault(), seed)))


def run_case(case):
    """The result of one training, for JSON."""
    fault, name, seed, right = case
    errors = {}
    with tempfile.TemporaryDirectory() as place:
        folder = move_to(place)
        if fault in planted.PLANTED or name in planted.CLEAN:
            found = find_problems(
                (planted.PLANTED.get(fault) or planted.CLEAN[name]).config(planted.Field(folder), seed)
            )
        elif fault:
            plant = faults.FAULTS[fault]
            config = faults.make_config(folder, name, plant, seed)
            trained = train(config)
            found = find_problems(config, trained)
            errors["planted"] = test_error(*trained)
            errors |= mended_error(config, found, right)
            errors["healthy"] = healthy_error(name, seed)
        else:
            table, _, network = name.rpartition(", ")
            config = faults.make_config(folder, table, faults.HEALTHY[network], seed)
            trained = train(config)
            found = find_problems(config, trained)
            errors = {"healthy": test_error(*trained), "reference": reference_error(trained[0])}
    names, notes = [one.name for one in found], [one.name for one in found if one.level == "note"]
    return {"fault": fault, "table": name, "seed": seed, "right": right, "found": names, "notes": notes} | errors


def mended_error(config, found, right):
    """The test error with the right finding's recommendation; nothing where it is not named, or is no key."""
    from mlcli.config.loading.load import override_config

    for finding in found[:2]:
        if finding.name in right and finding.patch:
            return {"mended": test_error(*train(override_config(config, finding.patch)))}
    return {}


def move_to(place):
    """The folder, in which data and runs are kept from now on."""
    folder = Path(place)
    for name in ("data", "runs"):
        os.environ[f"MLCLI_{name.upper()}_DIR"] = str(folder / name)
    return folder
