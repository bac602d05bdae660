"""Each metric's meaning, direction, unit and kind of interval; and the value of one."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

from mlcli.config.sections.training import ClassMetric, Metric, NumberMetric, QuantileMetric
from mlcli.data.tables.types import TaskKind

if TYPE_CHECKING:
    from mlcli.models.predictions import MeasuredAs

IntervalKind = Literal["percentile", "noise", "wilson", "none"]
ONE_CLASS = "the rows contain a single class"


@dataclass(frozen=True)
class Score:
    """The value of a metric, or the reason why it has none.

    low, high : confidence interval; None where none is computed
    unit      : "" for a pure number, else in terms of the target's name
    target    : the value that is right, of a metric without a direction: coverage's is the quantile
    note      : what to know of the value or its interval
    """

    name: str
    value: float | None
    reason: str | None
    low: float | None
    high: float | None
    higher_is_better: bool | None
    unit: str
    target: float | None = None
    note: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Every field but the name."""
        return {key: value for key, value in asdict(self).items() if key != "name"}


@dataclass(frozen=True)
class MetricFacts:
    """One metric.

    higher_is_better : None for a metric with a target in place of a direction
    min_classes : fewest classes of a task for which it is measured
    auto        : numbers of classes for which "auto" measures it; for others it equals another metric
    interval    : how its confidence interval is computed, see `mlcli.metrics.intervals`
    undefined   : why it can have no value though it suits the task; {positive} is the positive class
    in_units    : power of the target's unit that its value is in; 0 for a pure number
    """

    name: Metric
    meaning: str
    higher_is_better: bool | None = True
    needs_probabilities: bool = False
    min_classes: int = 2
    auto: Literal["any", "two", "more", "none"] = "any"
    interval: IntervalKind = "percentile"
    undefined: str = ""
    in_units: int = 0

    @property
    def task(self) -> TaskKind:
        """The kind of task it is for."""
        return "regression" if self.name in get_args(NumberMetric) else "classification"


_FACTS = (
    MetricFacts("accuracy", "share of rows predicted correctly", interval="wilson"),
    MetricFacts("balanced_accuracy", "recall averaged over the classes, unweighted", undefined=ONE_CLASS),
    MetricFacts(
        "precision",
        "share of the rows predicted positive that are positive; with more than two classes, their mean",
        undefined="no row was predicted '{positive}'",
    ),
    MetricFacts(
        "recall",
        "share of the positive rows that are predicted positive; with more than two classes, their mean",
        undefined="no row is '{positive}'",
    ),
    MetricFacts(
        "f1",
        "harmonic mean of precision and recall; with more than two classes, their mean",
        undefined="no row is '{positive}'",
    ),
    MetricFacts("precision_macro", "precision averaged over the classes, unweighted", auto="none"),
    MetricFacts("recall_macro", "recall averaged over the classes, unweighted", auto="none"),
    MetricFacts("f1_macro", "F1 averaged over the classes, unweighted", auto="two"),
    MetricFacts("precision_weighted", "precision averaged over the classes, weighted by their rows", auto="more"),
    MetricFacts("recall_weighted", "recall averaged over the classes, weighted by their rows: accuracy", auto="none"),
    MetricFacts("f1_weighted", "F1 averaged over the classes, weighted by their rows"),
    MetricFacts(
        "mcc",
        "correlation of predicted and true classes (Matthews); 0 for random predictions",
        undefined="the truth or the predictions contain a single class",
    ),
    MetricFacts(
        "kappa",
        "agreement of predicted and true classes beyond chance (Cohen); 0 for random predictions",
        undefined="the truth and the predictions contain the same single class",
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
    MetricFacts(
        "roc_auc",
        "probability that a positive row ranks above a negative one; 0.5 for random scores",
        undefined=ONE_CLASS,
    ),
    MetricFacts("pr_auc", "precision averaged over all recalls (average precision)", undefined=ONE_CLASS),
    MetricFacts(
        "log_loss",
        "mean negative logarithm of the probability predicted for the true class",
        higher_is_better=False,
        needs_probabilities=True,
    ),
    MetricFacts("brier", "mean squared error of the probabilities", higher_is_better=False, needs_probabilities=True),
    MetricFacts(
        "ece",
        "expected calibration error: mean gap between predicted probability and observed share, in 15 bins",
        higher_is_better=False,
        needs_probabilities=True,
        interval="noise",
    ),
    MetricFacts("rmse", "root of the mean squared error", higher_is_better=False, in_units=1),
    MetricFacts("mae", "mean absolute error", higher_is_better=False, in_units=1),
    MetricFacts(
        "r2",
        "share of the target's variance explained; 0 for always predicting the mean",
        undefined="a target has the same value in all rows",
    ),
    MetricFacts("mse", "mean squared error", higher_is_better=False, in_units=2),
    MetricFacts("median_ae", "median of the absolute errors", higher_is_better=False, in_units=1),
    MetricFacts(
        "max_error",
        "largest absolute error; it has no interval, since no resample contains a larger one",
        higher_is_better=False,
        interval="none",
        in_units=1,
    ),
    MetricFacts(
        "mape",
        "mean absolute error relative to the true value",
        higher_is_better=False,
        undefined="a true value is 0",
    ),
    MetricFacts(
        "pinball",
        "mean error, weighted q where the prediction is too low and 1 − q where it is too high: the quantile's own",
        higher_is_better=False,
        in_units=1,
    ),
    MetricFacts(
        "coverage",
        "share of the rows whose true value is at most the prediction; right is the quantile",
        higher_is_better=None,
        interval="wilson",
    ),
    MetricFacts(
        "poisson_deviance",
        "mean deviance of counts from their predicted means, relative to them; 0 is perfect",
        higher_is_better=False,
        undefined="a prediction is not above 0, or a true value is negative",
    ),
)
CATALOG: dict[str, MetricFacts] = {facts.name: facts for facts in _FACTS}


# The metrics of numbers that a loss minimises, or is judged by, besides those that suit all; they are shown first.
OWN: dict[MeasuredAs, tuple[str, ...]] = {"quantile": get_args(QuantileMetric), "counts": ("poisson_deviance",)}


def names_for(measured_as: MeasuredAs) -> tuple[str, ...]:
    """The metrics for what is predicted, in the order they are shown."""
    if measured_as == "classification":
        return get_args(ClassMetric)
    own = OWN.get(measured_as, ())
    return (*own, *(name for name in get_args(NumberMetric) if name not in (*own, *get_args(QuantileMetric))))


def auto_names(measured_as: MeasuredAs, n_classes: int) -> tuple[str, ...]:
    """What "auto" measures: all metrics that suit, except those that equal another one, or are of another loss."""
    if measured_as == "quantile":
        return OWN[measured_as]
    if measured_as != "classification":
        others = set(OWN["counts"]) - set(OWN.get(measured_as, ()))
        return tuple(name for name in names_for(measured_as) if name not in others)
    group = ("any", "two" if n_classes == 2 else "more")
    suitable = [CATALOG[name] for name in names_for(measured_as)]
    return tuple(facts.name for facts in suitable if facts.auto in group and facts.min_classes <= n_classes)


def higher_is_better(name: str) -> bool:
    """The direction of a metric, or of "loss"."""
    return name != "loss" and bool(CATALOG[name].higher_is_better)


def beats(score: float, other: float, name: str) -> bool:
    """Whether `score` is better; a score that is not finite never is."""
    if not math.isfinite(score) or not math.isfinite(other):
        return math.isfinite(score)
    return score > other if higher_is_better(name) else score < other
