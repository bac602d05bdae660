"""The coefficients of a model without hidden layers, in the data's own units."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from mlcli.features.fitted import FittedFeatures
from mlcli.models.inference import FittedModel, FittedNetwork
from mlcli.models.task import Classification, FittedTask, Regression

Unit = Literal["target", "log", "log-odds", "score"]


@dataclass(frozen=True)
class WeightsTable:
    """A linear model for a report: output = bias + Σ weight · feature.

    weights : one tuple per feature, one number per output
    bias    : one number per output
    caption : a sentence on the units of features and outputs
    """

    features: tuple[str, ...]
    outputs: tuple[str, ...]
    weights: tuple[tuple[float, ...], ...]
    bias: tuple[float, ...]
    caption: str


@dataclass(frozen=True, eq=False)
class LinearWeights:
    """A linear model in the data's units: weights @ features + intercept.

    features  : names of the k features, in the data's units
    outputs   : target names, or the classes that have an output (of two classes, the second alone)
    weights   : float64 (n_outputs, k); intercept: float64 (n_outputs,)
    unit      : of the result. target: the target's own. log: the logarithm of a count. log-odds: of two
                classes, those of the second; of more, the log-odds between two are the difference of their
                rows. score: the second class where positive
    """

    features: tuple[str, ...]
    outputs: tuple[str, ...]
    weights: np.ndarray
    intercept: np.ndarray
    unit: Unit

    def to_json(self) -> dict[str, Any]:
        """{"unit": …, "outputs": {output: {"intercept": …, "weights": {feature: weight}}}}."""
        lines = zip(self.outputs, self.weights.tolist(), self.intercept.tolist(), strict=True)
        return {
            "unit": self.unit,
            "outputs": {
                output: {"intercept": intercept, "weights": dict(zip(self.features, weights, strict=True))}
                for output, weights, intercept in lines
            },
        }


def tabulate_weights(model: FittedModel, features: FittedFeatures, task: FittedTask) -> LinearWeights | None:
    """Undo the scaling of features and targets; None with hidden layers or features that are not affine."""
    if not isinstance(model, FittedNetwork) or model.config.hidden or not model.is_plain:
        return None
    affine = features.affine()
    if affine is None:
        return None
    weight, bias = (model.weights[f"output.{name}"].astype(np.float64) for name in ("weight", "bias"))
    weights, intercept = weight @ affine.matrix, weight @ affine.offset + bias
    if isinstance(task, Classification):
        intercept, weights = task.correct(intercept), weights / task.temperature
    if isinstance(task, Regression) and task.output == "exp":
        return LinearWeights(affine.names, task.targets, weights, intercept + np.log(task.std), "log")
    if isinstance(task, Regression) and task.transforms:
        return None
    if isinstance(task, Regression):
        weights = weights * np.array(task.std)[:, np.newaxis]
        intercept = intercept * np.array(task.std) + np.array(task.mean)
        return LinearWeights(affine.names, task.targets, weights, intercept, "target")
    outputs = task.classes if task.n_outputs > 1 else task.classes[1:]
    return LinearWeights(affine.names, outputs, weights, intercept, "log-odds" if task.has_probabilities else "score")
