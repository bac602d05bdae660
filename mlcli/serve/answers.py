"""Rows in, predictions out: of one request, or of waiting requests together with the same bits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import polars as pl

from mlcli.errors import UsageError
from mlcli.evaluation.answers import answer_frame, predict_rows
from mlcli.evaluation.shapley import explain_rows
from mlcli.metrics.conformal import check_level
from mlcli.reporter import Reporter, Silent
from mlcli.runs.bundle_manifest import PredictionInput
from mlcli.runs.prediction_frame import SEPARATOR
from mlcli.serve.models import ServedModel
from mlcli.serve.plain import Cells
from mlcli.serve.rows import Body, read_rows


@dataclass(frozen=True)
class Options:
    """What a request asks for besides predictions.

    interval : the level of intervals or sets
    explain  : columns, or patches, whose contributions are told
    """

    interval: float | None = None
    explain: int | None = None

    @property
    def is_plain(self) -> bool:
        """Whether nothing is asked for."""
        return self.interval is None and self.explain is None


@dataclass(frozen=True)
class Answer:
    """One row a prediction, as `predict` writes them; warnings of rows unlike those of training."""

    rows: list[dict[str, Any]]
    warnings: tuple[str, ...] = ()
    explanation: dict[str, Any] | None = None


def answer(model: ServedModel, body: Body, options: Options, most_rows: int, reporter: Reporter) -> Answer:
    """The answer to one request. Raises DataError, UsageError and RequestError."""
    check_level(options.interval)
    if options.explain is not None and options.explain < 1:
        raise UsageError(f"explain: the number of columns must be at least 1, got {options.explain}")
    given = read_rows(model, body, most_rows)
    found = _predict(model, given, options.interval)
    if options.explain is None:
        return found
    background, bundle = model.rows_to_compare(reporter), model.bundle
    explained = explain_rows(bundle.task, given.data, background, bundle.predict, bundle.config.seed, reporter)
    return replace(found, explanation=explained.to_json(options.explain))


def answer_together(model: ServedModel, rows: Sequence[Cells]) -> list[Answer]:
    """The answers to requests of one row each that need no reading; the same as each alone.

    They are predicted together, which is exact by row; by halves where there is something to tell of one.
    """
    found = _predict(model, PredictionInput(model.plain.table(rows), pl.DataFrame()), None)
    if len(rows) == 1:
        return [found]
    if found.warnings:
        middle = len(rows) // 2
        return answer_together(model, rows[:middle]) + answer_together(model, rows[middle:])
    return [Answer([row]) for row in found.rows]


def _predict(model: ServedModel, given: PredictionInput, level: float | None) -> Answer:
    told = _Notes()
    predictions = predict_rows(model.bundle, given, told)
    return Answer(answer_frame(model.bundle, predictions, level).to_dicts(), tuple(told.warnings))


class _Notes(Silent):
    """A Reporter that keeps warnings."""

    def __init__(self) -> None:
        self.warnings: list[str] = []

    def warn(self, text: str) -> None:
        self.warnings.append(text)


def to_csv(rows: list[dict[str, Any]]) -> bytes:
    """As `predict` writes CSV; classes of a set are separated as there."""
    frame = pl.DataFrame(rows, infer_schema_length=None)
    lists = [name for name, dtype in frame.schema.items() if isinstance(dtype, pl.List)]
    return frame.with_columns(pl.col(name).list.join(SEPARATOR) for name in lists).write_csv().encode()
