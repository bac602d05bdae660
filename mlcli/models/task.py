"""The task: how targets are encoded, the network's output layer, and how its outputs are decoded to predictions."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, Self

import numpy as np
import polars as pl
from numpy.typing import ArrayLike, NDArray

from mlcli.data.tables.frames import collect, column_of
from mlcli.data.tables.types import Dataset, Images
from mlcli.errors import DataError
from mlcli.io.json import from_json
from mlcli.models.predictions import MeasuredAs, Predictions
from mlcli.models.target_transform import TargetTransform

Output = Literal["identity", "exp", "sigmoid", "softmax", "step"]
MARGIN_LOSSES = ("hinge", "perceptron")


@dataclass(frozen=True)
class Regression:
    """Targets, and the mean and standard deviation (ddof 0) that standardise them.

    Counts have a log link, the output exp: they are divided by their mean (in `std`; `mean` is 0), so that a raw
    output of 0 predicts the mean, and the network learns the logarithm of a multiple of it.

    q          : the quantile that is predicted; None for the mean
    constant   : the q-quantile of the training rows, the best prediction without features; empty for the mean
    transforms : of each target, in place of mean and std; empty for none
    smearing   : the residuals of each target over which predictions are averaged to means (`TargetTransform.predict`);
        empty before they are measured; None where the loss predicts no mean
    """

    targets: tuple[str, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    kind: Literal["regression"] = "regression"
    output: Literal["identity", "exp"] = "identity"
    q: float | None = None
    constant: tuple[float, ...] = ()
    transforms: tuple[TargetTransform, ...] = ()
    smearing: tuple[tuple[float, ...], ...] | None = None

    @property
    def n_outputs(self) -> int:
        """One unit per target."""
        return len(self.targets)

    @property
    def measured_as(self) -> MeasuredAs:
        """What the loss predicts."""
        if self.output == "exp":
            return "counts"
        return "regression" if self.q is None else "quantile"

    @property
    def best_constant(self) -> np.ndarray:
        """The prediction without features, (n_targets,)."""
        return np.array(self.constant or (self.std if self.output == "exp" else self.mean))

    def of_target(self, index: int) -> Self:
        """The task of one of the targets."""
        names = ("targets", "mean", "std", "constant", "transforms", *(("smearing",) if self.smearing else ()))
        return replace(self, **{name: getattr(self, name)[index : index + 1] for name in names})

    def truth(self, data: Dataset) -> np.ndarray:
        """Targets in their own units, float64 (n, n_targets)."""
        if isinstance(data, Images):
            raise DataError("regression needs a table; images have classes")
        return collect(data.rows.select(self.targets)).to_numpy().astype(np.float64).reshape(len(data), self.n_outputs)

    def encode(self, data: Dataset) -> NDArray[np.float32]:
        """Standardised targets, float32 (n, n_targets). Raises DataError for a negative count."""
        truth = self.truth(data)
        if self.output == "exp":
            self.require_counts(truth)
        return self.standardise(truth)

    def require_counts(self, truth: np.ndarray) -> None:
        """Raise DataError for a target (n, n_targets) below 0."""
        for name, column in zip(self.targets, truth.T, strict=True):
            if n_negative := int((column < 0).sum()):
                raise DataError(
                    f"column '{name}': loss poisson is for counts, 0 or more; {n_negative:,} of {len(column):,} rows "
                    f"are negative, the lowest is {column.min():g}; correct them, or use loss mse"
                )

    def standardise(self, truth: np.ndarray) -> NDArray[np.float32]:
        """Targets in their own units (n, n_targets) as the network learns them, float32."""
        if self.transforms:
            columns = [own.apply(y) for own, y in zip(self.transforms, truth.T, strict=True)]
            return np.stack(columns, axis=1).astype(np.float32)
        with np.errstate(over="ignore"):
            standardised: NDArray[np.float32] = ((truth - np.array(self.mean)) / np.array(self.std)).astype(np.float32)
        return standardised

    def constant_targets(self, y: ArrayLike) -> np.ndarray:
        """Whether all rows (n, n_targets) of standardised targets are the same number, bool (n_targets,).

        Compared in float32, so that training and evaluation agree on which scores are undefined.
        """
        y = np.asarray(y)
        constant: np.ndarray = y.min(axis=0) == y.max(axis=0)
        return constant

    def decode_targets(self, y: ArrayLike) -> np.ndarray:
        """The inverse of `encode`; 0 where float32 cannot distinguish the value from 0."""
        wide = np.asarray(y, dtype=np.float64)
        if self.transforms:
            return np.stack([own.undo(z) for own, z in zip(self.transforms, wide.T, strict=True)], axis=1)
        centred = wide * np.array(self.std)
        values = centred + np.array(self.mean)
        return np.where(np.abs(values) <= np.finfo(np.float32).eps * np.abs(centred), 0.0, values)

    def decode(self, outputs: ArrayLike) -> Predictions:
        """Outputs (n, n_targets) in the targets' units; of a count, infinite where exp exceeds float64."""
        scores = np.asarray(outputs, dtype=np.float64)
        with np.errstate(over="ignore"):
            if self.transforms:
                residuals = self.smearing or ((0.0,),) * len(self.transforms)
                columns = zip(self.transforms, scores.T, residuals, strict=True)
                return Predictions(np.stack([own.predict(z, of) for own, z, of in columns], axis=1), None, scores)
            numbers = np.exp(scores) if self.output == "exp" else scores
            return Predictions(numbers * np.array(self.std) + np.array(self.mean), None, scores)

    def measure_smearing(self, outputs: ArrayLike, y: ArrayLike, weights: np.ndarray | None = None) -> Self:
        """The task whose predictions are means by the residuals of these rows; itself where no mean is predicted.

        outputs, y : raw outputs (n, n_targets) and encoded targets
        weights    : (n,), of the rows; None where all count alike
        """
        residuals = np.asarray(y, dtype=np.float64) - np.asarray(outputs, dtype=np.float64)
        if self.smearing is None or not len(residuals) or not np.isfinite(residuals).all():
            return self
        pairs = zip(self.transforms, residuals.T, strict=True)
        return replace(self, smearing=tuple(own.summarise_residuals(column, weights) for own, column in pairs))

    def outputs_of(self, values: np.ndarray) -> NDArray[np.float32]:
        """Raw outputs, float32 (n, n_targets), that decode to these values, before means are corrected."""
        standardised = self.standardise(values)
        return np.log(np.maximum(standardised, np.finfo(np.float32).tiny)) if self.output == "exp" else standardised


@dataclass(frozen=True)
class Classification:
    """Classes in the order of the outputs; with two, the second is the positive one.

    counts      : training rows of each class
    weight_sums : sums of their weights, as multiples of the mean weight; empty where all rows count alike
    threshold   : lowest probability at which the second of two classes is predicted
    divisors    : class weights by which the outputs' probabilities are divided (King and Zeng, 2001); none: not at all
    costs       : of a missed row of each of more than two classes: the class of the largest probability times its cost
        is predicted; empty where all cost alike
    temperature : by which the logits are then divided
    uniform     : share of 1 / K in the probabilities, the rest of it being the softmax's
    """

    target: str
    classes: tuple[str, ...]
    counts: tuple[int, ...]
    output: Output
    has_probabilities: bool
    threshold: float = 0.5
    kind: Literal["classification"] = "classification"
    divisors: tuple[float, ...] = ()
    temperature: float = 1.0
    uniform: float = 0.0
    weight_sums: tuple[float, ...] = ()
    costs: tuple[float, ...] = ()

    @property
    def sizes(self) -> tuple[float, ...]:
        """How much the training rows of each class count together."""
        return self.weight_sums or self.counts

    @property
    def quantity(self) -> str:
        """What each class is predicted with."""
        return "probability" if self.has_probabilities else "score"

    @property
    def measured_as(self) -> MeasuredAs:
        """Its kind."""
        return "classification"

    @property
    def n_outputs(self) -> int:
        """K softmax units, or the single unit of two classes."""
        return len(self.classes) if self.output == "softmax" else 1

    def truth(self, data: Dataset) -> np.ndarray:
        """Class indices, int64 (n,). Raises DataError for a class not seen in training."""
        if isinstance(data, Images):
            names = np.array([self.classes.index(name) for name in data.class_names])
            return names[data.labels]
        labels = column_of(data.rows, self.target)
        codes = labels.replace_strict(list(self.classes), list(range(len(self.classes))), default=None)
        if codes.null_count():
            row = int(codes.is_null().arg_max() or 0)
            raise DataError(
                f"column '{self.target}': class '{labels[row]}' does not occur in the training rows "
                f"(classes: {', '.join(self.classes)}); correct the label or add training rows of that class"
            )
        return codes.cast(pl.Int64).to_numpy()

    def encode(self, data: Dataset) -> NDArray[Any]:
        """Softmax: int64 (n,) indices. One unit: float32 (n, 1) of 0 and 1."""
        codes = self.truth(data).astype(np.int64)
        return codes if self.output == "softmax" else codes.astype(np.float32)[:, np.newaxis]

    def decode_targets(self, y: ArrayLike) -> np.ndarray:
        """The inverse of `encode`: int64 (n,)."""
        return np.asarray(y).astype(np.int64).reshape(-1)

    @np.errstate(all="ignore")
    def decode(self, outputs: ArrayLike) -> Predictions:
        """Outputs (n, n_outputs) to classes, with probabilities where the model has them."""
        logits = self.correct(np.asarray(outputs, dtype=np.float64))
        probabilities = self._probabilities(logits) if self.has_probabilities else None
        return Predictions(self._decide(logits, probabilities), probabilities, logits)

    @np.errstate(all="ignore")
    def predicted_classes(self, outputs: ArrayLike) -> NDArray[np.int64]:
        """Class indices of raw outputs (n, n_outputs), int64 (n,)."""
        logits = self.correct(np.asarray(outputs))
        two = self.has_probabilities and len(self.classes) == 2
        return self._decide(logits, self._probabilities(logits.astype(np.float64)) if two else None)

    def correct(self, logits: NDArray[Any]) -> NDArray[Any]:
        """Logits (…, n_outputs) of the probabilities divided by `divisors`, less their logarithms, by `temperature`."""
        if self.divisors:
            logs = np.log(np.array(self.divisors))
            logits = logits - (logs if self.output == "softmax" else logs[1:] - logs[:1]).astype(logits.dtype)
        return logits if self.temperature == 1 else logits / self.temperature

    def _probabilities(self, logits: NDArray[np.float64]) -> NDArray[np.float64]:
        """Of corrected logits, float64 (n, n_outputs): float64 (n, K)."""
        if self.output == "softmax":
            shares: NDArray[np.float64] = np.exp(logits - logits.max(axis=1, keepdims=True))
            shares /= shares.sum(axis=1, keepdims=True)
        else:
            positive = 1 / (1 + np.exp(-logits[:, 0]))
            shares = np.stack([1 - positive, positive], axis=1)
        return shares if not self.uniform else shares * (1 - self.uniform) + self.uniform / len(self.classes)

    def _decide(self, logits: NDArray[Any], probabilities: NDArray[np.float64] | None) -> NDArray[np.int64]:
        """Of corrected logits; of two classes, by their probabilities."""
        if not self.has_probabilities:
            chosen: NDArray[np.int64] = (logits[:, 0] > 0).astype(np.int64)
        elif probabilities is None or len(self.classes) > 2:
            costly = logits + np.log(self.costs).astype(logits.dtype) if self.costs else logits
            chosen = costly.argmax(axis=1)
        else:
            chosen = (probabilities[:, 1] >= self.threshold).astype(np.int64)
        return chosen

    def with_threshold(self, threshold: float) -> Self:
        """The same task with another decision threshold."""
        return replace(self, threshold=threshold)


FittedTask = Regression | Classification


def output_of(task: FittedTask) -> Output:
    """The activation of the task's output units."""
    return task.output


def binary_threshold(task: FittedTask) -> float | None:
    """The probability from which the second of two classes is predicted; None for other tasks."""
    return task.threshold if isinstance(task, Classification) and len(task.classes) == 2 else None


def task_to_json(task: FittedTask) -> dict[str, Any]:
    """A JSON value that `task_from_json` reads back."""
    return asdict(task)


def task_from_json(value: object, place: object) -> FittedTask:
    """Raises ArtefactError, naming `place`, when the value is not one that `task_to_json` made."""
    kind = value.get("kind") if isinstance(value, dict) else None
    return from_json(Regression, value, place) if kind == "regression" else from_json(Classification, value, place)
