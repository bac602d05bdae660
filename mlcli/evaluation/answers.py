"""Predictions of new rows as they are told: a table, and which of the rows no training row is like."""

from __future__ import annotations

import polars as pl

from mlcli.evaluation.threshold import require_scores
from mlcli.features.far_values import FarValues, find_far_values, tell_far_values
from mlcli.io.text import counted
from mlcli.metrics.measure import why_unmeasurable
from mlcli.models.task import Predictions
from mlcli.reporter import Reporter
from mlcli.runs.bundle import Bundle
from mlcli.runs.bundle_manifest import PredictionInput
from mlcli.runs.prediction_frame import interval_frame, prediction_frame


def predict_rows(
    bundle: Bundle, given: PredictionInput, reporter: Reporter
) -> tuple[Predictions, dict[str, int], tuple[FarValues, ...]]:
    """Predict rows; the reporter is warned of what is odd in them.

    Returns the predictions, the cells unseen in training by column, and those far from the training rows'.
    """
    for note in given.notes:
        reporter.warn(note)
    predictions = bundle.predict(given.data)
    shown = Predictions(predictions.values, None, predictions.probabilities_or_scores)
    if len(predictions) and (wrong := why_unmeasurable(shown)):
        reporter.warn(f"{wrong}: the inputs of these rows are too large for the network")
    unseen, far = {**bundle.features.unseen(given.data), **given.invalid}, find_far_values(bundle.features, given.data)
    for column, count in unseen.items():
        reporter.warn(
            f"column '{column}': {counted(count, 'cell has a value', 'cells have values')} unseen in training"
        )
    for text in tell_far_values(far, ""):
        reporter.warn(text)
    return predictions, unseen, far


def answer_frame(bundle: Bundle, predictions: Predictions, level: float | None) -> pl.DataFrame:
    """The predictions' columns, with those of an interval where a level is asked for.

    Raises UsageError where the bundle has no validation scores, or too few for the level.
    """
    frame = prediction_frame(bundle.task, predictions)
    if level is None:
        return frame
    kept = require_scores(bundle.validation, f"--interval {level:g}")
    return pl.concat([frame, interval_frame(bundle.task, kept, predictions, level)], how="horizontal")
