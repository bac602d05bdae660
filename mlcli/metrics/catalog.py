"""What there is to know of each metric without computing it, and one score."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal, get_args

from mlcli.config.sections.training import ClassMetric, Metric, NumberMetric
from mlcli.data.tables.types import TaskKind


@dataclass(frozen=True)
class Score:
    """The value of a metric, or the reason why it has none.

    low, high : confidence interval; None where none is computed
    unit      : "" for a pure number, else in terms of the target's name
    """

    name: str
    value: float | None
    reason: str | None
    low: float | None
    high: float | None
    higher_is_better: bool
    unit: str

    def to_json(self) -> dict[str, Any]:
        """Every field but the name."""
        return {
            "value": self.value,
            "reason": self.reason,
            "low": self.low,
            "high": self.high,
            "higher_is_better": self.higher_is_better,
            "unit": self.unit,
        }


Interval = Literal["percentile", "noise", "wilson", "none"]
ONE_CLASS = "the rows hold a single class"


@dataclass(frozen=True)
class MetricFacts:
    """One metric.

    min_classes  : classes that a task must have for the metric to say anything
    auto         : numbers of classes with which "auto" names it; elsewhere it has another metric's value
    interval     : how its confidence interval is made, see `mlcli.metrics.intervals`
    undefined    : why it can have no value though it suits the task; {positive} is the class it speaks of
    in_units     : power of the target's unit it is told in; 0 for a pure number
    """

    name: Metric
    meaning: str
    higher_is_better: bool = True
    needs_probabilities: bool = False
    min_classes: int = 2
    auto: Literal["any", "two", "more", "none"] = "any"
    interval: Interval = "percentile"
    undefined: str = ""
    in_units: int = 0

    @property
    def task(self) -> TaskKind:
        """The kind of task it suits."""
        return "regression" if self.name in get_args(NumberMetric) else "classification"


_FACTS = (
    MetricFacts("accuracy", "share of rows predicted right", interval="wilson"),
    MetricFacts("balanced_accuracy", "recall averaged over the classes, each counting the same", undefined=ONE_CLASS),
    MetricFacts(
        "precision",
        "of the rows predicted positive, the share that is; of more than two classes, the classes' mean",
        undefined="no row was predicted '{positive}'",
    ),
    MetricFacts(
        "recall",
        "of the positive rows, the share that was found; of more than two classes, the classes' mean",
        undefined="no row is '{positive}'",
    ),
    MetricFacts(
        "f1",
        "harmonic mean of precision and recall; of more than two classes, the classes' mean",
        undefined="no row is '{positive}'",
    ),
    MetricFacts("precision_macro", "precision averaged over the classes, each counting the same", auto="none"),
    MetricFacts("recall_macro", "recall averaged over the classes, each counting the same", auto="none"),
    MetricFacts("f1_macro", "F1 averaged over the classes, each counting the same", auto="two"),
    MetricFacts("precision_weighted", "precision averaged over the classes by their rows", auto="more"),
    MetricFacts("recall_weighted", "recall averaged over the classes by their rows, which is accuracy", auto="none"),
    MetricFacts("f1_weighted", "F1 averaged over the classes by their rows"),
    MetricFacts(
        "mcc",
        "correlation of predicted and true classes (Matthews); 0 is chance",
        undefined="the truth or the predictions hold a single class",
    ),
    MetricFacts(
        "kappa",
        "agreement of predicted and true classes beyond chance (Cohen); 0 is chance",
        undefined="the truth and the predictions hold a single class, the same",
    ),
    MetricFacts(
        "top_3_accuracy",
        "share of rows whose class is among the 3 most probable",
        needs_probabilities=True,
        min_classes=4,
    ),
    MetricFacts(
        "top_5_accuracy",
        "share of rows whose class is among the 5 most probable",
        needs_probabilities=True,
        min_classes=6,
    ),
    MetricFacts("roc_auc", "chance that a positive row is ranked above another; 0.5 is guessing", undefined=ONE_CLASS),
    MetricFacts("pr_auc", "precision averaged over all recalls (average precision)", undefined=ONE_CLASS),
    MetricFacts(
        "log_loss",
        "mean −ln of the probability given to the true class",
        higher_is_better=False,
        needs_probabilities=True,
    ),
    MetricFacts("brier", "mean squared error of the probabilities", higher_is_better=False, needs_probabilities=True),
    MetricFacts(
        "ece",
        "how far probabilities are from shares that come true: expected calibration error, 15 bins",
        higher_is_better=False,
        needs_probabilities=True,
        interval="noise",
    ),
    MetricFacts("rmse", "root of the mean squared error", higher_is_better=False, in_units=1),
    MetricFacts("mae", "mean absolute error", higher_is_better=False, in_units=1),
    MetricFacts(
        "r2",
        "share of the target's variance explained; 0 is always predicting the mean",
        undefined="a target has the same value in all rows",
    ),
    MetricFacts("mse", "mean squared error", higher_is_better=False, in_units=2),
    MetricFacts("median_ae", "half of the absolute errors are below", higher_is_better=False, in_units=1),
    MetricFacts(
        "max_error",
        "the largest absolute error; without an interval, as no resample holds a larger one",
        higher_is_better=False,
        interval="none",
        in_units=1,
    ),
    MetricFacts(
        "mape",
        "mean absolute error as a share of the true value",
        higher_is_better=False,
        undefined="a true value is 0",
    ),
)
CATALOG: dict[str, MetricFacts] = {facts.name: facts for facts in _FACTS}


def names_for(task: TaskKind) -> tuple[str, ...]:
    """The metrics that suit a kind of task, in the order they are shown."""
    return get_args(NumberMetric if task == "regression" else ClassMetric)


def auto_names(task: TaskKind, n_classes: int) -> tuple[str, ...]:
    """What "auto" measures: all that suit, but for those that another one's value makes superfluous."""
    if task == "regression":
        return names_for(task)
    group = ("any", "two" if n_classes == 2 else "more")
    known = [CATALOG[name] for name in names_for(task)]
    return tuple(facts.name for facts in known if facts.auto in group and facts.min_classes <= n_classes)


def higher_is_better(name: str) -> bool:
    """The direction of a metric, or of "loss"."""
    return name != "loss" and CATALOG[name].higher_is_better


def beats(score: float, other: float, name: str) -> bool:
    """Whether `score` is better; nothing that is not a finite number is."""
    if not math.isfinite(score) or not math.isfinite(other):
        return math.isfinite(score)
    return score > other if higher_is_better(name) else score < other
