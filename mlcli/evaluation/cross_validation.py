"""Cross-validation: every row is predicted by a network trained without it."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import torch

from mlcli.config.sections.config import Config
from mlcli.data.prepare import Prepared
from mlcli.data.splitting import effective_seed, join_rows, split_rows, take_rows
from mlcli.data.tables.types import Dataset, Splits, TaskKind
from mlcli.errors import DataError, config_error
from mlcli.evaluation.refit import Spread, announce, refit, spreads_of
from mlcli.features.fitted import fit_features
from mlcli.io.json import named_to_json
from mlcli.metrics.catalog import Score
from mlcli.metrics.measure import measure
from mlcli.models.task import Classification, FittedTask, Predictions, fit_task
from mlcli.reporter import Reporter, Silent
from mlcli.training.callbacks import Callback
from mlcli.training.inputs import Inputs

EVALUATION_FOLDS = "evaluation.folds"
MAX_LEAVE_ONE_OUT = 500


@dataclass(frozen=True)
class FoldScores:
    """Scores of networks that were each trained without a fold of the rows, and measured on it.

    n_rows  : training and validation rows together, which the folds divide
    n_folds : n_rows where each row is a fold of its own (leave one out)
    repeats : how often the rows were split into folds
    spreads : of the folds of all repeats; empty for leave one out, as most metrics need several rows
    pooled  : of the predictions for all rows in the first repeat, with intervals
    """

    n_rows: int
    n_folds: int
    repeats: int
    spreads: tuple[Spread, ...]
    pooled: tuple[Score, ...]

    @property
    def leaves_one_out(self) -> bool:
        """Whether each row is a fold of its own."""
        return self.n_folds == self.n_rows

    def to_json(self) -> dict[str, Any]:
        """The numbers, and the metrics by name."""
        return {
            "n_rows": self.n_rows,
            "n_folds": self.n_folds,
            "repeats": self.repeats,
            "metrics": named_to_json(self.spreads),
            "pooled": named_to_json(self.pooled),
        }


def measure_folds(config: Config, prepared: Prepared, reporter: Reporter) -> FoldScores | None:
    """Cross-validated scores, as evaluation.folds configures them; None where it is null.

    Raises ConfigError, DataError and DivergedError.
    """
    settings = config.evaluation
    if settings.folds is None:
        return None
    folds = Folds.of(config, prepared, EVALUATION_FOLDS, settings.folds, settings.repeats)
    predictions = list(folds.predict_each(config, reporter))
    scores = [
        measure(folds.task, folds.truth[rows], own, settings.metrics)
        for rows, own in zip(folds.held_out, predictions, strict=True)
    ]
    pooled = folds.pool(predictions)
    return FoldScores(
        n_rows=len(folds.rows),
        n_folds=folds.n_folds,
        repeats=len(folds.held_out) // folds.n_folds,
        spreads=() if settings.folds == "leave_one_out" else spreads_of(scores),
        pooled=tuple(measure(folds.task, folds.truth, pooled, settings.metrics, settings.confidence, config.seed)),
    )


@dataclass(frozen=True, eq=False)
class Folds:
    """The training and validation rows split into folds; the test rows are not touched.

    key      : the configuration key that asks for the folds, for messages
    task     : fitted on all these rows; truth : of all rows, as the task gives it
    held_out : ascending positions of the rows of each fold, one repeat after the other
    n_folds  : of one repeat
    """

    key: str
    prepared: Prepared
    rows: Dataset
    task: FittedTask
    truth: np.ndarray
    held_out: tuple[np.ndarray, ...]
    n_folds: int

    @classmethod
    def of(
        cls, config: Config, prepared: Prepared, key: str, folds: int | Literal["leave_one_out"], repeats: int = 1
    ) -> Folds:
        """Raises ConfigError or DataError where the rows are too few or too many."""
        rows = join_rows(prepared.splits.train, prepared.splits.valid)
        task = _fit_task(config, rows, prepared.splits.task)
        truth = task.truth(rows)
        seed = effective_seed(config.dataset.split, config.seed)
        split = split_folds(len(rows), folds, repeats, seed, _classes(task, truth), key)
        return cls(key, prepared, rows, task, truth, tuple(fold for repeat in split for fold in repeat), len(split[0]))

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
        for number, held_out in enumerate(self.held_out, 1):
            announce(reporter, "fold", number, len(self.held_out))
            inputs = self.inputs_without(held_out, config)
            bundle = refit(config, inputs, self.key, callbacks=callbacks, interrupted=interrupted)
            if interrupted():
                return
            yield with_all_classes(self.task, bundle.task, bundle.predict(inputs.prepared.splits.test))

    def inputs_without(self, held_out: np.ndarray, config: Config) -> Inputs:
        """A fold as steps 1 and 2 would give it, with the rows held out in the place of test rows.

        Task and features are fitted on the fold's training rows alone. The validation rows have the same share of
        the rows that are not held out as in the run; it is counted, as the run's split may come from a column.
        """
        splits = self.prepared.splits
        others = np.setdiff1d(np.arange(len(self.rows)), held_out)
        share = len(splits.valid) / len(self.rows)
        by = "random" if config.dataset.split.by == "random" else "auto"
        split = config.dataset.split.model_copy(update={"test": 0, "valid": share, "by": by, "column": None})
        classes = _classes(self.task, self.truth[others])
        places = split_rows(len(others), split, config.seed, classes, None, test_given=True)
        train, valid = (take_rows(self.rows, others[own]) for own in (places.train, places.valid))
        task = _fit_task(config, train, splits.task)
        features = fit_features(
            train, config.features, config.seed, task.truth(train), classification=isinstance(task, Classification)
        )
        own = Splits(train, valid, take_rows(self.rows, held_out), splits.task)
        return Inputs(replace(self.prepared, splits=own), task, features)

    def pool(self, predictions: Sequence[Predictions]) -> Predictions:
        """The predictions for the folds of the first repeat as those for all rows, in the rows' order."""
        return pool(predictions[: self.n_folds], self.held_out[: self.n_folds])

    def score(self, predictions: Predictions, metric: str) -> float | None:
        """A metric of the predictions for all rows; None where it is undefined."""
        return measure(self.task, self.truth, predictions, (metric,))[0].value

    def outputs_of(self, predictions: Predictions) -> torch.Tensor:
        """Predictions as raw outputs of the task, float32 (n, n_outputs): those of different folds on one scale."""
        if isinstance(self.task, Classification):
            return torch.from_numpy(predictions.scores).float()
        return self.task.standardise(predictions.values)


def split_folds(
    n_rows: int,
    folds: int | Literal["leave_one_out"],
    repeats: int,
    seed: int,
    classes: np.ndarray | None,
    key: str = EVALUATION_FOLDS,
) -> list[list[np.ndarray]]:
    """The rows that each fold holds out, ascending, for every repeat; each row is in one fold of a repeat.

    classes : (n_rows,) the class of each row, whose shares every fold keeps; None for regression
    key     : what asks for the folds, for messages

    Repeat r (from 0) splits as scikit-learn's StratifiedKFold or KFold (shuffle=True, random_state=seed + r) does.
    Raises ConfigError for more folds than rows, or than rows of any class, and for too many rows to leave out singly.
    """
    if folds == "leave_one_out":
        if n_rows > MAX_LEAVE_ONE_OUT:
            raise config_error(
                key,
                f"leave_one_out trains a network for each of the {n_rows:,} rows (at most {MAX_LEAVE_ONE_OUT}); "
                "use 10 folds, which estimate the score as well here",
            )
        if n_rows < 2:
            raise DataError(f"{key}: leave_one_out needs at least two rows, got {n_rows}")
        return [list(np.arange(n_rows)[:, np.newaxis])]
    most = n_rows if classes is None else int(np.bincount(classes).max())
    if most < folds:
        what = "rows" if classes is None else "rows of the largest class"
        raise config_error(key, f"{folds} folds need at least {folds} {what}, got {most}; use fewer folds")
    return [list(_k_fold(n_rows, folds, seed + repeat, classes)) for repeat in range(repeats)]


def _k_fold(n_rows: int, folds: int, seed: int, classes: np.ndarray | None) -> Iterator[np.ndarray]:
    from sklearn.model_selection import KFold, StratifiedKFold

    splitter = KFold if classes is None else StratifiedKFold
    with warnings.catch_warnings():  # a class with fewer rows than folds is missing from some folds
        warnings.simplefilter("ignore", UserWarning)
        for _, held_out in splitter(folds, shuffle=True, random_state=seed).split(np.empty(n_rows), classes):
            yield held_out


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
    order = np.argsort(np.concatenate(folds))
    probabilities = [own.probabilities for own in predictions if own.probabilities is not None]
    return Predictions(
        np.concatenate([own.values for own in predictions])[order],
        np.concatenate(probabilities)[order] if len(probabilities) == len(predictions) else None,
        np.concatenate([own.scores for own in predictions])[order],
    )


def _fit_task(config: Config, train: Dataset, kind: TaskKind) -> FittedTask:
    return fit_task(train, kind, config.model, config.loss, config.evaluation.positive)


def _classes(task: FittedTask, truth: np.ndarray) -> np.ndarray | None:
    """The class of each row; None for regression."""
    return truth if isinstance(task, Classification) else None
