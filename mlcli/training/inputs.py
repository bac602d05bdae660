"""The results of steps 1 and 2 as a network's inputs and targets."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from mlcli.config.sections.config import Config, watched_metrics
from mlcli.config.sections.training import USUAL_THRESHOLDS
from mlcli.data.prepare import Prepared, prepare_dataset
from mlcli.data.quality.checks import find_cell_doubts
from mlcli.data.tables.types import Dataset
from mlcli.errors import DataError, config_error
from mlcli.features.fit import fit_features, obtain_features
from mlcli.features.fitted import FittedFeatures
from mlcli.features.stored import obtain_input_files, temporary_input_files
from mlcli.io.memory import available_memory, require_memory
from mlcli.io.row_file import RowFile
from mlcli.metrics.measure import metric_names, why_never_defined
from mlcli.models.fit_task import fit_task
from mlcli.models.task import Classification, FittedTask
from mlcli.reporter import SILENT, Reporter
from mlcli.training.context import TrainingContext, build_context, set_threads
from mlcli.training.datasets import FileDataset, Rows, TensorDataset
from mlcli.training.processes import Processes
from mlcli.training.windows import WINDOW

# float32, and a temporary quarter while they are made.
BYTES_PER_INPUT = 5
# The rows of training and validation together, and those of one network of an ensemble.
BYTES_OF_MEMBERS = 8
FEWER_INPUTS = "use fewer rows or features (features.max_categories, buckets, select)"


@dataclass(frozen=True)
class Inputs:
    """Prepared data with the task and features fitted on its training rows.

    parent : the run, or the bundle, that the features and the first weights come from instead; None for none
    """

    prepared: Prepared
    task: FittedTask
    features: FittedFeatures
    parent: str | None = None

    @property
    def n_numbers(self) -> int:
        """Numbers of the training and validation rows."""
        return (len(self.prepared.splits.train) + len(self.prepared.splits.valid)) * self.features.layout.width

    def on_disk(self, config: Config) -> bool:
        """Whether networks read their rows from a file: as training.rows says, or as memory allows."""
        if config.training.rows != "auto":
            return config.training.rows == "disk"
        each = BYTES_PER_INPUT if config.training.ensemble == 1 else BYTES_PER_INPUT + BYTES_OF_MEMBERS
        available = available_memory()
        return available is not None and self.n_numbers * each > available.size

    def training_rows(self, *, on_disk: bool, reporter: Reporter = SILENT) -> tuple[Rows, Rows]:
        """Training and validation rows, in a file or in memory; the reporter is told of a file that is written."""
        return self.training_files(reporter) if on_disk else self.training_arrays()

    def training_files(self, reporter: Reporter) -> tuple[FileDataset, FileDataset]:
        """Training and validation rows whose inputs are in a file, the one after the other."""
        own = self.parent is None
        return self._of_files(*obtain_input_files(self.prepared, self.features, reporter, cross_fitted=own))

    @contextmanager
    def temporary_rows(self, *, on_disk: bool) -> Iterator[tuple[Rows, Rows]]:
        """`training_rows` of features fitted on rows that are stored nowhere: a file is deleted at the end."""
        if on_disk:
            with temporary_input_files(self.prepared, self.features) as files:
                yield self._of_files(*files)
        else:
            yield self.training_arrays()

    def _of_files(self, x: RowFile, valid_x: RowFile) -> tuple[FileDataset, FileDataset]:
        train, valid = self.prepared.splits.train, self.prepared.splits.valid
        return (
            FileDataset.of(x, self.task.encode(train), train.weights),
            FileDataset.of(valid_x, self.task.encode(valid), valid.weights),
        )

    def training_arrays(self) -> tuple[TensorDataset, TensorDataset]:
        """Training and validation rows as the network's inputs."""
        train, valid = self.prepared.splits.train, self.prepared.splits.valid
        require_memory(self.n_numbers * BYTES_PER_INPUT, f"training on {self.n_numbers:,} numbers", FEWER_INPUTS)
        y, valid_y = self.task.encode(train), self.task.encode(valid)  # first, while there is memory for it
        # Features of other rows have no folds of these.
        x = self.features.transform_training(train) if self.parent is None else self.features.transform(train)
        valid_x = self.features.transform(valid)
        return TensorDataset.of(x, y, train.weights), TensorDataset.of(valid_x, valid_y, valid.weights)


def gather_inputs(
    config: Config,
    reporter: Reporter,
    prepared: Prepared | None = None,
    inherit: Callable[[Prepared, FittedTask], Inputs] | None = None,
) -> Inputs:
    """Run steps 1 and 2, or load their results if still valid.

    prepared : the result of step 1 for this config, if already computed
    inherit  : takes the features from elsewhere, given the task fitted on the training rows
    """
    prepared = prepared or prepare_dataset(config.dataset, config.seed, reporter)
    reporter.explain("data", config, prepared)
    for finding in find_cell_doubts(prepared.profile):
        (reporter.warn if finding.serious else reporter.say)(finding.text)
    train, task = prepared.splits.train, _fit_task(config, prepared)
    if inherit is not None:
        return inherit(prepared, task)
    features = obtain_features(
        prepared, config.features, config.seed, task.truth(train), isinstance(task, Classification), reporter
    )
    reporter.explain("features", config, features)
    return Inputs(prepared, task, features)


def fit_inputs(config: Config, prepared: Prepared) -> Inputs:
    """Task and features fitted on prepared rows that are stored nowhere; nor are the features."""
    train, task = prepared.splits.train, _fit_task(config, prepared)
    is_classes = isinstance(task, Classification)
    return Inputs(prepared, task, fit_features(train, config.features, config.seed, task.truth(train), is_classes))


def _fit_task(config: Config, prepared: Prepared) -> FittedTask:
    splits = prepared.splits
    task = fit_task(splits.train, splits.task, config.model, config.loss, config.evaluation.positive)
    _check_probability_keys(config, task)
    return task


def _check_probability_keys(config: Config, task: FittedTask) -> None:
    if not isinstance(task, Classification):
        return
    settings = config.evaluation
    wanted = {
        "threshold": settings.threshold not in USUAL_THRESHOLDS,
        "calibration": settings.calibration == "temperature",
    }
    if wanted["threshold"] and len(task.classes) > 2:
        raise config_error("evaluation.threshold", f"is for two classes; there are {len(task.classes)}, so remove it")
    for name in [name for name, is_used in wanted.items() if is_used and not task.has_probabilities]:
        used = f"loss {config.loss.name}" if config.loss.name != "auto" else f"output {config.model.output}"
        raise config_error(f"evaluation.{name}", f"needs probabilities, which {used} does not give; remove it")


def make_context(
    config: Config,
    inputs: Inputs,
    arrays: tuple[Rows, Rows] | None = None,
    threads: int | None = None,
    processes: Processes | None = None,
    on_disk: bool = False,
    reporter: Reporter = SILENT,
) -> TrainingContext:
    """The context of a configuration on its inputs; threads are set to its number.

    arrays             : the inputs' training rows, if already computed
    threads, processes : see `build_context`
    on_disk            : the rows are read from files, which are written where there are none, as the reporter is told
    """
    require_watchable(config, inputs.task, inputs.prepared.splits.valid)
    train, valid = arrays or inputs.training_rows(on_disk=on_disk, reporter=reporter)
    context = build_context(config, inputs.task, train, valid, inputs.features.layout, threads, processes)
    if context.on_disk:
        _require_window_memory(context)
    set_threads(context.threads)
    return context


def _require_window_memory(context: TrainingContext) -> None:
    (n_rows, width), remedy = context.train.x.shape, "use a smaller training.batch_size"
    needed = context.window_memory
    if context.steps_per_epoch == 1:
        require_memory(n_rows * width * BYTES_PER_INPUT, f"one step of {n_rows * width:,} numbers", remedy)
    elif needed > 2 * WINDOW:  # smaller ones reuse what earlier trainings have freed
        require_memory(needed, f"training on two windows of {context.windows.window:,} rows from a file", remedy)


def require_watchable(config: Config, task: FittedTask, valid: Dataset) -> None:
    """Apply `require_measurable` to the watched metrics on the validation rows."""
    for place, metric in watched_metrics(config).items():
        if metric != "loss":
            require_measurable(task, task.truth(valid), metric, ".".join(map(str, place)))


def require_measurable(
    task: FittedTask, truth: np.ndarray, metric: str, key: str, rows: str = "validation rows"
) -> None:
    """Raise ConfigError for a metric of another task, DataError for one that is undefined on these rows.

    key, rows : what asks for the metric, and what the rows are, for messages
    """
    metric_names(task, (metric,), key)
    if len(truth) and (reason := why_never_defined(task, truth, metric)):
        raise DataError(
            f"{key}: {metric} cannot be measured on the {len(truth):,} {rows}: {reason}; choose another metric"
        )
