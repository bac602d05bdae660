"""The rows that each network of an ensemble is not trained on, and predictions of one part of rows after another."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mlcli.config.sections.config import Config
from mlcli.data.folds import split_folds
from mlcli.data.prepare import Prepared
from mlcli.data.splitting import effective_seed
from mlcli.data.tables.types import Images
from mlcli.models.predictions import Predictions
from mlcli.models.task import Classification, FittedTask

ENSEMBLE = "training.ensemble"
# Splits whose validation rows are no random ones: every network has the same.
FIXED = ("time", "given")


def held_out_rows(config: Config, prepared: Prepared, task: FittedTask) -> tuple[np.ndarray, ...] | None:
    """The validation rows of each network of training.ensemble, as positions among training and validation rows.

    The run's own come first, then folds of about as many training rows, in whole groups. None where all networks have
    the run's own: a split by time or by a column, or no validation rows.
    """
    train, valid, count = prepared.splits.train, prepared.splits.valid, config.training.ensemble
    if count == 1 or config.dataset.split.by in FIXED or not len(valid):
        return None
    places, n_folds = np.arange(len(train) + len(valid)), round(len(train) / len(valid))
    classes = task.truth(train) if isinstance(task, Classification) else None
    groups = None if isinstance(train, Images) else train.groups
    if groups is not None:
        n_folds = min(n_folds, len(np.unique(groups)))
    elif classes is not None:
        n_folds = min(n_folds, int(np.bincount(classes).max()))
    own, others, seed = places[len(train) :], places[: len(train)], effective_seed(config.dataset.split, config.seed)
    if n_folds < 2:
        return own, others
    return (own, *split_folds(ENSEMBLE, len(train), n_folds, 1, seed, classes, groups)[0])[:count]


def join_predictions(parts: Sequence[Predictions]) -> Predictions:
    """Predictions for the rows of one part after another."""
    probabilities = [own.probabilities for own in parts if own.probabilities is not None]
    return Predictions(
        np.concatenate([own.values for own in parts]),
        np.concatenate(probabilities) if len(probabilities) == len(parts) else None,
        np.concatenate([own.scores for own in parts]),
    )
