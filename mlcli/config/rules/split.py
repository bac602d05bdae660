"""Rules about rows: how they are split, and what needs validation rows."""

from collections.abc import Iterator

from mlcli.config.dataset import DatasetConfig, TableConfig
from mlcli.config.fault import Fault
from mlcli.config.rules.facts import PICTURES, gives_test_rows, has_valid_rows, known_task, targets_of
from mlcli.config.schema import Config

SPLIT = ("dataset", "split")
_BY_COLUMN = ("group", "time", "given")


def split_clashes(config: Config) -> Iterator[Fault]:
    """Keys of the split that exclude each other, and keys that need validation rows."""
    yield from _column_clashes(config.dataset)
    yield from _share_clashes(config.dataset)
    yield from _fold_clashes(config)
    if not has_valid_rows(config.dataset):
        yield from _needs_valid_rows(config)


def _column_clashes(dataset: DatasetConfig) -> Iterator[Fault]:
    split, at = dataset.split, (*SPLIT, "column")
    reads = ((*SPLIT, "by"), ("dataset", "target"), ("dataset", "drop"))
    if split.by in _BY_COLUMN and isinstance(dataset, PICTURES):
        yield Fault((*SPLIT, "by"), f"must be random, stratified or auto, as pictures have no columns; got {split.by}")
    elif split.by in _BY_COLUMN and split.column is None:
        yield Fault((*SPLIT, "by"), f"{split.by} needs dataset.split.column, the column to look at", reads=(at,))
    elif split.by not in _BY_COLUMN and split.column is not None:
        message = f"is not used by {split.by}; set dataset.split.by to group, time or given, or remove column"
        yield Fault(at, message, reads=reads)
    elif split.column in targets_of(dataset):
        yield Fault(at, f"is the target {split.column!r}, which cannot also decide the split", reads=reads)
    elif isinstance(dataset, TableConfig) and split.column in dataset.drop:
        yield Fault(
            at, f"{split.column!r} is in dataset.drop too; remove it there (it is not a feature anyway)", reads=reads
        )
    if split.by == "stratified" and known_task(dataset) == "regression":
        message = "stratified needs classes, and the task is regression; use random"
        yield Fault((*SPLIT, "by"), message, reads=(("dataset", "task"), ("dataset", "target")))


def _share_clashes(dataset: DatasetConfig) -> Iterator[Fault]:
    test, valid = dataset.split.test, dataset.split.valid
    shares = isinstance(test, float) and isinstance(valid, float)
    if shares and test + valid >= 1 and not gives_test_rows(dataset) and dataset.split.by != "given":
        message = f"test {test:g} and valid {valid:g} leave no rows to train on; together they must be < 1"
        yield Fault(SPLIT, message, at_key=True, reads=((*SPLIT, "test"), (*SPLIT, "valid"), ("dataset", "test_path")))


def _fold_clashes(config: Config) -> Iterator[Fault]:
    """Folds are dealt row by row from rows that step 1 has prepared."""
    evaluation, by = config.evaluation, config.dataset.split.by
    at, reads = ("evaluation", "folds"), ((*SPLIT, "by"),)
    if evaluation.repeats > 1 and not isinstance(evaluation.folds, int):
        message = f"is for a number of folds; evaluation.folds is {evaluation.folds or 'null'}"
        yield Fault(("evaluation", "repeats"), message, reads=(at,))
    if evaluation.folds is None:
        return
    if by == "group":
        message = "would part the groups that dataset.split.by: group keeps together; try several dataset.split.seed"
        yield Fault(at, message, reads=reads)
    elif by == "time":
        message = "would learn from what comes later, and dataset.split.by is time; measure on the test rows alone"
        yield Fault(at, message, reads=reads)
    if isinstance(config.dataset, TableConfig) and config.dataset.outliers.name != "none":
        message = "would be measured without the outliers that dataset.outliers takes away; set dataset.outliers: none"
        yield Fault(at, message, reads=(("dataset", "outliers"),))


def _needs_valid_rows(config: Config) -> Iterator[Fault]:
    needs = f"needs validation rows, and dataset.split.valid is {config.dataset.split.valid:g}; set it to 0.2, say"
    reads = ((*SPLIT, "valid"),)
    if config.training.early_stopping is not None:
        yield Fault(("training", "early_stopping"), f"early stopping {needs}", at_key=True, reads=reads)
    if config.optimizer.schedule.name == "plateau":
        yield Fault(("optimizer", "schedule", "name"), f"plateau {needs}", reads=reads)
    if isinstance(config.evaluation.threshold, str):
        message = f"choosing the threshold by {config.evaluation.threshold} {needs}"
        yield Fault(("evaluation", "threshold"), message, reads=reads)
