"""The task of a configuration, fitted to the training rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import numpy as np

from mlcli.config.rules.training import check_kind
from mlcli.config.sections.model import LossConfig, ModelConfig, PoissonLoss, QuantileLoss
from mlcli.config.tree import dotted
from mlcli.data.profile import class_counts
from mlcli.data.tables.labels import find_label, most_similar
from mlcli.data.tables.types import Dataset, Images, TaskKind
from mlcli.errors import DataError, config_error
from mlcli.models.target_transform import fit_transform
from mlcli.models.task import MARGIN_LOSSES, Classification, FittedTask, Output, Regression


def fit_task(
    train: Dataset, kind: TaskKind, model: ModelConfig, loss: LossConfig, positive: str | None = None
) -> FittedTask:
    """Learn class names, or the targets' scale and best constant, from the training rows and their weights."""
    for issue in check_kind(kind, model, loss):
        raise config_error(dotted(issue.path), issue.message)
    if kind == "regression":
        return _fit_regression(train, loss)
    counts = class_counts(train)
    names = list(counts) if isinstance(train, Images) else sorted(counts, key=_natural)
    classes = _order_classes(names, positive)
    output, has_probabilities = _resolve_output(len(classes), model, loss)
    target = "label" if isinstance(train, Images) else train.targets[0].name
    task = Classification(target, classes, tuple(counts[name] for name in classes), output, has_probabilities)
    if (of_rows := train.row_weights) is not None:
        sums = np.bincount(task.truth(train), weights=of_rows, minlength=len(classes))
        task = replace(task, weight_sums=tuple(sums.tolist()))
    weights = class_weights(loss, task)
    if weights is None or not has_probabilities or not getattr(loss, "correct_probabilities", False):
        return task
    if len(classes) > 2:
        return replace(task, divisors=weights, costs=weights)
    return replace(task, divisors=weights, threshold=weights[0] / sum(weights))


def class_weights(loss: LossConfig, task: Classification) -> tuple[float, ...] | None:
    """The weight of each class in the cost; None without weights. Raises ConfigError for a class that there is not."""
    chosen: str | dict[str, float] = getattr(loss, "class_weights", "none")
    if chosen == "none":
        return None
    if isinstance(chosen, str):
        total = sum(task.sizes)
        return tuple(total / (len(task.classes) * (size or 1)) for size in task.sizes)
    weights = {_class_named(name, task.classes, "loss.class_weights"): weight for name, weight in chosen.items()}
    if len(weights) < len(chosen):
        raise config_error("loss.class_weights", f"names a class twice: {', '.join(map(repr, chosen))}")
    return tuple(weights.get(name, 1.0) for name in task.classes)


def _class_named(name: str, classes: Sequence[str], key: str) -> str:
    found = find_label(name, classes)
    if found is None:
        raise config_error(key, f"there is no class {name!r}; {most_similar(name, classes)}")
    return found


def _fit_regression(train: Dataset, loss: LossConfig) -> Regression:
    targets = () if isinstance(train, Images) else tuple(column.name for column in train.targets)
    raw = Regression(targets, (0.0,) * len(targets), (1.0,) * len(targets))
    truth, weights = raw.truth(train), train.row_weights
    if weights is not None:
        truth, weights = truth[weights > 0], weights[weights > 0]
    with np.errstate(over="ignore", invalid="ignore"):
        mean, std = truth.mean(axis=0), truth.std(axis=0)
        if weights is not None:
            mean = np.average(truth, axis=0, weights=weights)
            std = np.sqrt(np.average(np.square(truth - mean), axis=0, weights=weights))
    measured = np.isfinite(std) & ((std > 0) | (truth.min(axis=0) == truth.max(axis=0)))
    for name in np.array(targets)[~measured]:
        raise DataError(
            f"column '{name}': the training rows' numbers are too large or too small to compute their "
            "standard deviation; give them in another unit"
        )
    if isinstance(loss, PoissonLoss):
        raw.require_counts(truth)
        for name in np.array(targets)[mean == 0]:
            raise DataError(f"column '{name}': all {len(truth):,} training rows are 0; loss poisson needs a count")
        return replace(raw, std=tuple(mean.tolist()), output="exp")
    task = replace(raw, mean=tuple(mean.tolist()), std=tuple(np.where(std > 0, std, 1.0).tolist()))
    kind: Literal["none", "log", "quantile"] = getattr(loss, "target", "none")
    if kind != "none":
        transforms = tuple(fit_transform(kind, column, name) for name, column in zip(targets, truth.T, strict=True))
        task = replace(task, transforms=transforms, smearing=() if loss.name in ("auto", "mse") else None)
    if not isinstance(loss, QuantileLoss):
        return task
    # Of all quantiles, the one with the lowest pinball loss: the smallest value that q of the rows do not exceed.
    quantile = [_weighted_quantile(column, weights, loss.q) for column in truth.T]
    return replace(task, q=loss.q, constant=tuple(quantile))


def _weighted_quantile(values: np.ndarray, weights: np.ndarray | None, q: float) -> float:
    """The smallest value that a share q of the weights does not exceed, within rounding."""
    if weights is None:
        return float(np.quantile(values, q, method="inverted_cdf"))
    order = np.argsort(values, kind="stable")
    through = weights[order].cumsum()
    return float(values[order[np.searchsorted(through, q * through[-1] * (1 - 1e-12))]])


def _natural(name: str) -> tuple[bool, float, str]:
    """Numbers in numeric order first, then text."""
    try:
        return (False, float(name), name)
    except ValueError:
        return (True, 0.0, name)


def _order_classes(names: list[str], positive: str | None) -> tuple[str, ...]:
    if len(names) < 2:
        raise DataError(f"the training rows contain only one class, {names}; a classifier needs at least two")
    if positive is None:
        return tuple(names)
    if len(names) != 2:
        raise config_error("evaluation.positive", f"is for two classes; there are {len(names)}, so remove it")
    positive = _class_named(positive, names, "evaluation.positive")
    return (*(name for name in names if name != positive), positive)


def _resolve_output(n_classes: int, model: ModelConfig, loss: LossConfig) -> tuple[Output, bool]:
    """The output unit, and whether its outputs are probabilities."""
    one_unit = model.output in ("sigmoid", "step") or loss.name in ("bce", *MARGIN_LOSSES)
    if n_classes > 2 and one_unit:
        key, value = ("loss.name", loss.name) if loss.name != "auto" else ("model.output", model.output)
        raise config_error(key, f"{value} is for two classes, but there are {n_classes}; use softmax and cross_entropy")
    if model.output == "step" or loss.name in MARGIN_LOSSES:
        return "step", False
    if n_classes > 2 or model.output == "softmax" or loss.name == "cross_entropy":
        return "softmax", True
    return "sigmoid", True
