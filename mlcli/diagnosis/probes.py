"""Short experiments on the columns, the labels, the network and the number of rows."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import ExitStack

import numpy as np
import torch
from torch import Tensor, nn

from mlcli.config.sections.config import Config
from mlcli.diagnosis.evidence import ColumnFacts, ForestFacts, LabelFacts, NetworkFacts, RowCurve, skill_of
from mlcli.diagnosis.experiment import Experiment, affordable_steps, at_constant_rate
from mlcli.models.task import Classification
from mlcli.training.context import TensorDataset, TrainingContext
from mlcli.training.loop import new_state, outputs_of, train_model

SAMPLE = 2000
# The nearest row follows a target that jumps from value to value, a few do not follow chance.
FEW = 5


def probe_columns(subject: Experiment) -> ColumnFacts:
    """Look at a sample of the training rows."""
    rows = subject.draw(subject.train, SAMPLE)
    x, names = rows.x.float().cpu().numpy(), subject.layout.names
    sizes = np.sqrt(np.square(x[:, : len(names)], dtype=np.float64).mean(axis=0))
    y = subject.goals(rows.y)
    skills = {name: _skill_alone(column, y) for name, column in _columns(subject, x)}
    return ColumnFacts(dict(zip(names, sizes.tolist(), strict=True)), skills)


def _columns(subject: Experiment, x: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    """Each column as numbers (n,); the inputs of one category are put together again."""
    together: dict[str, list[int]] = {}
    for index, name in enumerate((*subject.layout.names, *subject.layout.embedded)):
        together.setdefault(name.partition("=")[0], []).append(index)
    for name, indices in together.items():
        yield name, x[:, indices[0]] if len(indices) == 1 else x[:, indices].argmax(axis=1)


def _skill_alone(column: np.ndarray, y: np.ndarray) -> float:
    """Each odd row's target against that of its nearest even row, or the mean of a few near ones."""
    order = np.argsort(column[::2], kind="stable")
    values, targets, asked = column[::2][order], y[::2][order], column[1::2]
    middle, last = np.searchsorted(values, asked), len(values) - 1
    below, above = np.clip(middle - 1, 0, last), np.clip(middle, 0, last)
    nearest = np.where(asked - values[below] <= values[above] - asked, below, above)
    few = np.clip(middle[:, None] + np.arange(FEW) - FEW // 2, 0, last)
    return max(skill_of(y[1::2], targets[nearest]), skill_of(y[1::2], targets[few].mean(axis=1)))


MOST_ROWS = 3000
N_TREES = 100
# Leaves of single rows would take every label at its word.
LEAF = 3


def grow_forest(subject: Experiment) -> ForestFacts:
    """Fit a forest to at most MOST_ROWS training rows."""
    rows = subject.chance(len(subject.train))[:MOST_ROWS].sort().values
    x = subject.train.x.cpu().index_select(0, rows).float().numpy()
    y = subject.train.y.cpu().index_select(0, rows)
    truth = subject.goals(y)
    if isinstance(subject.task, Classification):
        return ForestFacts(rows.numpy(), truth, _probabilities(subject, x, subject.task.decode_targets(y)))
    return ForestFacts(rows.numpy(), truth, _numbers(subject, x, truth))


def _probabilities(subject: Experiment, x: np.ndarray, labels: np.ndarray) -> np.ndarray:
    from sklearn.ensemble import RandomForestClassifier

    forest = RandomForestClassifier(**_options(subject)).fit(x, labels)
    probabilities = np.zeros((len(x), subject.n_classes))
    probabilities[:, forest.classes_] = forest.oob_decision_function_
    return probabilities


def _numbers(subject: Experiment, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    from sklearn.ensemble import RandomForestRegressor

    forest = RandomForestRegressor(max_features=1 / 3, **_options(subject)).fit(x, y.squeeze())
    predicted: np.ndarray = forest.oob_prediction_.reshape(y.shape)
    return predicted


def _options(subject: Experiment) -> dict[str, int | bool]:
    seed = subject.config.seed % 2**32
    return {"n_estimators": N_TREES, "min_samples_leaf": LEAF, "oob_score": True, "random_state": seed}


# Where classes overlap, errors lie among the doubtful rows; wrong labels lie among the sure ones as well.
SUREST = 0.25


def suspect_labels(forest: ForestFacts) -> LabelFacts:
    """Find them in out-of-bag probabilities (n, K).

    A row is taken for class j where its probability of j is at least the mean that rows labelled j have; it is a
    suspect where j, the likeliest of such classes, is not its label.
    """
    labels, probabilities = forest.truth.argmax(axis=1), forest.predicted
    own = probabilities[np.arange(len(labels)), labels]
    counts = np.maximum(forest.truth.sum(axis=0), 1)
    usual = np.where(forest.truth.sum(axis=0) > 0, (forest.truth * probabilities).sum(axis=0) / counts, np.inf)
    sure = np.where(probabilities >= usual, probabilities, 0.0)
    wrong = (sure.max(axis=1) > 0) & (sure.argmax(axis=1) != labels)
    order = np.argsort(own - probabilities.max(axis=1), kind="stable")
    suspects = [int(forest.rows[at]) + 1 for at in order if wrong[at]]
    surest = np.argsort(-probabilities.max(axis=1), kind="stable")[: max(1, round(SUREST * len(labels)))]
    floor = float((probabilities[surest].argmax(axis=1) != labels[surest]).mean())
    return LabelFacts(floor, len(surest), float(wrong.mean()), tuple(suspects))


NETWORK_SAMPLE = 1024
# Beyond, a sigmoid has less than a twentieth of its steepest slope left, and tanh as well.
SATURATED = {"sigmoid": (0.0125, 0.9875), "tanh": (-0.975, 0.975)}
CAN_DIE = ("relu", "relu6")


def probe_network(subject: Experiment, context: TrainingContext) -> NetworkFacts:
    """Look at the context's network as it is; its gradients are overwritten, its weights are not touched."""
    rows = subject.draw(context.train, NETWORK_SAMPLE)
    activation = subject.config.model.activation
    layers = _activations(context.model, rows.x) if activation in (*CAN_DIE, *SATURATED) else []
    dead = tuple((layer == 0).all(dim=0).float().mean().item() for layer in layers) if activation in CAN_DIE else ()
    saturated = tuple(_share_outside(layer, SATURATED[activation]) for layer in layers if activation in SATURATED)
    context.gradients.compute_gradients(rows.x, rows.y, seed=subject.config.seed)
    gradients, outputs = _gradient_sizes(context.model), outputs_of(context, rows.x)
    return NetworkFacts(
        gradients, dead, saturated, _count_predicted(subject, outputs), _skill(subject, outputs, rows.y)
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


def _count_predicted(subject: Experiment, outputs: Tensor) -> tuple[int, ...]:
    if not subject.n_classes:
        return ()
    return tuple(np.bincount(subject.task.decode(outputs).values, minlength=subject.n_classes).tolist())


def _skill(subject: Experiment, outputs: Tensor, y: Tensor) -> float:
    truth = subject.goals(y)
    if not subject.n_classes:
        return skill_of(truth, outputs.cpu().numpy())
    decoded = subject.task.decode(outputs)
    certain = np.eye(subject.n_classes)[decoded.values]
    return skill_of(truth, certain if decoded.probabilities is None else decoded.probabilities)


SHARES = (0.2, 0.4, 0.6, 0.8, 1.0)
# Small trainings are over by then, and five of a large one are bearable; fewer tell nothing of a longer one.
MOST_STEPS, FEWEST_STEPS = 500, 200


def measure_rows(subject: Experiment, steps: int) -> RowCurve | None:
    """Train on each share for equally many steps, so that rows alone make the difference.

    steps : of the training in question. Features are those fitted on all training rows. None where it would take too
    long, or where one of the trainings came to no finite loss.
    """
    context = subject.context()
    allowed = affordable_steps(context, MOST_STEPS)
    if allowed < min(steps, FEWEST_STEPS):
        return None
    config, order = _fixed(context), subject.chance(len(subject.train))
    parts = [order[: math.ceil(share * len(order))].sort().values for share in SHARES]
    rows = [TensorDataset(subject.train.x[part], subject.train.y[part]) for part in parts]
    losses = [_lowest_loss(subject, config, part, min(steps, allowed)) for part in rows]
    return RowCurve(tuple(map(len, rows)), tuple(losses)) if all(map(math.isfinite, losses)) else None


def _fixed(context: TrainingContext) -> Config:
    """The configuration with batch size and rate that do not depend on the number of rows."""
    config = at_constant_rate(context.config)
    training = config.training.model_copy(update={"batch_size": context.batch_size, "early_stopping": None})
    optimizer = config.optimizer.model_copy(update={"lr": context.lr})
    return config.model_copy(update={"training": training, "optimizer": optimizer})


def _lowest_loss(subject: Experiment, config: Config, rows: TensorDataset, steps: int) -> float:
    epochs = math.ceil(steps / math.ceil(len(rows) / min(int(config.training.batch_size), len(rows))))
    training = config.training.model_copy(update={"epochs": epochs})
    context = subject.context(config.model_copy(update={"training": training}), rows)
    history = train_model(context, new_state(context)).state.history
    return min((record.valid_loss for record in history if record.valid_loss is not None), default=math.inf)
