"""Thresholds chosen after training, and how often intervals contain the truth."""

from __future__ import annotations

from dataclasses import dataclass, replace

from mlcli.config.sections.config import Config
from mlcli.data.splitting import dependent_groups
from mlcli.data.tables.types import Dataset, SplitName
from mlcli.errors import UsageError
from mlcli.evaluation.threshold import describe_threshold, parse_threshold, rechoose_threshold
from mlcli.metrics.conformal import check_level, require_scores
from mlcli.metrics.coverage import Coverage, measure_coverage
from mlcli.metrics.weighting import describe_correction
from mlcli.models.predictions import Predictions
from mlcli.models.task import Classification, binary_threshold
from mlcli.reporter import Reporter
from mlcli.runs.bundle import Bundle, load_bundle
from mlcli.runs.folder import Run


@dataclass(frozen=True)
class Certainty:
    """What is asked of thresholds and intervals, by the options' names."""

    threshold: str | None = None
    save_threshold: bool = False
    interval: float | None = None


NOTHING_ASKED = Certainty()


def decide_threshold(run: Run, certainty: Certainty, reporter: Reporter) -> Bundle:
    """The run's bundle, with the threshold asked for; saved where that is asked for. Raises UsageError."""
    check_level(certainty.interval)
    if certainty.threshold is None:
        if certainty.save_threshold:
            raise UsageError("--save-threshold: needs --threshold, which says what to keep")
        bundle = load_bundle(run.model)
    else:
        bundle, rule = load_bundle(run.model), parse_threshold(certainty.threshold)
        task = rechoose_threshold(bundle.task, bundle.validation, certainty.threshold)
        bundle = replace(bundle, task=task, config=with_evaluation(bundle.config, threshold=rule))
    if text := describe_correction(bundle.task):
        reporter.say(text)
    if binary_threshold(bundle.task) not in (None, 0.5) and isinstance(bundle.task, Classification):
        reporter.say(describe_threshold(bundle.task, bundle.config.evaluation.threshold, bundle.validation))
    if certainty.save_threshold:
        with run.lock():
            bundle.save(run.model)
        reporter.say(f"The threshold is kept in {run.model}")
    return bundle


def with_evaluation(config: Config, **changes: object) -> Config:
    """The config with other keys of `evaluation`."""
    return config.model_copy(update={"evaluation": config.evaluation.model_copy(update=changes)})


def cover(
    bundle: Bundle,
    data: Dataset,
    predictions: Predictions,
    level: float | None,
    split: SplitName,
    reporter: Reporter,
) -> tuple[Coverage, ...]:
    """How often intervals of this level contain the truth; empty without a level."""
    if level is None:
        return ()
    kept, config = require_scores(bundle.validation, f"--interval {level:g}"), bundle.config
    if split == "valid":
        reporter.warn("the intervals were calibrated on the validation rows, and contain as many of these by design")
    if config.dataset.split.by == "time":
        reporter.warn("rows are split by time: intervals are as wide as past errors, and later errors may be larger")
    truth, groups = bundle.task.truth(data), dependent_groups(config.dataset.split, data)
    confidence = config.evaluation.confidence
    own = data.row_weights
    return measure_coverage(bundle.task, kept, truth, predictions, level, confidence, config.seed, groups, own)
