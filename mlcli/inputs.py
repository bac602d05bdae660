"""Steps 1 and 2 turned into what a network trains on; every later step starts here."""

from __future__ import annotations

from dataclasses import dataclass

from mlcli.config.schema import Config
from mlcli.data.prepare import Prepared, prepare_dataset
from mlcli.data.types import Dataset
from mlcli.errors import DataError
from mlcli.features.fitted import FittedFeatures
from mlcli.features.store import obtain_features
from mlcli.reporter import Reporter
from mlcli.task import Classification, FittedTask, fit_task
from mlcli.training.job import Arrays


@dataclass(frozen=True)
class Inputs:
    """Prepared data with the task and features fitted on its training rows."""

    prepared: Prepared
    task: FittedTask
    features: FittedFeatures

    def training_arrays(self) -> tuple[Arrays, Arrays]:
        """Training and validation rows as the network takes them."""
        train, valid = self.prepared.splits.train, self.prepared.splits.valid
        return (
            Arrays(self.features.transform_training(train), self.task.encode(train)),
            Arrays(self.features.transform(valid), self.task.encode(valid)),
        )


def gather_inputs(config: Config, reporter: Reporter) -> Inputs:
    """Run steps 1 and 2, or take up what they left when it is still valid."""
    prepared = prepare_dataset(config.dataset, config.seed, reporter)
    train = prepared.splits.train
    task = fit_task(train, prepared.splits.task, config.model, config.loss, config.evaluation.positive)
    features = obtain_features(
        prepared, config.features, config.seed, task.truth(train), isinstance(task, Classification), reporter
    )
    return Inputs(prepared, task, features)


def require_rows(data: Dataset, what: str) -> None:
    """Raise DataError where `what` has no rows."""
    if not len(data):
        raise DataError(f"there are no {what} rows; give dataset.split a larger share")
