"""The rows a model is most wrong about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mlcli.data.tables.cells import readable
from mlcli.data.tables.frames import rows_at
from mlcli.data.tables.types import Dataset, Images
from mlcli.io.text import shorten, show_number
from mlcli.metrics.probabilities import ranking_scores
from mlcli.models.task import Classification, FittedTask, Predictions, Regression

# Rows of a table, and pictures, shown at most; columns shown of a row.
MAX_ROWS, MAX_PICTURES, MAX_COLUMNS = 10, 24, 8
# Letters of a cell shown at most.
MAX_LETTERS = 40


@dataclass(frozen=True)
class Mistake:
    """One row answered wrongly.

    place     : of the row in its split, from 0
    truth     : class, or number in the target's units
    answer    : what the model said
    sureness  : probability given to the answer or, without probabilities, distance from the border; regression: error
    cells     : of the columns shown, as text; empty for pictures
    picture   : uint8 (height, width[, channels]), else None
    """

    place: int
    truth: str
    answer: str
    sureness: str
    cells: tuple[str, ...] = ()
    picture: NDArray[np.uint8] | None = None


@dataclass(frozen=True)
class Mistakes:
    """The worst rows first.

    n_wrong  : rows answered wrongly; regression: all of them
    sureness : what `Mistake.sureness` is called
    columns  : the columns shown
    """

    n_wrong: int
    sureness: str
    columns: tuple[str, ...]
    rows: tuple[Mistake, ...]


def find_mistakes(
    task: FittedTask, data: Dataset, truth: np.ndarray, predictions: Predictions, columns: Sequence[str]
) -> Mistakes:
    """Classes: the wrong answers given with most confidence. Numbers: the largest errors, in standard deviations.

    truth   : as `task.truth` gives it
    columns : of the table, the most telling first; only some are shown
    """
    shown = tuple(columns[:MAX_COLUMNS])
    limit = MAX_PICTURES if isinstance(data, Images) else MAX_ROWS
    if isinstance(task, Classification):
        places, told, n_wrong = _confident(task, truth, predictions, limit)
        sureness = "distance" if predictions.probabilities is None else "probability"
    else:
        places, told, n_wrong = _far(task, truth, predictions, limit)
        sureness = "error"
    cells, pictures = _look(data, places, shown)
    rows = (
        Mistake(place, *texts, cells=row, picture=picture)
        for place, texts, row, picture in zip(places.tolist(), told, cells, pictures, strict=True)
    )
    return Mistakes(n_wrong, sureness, shown, tuple(rows))


_Told = list[tuple[str, str, str]]


def _confident(
    task: Classification, truth: np.ndarray, predictions: Predictions, limit: int
) -> tuple[NDArray[np.int64], _Told, int]:
    """Places of the wrong rows, the surest first; truth, answer and sureness of each; and how many are wrong."""
    wrong = np.flatnonzero(predictions.values != truth)
    sure = ranking_scores(predictions)[wrong, predictions.values[wrong]]
    first = np.argsort(-sure, kind="stable")[:limit]
    places = wrong[first]
    told = [
        (
            task.classes[int(truth[place])],
            task.classes[int(predictions.values[place])],
            _show_sureness(value, predictions),
        )
        for place, value in zip(places, sure[first].tolist(), strict=True)
    ]
    return places, told, len(wrong)


def _show_sureness(value: float, predictions: Predictions) -> str:
    return show_number(value) if predictions.probabilities is None else f"{100 * value:.1f} %"


def _far(
    task: Regression, truth: np.ndarray, predictions: Predictions, limit: int
) -> tuple[NDArray[np.int64], _Told, int]:
    """Places of the rows by their largest error over the targets; truth, prediction and error there."""
    errors = predictions.values - truth
    sizes = np.abs(errors) / np.array(task.std)
    places = np.argsort(-sizes.max(axis=1), kind="stable")[:limit]
    told = []
    for place in places:
        at = int(sizes[place].argmax())
        prefix = f"{task.targets[at]}: " if len(task.targets) > 1 else ""
        numbers = (float(values[place, at]) for values in (truth, predictions.values, errors))
        true, answer, error = map(show_number, numbers)
        told.append((prefix + true, prefix + answer, error if error.startswith("-") else f"+{error}"))
    return places, told, len(truth)


def _look(
    data: Dataset, places: NDArray[np.int64], columns: Sequence[str]
) -> tuple[list[tuple[str, ...]], list[NDArray[np.uint8] | None]]:
    """Cells and picture of each row; a picture has no cells, a row no picture."""
    if isinstance(data, Images):
        return [()] * len(places), [np.asarray(data.pixels[place]) for place in places]
    if not columns:
        return [()] * len(places), [None] * len(places)
    frame = readable(rows_at(data.rows.select(columns), places))
    return [tuple(map(_show_cell, row)) for row in frame.iter_rows()], [None] * len(places)


def _show_cell(value: float | str | None) -> str:
    return "–" if value is None else shorten(value, MAX_LETTERS) if isinstance(value, str) else f"{value:.6g}"
