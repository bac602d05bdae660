"""Cross-validation: every row is predicted by a network that was trained without it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from mlcli.config.schema import Config
from mlcli.data.prepare import Prepared
from mlcli.data.splitting import effective_seed, split_rows
from mlcli.data.subset import join_rows, take_rows
from mlcli.data.types import Dataset, Splits, TaskKind
from mlcli.evaluation.spread import FoldScores, spreads_of
from mlcli.features.fit import fit_features
from mlcli.inputs import Inputs
from mlcli.metrics.measure import measure
from mlcli.reporter import Reporter
from mlcli.resampling.dealing import deal_folds
from mlcli.resampling.fresh import announce, train_fresh
from mlcli.task import Classification, FittedTask, Predictions, fit_task


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
    dealt = deal_folds(len(rows), folds, settings.repeats, seed, classes)
    held_out = [fold for repeat in dealt for fold in repeat]
    answers = []
    for number, fold in enumerate(held_out, 1):
        announce(reporter, "fold", number, len(held_out))
        inputs = fold_inputs(config, prepared, rows, classes, fold)
        bundle = train_fresh(config, inputs, "evaluation.folds")
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
