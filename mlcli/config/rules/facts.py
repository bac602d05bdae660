"""What a configuration tells before any data is read."""

from typing import Literal

from mlcli.config.dataset import (
    BundledConfig,
    DatasetConfig,
    DigitsConfig,
    IdxConfig,
    ImagesConfig,
    MnistConfig,
    PlaygroundConfig,
    Stl10Config,
    TableConfig,
)
from mlcli.config.optimizer import PlateauSchedule
from mlcli.config.schema import Config
from mlcli.config.training import Watched

PICTURES = (DigitsConfig, IdxConfig, ImagesConfig, MnistConfig, Stl10Config)


def targets_of(dataset: DatasetConfig) -> tuple[str, ...]:
    """The target columns that the file names."""
    target = getattr(dataset, "target", ())
    return (target,) if isinstance(target, str) else target


def known_task(dataset: DatasetConfig) -> Literal["regression", "classification"] | None:
    """The task where the configuration alone settles it; None where the data will."""
    if isinstance(dataset, PICTURES):
        return "classification"
    if isinstance(dataset, PlaygroundConfig):
        return "regression" if dataset.name in ("plane", "multi_gauss") else "classification"
    if isinstance(dataset, TableConfig) and dataset.task != "auto":
        return dataset.task
    if isinstance(dataset, BundledConfig):
        return "regression" if dataset.name == "diabetes" else "classification"
    return "regression" if len(targets_of(dataset)) > 1 else None


def watched_metrics(config: Config) -> dict[tuple[str, ...], Watched]:
    """What training watches after each epoch, by the key that asks for it."""
    watched: dict[tuple[str, ...], Watched] = {}
    if config.training.early_stopping is not None:
        watched["training", "early_stopping", "metric"] = config.training.early_stopping.metric
    if isinstance(config.optimizer.schedule, PlateauSchedule):
        watched["optimizer", "schedule", "metric"] = config.optimizer.schedule.metric
    return watched


def gives_test_rows(dataset: DatasetConfig) -> bool:
    """Whether test rows are given apart, so that split.test is not used."""
    apart = getattr(dataset, "test_path", None) or getattr(dataset, "test_images", None)
    return bool(apart) or isinstance(dataset, MnistConfig | Stl10Config)


def has_valid_rows(dataset: DatasetConfig) -> bool:
    """Whether the split can leave validation rows."""
    return dataset.split.valid > 0 or dataset.split.by == "given"
