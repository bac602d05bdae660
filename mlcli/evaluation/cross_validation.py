"""Cross-validation: every row is predicted by a network trained without it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import polars as pl
from numpy.typing import NDArray

from mlcli.config.sections.config import Config
from mlcli.data.folds import FoldCount, rows_before, split_folds
from mlcli.data.prepare import Prepared
from mlcli.data.splitting import dependent_groups, effective_seed, split_rows, take_rows
from mlcli.data.tables.types import Dataset, Images, Splits, TaskKind
from mlcli.errors import DataError
from mlcli.evaluation.held_out import EVALUATION_FOLDS, FEWER_ROWS, join_for_parts, join_predictions
from mlcli.evaluation.out_of_fold import other_places
from mlcli.evaluation.refit import announce, refit
from mlcli.evaluation.repeated import FoldScores, spreads_of
from mlcli.features.fit import fit_features
from mlcli.io import row_file
from mlcli.io.memory import shown_size
from mlcli.metrics.measure import measure
from mlcli.models.fit_task import fit_task
from mlcli.models.predictions import Predictions
from mlcli.models.task import Classification, FittedTask
from mlcli.reporter import Reporter, Silent
from mlcli.training.callbacks import Callback
from mlcli.training.context import TrainingContext
from mlcli.training.inputs import Inputs
from mlcli.training.state import EpochRecord, TrainingState


def measure_folds(config: Config, prepared: Prepared, reporter: Reporter) -> FoldScores | None:
    """Cross-validated scores, as evaluation.folds configures them; None where it is null.

    Raises ConfigError, DataError and DivergedError.
    """
    settings = config.evaluation
    if settings.folds is None:
        return None
    folds = Folds.of(config, prepared, EVALUATION_FOLDS, settings.folds, settings.repeats)
    recorder = _CurveRecorder()
    predictions = list(folds.predict_each(config, reporter, [recorder]))
    weights, pooled = folds.rows.row_weights, folds.pool(predictions)
    scores = [
        measure(
            folds.task, folds.truth[rows], own, settings.metrics, weights=None if weights is None else weights[rows]
        )
        for rows, own in zip(folds.held_out, predictions, strict=True)
    ]
    del predictions  # intervals take as much memory
    of_rows = dependent_groups(config.dataset.split, folds.rows), folds.pooled_weights
    return FoldScores(
        n_rows=len(pooled),
        n_folds=folds.n_folds,
        repeats=len(folds.held_out) // folds.n_folds,
        spreads=() if settings.folds == "leave_one_out" and folds.groups is None else spreads_of(scores),
        pooled=tuple(
            measure(
                folds.task, folds.pooled_truth, pooled, settings.metrics, settings.confidence, config.seed, *of_rows
            )
        ),
        by=config.dataset.split.by if folds.groups is not None else "",
        curves=tuple(map(tuple, recorder.curves)),
    )


class _CurveRecorder(Callback):
    """The validation loss of one training after another."""

    def __init__(self) -> None:
        self.curves: list[list[float | None]] = []

    def on_epoch_end(self, context: TrainingContext, state: TrainingState, record: EpochRecord) -> None:
        if record.epoch == 1:
            self.curves.append([])
        self.curves[-1].append(record.valid_loss)


@dataclass(frozen=True, eq=False)
class Folds:
    """The training and validation rows split into folds as the dataset is: the test rows are not touched.

    In a split by group, folds, and the validation rows of each, have whole groups; by time, a fold's network is trained
    on earlier rows than it predicts, the latest of them being its validation rows.

    key      : the configuration key that asks for the folds, for messages
    task     : fitted on all these rows; truth : of all rows, as the task gives it
    held_out : ascending positions of the rows of each fold, one repeat after the other
    n_folds  : of one repeat
    on_disk  : networks read their rows from files, one fold's at a time; None: as the first fold's inputs need it
    """

    key: str
    prepared: Prepared
    rows: Dataset
    task: FittedTask
    truth: np.ndarray
    held_out: tuple[np.ndarray, ...]
    n_folds: int
    on_disk: bool | None = None

    @classmethod
    def of(
        cls,
        config: Config,
        prepared: Prepared,
        key: str,
        folds: FoldCount,
        repeats: int = 1,
        *,
        on_disk: bool | None = None,
    ) -> Folds:
        """Raises ConfigError or DataError where rows are too few or too many, ResourceError where memory is short."""
        rows = join_for_parts(prepared, key, FEWER_ROWS.format(key))
        task = _fit_task(config, rows, prepared.splits.task)
        truth = task.truth(rows)
        seed, by_time = effective_seed(config.dataset.split, config.seed), config.dataset.split.by == "time"
        classes, groups = _classes(task, truth), _groups_of(rows)
        split = split_folds(key, len(rows), folds, repeats, seed, classes, groups, by_time=by_time)
        held_out = tuple(fold for repeat in split for fold in repeat)
        return cls(key, prepared, rows, task, truth, held_out, len(split[0]), on_disk)

    @property
    def groups(self) -> np.ndarray | None:
        """As `Table.groups` has them, of all rows."""
        return _groups_of(self.rows)

    @cached_property
    def pooled_truth(self) -> np.ndarray:
        """Of the rows that the folds of a repeat hold out: all of them, but by time not the earliest."""
        pooled: np.ndarray = self.truth[self._pooled_places]
        return pooled

    @property
    def pooled_weights(self) -> np.ndarray | None:
        """Of the same rows; None where all count alike."""
        weights = self.rows.row_weights
        return None if weights is None else weights[self._pooled_places]

    @property
    def _pooled_places(self) -> np.ndarray:
        return np.sort(np.concatenate(self.held_out[: self.n_folds]))

    def predict(
        self, config: Config, callbacks: Sequence[Callback], interrupted: Callable[[], bool]
    ) -> Predictions | None:
        """Predictions for all rows by networks of a configuration; None when interrupted. Raises DivergedError."""
        predictions = list(self.predict_each(config, Silent(), callbacks, interrupted))
        return self.pool(predictions) if len(predictions) == len(self.held_out) else None

    def predict_each(
        self,
        config: Config,
        reporter: Reporter,
        callbacks: Sequence[Callback] = (),
        interrupted: Callable[[], bool] = lambda: False,
    ) -> Iterator[Predictions]:
        """For the rows of one fold after another, by a network trained on the other folds; ends when interrupted.

        Raises DivergedError.
        """
        on_disk = self.on_disk
        for number, held_out in enumerate(self.held_out, 1):
            announce(reporter, "fold", number, len(self.held_out))
            inputs = self.inputs_without(held_out, config)
            if on_disk is None:
                on_disk = inputs.on_disk(config)
                if on_disk:
                    self.tell_files(inputs.features.layout.width, reporter)
            with inputs.temporary_rows(on_disk=on_disk) as rows:
                bundle = refit(config, inputs, self.key, rows, callbacks, interrupted)
            if interrupted():
                return
            predictions = bundle.predict(inputs.prepared.splits.test)
            own = with_all_classes(self.task, bundle.task, predictions)
            del inputs, rows, bundle, predictions  # before those of the next fold
            yield own

    def inputs_without(self, held_out: np.ndarray, config: Config) -> Inputs:
        """A fold as steps 1 and 2 would give it, with the rows held out in the place of test rows.

        Task and features are fitted on the fold's training rows alone. The validation rows have the same share of
        the rows that are not held out as in the run; it is counted, as the run's split may come from a column.
        Raises DataError where whole groups or times leave too few rows.
        """
        splits, by, groups = self.prepared.splits, config.dataset.split.by, self.groups
        if groups is not None and by == "time":
            others = rows_before(groups, held_out)
        else:
            others = other_places(len(self.rows), held_out)
        share = len(splits.valid) / len(self.rows)
        by = by if by == "random" or groups is not None else "auto"
        split = config.dataset.split.model_copy(update={"test": 0, "valid": share, "by": by, "column": None})
        classes, key = _classes(self.task, self.truth[others]), None if groups is None else pl.Series(groups[others])
        try:
            places = split_rows(len(others), split, config.seed, classes, key, test_given=True)
            train, valid = (take_rows(self.rows, others[own]) for own in (places.train, places.valid))
            task = _fit_task(config, train, splits.task)
            task.truth(valid)
        except DataError as error:
            raise DataError(f"{self.key}: the rows that a fold leaves for training: {error}") from error
        features = fit_features(
            train, config.features, config.seed, task.truth(train), classification=isinstance(task, Classification)
        )
        own = Splits(train, valid, take_rows(self.rows, held_out), splits.task)
        return Inputs(replace(self.prepared, splits=own), task, features)

    def tell_files(self, width: int, reporter: Reporter) -> None:
        """Say how large the file of each fold's rows is; width : inputs of the network."""
        size = shown_size(fold_file_size(len(self.rows), self.n_folds, width))
        reporter.say(f"{self.key}: the rows of each fold are read from a file of about {size}, deleted after the fold")

    def pool(self, predictions: Sequence[Predictions]) -> Predictions:
        """The predictions for the folds of the first repeat as those for all their rows, in the rows' order."""
        return pool(predictions[: self.n_folds], self.held_out[: self.n_folds])

    def score(self, predictions: Predictions, metric: str) -> float | None:
        """A metric of the predictions for all rows; None where it is undefined."""
        return measure(self.task, self.pooled_truth, predictions, (metric,), weights=self.pooled_weights)[0].value

    def outputs_of(self, predictions: Predictions) -> NDArray[np.float32]:
        """Predictions as raw outputs of the task, float32 (n, n_outputs): those of different folds on one scale."""
        if isinstance(self.task, Classification):
            return predictions.scores.astype(np.float32)
        return self.task.outputs_of(predictions.values)


def fold_file_size(n_rows: int, folds: FoldCount, width: int) -> int:
    """Bytes of the file that a fold's training and validation rows are read from, about.

    n_rows : of all folds; width : inputs of the network
    """
    n_folds = n_rows if folds == "leave_one_out" else folds
    return (n_rows - n_rows // max(1, n_folds)) * width * row_file.BYTES


def with_all_classes(whole: FittedTask, own: FittedTask, predictions: Predictions) -> Predictions:
    """A fold's predictions with the classes of all rows; a class missing from the fold has probability 0.

    Only softmax can miss one: of two classes, training needs both.
    """
    if not isinstance(whole, Classification) or not isinstance(own, Classification) or own.classes == whole.classes:
        return predictions
    places = np.array([whole.classes.index(name) for name in own.classes])
    probabilities = np.zeros((len(predictions), len(whole.classes)))
    probabilities[:, places] = predictions.probabilities
    logits = np.log(np.maximum(probabilities, np.finfo(np.float64).tiny))
    return Predictions(places[predictions.values], probabilities, logits)


def pool(predictions: Sequence[Predictions], folds: Sequence[np.ndarray]) -> Predictions:
    """The folds' predictions as those for all rows, in the rows' order."""
    return join_predictions(predictions).at(np.argsort(np.concatenate(folds)))


def _fit_task(config: Config, train: Dataset, kind: TaskKind) -> FittedTask:
    return fit_task(train, kind, config.model, config.loss, config.evaluation.positive)


def _groups_of(rows: Dataset) -> np.ndarray | None:
    return None if isinstance(rows, Images) else rows.groups


def _classes(task: FittedTask, truth: np.ndarray) -> np.ndarray | None:
    """The class of each row; None for regression."""
    return truth if isinstance(task, Classification) else None
