"""Inference: new rows in, predictions out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from mlcli.data.tables.frames import PORTION
from mlcli.data.tables.rows import readable
from mlcli.data.tables.types import Dataset, Images
from mlcli.errors import DataError, UsageError
from mlcli.evaluation.answers import Oddities, answer_frame
from mlcli.features.far_values import WHITE, FarValues
from mlcli.io.atomic import write_file
from mlcli.metrics.conformal import check_level
from mlcli.metrics.weighting import describe_correction, describe_weighting
from mlcli.models.task import Classification, binary_threshold
from mlcli.reporter import Reporter
from mlcli.runs.bundle import Bundle, load_weights
from mlcli.runs.bundle_manifest import BundleManifest, PredictionInput
from mlcli.runs.folder import Run
from mlcli.runs.prediction_frame import (
    Format,
    choose_format,
    require_separable,
    write_predictions,
)

if TYPE_CHECKING:
    from mlcli.evaluation.contributions import Contributions

PREVIEW_ROWS = 5
# Rows at least that others are compared with.
MIN_BACKGROUND = 10


@dataclass(frozen=True)
class PredictRequest:
    """What to predict and where to.

    given  : rows, some at a time; None for the run's test rows
    output : None writes to stdout, or for the test rows to the run's folder
    keep   : input columns copied beside the predictions
    threshold, interval : of `--threshold` and `--interval`
    invert : light pixels become dark, and dark ones light
    explain : columns, or patches of an image, whose contributions are told; None for none
    """

    given: Iterator[PredictionInput] | None
    output: Path | None
    file_format: str | None
    keep: tuple[str, ...]
    threshold: str | None = None
    interval: float | None = None
    invert: bool = False
    explain: int | None = None


@dataclass(frozen=True)
class PredictResult:
    """The number of rows predicted, and the file; None for stdout. far : cells far from the training rows'.

    model     : the run, or the bundle's folder
    threshold : of two classes with probabilities
    interval  : level of the intervals or sets
    explanation : contributions of columns as JSON; page : of the heat maps of images
    """

    model: str
    n_rows: int
    path: Path | None
    unseen: dict[str, int]
    far: tuple[FarValues, ...]
    preview: pl.DataFrame
    stand_in_for: str | None
    threshold: float | None
    interval: float | None
    explanation: dict[str, Any] | None = None
    page: Path | None = None

    def to_json(self) -> dict[str, Any]:
        """The document of `predict --json`."""
        return {
            "model": self.model,
            "rows": self.n_rows,
            "file": self.path,
            "unseen_categories": self.unseen,
            "far_values": self.far,
            "stand_in_for": self.stand_in_for,
            "threshold": self.threshold,
            "interval": self.interval,
            "explanation": self.explanation,
            "page": self.page,
        }


def predict(outline: BundleManifest, run: Run | None, request: PredictRequest, reporter: Reporter) -> PredictResult:
    """Predict the rows given, or the run's test rows.

    run : the one that the bundle belongs to, when it has one
    """
    where, model = outline.folder, str(run or outline.folder)
    bundle = _with_threshold(load_weights(outline), request.threshold, reporter)
    check_level(request.interval)
    if request.explain is not None and request.explain < 1:
        raise UsageError(f"--explain: the number of columns must be at least 1, got {request.explain}")
    stand_in_for = bundle.facts.get("stand_in_for")
    if stand_in_for:
        reporter.warn(f"this model was trained on a stand-in for {stand_in_for}")
    file_format = choose_format(request.output, request.file_format)
    reporter.explain("prediction", bundle.task)
    portions = request.given or read_test_rows(where, run, reporter, whole=request.explain is not None)
    if request.interval is not None and file_format == "csv" and isinstance(bundle.task, Classification):
        require_separable(bundle.task)
    path, odd, previews = _output_path(request, where, file_format), Oddities(), list[pl.DataFrame]()
    explained, page = None, None

    def frames() -> Iterator[pl.DataFrame]:
        """The predictions, portion by portion."""
        nonlocal explained, page
        for own in portions:
            given = replace(own, data=invert_images(own.data)) if request.invert else own
            frame = answer_frame(bundle, odd.predict(bundle, given), request.interval)
            if request.explain is not None:
                explained = _explain(bundle, run, given, reporter)
                frame = pl.concat([frame, explained.frame(request.explain)], how="horizontal")
            frame = add_input_columns(frame, given, request.keep)
            previews.append(frame.head(PREVIEW_ROWS - sum(map(len, previews))))
            yield frame
            page = _write_page(explained, given.data, frame, path, reporter)

    write_predictions(frames(), path, file_format)
    odd.tell(reporter)
    if weighting := describe_weighting(bundle.task, bundle.config.loss, lambda: odd.mean_probabilities):
        reporter.warn(weighting)
    if correction := describe_correction(bundle.task):
        reporter.say(correction)
    return PredictResult(
        model=model,
        n_rows=odd.n_rows,
        path=path,
        unseen=dict(odd.unseen),
        far=odd.far,
        preview=pl.concat(previews),
        stand_in_for=stand_in_for,
        threshold=binary_threshold(bundle.task),
        interval=request.interval,
        explanation=None if explained is None or request.explain is None else explained.to_json(request.explain),
        page=page,
    )


def _output_path(request: PredictRequest, where: Path, file_format: Format) -> Path | None:
    """Where the predictions are written; None for the standard output."""
    path = request.output
    if path is None and request.given is None:
        return where.parent / f"predictions.{file_format}"
    return None if str(path) == "-" else path


def _explain(bundle: Bundle, run: Run | None, given: PredictionInput, reporter: Reporter) -> Contributions:
    """The contributions to each row, compared with training rows or, without a run, with the rows given."""
    from mlcli.evaluation.shapley import draw_background, explain_rows, name_parts

    if run is None and len(given.data) < MIN_BACKGROUND:
        raise UsageError(
            f"--explain: compares with training rows, which a bundle without its run lacks, or with the rows given: "
            f"{MIN_BACKGROUND} at least, got {len(given.data)}; give more rows, or name the run with --run"
        )
    rows, kind = given.data, "given"
    if run is not None:
        from mlcli.runs.rows import prepare_data_of

        rows, kind = prepare_data_of(run, reporter).splits.train, "training"
    background = draw_background(rows, len(name_parts(given.data)), bundle.config.seed)
    found = explain_rows(bundle.task, given.data, background, bundle.predict, bundle.config.seed, reporter)
    reporter.say(
        f"Explained: {found.quantity} = base + contributions (Shapley values); "
        f"base: the mean over {len(background)} {kind} rows"
    )
    return found


def _write_page(
    explained: Contributions | None, data: Dataset, frame: pl.DataFrame, path: Path | None, reporter: Reporter
) -> Path | None:
    """Write the heat maps of images beside the predictions; returns the page."""
    if explained is None or not isinstance(data, Images):
        return None
    if path is None:
        reporter.warn("--explain: heat maps are written beside a file of predictions; name one with -o FILE")
        return None
    from mlcli.reports.contributions_page import render_contributions

    page = path.with_name(f"{path.stem}-explained.html")
    write_file(page, render_contributions(explained, data, frame["prediction"].to_list()).encode())
    return page


def _with_threshold(bundle: Bundle, text: str | None, reporter: Reporter) -> Bundle:
    """The bundle with the threshold of `--threshold`."""
    if text is None:
        return bundle
    from mlcli.evaluation.threshold import describe_threshold, parse_threshold, rechoose_threshold

    task = rechoose_threshold(bundle.task, bundle.validation, text)
    reporter.say(describe_threshold(task, parse_threshold(text), bundle.validation))
    return replace(bundle, task=task)


def invert_images(data: Dataset) -> Images:
    """Images with each pixel replaced by 255 minus it; raises UsageError for a table."""
    if not isinstance(data, Images):
        raise UsageError("--invert: is for images, and this model takes rows of a table; leave it out")
    return replace(data, pixels=WHITE - data.pixels)


def read_test_rows(
    where: Path, run: Run | None, reporter: Reporter, *, whole: bool = False
) -> Iterator[PredictionInput]:
    """The run's test rows, with their true targets, some at a time or all."""
    if run is None:
        raise UsageError(f"{where}: a bundle without its run has no test rows; name a file: mlcli predict FILE")
    from mlcli.runs.rows import prepare_data_of

    prepared = prepare_data_of(run, reporter)
    data = prepared.splits.test
    if not len(data):
        raise DataError("this run has no test rows (dataset.split.test is 0); name a file: mlcli predict FILE")
    step = len(data) if whole else PORTION
    return (_test_rows(data.part(start, step)) for start in range(0, len(data), step))


def _test_rows(data: Dataset) -> PredictionInput:
    if isinstance(data, Images) and data.labels is not None:
        truth = pl.Series("true_label", data.class_names, dtype=pl.String)
        frame = pl.DataFrame([truth.gather(data.labels)])
        return PredictionInput(data, frame, ("true_label",))
    if isinstance(data, Images):
        return PredictionInput(data, pl.DataFrame())
    targets = [column.name for column in data.targets]
    frame = readable(data.frame).rename({name: f"true_{name}" for name in targets})
    return PredictionInput(data, frame, tuple(f"true_{name}" for name in targets))


def add_input_columns(predicted: pl.DataFrame, given: PredictionInput, keep: tuple[str, ...]) -> pl.DataFrame:
    """The predictions behind the input columns to keep. Raises UsageError for unknown and ambiguous names."""
    unknown = [name for name in keep if name not in given.columns.columns]
    if unknown:
        raise UsageError(f"--keep: no column '{unknown[0]}' in the input; columns: {', '.join(given.columns.columns)}")
    kept = given.columns.select(list(dict.fromkeys((*given.always, *keep))))
    twice = set(kept.columns) & set(predicted.columns)
    if twice:
        raise UsageError(f"--keep: the input column '{min(twice)}' has the name of a predicted one; rename it")
    return pl.concat([kept, predicted], how="horizontal") if kept.width else predicted
