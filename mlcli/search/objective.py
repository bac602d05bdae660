"""The objective of a search: trains a configuration as usual and scores its best epoch on the validation rows."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from torch import Tensor

from mlcli.config.sections.config import Config
from mlcli.config.sections.training import Metric
from mlcli.evaluation.cross_validation import Folds
from mlcli.evaluation.held_out import BYTES_PER_SEARCHED_ROW, IMPROVE_FOLDS, require_fold_memory
from mlcli.evaluation.out_of_fold import member_config
from mlcli.metrics.intervals import Floats
from mlcli.metrics.measure import metric_names, rare_metrics
from mlcli.metrics.scorer import QUICK, measure_outputs
from mlcli.models.predictions import Predictions
from mlcli.models.task import Classification, FittedTask
from mlcli.reporter import SILENT, Reporter, Silent
from mlcli.search.samplers import HyperbandPruning, MedianPruning, best_curve
from mlcli.search.storage import CachedNetwork
from mlcli.search.trial import Trial
from mlcli.training.callbacks import Callback, StopRule, stop_rules
from mlcli.training.context import TrainingContext
from mlcli.training.datasets import Rows
from mlcli.training.inputs import Inputs, gather_inputs, make_context, require_measurable
from mlcli.training.loop import TrainedModel, measure_step_time, new_state, outputs_of, train_model
from mlcli.training.state import EpochRecord

# Inputs of other features that are kept; each takes as much memory as the training rows.
KEPT_INPUTS = 2
# Seconds of steps by which the pace of a training is measured.
MEASURED_SECONDS = 0.3


@dataclass(frozen=True)
class SelectionMetric:
    """The metric that compares trials.

    metric   : "loss" or a metric, of the predictions of a trial's best weights
    followed : "loss" or a metric that is recorded after every epoch, for pruning
    """

    metric: str
    followed: str

    def read(
        self, record: EpochRecord, task: FittedTask, outputs: Tensor, y: Tensor, weights: Floats | None = None
    ) -> float:
        """Its value for the weights of an epoch; NaN where it is undefined.

        outputs, y, weights : raw outputs, encoded targets and weights of the validation rows
        """
        if self.metric == "loss" or self.metric in record.valid_metrics:
            return record.valid_score(self.metric)
        return measure_outputs(task, outputs, y, (self.metric,), weights).get(self.metric, math.nan)


def choose_selection_metric(start: Config, task: FittedTask, searched: Mapping[str, object]) -> SelectionMetric:
    """improve.metric; else the metric of the start's early stopping, or of imbalanced classes in place of the loss.

    Losses of different kinds, and of different folds, are not comparable: a metric then replaces the loss.
    Raises ConfigError for a metric that does not suit the task.
    """
    early, asked = start.training.early_stopping, start.improve.metric
    watched = early.metric if early else "loss"
    if asked != "auto":
        metric_names(task, (asked,), "improve.metric")
        return SelectionMetric(asked, asked if asked in (*QUICK[task.measured_as], watched) else watched)
    if watched == "loss" and (rare := rare_metrics(task)):
        return SelectionMetric(rare[0], watched)
    if watched == "loss" and any(key.startswith(("loss.", "model.output")) for key in searched):
        watched = QUICK[task.measured_as][0]
    return SelectionMetric(reported_metric(task, watched) if start.improve.folds else watched, watched)


def reported_metric(task: FittedTask, compared: str) -> Metric:
    """The selection metric as a metric of step 4: for the loss, the one closest to it."""
    if compared != "loss":
        return compared  # type: ignore[return-value]
    if isinstance(task, Classification):
        return "log_loss" if task.has_probabilities else "accuracy"
    return QUICK[task.measured_as][0]


@dataclass(frozen=True)
class SearchContext:
    """What all trials share.

    start  : the unchanged configuration, with its inputs and rows
    on_disk : all networks read their rows from files
    folds  : the rows that trials are compared on; None for the validation rows
    others : inputs of other features, the latest few, which later trials may use again
    """

    start: Config
    inputs: Inputs
    arrays: tuple[Rows, Rows]
    selection_metric: SelectionMetric
    folds: Folds | None = None
    on_disk: bool = False
    others: dict[str, tuple[Inputs, tuple[Rows, Rows]]] = field(default_factory=dict)

    @property
    def metric(self) -> str:
        """The metric that compares trials."""
        return self.selection_metric.metric

    @property
    def n_compared(self) -> int:
        """Rows that trials are compared on."""
        return len(self.folds.pooled_truth) if self.folds else len(self.arrays[1])

    @property
    def n_trainings(self) -> int:
        """Trainings of a trial: its own, and one for each fold."""
        return 1 + (len(self.folds.held_out) if self.folds else 0)

    @cached_property
    def pace(self) -> float:
        """Seconds of an epoch of the start, by some of its steps."""
        return seconds_per_epoch(self, self.start)

    def inputs_for(self, config: Config) -> tuple[Inputs, tuple[Rows, Rows]]:
        """The start's own unless a section that decides them differs; the rows are the start's, whatever the seed."""
        if same_inputs(config, self.start):
            return self.inputs, self.arrays
        key = str(_input_sections(config))
        if key not in self.others:
            while len(self.others) >= KEPT_INPUTS:
                del self.others[next(iter(self.others))]
            seeded = config.model_copy(update={"seed": self.start.seed})
            inputs = gather_inputs(seeded, Silent(), self.inputs.prepared)
            self.others[key] = inputs, inputs.training_rows(on_disk=self.on_disk)
        return self.others[key]


def same_inputs(one: Config, other: Config) -> bool:
    """Whether the networks of two configurations have the same inputs and outputs."""
    return _input_sections(one) == _input_sections(other)


def _input_sections(config: Config) -> tuple[object, ...]:
    """Parts of a configuration that decide its inputs and the encoding of the targets."""
    return config.features, config.loss, config.model.output


def build_search_context(
    start: Config,
    inputs: Inputs,
    searched: Mapping[str, object],
    *,
    on_disk: bool = False,
    reporter: Reporter = SILENT,
) -> SearchContext:
    """The context of a search over the keys of `searched`.

    on_disk : all networks read their rows from files; the reporter is told of those that are written

    Raises DataError for an improve.metric that is undefined on the rows that trials are compared on.
    """
    selection_metric = choose_selection_metric(start, inputs.task, searched)
    count = start.improve.folds
    if count is not None:
        require_fold_memory(inputs.prepared, IMPROVE_FOLDS, BYTES_PER_SEARCHED_ROW)
    folds = None if count is None else Folds.of(start, inputs.prepared, IMPROVE_FOLDS, count, on_disk=on_disk)
    if start.improve.metric != "auto":
        truth = folds.truth if folds else inputs.task.truth(inputs.prepared.splits.valid)
        rows = "rows of the folds" if folds else "validation rows"
        require_measurable(inputs.task, truth, start.improve.metric, "improve.metric", rows)
    arrays = inputs.training_rows(on_disk=on_disk, reporter=reporter)
    if folds and on_disk:
        folds.tell_files(inputs.features.layout.width, reporter)
    return SearchContext(start, inputs, arrays, selection_metric, folds, on_disk)


@dataclass(frozen=True)
class TrialRun:
    """A trial's training, with its network in the context."""

    context: TrainingContext
    trained: TrainedModel
    task: FittedTask
    pruned: bool
    seconds: float

    def valid_outputs(self) -> tuple[Tensor, Tensor, Floats | None]:
        """Raw outputs of the best weights on the validation rows, their encoded targets, and their weights."""
        valid = self.context.valid
        weights = None if valid.weights is None else valid.weights.cpu().double().numpy()
        return outputs_of(self.context, valid.x).float().cpu(), valid.y.cpu(), weights


def train_trial(
    search_context: SearchContext,
    config: Config,
    earlier: Sequence[Trial],
    callbacks: Sequence[Callback],
    interrupted: Callable[[], bool],
    rows: tuple[Rows, Rows] | None = None,
) -> TrialRun:
    """Train a configuration; a pruning rule may stop it by comparison with earlier trials.

    rows : training and validation rows; None for the run's
    """
    inputs, arrays = search_context.inputs_for(config)
    context = make_context(config, inputs, rows or arrays)
    own = stop_rules(config.training)
    pruning = pruning_rules(search_context, config, earlier)
    started = time.perf_counter()
    trained = train_model(context, new_state(context), callbacks, [*own, *pruning], interrupted)
    ended_itself = any(rule.should_stop(trained.state) for rule in own)
    pruned = trained.stopped == "interrupted" or (trained.stopped == "early" and not ended_itself)
    return TrialRun(context, trained, inputs.task, pruned, time.perf_counter() - started)


def seconds_per_epoch(search_context: SearchContext, config: Config) -> float:
    """Of a training of a configuration, by some steps of a network that is discarded."""
    context = make_context(config, *search_context.inputs_for(config))
    return measure_step_time(context, MEASURED_SECONDS).epoch(context)


def pruning_rules(search_context: SearchContext, config: Config, earlier: Sequence[Trial]) -> list[StopRule]:
    """The rule of improve.pruning, which compares a trial with earlier ones of as many epochs."""
    followed = search_context.selection_metric.followed
    start_epochs, epochs = search_context.start.training.epochs, config.training.epochs
    alike = [trial for trial in earlier if trial.values.get("training.epochs", start_epochs) == epochs]
    match search_context.start.improve.pruning:
        case "median":
            return [MedianPruning([trial.curve for trial in alike if trial.state == "complete"], followed)]
        case "hyperband":
            curves = [trial.curve for trial in alike]
            return [HyperbandPruning(curves, followed, epochs, len(earlier))]
    return []


def network_of(trial_run: TrialRun) -> CachedNetwork:
    """The trained network with its best weights."""
    context, state = trial_run.context, trial_run.trained.state
    weights = {name: array.copy() for name, array in context.model.fitted().weights.items()}
    return CachedNetwork(weights, trial_run.valid_outputs()[0].numpy(), state.history, state.best_epoch)


def judge(trial_run: TrialRun, selection_metric: SelectionMetric, blank: Trial) -> Trial:
    """The trial with the result of its training, by its best epoch on the validation rows."""
    state, trained = trial_run.trained.state, trial_run.trained
    best = state.history[state.best_epoch - 1] if state.best_epoch else None
    reached = math.nan if best is None else selection_metric.read(best, trial_run.task, *trial_run.valid_outputs())
    trial = replace(blank, state="failed", epochs=state.epoch, seconds=round(trial_run.seconds, 3))
    if trained.stopped == "diverged":
        return replace(trial, reason=f"diverged: the loss is not a finite number at step {trained.diverged_step}")
    if best is None or best.valid_loss is None or not math.isfinite(reached):
        return replace(trial, reason=f"the validation {selection_metric.metric} is not a finite number")
    return replace(
        trial,
        state="pruned" if trial_run.pruned else "complete",
        score=reached,
        metrics={"loss": best.valid_loss, **best.valid_metrics, selection_metric.metric: reached},
        best_epoch=state.best_epoch,
        curve=best_curve(state.history, selection_metric.followed),
    )


def judge_by_folds(trial: Trial, predictions: Predictions, folds: Folds, metric: str, seconds: float) -> Trial:
    """A complete trial with the score of cross-validation over the folds.

    seconds : of the folds' trainings
    """
    score = folds.score(predictions, metric)
    if score is None or not math.isfinite(score):
        return replace(trial, state="failed", score=None, reason=f"{metric} over the folds is not a finite number")
    total_seconds = round(trial.seconds + seconds, 3)
    return replace(trial, score=score, metrics={**(trial.metrics or {}), metric: score}, seconds=total_seconds)


def plain_config(config: Config) -> Config:
    """A single network's, whose probabilities are those of its outputs, as they are compared afterwards."""
    evaluation = config.evaluation.model_copy(update={"calibration": "none"})
    return member_config(config, 0).model_copy(update={"evaluation": evaluation})
