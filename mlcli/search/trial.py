"""One configuration tried: trained like any other, and judged by its best epoch on the validation rows."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

from torch import Tensor

from mlcli.config.sections.config import Config
from mlcli.evaluation.cross_validation import Folds
from mlcli.io.json import strict_json
from mlcli.models.task import FittedTask, Predictions
from mlcli.reporter import Silent
from mlcli.search.model_cache import CachedNetwork
from mlcli.search.samplers import Curve, HyperbandPruning, MedianPruning, best_curve
from mlcli.search.selection_metric import SelectionMetric, choose_selection_metric
from mlcli.training.callbacks import Callback, StopRule, stop_rules
from mlcli.training.context import TensorDataset, TrainingContext
from mlcli.training.inputs import Inputs, gather_inputs, make_context
from mlcli.training.loop import TrainedModel, new_state, outputs_of, train_model

# Each takes as much memory as the training rows.
KEPT_INPUTS = 2
Origin = Literal["start", "remedy", "search"]
EPOCHS = "training.epochs"
TrialState = Literal["complete", "pruned", "failed"]


@dataclass(frozen=True)
class Trial:
    """What became of one configuration.

    number  : counts from 1, which is the start
    values  : the keys that differ from the start, dotted
    score   : the compared number at the best epoch; None when the trial failed
    metrics : loss and metrics on the validation rows at that epoch
    curve   : the best score up to each epoch
    reason  : why it failed
    """

    number: int
    origin: Origin
    values: dict[str, Any]
    state: TrialState
    score: float | None = None
    metrics: dict[str, float] | None = None
    best_epoch: int = 0
    epochs: int = 0
    seconds: float = 0.0
    curve: Curve = ()
    reason: str = ""

    def to_json(self) -> dict[str, Any]:
        """The trial in a JSON document; the curve is for pruning alone."""
        return {key: strict_json(value) for key, value in asdict(self).items() if key != "curve"}


@dataclass(frozen=True)
class SearchContext:
    """What all trials share.

    start     : the unchanged configuration, with its inputs and arrays
    selection_metric : what trials are compared by
    folds     : the rows that they are compared on; None for the validation rows
    others    : inputs of other features, the latest few: trials come back to them
    """

    start: Config
    inputs: Inputs
    arrays: tuple[TensorDataset, TensorDataset]
    selection_metric: SelectionMetric
    folds: Folds | None = None
    others: dict[str, tuple[Inputs, tuple[TensorDataset, TensorDataset]]] = field(default_factory=dict)

    @property
    def metric(self) -> str:
        """The number that trials are compared by."""
        return self.selection_metric.metric

    @property
    def n_compared(self) -> int:
        """Rows that trials are compared on."""
        return len(self.folds.rows) if self.folds else len(self.arrays[1])

    @property
    def trainings_a_trial(self) -> int:
        """Networks that a complete trial trains: one for the start's split, and one for each fold."""
        return 1 + (len(self.folds.held_out) if self.folds else 0)

    def inputs_for(self, config: Config) -> tuple[Inputs, tuple[TensorDataset, TensorDataset]]:
        """The start's own unless a key was changed that they rest on; the rows are the start's, whatever the seed."""
        if same_inputs(config, self.start):
            return self.inputs, self.arrays
        key = str([view(config) for view in INPUT_KEYS])
        if key not in self.others:
            while len(self.others) >= KEPT_INPUTS:
                del self.others[next(iter(self.others))]
            seeded = config.model_copy(update={"seed": self.start.seed})
            inputs = gather_inputs(seeded, Silent(), self.inputs.prepared)
            self.others[key] = inputs, inputs.training_arrays()
        return self.others[key]


# What the rows, and the targets' coding, are made from.
INPUT_KEYS: tuple[Callable[[Config], object], ...] = (
    lambda config: config.features,
    lambda config: config.loss,
    lambda config: config.model.output,
)


def same_inputs(one: Config, other: Config) -> bool:
    """Whether two configurations' networks take and give the same numbers."""
    return all(view(one) == view(other) for view in INPUT_KEYS)


def build_search_context(start: Config, inputs: Inputs, searched: Mapping[str, object]) -> SearchContext:
    """The bench for a start and the keys that are to be searched."""
    selection_metric = choose_selection_metric(start, inputs.task, searched)
    count = start.improve.folds
    folds = None if count is None else Folds.of(start, inputs.prepared, "improve.folds", count)
    return SearchContext(start, inputs, inputs.training_arrays(), selection_metric, folds)


@dataclass(frozen=True)
class TrialRun:
    """A trial's training, while its network is still at hand."""

    context: TrainingContext
    trained: TrainedModel
    task: FittedTask
    pruned: bool
    seconds: float

    def answers(self) -> tuple[Tensor, Tensor]:
        """Raw outputs of the best weights for the validation rows, and their encoded targets."""
        return outputs_of(self.context, self.context.valid.x).float().cpu(), self.context.valid.y.cpu()


def train_trial(
    bench: SearchContext,
    config: Config,
    earlier: Sequence[Trial],
    callbacks: Sequence[Callback],
    interrupted: Callable[[], bool],
) -> TrialRun:
    """Train a configuration, unless it lags behind the complete trials before it."""
    inputs, arrays = bench.inputs_for(config)
    context = make_context(config, inputs, arrays)
    own = stop_rules(config.training)
    pruning = pruning_rules(bench, config, earlier)
    started = time.perf_counter()
    trained = train_model(context, new_state(context), callbacks, [*own, *pruning], interrupted)
    ended_itself = any(rule.should_stop(trained.state) for rule in own)
    pruned = trained.stopped == "interrupted" or (trained.stopped == "early" and not ended_itself)
    return TrialRun(context, trained, inputs.task, pruned, time.perf_counter() - started)


def pruning_rules(bench: SearchContext, config: Config, earlier: Sequence[Trial]) -> list[StopRule]:
    """The rule that gives up on a trial by those before it of as many epochs, as improve.pruning says."""
    followed = bench.selection_metric.followed
    usual, epochs = bench.start.training.epochs, config.training.epochs
    alike = [trial for trial in earlier if trial.values.get(EPOCHS, usual) == epochs]
    match bench.start.improve.pruning:
        case "median":
            return [MedianPruning([trial.curve for trial in alike if trial.state == "complete"], followed)]
        case "hyperband":
            curves = [trial.curve for trial in alike]
            return [HyperbandPruning(curves, followed, epochs, len(earlier))]
    return []


def network_of(attempt: TrialRun) -> CachedNetwork:
    """The trained network with its best weights."""
    context, state = attempt.context, attempt.trained.state
    weights = {name: tensor.detach().cpu().clone() for name, tensor in context.model.state_dict().items()}
    return CachedNetwork(weights, attempt.answers()[0], state.history, state.best_epoch)


def judge(attempt: TrialRun, selection_metric: SelectionMetric, blank: Trial) -> Trial:
    """The trial after its training, by its best epoch on the validation rows."""
    state, trained = attempt.trained.state, attempt.trained
    best = state.history[state.best_epoch - 1] if state.best_epoch else None
    reached = math.nan if best is None else selection_metric.read(best, attempt.task, *attempt.answers())
    trial = replace(blank, state="failed", epochs=state.epoch, seconds=round(attempt.seconds, 3))
    if trained.stopped == "diverged":
        return replace(trial, reason=f"diverged: the loss is no finite number at step {trained.diverged_step}")
    if best is None or best.valid_loss is None or not math.isfinite(reached):
        return replace(trial, reason=f"the validation {selection_metric.metric} is no finite number")
    return replace(
        trial,
        state="pruned" if attempt.pruned else "complete",
        score=reached,
        metrics={"loss": best.valid_loss, **best.valid_metrics, selection_metric.metric: reached},
        best_epoch=state.best_epoch,
        curve=best_curve(state.history, selection_metric.followed),
    )


def judge_by_folds(trial: Trial, answers: Predictions, folds: Folds, metric: str, seconds: float) -> Trial:
    """The record of a complete trial, compared by what networks like its own say of the rows of folds.

    seconds : of the folds' training
    """
    score = folds.score(answers, metric)
    if score is None or not math.isfinite(score):
        return replace(trial, state="failed", score=None, reason=f"{metric} over the folds is no finite number")
    took = round(trial.seconds + seconds, 3)
    return replace(trial, score=score, metrics={**(trial.metrics or {}), metric: score}, seconds=took)
