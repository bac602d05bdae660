"""The metric by which trials are compared."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from mlcli.config.sections.config import Config
from mlcli.config.sections.training import Metric
from mlcli.metrics.epoch import QUICK, measure_outputs
from mlcli.metrics.measure import metric_names
from mlcli.models.task import Classification, FittedTask
from mlcli.training.state import EpochRecord


@dataclass(frozen=True)
class SelectionMetric:
    """The metric that compares trials.

    metric   : "loss" or a metric, of the predictions of a trial's best weights
    followed : "loss" or a metric that is recorded after every epoch, for pruning
    """

    metric: str
    followed: str

    def read(self, record: EpochRecord, task: FittedTask, outputs: Tensor, y: Tensor) -> float:
        """Its value for the weights of an epoch; NaN where it is undefined.

        outputs, y : raw outputs and encoded targets of the validation rows
        """
        if self.metric == "loss" or self.metric in record.valid_metrics:
            return record.valid_score(self.metric)
        return measure_outputs(task, outputs, y, (self.metric,)).get(self.metric, math.nan)


def choose_selection_metric(start: Config, task: FittedTask, searched: Mapping[str, object]) -> SelectionMetric:
    """improve.metric; else the metric of the start's early stopping.

    Losses of different kinds, and of different folds, are not comparable: a metric then replaces the loss.
    Raises ConfigError for a metric that does not suit the task.
    """
    early, asked = start.training.early_stopping, start.improve.metric
    watched = early.metric if early else "loss"
    if asked != "auto":
        metric_names(task, (asked,), "improve.metric")
        return SelectionMetric(asked, asked if asked in (*QUICK[task.kind], watched) else watched)
    if watched == "loss" and any(key.startswith(("loss.", "model.output")) for key in searched):
        watched = "accuracy" if isinstance(task, Classification) else "rmse"
    return SelectionMetric(reported_metric(task, watched) if start.improve.folds else watched, watched)


def reported_metric(task: FittedTask, compared: str) -> Metric:
    """The selection metric as a metric of step 4: for the loss, the one closest to it."""
    if compared != "loss":
        return compared  # type: ignore[return-value]
    if isinstance(task, Classification):
        return "log_loss" if task.has_probabilities else "accuracy"
    return "rmse"
