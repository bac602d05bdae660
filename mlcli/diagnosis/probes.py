"""Probes: short experiments on the columns, the labels, the network and the number of rows."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import ExitStack

import numpy as np
import torch
from torch import Tensor, nn

from mlcli.config.sections.config import Config
from mlcli.diagnosis.chance import skill_of
from mlcli.diagnosis.evidence import ColumnFacts, ForestFacts, LabelFacts, NetworkFacts, RowCurve
from mlcli.diagnosis.experiment import Experiment, affordable_steps, at_constant_rate
from mlcli.models.task import Classification
from mlcli.training.context import TensorDataset, TrainingContext
from mlcli.training.loop import new_state, outputs_of, train_model

# Rows looked at for the columns, for the forest and for the network.
COLUMN_SAMPLE, FOREST_SAMPLE, NETWORK_SAMPLE = 2000, 3000, 1024
# Neighbours in a column: one follows a target that jumps from value to value, the mean of a few is less noisy.
NEIGHBOURS = 5
# Leaves of single rows would fit wrong labels.
N_TREES, MIN_LEAF = 100, 3
# Share of predictions that count as confident: overlapping classes have few errors there, wrong labels have some.
CONFIDENT = 0.25
# Outside, the slope of a sigmoid or tanh is below a twentieth of its maximum.
SATURATED = {"sigmoid": (0.0125, 0.9875), "tanh": (-0.975, 0.975)}
CAN_DIE = ("relu", "relu6")
# Shares of the training rows that a learning curve is measured on.
SHARES = (0.2, 0.4, 0.6, 0.8, 1.0)
# Steps of each of these trainings; fewer say nothing about a longer one.
MOST_STEPS, FEWEST_STEPS = 500, 200


def probe_columns(experiment: Experiment) -> ColumnFacts:
    """Sizes of the inputs, and how well each column alone predicts the target."""
    rows = experiment.draw(experiment.train, COLUMN_SAMPLE)
    x, names = rows.x.float().cpu().numpy(), experiment.layout.names
    sizes = np.sqrt(np.square(x[:, : len(names)], dtype=np.float64).mean(axis=0))
    y = experiment.targets(rows.y)
    skills = {name: _skill_alone(column, y) for name, column in _columns(experiment, x)}
    return ColumnFacts(dict(zip(names, sizes.tolist(), strict=True)), skills)


def _columns(experiment: Experiment, x: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    """Each column as numbers (n,); one-hot inputs of a category are joined again."""
    together: dict[str, list[int]] = {}
    for index, name in enumerate((*experiment.layout.names, *experiment.layout.embedded)):
        together.setdefault(name.partition("=")[0], []).append(index)
    for name, indices in together.items():
        yield name, x[:, indices[0]] if len(indices) == 1 else x[:, indices].argmax(axis=1)


def _skill_alone(column: np.ndarray, y: np.ndarray) -> float:
    """Skill of nearest-neighbour regression on one column: even rows predict odd ones, by 1 or NEIGHBOURS rows."""
    order = np.argsort(column[::2], kind="stable")
    values, targets, asked = column[::2][order], y[::2][order], column[1::2]
    middle, last = np.searchsorted(values, asked), len(values) - 1
    below, above = np.clip(middle - 1, 0, last), np.clip(middle, 0, last)
    nearest = np.where(asked - values[below] <= values[above] - asked, below, above)
    near = np.clip(middle[:, None] + np.arange(NEIGHBOURS) - NEIGHBOURS // 2, 0, last)
    return max(skill_of(y[1::2], targets[nearest]), skill_of(y[1::2], targets[near].mean(axis=1)))


def grow_forest(experiment: Experiment) -> ForestFacts:
    """Out-of-bag predictions of a random forest on at most FOREST_SAMPLE training rows."""
    rows = experiment.permutation(len(experiment.train))[:FOREST_SAMPLE].sort().values
    x = experiment.train.x.cpu().index_select(0, rows).float().numpy()
    y = experiment.train.y.cpu().index_select(0, rows)
    truth = experiment.targets(y)
    if isinstance(experiment.task, Classification):
        return ForestFacts(rows.numpy(), truth, _probabilities(experiment, x, experiment.task.decode_targets(y)))
    return ForestFacts(rows.numpy(), truth, _numbers(experiment, x, truth))


def _probabilities(experiment: Experiment, x: np.ndarray, labels: np.ndarray) -> np.ndarray:
    from sklearn.ensemble import RandomForestClassifier

    forest = RandomForestClassifier(**_options(experiment)).fit(x, labels)
    probabilities = np.zeros((len(x), experiment.n_classes))
    probabilities[:, forest.classes_] = forest.oob_decision_function_
    return probabilities


def _numbers(experiment: Experiment, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    from sklearn.ensemble import RandomForestRegressor

    forest = RandomForestRegressor(max_features=1 / 3, **_options(experiment)).fit(x, y.squeeze())
    predicted: np.ndarray = forest.oob_prediction_.reshape(y.shape)
    return predicted


def _options(experiment: Experiment) -> dict[str, int | bool]:
    seed = experiment.config.seed % 2**32
    return {"n_estimators": N_TREES, "min_samples_leaf": MIN_LEAF, "oob_score": True, "random_state": seed}


def suspect_labels(forest: ForestFacts) -> LabelFacts:
    """Confident learning (Northcutt et al., 2021) on out-of-bag probabilities (n, K).

    A row counts for class j where its probability of j is at least the mean of the rows labelled j; it is suspect where
    the most probable of these classes is not its label.
    """
    labels, probabilities = forest.truth.argmax(axis=1), forest.predicted
    own, counts = probabilities[np.arange(len(labels)), labels], forest.truth.sum(axis=0)
    means = np.where(counts > 0, (forest.truth * probabilities).sum(axis=0) / np.maximum(counts, 1), np.inf)
    above = np.where(probabilities >= means, probabilities, 0.0)
    wrong = (above.max(axis=1) > 0) & (above.argmax(axis=1) != labels)
    order = np.argsort(own - probabilities.max(axis=1), kind="stable")
    suspects = tuple(int(forest.rows[at]) + 1 for at in order if wrong[at])
    n_confident = max(1, round(CONFIDENT * len(labels)))
    confident = np.argsort(-probabilities.max(axis=1), kind="stable")[:n_confident]
    error_rate = float((probabilities[confident].argmax(axis=1) != labels[confident]).mean())
    return LabelFacts(error_rate, n_confident, float(wrong.mean()), suspects)


def probe_network(experiment: Experiment, context: TrainingContext) -> NetworkFacts:
    """The context's network with its present weights, which stay; its gradients are overwritten."""
    rows = experiment.draw(context.train, NETWORK_SAMPLE)
    activation = experiment.config.model.activation
    layers = _activations(context.model, rows.x) if activation in (*CAN_DIE, *SATURATED) else []
    dead = tuple((layer == 0).all(dim=0).float().mean().item() for layer in layers) if activation in CAN_DIE else ()
    saturated = tuple(_share_outside(layer, SATURATED[activation]) for layer in layers if activation in SATURATED)
    context.gradients.compute_gradients(rows.x, rows.y, seed=experiment.config.seed)
    gradients, outputs = _gradient_sizes(context.model), outputs_of(context, rows.x)
    return NetworkFacts(
        gradients, dead, saturated, _count_predicted(experiment, outputs), _skill(experiment, outputs, rows.y)
    )


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


def _share_outside(layer: Tensor, span: tuple[float, float]) -> float:
    return ((layer < span[0]) | (layer > span[1])).float().mean().item()


def _gradient_sizes(model: nn.Module) -> tuple[float, ...]:
    linear = [module.weight.grad for module in model.modules() if isinstance(module, nn.Linear)]
    return tuple(gradient.float().square().mean().sqrt().item() for gradient in linear if gradient is not None)


def _count_predicted(experiment: Experiment, outputs: Tensor) -> tuple[int, ...]:
    if not experiment.n_classes:
        return ()
    return tuple(np.bincount(experiment.task.decode(outputs).values, minlength=experiment.n_classes).tolist())


def _skill(experiment: Experiment, outputs: Tensor, y: Tensor) -> float:
    truth = experiment.targets(y)
    if not experiment.n_classes:
        return skill_of(truth, outputs.cpu().numpy())
    decoded = experiment.task.decode(outputs)
    certain = np.eye(experiment.n_classes)[decoded.values]
    return skill_of(truth, certain if decoded.probabilities is None else decoded.probabilities)


def measure_rows(experiment: Experiment, steps: int) -> RowCurve | None:
    """A learning curve: trainings on growing shares of the rows, all with the same number of steps.

    steps : of the training in question. The features stay fitted on all training rows. None where it would take too
    long, or where a training reaches no finite loss.
    """
    context = experiment.context()
    allowed = affordable_steps(context, MOST_STEPS)
    if allowed < min(steps, FEWEST_STEPS):
        return None
    config, order = _fixed(context), experiment.permutation(len(experiment.train))
    parts = [order[: math.ceil(share * len(order))].sort().values for share in SHARES]
    rows = [TensorDataset(experiment.train.x[part], experiment.train.y[part]) for part in parts]
    losses = [_lowest_loss(experiment, config, part, min(steps, allowed)) for part in rows]
    return RowCurve(tuple(map(len, rows)), tuple(losses)) if all(map(math.isfinite, losses)) else None


def _fixed(context: TrainingContext) -> Config:
    """The configuration with batch size and rate that do not depend on the number of rows."""
    config = at_constant_rate(context.config)
    training = config.training.model_copy(update={"batch_size": context.batch_size, "early_stopping": None})
    optimizer = config.optimizer.model_copy(update={"lr": context.lr})
    return config.model_copy(update={"training": training, "optimizer": optimizer})


def _lowest_loss(experiment: Experiment, config: Config, rows: TensorDataset, steps: int) -> float:
    epochs = math.ceil(steps / math.ceil(len(rows) / min(int(config.training.batch_size), len(rows))))
    training = config.training.model_copy(update={"epochs": epochs})
    context = experiment.context(config.model_copy(update={"training": training}), rows)
    history = train_model(context, new_state(context)).state.history
    return min((record.valid_loss for record in history if record.valid_loss is not None), default=math.inf)
