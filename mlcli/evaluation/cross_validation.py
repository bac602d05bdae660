"""Cross-validation: every row is predicted by a network that was trained without it."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import torch

from mlcli.config.sections.config import Config
from mlcli.data.prepare import Prepared
from mlcli.data.splitting import effective_seed, join_rows, split_rows, take_rows
from mlcli.data.tables.types import Dataset, Splits, TaskKind
from mlcli.errors import DataError, config_error
from mlcli.evaluation.refit import announce, refit
from mlcli.evaluation.spread import FoldScores, spreads_of
from mlcli.features.fit import fit_features
from mlcli.metrics.measure import measure
from mlcli.models.task import Classification, FittedTask, Predictions, fit_task
from mlcli.reporter import Reporter
from mlcli.training.callbacks import Callback
from mlcli.training.inputs import Inputs

FOLDS_KEY = "evaluation.folds"
MOST_LEFT_OUT = 500
Folds = list[np.ndarray]


def split_folds(
    n_rows: int,
    folds: int | Literal["leave_one_out"],
    repeats: int,
    seed: int,
    classes: np.ndarray | None,
    key: str = FOLDS_KEY,
) -> list[Folds]:
    """The rows that each fold holds out, ascending, for every repeat; each row is in one fold of a repeat.

    classes : (n_rows,) the class of each row, whose shares every fold keeps; None for regression
    key     : what asks for the folds, for messages

    Repeat r (from 0) deals as scikit-learn's StratifiedKFold or KFold (shuffle=True, random_state=seed + r) does.
    Raises ConfigError for more folds than rows, or than rows of any class, and for too many rows to leave out singly.
    """
    if folds == "leave_one_out":
        require_few_rows(n_rows)
        return [list(np.arange(n_rows)[:, np.newaxis])]
    require_enough_rows(n_rows, folds, classes, key)
    return [list(_deal(n_rows, folds, seed + repeat, classes)) for repeat in range(repeats)]


def _deal(n_rows: int, folds: int, seed: int, classes: np.ndarray | None) -> Iterator[np.ndarray]:
    from sklearn.model_selection import KFold, StratifiedKFold

    splitter = KFold if classes is None else StratifiedKFold
    with warnings.catch_warnings():  # a class with fewer rows than folds is in some folds only, as it must be
        warnings.simplefilter("ignore", UserWarning)
        for _, held_out in splitter(folds, shuffle=True, random_state=seed).split(np.empty(n_rows), classes):
            yield held_out


def require_few_rows(n_rows: int) -> None:
    """Raise ConfigError where leaving out each row would train too many networks."""
    if n_rows > MOST_LEFT_OUT:
        raise config_error(
            FOLDS_KEY,
            f"leave_one_out trains a network for each of the {n_rows:,} rows, and {MOST_LEFT_OUT} are the most; "
            "10 folds tell as much here",
        )
    if n_rows < 2:
        raise DataError(f"{FOLDS_KEY}: there must be two rows or more to leave one out; there are {n_rows}")


def require_enough_rows(n_rows: int, folds: int, classes: np.ndarray | None, key: str = FOLDS_KEY) -> None:
    """Raise ConfigError where a fold, or a fold of every class, would have no rows."""
    most = n_rows if classes is None else int(np.bincount(classes).max())
    if most < folds:
        what = "rows" if classes is None else "rows of the largest class"
        raise config_error(key, f"{folds} folds need as many {what}, and there are {most}; use fewer folds")


def measure_folds(config: Config, prepared: Prepared, reporter: Reporter) -> FoldScores | None:
    """Train a network for every fold of the training and validation rows; None where no folds are asked for.

    The test rows are not touched. Raises ConfigError, DataError and DivergedError.
    """
    folds, settings = config.evaluation.folds, config.evaluation
    if folds is None:
        return None
    rows = join_rows(prepared.splits.train, prepared.splits.valid)
    task = task_of(config, rows, prepared.splits.task)
    truth = task.truth(rows)
    seed = effective_seed(config.dataset.split, config.seed)
    classes = truth if isinstance(task, Classification) else None
    dealt = split_folds(len(rows), folds, settings.repeats, seed, classes)
    held_out = [fold for repeat in dealt for fold in repeat]
    answers = []
    for number, fold in enumerate(held_out, 1):
        announce(reporter, "fold", number, len(held_out))
        inputs = fold_inputs(config, prepared, rows, classes, fold)
        bundle = refit(config, inputs, "evaluation.folds")
        answers.append(in_terms_of(task, bundle.task, bundle.predict(inputs.prepared.splits.test)))
    n_folds = len(dealt[0])
    pooled = pool(answers[:n_folds], dealt[0])
    scores = [measure(task, truth[fold], own, settings.metrics) for fold, own in zip(held_out, answers, strict=True)]
    return FoldScores(
        n_rows=len(rows),
        n_folds=n_folds,
        repeats=len(dealt),
        spreads=() if folds == "leave_one_out" else spreads_of(scores),
        pooled=tuple(measure(task, truth, pooled, settings.metrics, settings.confidence, config.seed)),
    )


def task_of(config: Config, train: Dataset, kind: TaskKind) -> FittedTask:
    """The task as these rows tell it."""
    return fit_task(train, kind, config.model, config.loss, config.evaluation.positive)


def fold_inputs(
    config: Config, prepared: Prepared, rows: Dataset, classes: np.ndarray | None, held_out: np.ndarray
) -> Inputs:
    """A fold as steps 1 and 2 would give it, its rows held out in the place of test rows.

    Task and features are fitted on the fold's training rows alone. Of the rows that are not held out, the share that
    validates is the one it has in the run; the run's split may have been given by a column, so the rows tell it.
    """
    splits = prepared.splits
    others = np.setdiff1d(np.arange(len(rows)), held_out)
    share = len(splits.valid) / len(rows)
    by = "random" if config.dataset.split.by == "random" else "auto"
    split = config.dataset.split.model_copy(update={"test": 0, "valid": share, "by": by, "column": None})
    of_others = None if classes is None else classes[others]
    dealt = split_rows(len(others), split, config.seed, of_others, None, test_given=True)
    train = take_rows(rows, others[dealt.train])
    task = task_of(config, train, splits.task)
    own = Splits(train, take_rows(rows, others[dealt.valid]), take_rows(rows, held_out), splits.task)
    features = fit_features(
        train, config.features, config.seed, task.truth(train), classification=isinstance(task, Classification)
    )
    return Inputs(replace(prepared, splits=own), task, features)


def in_terms_of(whole: FittedTask, own: FittedTask, answers: Predictions) -> Predictions:
    """A fold's predictions with the classes of all rows, of which the fold may have lacked some.

    A class that it lacked has probability 0. Only softmax can lack one: of two classes, training needs both.
    """
    if not isinstance(whole, Classification) or not isinstance(own, Classification) or own.classes == whole.classes:
        return answers
    places = np.array([whole.classes.index(name) for name in own.classes])
    probabilities = np.zeros((len(answers), len(whole.classes)))
    probabilities[:, places] = answers.probabilities
    logits = np.log(np.maximum(probabilities, np.finfo(np.float64).tiny))
    return Predictions(places[answers.values], probabilities, logits)


def pool(answers: list[Predictions], folds: list[np.ndarray]) -> Predictions:
    """The folds' predictions as those of all rows, in the rows' order."""
    order = np.argsort(np.concatenate(folds))

    def joined(part: Callable[[Predictions], np.ndarray]) -> np.ndarray:
        return np.concatenate([part(own) for own in answers])[order]

    probabilities = [own.probabilities for own in answers]
    known = [part for part in probabilities if part is not None]
    return Predictions(
        joined(lambda own: own.values),
        np.concatenate(known)[order] if len(known) == len(answers) else None,
        joined(lambda own: own.scores),
    )


TRIAL_FOLDS_KEY = "improve.folds"


@dataclass(frozen=True, eq=False)
class TrialFolds:
    """The training and validation rows, dealt once for all trials.

    task     : as all these rows tell it
    truth    : of all rows, as the task gives it
    held_out : the rows of each fold
    """

    prepared: Prepared
    rows: Dataset
    task: FittedTask
    truth: np.ndarray
    held_out: tuple[np.ndarray, ...]

    @property
    def classes(self) -> np.ndarray | None:
        """The class of each row; None for regression."""
        return self.truth if isinstance(self.task, Classification) else None

    def answer(self, config: Config, callbacks: Sequence[Callback], stopped: Callable[[], bool]) -> Predictions | None:
        """What networks of a configuration say of the rows they were trained without; None when stopped.

        Raises DivergedError.
        """
        answers = []
        for fold in self.held_out:
            inputs = fold_inputs(config, self.prepared, self.rows, self.classes, fold)
            bundle = refit(config, inputs, TRIAL_FOLDS_KEY, callbacks=callbacks, interrupted=stopped)
            if stopped():
                return None
            answers.append(in_terms_of(self.task, bundle.task, bundle.predict(inputs.prepared.splits.test)))
        return pool(answers, list(self.held_out))

    def score(self, answers: Predictions, metric: str) -> float | None:
        """A metric of the answers for all rows; None where it is undefined."""
        return measure(self.task, self.truth, answers, (metric,))[0].value

    def outputs_of(self, answers: Predictions) -> torch.Tensor:
        """Answers as raw outputs of the task, float32 (n, n_outputs): those of different folds are scaled alike."""
        if isinstance(self.task, Classification):
            return torch.from_numpy(answers.scores).float()
        return torch.from_numpy((answers.values - np.array(self.task.mean)) / np.array(self.task.std)).float()


def split_trial_folds(config: Config, prepared: Prepared) -> TrialFolds | None:
    """The folds that improve.folds asks for; None where it asks for none. Raises ConfigError for more than rows."""
    count = config.improve.folds
    if count is None:
        return None
    rows = join_rows(prepared.splits.train, prepared.splits.valid)
    task = task_of(config, rows, prepared.splits.task)
    truth = task.truth(rows)
    classes = truth if isinstance(task, Classification) else None
    (held_out,) = split_folds(
        len(rows), count, 1, effective_seed(config.dataset.split, config.seed), classes, TRIAL_FOLDS_KEY
    )
    return TrialFolds(prepared, rows, task, truth, tuple(held_out))
