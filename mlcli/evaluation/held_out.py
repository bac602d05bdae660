"""The rows that each network of an ensemble is not trained on, and predictions of one part of rows after another."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from mlcli.config.sections.config import Config
from mlcli.data.folds import split_folds
from mlcli.data.prepare import Prepared
from mlcli.data.splitting import effective_seed, join_rows
from mlcli.data.tables.types import Dataset, Images
from mlcli.io.memory import available_memory, require_memory
from mlcli.models.predictions import Predictions
from mlcli.models.task import Classification, FittedTask

ENSEMBLE, EVALUATION_FOLDS, IMPROVE_FOLDS = "training.ensemble", "evaluation.folds", "improve.folds"
# Splits whose validation rows are no random ones: every network has the same.
FIXED = ("time", "given")
# Of a table as read, joined and in another order; of images as joined and in another order.
BYTES_PER_CELL, BYTES_PER_PIXEL = 24, 2
# Measured, of folds whose table stays in files: what portions and windows of rows take, and what follows from each row;
# more in a search, of which earlier trainings leave gaps in the memory that they free. LIBRARIES are those of training.
PORTIONS, BYTES_PER_ROW, BYTES_PER_SEARCHED_ROW, LIBRARIES = 80_000_000, 100, 300, 110_000_000
FEWER_ROWS = "measure validation rows ({0}: null), use fewer rows, or allow more memory"


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


def join_for_parts(prepared: Prepared, what: str, remedy: str) -> Dataset:
    """Training and validation rows, of which parts are taken; of a table they stay in files where memory is short.

    what, remedy : for the message where memory does not hold the images twice; raises ResourceError
    """
    train, valid = prepared.splits.train, prepared.splits.valid
    n_rows = len(train) + len(valid)
    if isinstance(train, Images):
        n_pixels = n_rows * math.prod(train.pixels.shape[1:])
        require_memory(BYTES_PER_PIXEL * n_pixels, f"{what}: taking {n_pixels:,} pixels of all images apart", remedy)
        return join_rows(train, valid)
    return join_rows(train, valid, in_memory=not stay_in_files(prepared))


def stay_in_files(prepared: Prepared) -> bool:
    """Whether memory does not hold the training and validation rows of a table, joined and in parts."""
    train, available = prepared.splits.train, available_memory()
    if isinstance(train, Images) or available is None:
        return False
    return (len(train) + len(prepared.splits.valid)) * len(train.features) * BYTES_PER_CELL > available.size


def require_fold_memory(prepared: Prepared, key: str, each: int, also: int = 0) -> None:
    """Raise ResourceError where memory does not hold what folds take of rows that stay in files.

    key  : what asks for the folds; each : bytes a row; also : bytes of what is still to be imported
    """
    if stay_in_files(prepared):
        n_rows = len(prepared.splits.train) + len(prepared.splits.valid)
        what = f"{key}: training on {n_rows:,} rows that stay in files"
        require_memory(also + PORTIONS + each * n_rows, what, FEWER_ROWS.format(key))
