"""Probes: short experiments on the columns, the network and the number of rows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from statistics import stdev

import numpy as np
import torch
from torch import Tensor, nn

from mlcli.config.loading.load import override_config
from mlcli.config.sections.config import Config
from mlcli.diagnosis.evidence import ForestFacts, NetworkFacts, ProbeResults, RowCurve, TrainingEvidence
from mlcli.diagnosis.experiment import (
    Experiment,
    affordable_steps,
    at_constant_rate,
    measure_chance,
    skill_of,
    weights_of,
)
from mlcli.diagnosis.forest import FOREST_SAMPLE, grow_forest, suspect_labels
from mlcli.diagnosis.range_test import RateRange
from mlcli.diagnosis.recommendations import regularise
from mlcli.errors import ConfigError
from mlcli.models.task import Regression
from mlcli.training.context import TrainingContext
from mlcli.training.datasets import Rows, TensorDataset
from mlcli.training.loop import best_scores, new_state, outputs_of, train_model

# Rows looked at for the columns and for the network.
COLUMN_SAMPLE, NETWORK_SAMPLE = 2000, 1024
# Neighbours in a column: one follows a target that jumps from value to value, the mean of a few is less noisy.
NEIGHBOURS = 5
# Outside, the slope of a sigmoid or tanh is below a twentieth of its maximum.
SATURATED = {"sigmoid": (0.0125, 0.9875), "tanh": (-0.975, 0.975)}
CAN_DIE = ("relu", "relu6")
# Shares of the training rows that a learning curve is measured on.
SHARES = (0.2, 0.4, 0.6, 0.8, 1.0)
# Steps of each of these trainings; fewer say nothing about a longer one.
MOST_STEPS, FEWEST_STEPS = 500, 200
# Validation loss above training loss, as a share of the chance loss, from which more rows may help.
GAP = 0.05
# Training rows, and validation rows, whose losses are measured one by one.
SAMPLE = 500
# Share of them whose part in the loss shows outliers.
WORST = 0.01
# Rows from which the worst are looked for, and from which the network is compared with a linear model.
FEWEST_COMPARED = 50


def run_probes(
    experiment: Experiment,
    rates: RateRange | None,
    evidence: TrainingEvidence,
    context: TrainingContext,
    forest: ForestFacts | None = None,
) -> TrainingEvidence:
    """The evidence with the results of all probes; unchanged where it is late for them.

    rates   : of the experiment's range test
    context : of the training, with the best weights in its network
    forest  : on the experiment's rows; None to grow one
    """
    if experiment.late():
        return evidence
    n_classes, valid = experiment.n_classes, experiment.valid
    losses = [_row_losses(context, experiment.draw(rows, SAMPLE)) for rows in (context.train, context.valid)]
    linear, network = compare_with_linear(experiment, context)
    forest, (sizes, skills) = forest or grow_forest(experiment), probe_columns(experiment)
    gap = evidence.valid["loss"] - evidence.train["loss"] if evidence.train and evidence.valid else 0.0
    has_gap = gap > GAP * evidence.chance.uniform_loss
    probes = ProbeResults(
        rates=rates,
        untrained=probe_network(experiment, experiment.context()),
        trained=probe_network(experiment, context),
        sizes=sizes,
        skills=skills,
        forest=forest,
        labels=suspect_labels(forest, experiment.row_numbers, experiment.files) if n_classes else None,
        curve=measure_rows(experiment, evidence.history[-1].step) if has_gap else None,
        valid_counts=tuple(valid.y.long().view(-1).bincount(minlength=n_classes).tolist()) if n_classes else (),
        valid_deviation=stdev(losses[1]) / math.sqrt(len(context.valid)) if len(losses[1]) > 1 else 0.0,
        worst_share=(share_of_worst(losses[0]), share_of_worst(losses[1])),
        linear=linear,
        network=network,
        regularised=measure_regularised(experiment, evidence.history[-1].step) if has_gap else None,
    )
    return replace(evidence, probes=probes)


def _row_losses(context: TrainingContext, rows: TensorDataset) -> list[float]:
    """The loss of each row, times its weight; empty where one is not a finite number."""
    if not len(rows):
        return []
    outputs, each = outputs_of(context, rows.x), (rows[at : at + 1] for at in range(len(rows)))
    losses = [context.cost(outputs[at : at + 1], row.y, row.weights).item() for at, row in enumerate(each)]
    return losses if all(map(math.isfinite, losses)) else []


def share_of_worst(losses: Sequence[float]) -> float:
    """Share of the sum in the largest WORST of the losses, one at least; 0 for fewer than FEWEST_COMPARED."""
    total = sum(losses)
    if len(losses) < FEWEST_COMPARED or not total > 0:
        return 0.0
    return sum(sorted(losses)[-math.ceil(WORST * len(losses)) :]) / total


def compare_with_linear(experiment: Experiment, context: TrainingContext) -> tuple[float, float]:
    """Skill on the validation rows of ridge regression on the numeric and one-hot inputs, and of the network."""
    valid, n_inputs = experiment.draw(experiment.valid, FOREST_SAMPLE), len(experiment.layout.names)
    if len(valid) < FEWEST_COMPARED or not n_inputs:
        return 0.0, 0.0
    rows, truth = experiment.draw(experiment.train, FOREST_SAMPLE), experiment.targets(valid.y)
    inputs, asked = (part.x[:, :n_inputs].cpu().double().numpy() for part in (rows, valid))
    predicted = predict_ridge(inputs, experiment.targets(rows.y).reshape(len(rows), -1), asked, weights_of(rows))
    return skill_of(truth, predicted, weights_of(valid)), _count_and_score(experiment, context, valid)[1]


def predict_ridge(x: np.ndarray, y: np.ndarray, asked: np.ndarray, weights: np.ndarray | None) -> np.ndarray:
    """Predictions (m, t) for the rows asked (m, d), by ridge regression (penalty 1) of y (n, t) on x (n, d)."""
    centre, mean = (np.average(own, axis=0, weights=weights) for own in (x, y))
    root = 1.0 if weights is None else np.sqrt(weights)[:, np.newaxis]
    inputs, targets = root * (x - centre), root * (y - mean)
    if len(x) < x.shape[1]:  # the smaller of two systems with the same solution
        slopes = inputs.T @ np.linalg.solve(inputs @ inputs.T + np.eye(len(x)), targets)
    else:
        slopes = np.linalg.solve(inputs.T @ inputs + np.eye(x.shape[1]), inputs.T @ targets)
    predicted: np.ndarray = mean + (asked - centre) @ slopes
    return predicted


def probe_columns(experiment: Experiment) -> tuple[dict[str, float], dict[str, float]]:
    """Root mean square of each numeric input, and how well each column alone predicts the target, by name."""
    rows = experiment.draw(experiment.train, COLUMN_SAMPLE)
    x, names = rows.x.float().cpu().numpy(), experiment.layout.names
    sizes = np.sqrt(np.square(x[:, : len(names)], dtype=np.float64).mean(axis=0))
    y = experiment.targets(rows.y)
    half = np.arange(len(y)) % 2 == 0
    if experiment.groups is not None:
        half = experiment.groups[experiment.drawn_rows(len(experiment.train), COLUMN_SAMPLE).numpy()] % 2 == 0
    together: dict[str, list[int]] = {}
    for index, name in enumerate((*names, *experiment.layout.embedded)):
        together.setdefault(name.partition("=")[0], []).append(index)
    skills = {}
    for name, at in together.items():
        column = x[:, at[0]] if len(at) == 1 else x[:, at].argmax(axis=1)  # one-hot inputs are joined again
        skills[name] = _skill_alone(column, y, half) if 0 < half.sum() < len(half) else 0.0
    return dict(zip(names, sizes.tolist(), strict=True)), skills


def _skill_alone(column: np.ndarray, y: np.ndarray, half: np.ndarray) -> float:
    """Skill of nearest-neighbour regression on one column: one half predicts the other, by 1 or NEIGHBOURS rows."""
    order, truth = np.argsort(column[half], kind="stable"), y[~half]
    values, targets, asked = column[half][order], y[half][order], column[~half]
    middle, last = np.searchsorted(values, asked), len(values) - 1
    below, above = np.clip(middle - 1, 0, last), np.clip(middle, 0, last)
    nearest = np.where(asked - values[below] <= values[above] - asked, below, above)
    near = np.clip(middle[:, None] + np.arange(NEIGHBOURS) - NEIGHBOURS // 2, 0, last)
    return max(skill_of(truth, targets[nearest]), skill_of(truth, targets[near].mean(axis=1)))


def probe_network(experiment: Experiment, context: TrainingContext) -> NetworkFacts:
    """The context's network with its present weights, which stay; its gradients are overwritten."""
    rows = experiment.draw(context.train, NETWORK_SAMPLE)
    activation = experiment.config.model.activation
    layers = _activations(context.model, rows.x) if activation in (*CAN_DIE, *SATURATED) else []
    dead = tuple((layer == 0).all(dim=0).float().mean().item() for layer in layers) if activation in CAN_DIE else ()
    low, high = SATURATED.get(activation, (-math.inf, math.inf))
    outside = [((layer < low) | (layer > high)).float().mean().item() for layer in layers]
    saturated = tuple(outside) if activation in SATURATED else ()
    context.gradients.compute_gradients(rows.x, rows.y, experiment.config.seed, rows.weights)
    layers_with_weights = (*(one for one in context.model.hidden if isinstance(one, nn.Linear)), context.model.output)
    slopes = [layer.weight.grad for layer in layers_with_weights]
    gradients = tuple(slope.float().square().mean().sqrt().item() for slope in slopes if slope is not None)
    predicted, skill = _count_and_score(experiment, context, rows)
    return NetworkFacts(gradients, dead, saturated, predicted, skill)


@torch.inference_mode()
def _activations(model: nn.Module, x: Tensor) -> list[Tensor]:
    """Outputs of each hidden layer's activation, (n, units), without dropout."""
    seen: list[Tensor] = []
    with ExitStack() as hooks:
        for module in model.modules():
            if isinstance(module, nn.ReLU | nn.ReLU6 | nn.Sigmoid | nn.Tanh):
                hooks.enter_context(module.register_forward_hook(lambda _module, _inputs, output: seen.append(output)))
        model.eval()
        model(x.to(next(model.parameters()).dtype))
    return seen


def _count_and_score(
    experiment: Experiment, context: TrainingContext, rows: TensorDataset
) -> tuple[tuple[int, ...], float]:
    """Rows predicted for each class, and the skill of the predictions: of a quantile, by its loss."""
    task, n_classes = experiment.task, experiment.n_classes
    truth, outputs = experiment.targets(rows.y), outputs_of(context, rows.x)
    if isinstance(task, Regression):
        if task.q is None:
            return (), skill_of(truth, task.standardise(task.decode(outputs.cpu()).values), weights_of(rows))
        chance = measure_chance(context.cost, task, rows.y, rows.weights).uniform_loss
        return (), 1 - context.cost(outputs, rows.y, rows.weights).item() / chance if chance > 0 else 1.0
    decoded = task.decode(outputs.cpu())
    counts = tuple(np.bincount(decoded.values, minlength=n_classes).tolist())
    certain = np.eye(n_classes)[decoded.values]
    predicted = certain if decoded.probabilities is None else decoded.probabilities
    return counts, skill_of(truth, predicted, weights_of(rows))


def measure_rows(experiment: Experiment, steps: int) -> RowCurve | None:
    """A learning curve: trainings on growing shares of the rows, all with the same number of steps.

    steps : of the training in question. The features stay fitted on all training rows. None where it would take too
    long, where the smallest share is a single row, or where a training reaches no finite loss in time.
    """
    context = experiment.context()
    allowed = affordable_steps(context, MOST_STEPS)
    if allowed < min(steps, FEWEST_STEPS):
        return None
    # Batch size and rate must not depend on the number of rows.
    config, order = at_constant_rate(context.config), experiment.by_groups()
    training = config.training.model_copy(update={"batch_size": context.batch_size, "early_stopping": None})
    optimizer = config.optimizer.model_copy(update={"lr": context.lr})
    config = config.model_copy(update={"training": training, "optimizer": optimizer})
    if len(order) * SHARES[0] <= 1:
        return None
    parts = [order[: math.ceil(share * len(order))].sort().values for share in SHARES]
    rows = [experiment.train.select(part) for part in parts]
    losses = [_lowest_loss(experiment, config, part, min(steps, allowed)) for part in rows]
    return RowCurve(tuple(map(len, rows)), tuple(losses)) if all(map(math.isfinite, losses)) else None


def measure_regularised(experiment: Experiment, steps: int) -> float | None:
    """The validation loss of a training with what is recommended against overfitting.

    steps : of the training in question, after which this one ends, too. None where they would take too long, or where
    the recommendation does not suit the configuration.
    """
    try:
        config = override_config(experiment.config, regularise(experiment.config)[1])
    except ConfigError:
        return None
    context = experiment.context(config)
    if affordable_steps(context, steps) < steps:
        return None
    state = new_state(context)
    train_model(context, state, interrupted=lambda: experiment.late() or state.step > steps)
    scores = best_scores(context, state, context.valid)
    return None if experiment.late() or not scores else scores["loss"]


def _lowest_loss(experiment: Experiment, config: Config, rows: Rows, steps: int) -> float:
    epochs = math.ceil(steps / math.ceil(len(rows) / min(int(config.training.batch_size), len(rows))))
    training = config.training.model_copy(update={"epochs": epochs})
    context = experiment.context(config.model_copy(update={"training": training}), rows)
    history = train_model(context, new_state(context), interrupted=experiment.late).state.history
    if experiment.late():
        return math.inf
    return min((record.valid_loss for record in history if record.valid_loss is not None), default=math.inf)
