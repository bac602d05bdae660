"""The result of step 4: the scores of one split and of the baselines, and the bounds of --fail-under."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from mlcli.config.sections.training import EvaluationConfig
from mlcli.data.tables.types import SplitName
from mlcli.errors import UsageError
from mlcli.evaluation.baselines import Baseline
from mlcli.evaluation.effects import Effects
from mlcli.evaluation.importance import Importances
from mlcli.evaluation.repeated import FoldScores, SeedScores
from mlcli.io import disk
from mlcli.io.atomic import atomic_folder, write_file, write_json
from mlcli.io.json import fields_to_json, named_to_json
from mlcli.io.text import nearest
from mlcli.metrics.catalog import Score, names_for
from mlcli.metrics.counts import ClassScore, class_table, confusion_matrix, count_classes
from mlcli.metrics.coverage import Coverage
from mlcli.metrics.measure import TargetScores, measure, measure_targets
from mlcli.metrics.paired import ScoreDifference, compare_with_each
from mlcli.models.coefficients import WeightsTable
from mlcli.models.predictions import Predictions
from mlcli.models.task import Classification, FittedTask
from mlcli.runs.predictions import SavedPredictions, save_predictions

FORMAT = 2
# A larger confusion matrix is not readable and would fill the disk.
MAX_CONFUSION_CLASSES = 200
# A metric, and the value that it must reach or, where lower is better, not exceed.
Bound = tuple[str, float]


@dataclass(frozen=True)
class MeasuredBaseline:
    """A baseline's scores, and by how much the model's differ from them, both in the order of the model's scores."""

    name: str
    text: str
    scores: tuple[Score, ...]
    differences: tuple[ScoreDifference, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """All but the name; a difference is the model's score less the baseline's."""
        return {
            "text": self.text,
            "scores": named_to_json(self.scores),
            "differences": named_to_json(self.differences),
        }


@dataclass(frozen=True)
class Evaluation:
    """How good a model is on the rows of one split.

    test_looks   : how often the test rows have been measured, this time included
    stand_in_for : the dataset that was asked for, when another one took its place
    threshold    : two classes with probabilities: from which one the second is predicted
    confidence   : level of the intervals
    scores       : the first is the headline; of several targets, the mean over them
    targets      : scores of each of several targets
    baselines    : the first is the constant one, where it was asked for
    classes      : empty for regression, as is per_class
    confusion    : rows = truth, columns = prediction; None for regression and for over 200 classes
    weights      : those of a model without hidden layers
    weighting    : how class weights change the probabilities; None where they do not
    interval     : level of the intervals, or sets of classes, whose coverage was asked for
    coverage     : theirs
    seeds, folds : scores of the same training repeated, where it was asked for
    importances  : of the columns, and effects of the most important ones; None where they were not measured
    weighted_by  : the column that all scores weigh rows by; None where rows count alike, as in `confusion` and support
    """

    split: SplitName
    n_rows: int
    test_looks: int
    stand_in_for: str | None
    threshold: float | None
    confidence: float
    scores: tuple[Score, ...]
    baselines: tuple[MeasuredBaseline, ...]
    classes: tuple[str, ...]
    per_class: tuple[ClassScore, ...]
    confusion: tuple[tuple[int, ...], ...] | None
    weights: WeightsTable | None = None
    weighting: str | None = None
    seeds: SeedScores | None = None
    folds: FoldScores | None = None
    targets: tuple[TargetScores, ...] = ()
    interval: float | None = None
    coverage: tuple[Coverage, ...] = ()
    importances: Importances | None = None
    effects: Effects | None = None
    weighted_by: str | None = None

    @property
    def headline(self) -> int:
        """Position of the first score that has a value; of the first where none has."""
        return next((i for i, score in enumerate(self.scores) if score.value is not None), 0)

    def to_json(self) -> dict[str, Any]:
        """Everything, as JSON values; undefined scores are null with their reason."""
        return {
            "format": FORMAT,
            **fields_to_json(self),
            "scores": named_to_json(self.scores),
            "baselines": named_to_json(self.baselines),
            "targets": named_to_json(self.targets),
        }


def evaluate_predictions(
    task: FittedTask,
    truth: np.ndarray,
    predictions: Predictions,
    config: EvaluationConfig,
    *,
    split: SplitName,
    test_looks: int,
    baselines: Sequence[Baseline] = (),
    seed: int = 0,
    stand_in_for: str | None = None,
    weights: WeightsTable | None = None,
    weighting: str | None = None,
    groups: np.ndarray | None = None,
    row_weights: np.ndarray | None = None,
    weighted_by: str | None = None,
) -> Evaluation:
    """Measure predictions and the baselines on the same rows with the same metrics.

    truth  : as `task.truth` gives it
    seed   : of the resamples behind the intervals, which are of whole groups where there are groups
    row_weights : (n,), how much each row counts, by the column `weighted_by`; None where all count alike

    Raises ConfigError when config.metrics names a metric that does not suit the task.
    """
    classes: tuple[str, ...] = ()
    per_class: tuple[ClassScore, ...] = ()
    confusion: tuple[tuple[int, ...], ...] | None = None
    threshold: float | None = None
    if isinstance(task, Classification):
        classes = task.classes
        counts = confusion_matrix(truth, predictions.values, len(classes))
        weighed = confusion_matrix(truth, predictions.values, len(classes), row_weights)
        per_class = class_table(count_classes(weighed), classes, counts.sum(axis=1))
        confusion = tuple(map(tuple, counts.tolist())) if len(classes) <= MAX_CONFUSION_CLASSES else None
        threshold = task.threshold if len(classes) == 2 and task.has_probabilities else None
    return Evaluation(
        split=split,
        n_rows=len(predictions),
        scores=tuple(measure(task, truth, predictions, config.metrics, config.confidence, seed, groups, row_weights)),
        baselines=_measure_baselines(task, truth, predictions, baselines, config, seed, groups, split, row_weights),
        classes=classes,
        per_class=per_class,
        confusion=confusion,
        threshold=threshold,
        confidence=config.confidence,
        test_looks=test_looks,
        stand_in_for=stand_in_for,
        weights=weights,
        targets=measure_targets(task, truth, predictions, config.metrics, row_weights),
        weighting=weighting,
        weighted_by=weighted_by,
    )


def _measure_baselines(
    task: FittedTask,
    truth: np.ndarray,
    predictions: Predictions,
    baselines: Sequence[Baseline],
    config: EvaluationConfig,
    seed: int,
    groups: np.ndarray | None,
    split: SplitName,
    weights: np.ndarray | None,
) -> tuple[MeasuredBaseline, ...]:
    """Without intervals, and so without a verdict, on training rows: all models were fitted to them."""
    theirs = [own.predictions for own in baselines]
    of_rows = groups, weights
    found = compare_with_each(task, truth, predictions, theirs, config.metrics, config.confidence, seed, *of_rows)
    if split == "train":
        found = [[replace(own, low=None, high=None) for own in differences] for differences in found]
    return tuple(
        MeasuredBaseline(
            own.name,
            own.text,
            tuple(measure(task, truth, own.predictions, config.metrics, weights=weights)),
            tuple(differences),
        )
        for own, differences in zip(baselines, found, strict=True)
    )


def write_evaluation(
    folder: Path, evaluation: Evaluation, kept: SavedPredictions, figures: Mapping[str, str], report_html: str
) -> None:
    """Write figures/, predictions/, report.html and, last, metrics.json; each replaces an older one atomically.

    figures : SVG documents by name, as `svg_text` gives them
    """
    with atomic_folder(folder / "figures", "figures") as temporary:
        for name, svg in figures.items():
            disk.write_new(temporary / f"{name}.svg", svg.encode())
    save_predictions(folder, kept)
    write_file(folder / "report.html", report_html.encode())
    write_json(folder / "metrics.json", evaluation.to_json())


def parse_bounds(task: FittedTask, texts: Sequence[str]) -> tuple[Bound, ...]:
    """The bounds, each "METRIC=VALUE", of any metric that suits the task.

    Raises UsageError for a bound that is not understood or names another metric.
    """
    return tuple(_parse_bound(text, names_for(task.measured_as)) for text in texts)


def _parse_bound(text: str, names: Sequence[str]) -> Bound:
    name, equals, number = (part.strip() for part in text.partition("="))
    if not equals:
        raise UsageError(f"--fail-under '{text}': expected METRIC=VALUE, such as {names[0]}=0.9")
    if name not in names:
        near = nearest(name, names)
        hint = f"did you mean '{near}'? " if near else ""
        raise UsageError(
            f"--fail-under '{text}': '{name}' is not a metric of this task; {hint}choose from {', '.join(names)}"
        )
    try:
        bound = float(number)
    except ValueError:
        bound = math.nan
    if not math.isfinite(bound):
        raise UsageError(f"--fail-under '{text}': '{number}' is not a number; expected METRIC=VALUE")
    return name, bound


def find_misses(bounds: Sequence[Bound], scores: Sequence[Score]) -> tuple[str, ...]:
    """A sentence for each bound that the score of its metric misses; an undefined score misses any.

    A metric with a target may be as far from it as the bound, on either side.
    """
    known = {score.name: score for score in scores}
    misses = []
    for name, bound in bounds:
        low, high, allowed = _allowed(known[name], bound)
        value = known[name].value
        if value is None:
            misses.append(f"{name} is undefined ({known[name].reason}), but must be {allowed}")
        elif not low <= value <= high:
            misses.append(f"{name} is {value:.6g}, but must be {allowed}")
    return tuple(misses)


def _allowed(score: Score, bound: float) -> tuple[float, float, str]:
    """Lowest and highest value that meet a bound, and both in words."""
    if score.target is not None:
        low, high = sorted((bound, 2 * score.target - bound))
        return low, high, f"from {low:.6g} to {high:.6g}"
    side = "at least" if score.higher_is_better else "at most"
    ends = (bound, math.inf) if score.higher_is_better else (-math.inf, bound)
    return *ends, f"{side} {bound:.6g}"
