"""Predictions of new rows as they are told: a table, and which of the rows no training row is like."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace

import numpy as np
import polars as pl

from mlcli.features.far_values import FarValues, find_far_values, tell_far_values
from mlcli.io.text import counted
from mlcli.metrics.conformal import require_scores
from mlcli.models.predictions import Predictions, count_unmeasurable
from mlcli.reporter import Reporter
from mlcli.runs.bundle import Bundle
from mlcli.runs.bundle_manifest import PredictionInput
from mlcli.runs.prediction_frame import interval_frame, prediction_frame


@dataclass
class Oddities:
    """What is odd in rows that are predicted, portion by portion.

    n_rows : of all portions
    unseen : cells unseen in training, by column
    far    : cells far from the training rows', by column
    """

    n_rows: int = 0
    unseen: Counter[str] = field(default_factory=Counter)
    _notes: dict[str, None] = field(default_factory=dict)
    _far: dict[str, FarValues] = field(default_factory=dict)
    _n_wrong: int = 0
    _probabilities: float | np.ndarray = 0.0

    def predict(self, bundle: Bundle, given: PredictionInput) -> Predictions:
        """Predictions for the next rows, in which is looked for what is odd."""
        predictions = bundle.predict(given.data)
        self._notes |= dict.fromkeys(given.notes)
        shown = Predictions(predictions.values, None, predictions.probabilities_or_scores)
        self._n_wrong += count_unmeasurable(shown)
        self.unseen.update({**bundle.features.unseen(given.data), **given.invalid})
        for new in find_far_values(bundle.features, given.data):
            known = self._far.get(new.name)
            first = replace(new, row=new.row + self.n_rows) if known is None else known
            self._far[new.name] = replace(first, count=new.count + (0 if known is None else known.count))
        if predictions.probabilities is not None:
            self._probabilities = self._probabilities + predictions.probabilities.sum(axis=0)
        self.n_rows += len(predictions)
        return predictions

    @property
    def far(self) -> tuple[FarValues, ...]:
        """Cells far from the training rows', by column."""
        return tuple(self._far.values())

    @property
    def mean_probabilities(self) -> np.ndarray | None:
        """Of each class, over all rows; None where there are none."""
        return (
            self._probabilities / self.n_rows if isinstance(self._probabilities, np.ndarray) and self.n_rows else None
        )

    def tell(self, reporter: Reporter) -> None:
        """Warn of all of it."""
        for note in self._notes:
            reporter.warn(note)
        if self._n_wrong:
            wrong = f"{self._n_wrong} of {self.n_rows} predictions are not finite numbers"
            reporter.warn(f"{wrong}: the inputs of these rows are too large for the network")
        for column, count in self.unseen.items():
            reporter.warn(
                f"column '{column}': {counted(count, 'cell has a value', 'cells have values')} unseen in training"
            )
        for text in tell_far_values(self.far, ""):
            reporter.warn(text)


def predict_rows(bundle: Bundle, given: PredictionInput, reporter: Reporter) -> Predictions:
    """Predict rows; the reporter is warned of what is odd in them."""
    odd = Oddities()
    predictions = odd.predict(bundle, given)
    odd.tell(reporter)
    return predictions


def answer_frame(bundle: Bundle, predictions: Predictions, level: float | None) -> pl.DataFrame:
    """The predictions' columns, with those of an interval where a level is asked for.

    Raises UsageError where the bundle has no validation scores, or too few for the level.
    """
    frame = prediction_frame(bundle.task, predictions)
    if level is None:
        return frame
    kept = require_scores(bundle.validation, f"--interval {level:g}")
    return pl.concat([frame, interval_frame(bundle.task, kept, predictions, level)], how="horizontal")
