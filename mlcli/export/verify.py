"""An exported model beside the bundle it was made from: the same predictions, or it is not written."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

import numpy as np
import polars as pl

from mlcli.data.tables.rows import DTYPES
from mlcli.data.tables.types import Column, Dataset, Images, Table
from mlcli.errors import ArtefactError
from mlcli.export.predictions import output_names
from mlcli.features.encoding import MISSING
from mlcli.features.fitted import FittedFeatures
from mlcli.features.readers import DateColumn
from mlcli.features.table import TableFeatures
from mlcli.features.table_plan import TablePlan
from mlcli.models.predictions import Predictions
from mlcli.models.task import Classification, FittedTask

# Of probabilities; of numbers, relative to the number and the training rows' deviation.
TOLERANCE = 1e-5
# Rows that are made, and the most of them where a column has many categories.
MADE, MOST_MADE = 256, 4096
Outputs = Mapping[str, np.ndarray]


def make_rows(features: FittedFeatures) -> Dataset:
    """Rows with what training rows hardly have: missing cells, unknown categories, numbers on and beyond the edges."""
    rng = np.random.default_rng(0)
    source = features.source
    if not isinstance(source, TableFeatures):
        pixels = rng.integers(0, 256, (MADE, *source.plan.shape), dtype=np.uint8)
        pixels[0], pixels[1] = 0, 255
        return Images(pixels, None, ())
    cells = {column.name: _cells(column, source.plan) for column in source.plan.columns}
    n_rows = min(MOST_MADE, max([MADE, *map(len, cells.values())]))
    columns = []
    for column in source.plan.columns:
        own = cells[column.name]
        order = rng.permutation(np.resize(rng.permutation(len(own)), max(n_rows, len(own))))[:n_rows]
        columns.append(pl.Series(column.name, [own[i] for i in order], dtype=DTYPES[column.kind]))
    return Table(pl.DataFrame(columns), source.plan.columns, ())


def _cells(column: Column, plan: TablePlan) -> Sequence[object]:
    match column.kind:
        case "boolean":
            return [True, False, None]
        case "date":
            (own,) = (one for one in plan.dates if one.name == column.name)
            return _dates(own)
        case "category":
            kept = [category for own in plan.vocabularies if own.name == column.name for category in own.kept]
            return [*(category for category in kept if category != MISSING), "\u2014 unknown \u2014", None]
    return _numbers(plan, column.name)


def _dates(own: DateColumn) -> list[datetime | None]:
    first = datetime.fromisoformat(own.origin)
    days = (0.0, 1.25, 58.5, 59.9999, 365.0, 366.75, 1000.123, 10_957.5, -1.5, -400.0)
    return [*(first + timedelta(days=day) for day in days), datetime(2000, 2, 29, 23, 59, 59), None]


def _numbers(plan: TablePlan, name: str) -> list[float | None]:
    """On and between the ends of the training rows, and beyond by ten times their range."""
    low, high = plan.spans[plan.raw.index(name)] if plan.spans else (0.0, 1.0)
    within = np.linspace(low, high, 30)
    reach = 10 * (high - low or max(abs(low), 1.0))
    return [*within.tolist(), low - reach, high + reach, 0.0, -1e-9, 1e-9, None, None, None]


def require_equal(task: FittedTask, expected: Predictions, found: Outputs, inputs: Sequence[str]) -> float:
    """The largest difference of probabilities, or of numbers in parts of the number and the training rows' deviation.

    Raises ArtefactError where one is above TOLERANCE, or a class is another one and not by a tie within it.
    """
    names = output_names(task, inputs)
    if isinstance(task, Classification):
        return _compare_classes(task, expected, [found[name] for name in names])
    values = np.concatenate([found[name] for name in names], axis=1)
    with np.errstate(invalid="ignore"):
        scale = np.abs(expected.values) + np.array(task.std)
        differences = np.abs(values - expected.values) / scale
    differences[(values == expected.values) | ~np.isfinite(expected.values)] = 0.0
    return _require_small(differences, "the numbers differ", expected.values, values)


def _compare_classes(task: Classification, expected: Predictions, found: Sequence[np.ndarray]) -> float:
    labels, classes = found[0][:, 0], np.array(task.classes, dtype=object)[expected.values]
    shares = expected.probabilities
    margin = np.abs(expected.scores[:, 0])
    difference = 0.0
    if shares is not None:
        differences = np.where(np.isfinite(shares), np.abs(found[1] - shares), 0.0)
        difference = _require_small(differences, "the probabilities differ", shares, found[1])
        ranked = np.sort(shares * (task.costs or 1.0), axis=1)
        margin = np.abs(shares[:, 1] - task.threshold) if len(task.classes) == 2 else ranked[:, -1] - ranked[:, -2]
    wrong = (labels != classes) & (margin > TOLERANCE)
    if wrong.any():
        row = int(wrong.argmax())
        raise _differs(f"{wrong.sum():,} of {len(wrong):,} classes differ", row, classes[row], labels[row])
    return difference


def _require_small(differences: np.ndarray, what: str, expected: np.ndarray, found: np.ndarray) -> float:
    """The largest of (n, k) differences; ArtefactError where it is NaN or above TOLERANCE."""
    wrong = ~(differences <= TOLERANCE)
    if wrong.any():
        row, column = np.argwhere(wrong)[0].tolist()
        what = f"{what} in {wrong.any(axis=1).sum():,} of {len(wrong):,} rows"
        raise _differs(what, row, f"{expected[row, column]:.9g}", f"{found[row, column]:.9g}")
    return float(differences.max(initial=0.0))


def _differs(what: str, row: int, expected: object, found: object) -> ArtefactError:
    return ArtefactError(
        f"{what} (the first: row {row + 1}, {expected} by mlcli, {found} by onnxruntime); no file was written. Please "
        "report it; mlcli predict is not concerned"
    )


def open_session(content: bytes) -> Callable[[Outputs], Outputs]:
    """A model, run by onnxruntime on one thread: inputs by name to outputs by name."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level, options.intra_op_num_threads = 3, 1
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return lambda feeds: dict(zip(names, session.run(names, dict(feeds)), strict=True))
