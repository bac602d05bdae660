"""The rows a model is most wrong about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from mlcli.data.tables.frames import rows_at
from mlcli.data.tables.rows import readable
from mlcli.data.tables.types import Dataset, Images
from mlcli.io.text import shorten, show_number
from mlcli.metrics.probabilities import ranking_scores
from mlcli.models.predictions import Predictions
from mlcli.models.task import Classification, FittedTask, Regression

# Rows of a table, and images, shown at most; columns shown of a row, and letters of a cell.
MAX_ROWS, MAX_IMAGES, MAX_COLUMNS, MAX_LETTERS = 10, 24, 8, 40
# Truth, prediction and how wrong it is, of each row.
_Texts = list[tuple[str, str, str]]


@dataclass(frozen=True)
class Mistake:
    """One row predicted wrongly.

    place    : of the row in its split, from 0
    truth    : class, or number in the target's units
    answer   : the prediction
    measured : how wrong it is, as `Mistakes.measure` says
    cells    : of the columns shown, as text; empty for images
    picture  : uint8 (height, width[, channels]), else None
    """

    place: int
    truth: str
    answer: str
    measured: str
    cells: tuple[str, ...] = ()
    picture: NDArray[np.uint8] | None = None


@dataclass(frozen=True)
class Mistakes:
    """The worst rows first.

    n_wrong : rows predicted wrongly; regression: all of them
    measure : probability of the predicted class or, without probabilities, distance from the border; regression: error
    columns : the columns shown
    """

    n_wrong: int
    measure: Literal["probability", "distance", "error"]
    columns: tuple[str, ...]
    rows: tuple[Mistake, ...]


def find_mistakes(
    task: FittedTask, data: Dataset, truth: np.ndarray, predictions: Predictions, columns: Sequence[str]
) -> Mistakes:
    """Classes: the most confident wrong predictions. Numbers: the largest errors, in standard deviations.

    truth   : as `task.truth` gives it
    columns : of the table, the most important first; only some are shown
    """
    shown = tuple(columns[:MAX_COLUMNS])
    limit = MAX_IMAGES if isinstance(data, Images) else MAX_ROWS
    measure: Literal["probability", "distance", "error"] = "error"
    if isinstance(task, Classification):
        places, texts, n_wrong = _most_confident(task, truth, predictions, limit)
        measure = "distance" if predictions.probabilities is None else "probability"
    else:
        places, texts, n_wrong = _largest_errors(task, truth, predictions, limit)
    cells, images = _contents(data, places, shown)
    rows = (
        Mistake(place, *own, cells=row, picture=image)
        for place, own, row, image in zip(places.tolist(), texts, cells, images, strict=True)
    )
    return Mistakes(n_wrong, measure, shown, tuple(rows))


def _most_confident(
    task: Classification, truth: np.ndarray, predictions: Predictions, limit: int
) -> tuple[NDArray[np.int64], _Texts, int]:
    """Places of the wrong rows, the most confident first; their texts; and how many are wrong."""
    wrong = np.flatnonzero(predictions.values != truth)
    confidence = ranking_scores(predictions)[wrong, predictions.values[wrong]]
    order = np.argsort(-confidence, kind="stable")[:limit]
    places, levels = wrong[order], confidence[order].tolist()
    shown = map(show_number, levels) if predictions.probabilities is None else (f"{100 * p:.1f} %" for p in levels)
    true, predicted = ([task.classes[k] for k in values[places].tolist()] for values in (truth, predictions.values))
    return places, list(zip(true, predicted, shown, strict=True)), len(wrong)


def _largest_errors(
    task: Regression, truth: np.ndarray, predictions: Predictions, limit: int
) -> tuple[NDArray[np.int64], _Texts, int]:
    """Places of the rows by their largest error over the targets; the texts of that target; and how many rows."""
    errors = predictions.values - truth
    sizes = np.abs(errors) / np.array(task.std)
    places = np.argsort(-sizes.max(axis=1), kind="stable")[:limit]
    texts = []
    for place in places:
        target = int(sizes[place].argmax())
        prefix = f"{task.targets[target]}: " if len(task.targets) > 1 else ""
        numbers = (float(values[place, target]) for values in (truth, predictions.values, errors))
        true, predicted, error = map(show_number, numbers)
        texts.append((prefix + true, prefix + predicted, error if error.startswith("-") else f"+{error}"))
    return places, texts, len(truth)


def _contents(
    data: Dataset, places: NDArray[np.int64], columns: Sequence[str]
) -> tuple[list[tuple[str, ...]], list[NDArray[np.uint8] | None]]:
    """Cells and image of each row; an image has no cells, a row no image."""
    if isinstance(data, Images):
        return [()] * len(places), [np.asarray(data.pixels[place]) for place in places]
    if not columns:
        return [()] * len(places), [None] * len(places)
    frame = readable(rows_at(data.rows.select(columns), places))

    def show(value: float | str | None) -> str:
        return "–" if value is None else shorten(value, MAX_LETTERS) if isinstance(value, str) else f"{value:.6g}"

    return [tuple(map(show, row)) for row in frame.iter_rows()], [None] * len(places)
