"""Steps 1 and 2 turned into what a network trains on; every later step starts here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from mlcli.config.load import load_config
from mlcli.config.rules.facts import watched_metrics
from mlcli.config.schema import Config
from mlcli.data.prepare import Prepared, prepare_dataset
from mlcli.data.types import Dataset
from mlcli.errors import DataError
from mlcli.features.fitted import FittedFeatures
from mlcli.features.store import obtain_features
from mlcli.memory import require_memory
from mlcli.metrics.measure import metric_names, why_never_defined
from mlcli.reporter import Reporter
from mlcli.run import Run, RunManifest
from mlcli.run.environment import package_versions, utc_now
from mlcli.task import Classification, FittedTask, fit_task
from mlcli.training.job import Arrays, TrainingJob, assemble_job
from mlcli.training.scoring import QUICK
from mlcli.verbose.data import explain_data
from mlcli.verbose.features import explain_features

# float32, and what making them takes for a moment.
BYTES_PER_INPUT = 5
FEWER_INPUTS = "use fewer rows or features (features.max_categories, buckets, select)"


@dataclass(frozen=True)
class Inputs:
    """Prepared data with the task and features fitted on its training rows."""

    prepared: Prepared
    task: FittedTask
    features: FittedFeatures

    def training_arrays(self) -> tuple[Arrays, Arrays]:
        """Training and validation rows as the network takes them."""
        train, valid = self.prepared.splits.train, self.prepared.splits.valid
        n_numbers = (len(train) + len(valid)) * self.features.layout.width
        require_memory(n_numbers * BYTES_PER_INPUT, f"training on {n_numbers:,} numbers", FEWER_INPUTS)
        y, valid_y = self.task.encode(train), self.task.encode(valid)  # first, for what making them takes besides
        return Arrays(self.features.transform_training(train), y), Arrays(self.features.transform(valid), valid_y)


def gather_inputs(config: Config, reporter: Reporter, prepared: Prepared | None = None) -> Inputs:
    """Run steps 1 and 2, or take up what they left when it is still valid.

    prepared : the data of this config, where step 1 has just been run
    """
    prepared = prepared or prepare_dataset(config.dataset, config.seed, reporter)
    reporter.explain(lambda: explain_data(config, prepared))
    train = prepared.splits.train
    task = fit_task(train, prepared.splits.task, config.model, config.loss, config.evaluation.positive)
    features = obtain_features(
        prepared, config.features, config.seed, task.truth(train), isinstance(task, Classification), reporter
    )
    reporter.explain(lambda: explain_features(config, features))
    return Inputs(prepared, task, features)


def make_job(
    config: Config, inputs: Inputs, arrays: tuple[Arrays, Arrays] | None = None, threads: int | None = None
) -> TrainingJob:
    """The job of a configuration on its inputs; torch is set to the job's threads.

    arrays  : the inputs' training arrays, where they are at hand
    threads : as `assemble_job` takes them
    """
    require_watchable(config, inputs.task, inputs.prepared.splits.valid)
    train, valid = arrays or inputs.training_arrays()
    job = assemble_job(config, inputs.task, train, valid, inputs.features.layout.cardinalities, threads)
    torch.set_num_threads(job.threads)
    return job


def describe_run(job: TrainingJob, inputs: Inputs) -> RunManifest:
    """The run's account of itself at its start."""
    splits = inputs.prepared.splits
    return RunManifest(
        seed=job.config.seed,
        device=str(job.device),
        threads=job.threads,
        precision=str(job.precision).removeprefix("torch."),
        config_fingerprint=job.config.fingerprint(),
        data_fingerprint=inputs.prepared.fingerprint,
        dataset=inputs.prepared.dataset,
        n_parameters=job.n_parameters,
        rows={name: len(splits[name]) for name in ("train", "valid", "test")},
        stand_in_for=inputs.prepared.stand_in_for,
    )


def facts_of_making(inputs: Inputs) -> dict[str, Any]:
    """What a bundle tells of when and from what it was made; it names no folder, machine or person."""
    return {
        "created": utc_now(),
        "versions": package_versions(),
        "data_fingerprint": inputs.prepared.fingerprint,
        "stand_in_for": inputs.prepared.stand_in_for,
    }


def require_watchable(config: Config, task: FittedTask, valid: Dataset) -> None:
    """Raise ConfigError for a watched metric that does not suit the task, DataError for one the rows cannot have."""
    for place, metric in watched_metrics(config).items():
        key = ".".join(place)
        if metric == "loss" or metric_names(task, (metric,), key)[0] in QUICK[task.kind] or not len(valid):
            continue
        if reason := why_never_defined(task, task.truth(valid), metric):
            raise DataError(
                f"{key}: {metric} cannot be measured on the {len(valid):,} validation rows: {reason}; watch another"
            )


def prepare_again(run: Run, reporter: Reporter) -> Prepared:
    """The data that a run was trained on. Raises DataError when it has changed since.

    The run's own config says where it is; that of its bundle has no absolute paths, since bundles travel.
    """
    config = load_config(run.config)
    prepared = prepare_dataset(config.dataset, config.seed, reporter)
    require_same_data(run, prepared)
    return prepared


def require_same_data(run: Run, prepared: Prepared) -> None:
    """Raise DataError unless the prepared data is the one the run was trained on: rows may have changed splits."""
    before = run.read_manifest().data_fingerprint
    if before != prepared.fingerprint:
        raise DataError(
            f"run {run}: its data has changed since it was trained (fingerprint {before[:12]}, now "
            f"{prepared.fingerprint[:12]}), so its test rows are not the same; put the old data back or train a new "
            "run. New rows can be predicted: mlcli predict FILE"
        )
