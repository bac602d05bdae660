"""scikit-learn estimators over mlcli's training, for rows in memory; nothing is read from the disk or written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Literal, Self

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_array, check_is_fitted, column_or_1d, validate_data

from mlcli.api.model import Model, Warner
from mlcli.config.loading.load import make_config, override_config
from mlcli.config.sections.config import Config
from mlcli.config.sections.rows import TableConfig
from mlcli.config.tree import JsonValue, Value
from mlcli.data.clean_tables import clean_tables
from mlcli.data.prepare import prepare_in_memory
from mlcli.data.quality.checks import find_cell_doubts
from mlcli.data.readers.memory import is_frame, read_memory
from mlcli.errors import ConfigError, DataError
from mlcli.evaluation.refit import refit
from mlcli.models.predictions import Predictions
from mlcli.training.callbacks import Callback
from mlcli.training.context import TrainingContext, set_threads
from mlcli.training.inputs import fit_inputs
from mlcli.training.state import EpochRecord, TrainingState

# The key of the configuration that each parameter sets.
KEYS = {
    "hidden": "model.hidden",
    "activation": "model.activation",
    "dropout": "model.dropout",
    "optimizer": "optimizer.name",
    "lr": "optimizer.lr",
    "epochs": "training.epochs",
    "batch_size": "training.batch_size",
    "patience": "training.early_stopping.patience",
    "valid": "dataset.split.valid",
}
# Keys that have no meaning without a file.
OF_FILES = {f"dataset.{key}" for key in ("name", "path", "test_path", "target", "task", "weight", "origin")}
# What `dataset.path` of a model says whose rows came from no file.
IN_MEMORY = "(in memory)"


class _History(Callback):
    def __init__(self) -> None:
        self.losses: list[float] = []

    def on_epoch_end(self, context: TrainingContext, state: TrainingState, record: EpochRecord) -> None:
        self.losses.append(record.train_loss)


@contextmanager
def _as_value_errors() -> Iterator[None]:
    """scikit-learn expects ValueError of parameters and rows that do not fit; the cause is mlcli's error."""
    try:
        yield
    except (ConfigError, DataError) as error:
        raise ValueError(str(error)) from error


@contextmanager
def _threads_kept() -> Iterator[None]:
    """Leave torch the threads that it had."""
    before = torch.get_num_threads()
    try:
        yield
    finally:
        set_threads(before)


class _Mlp(BaseEstimator):  # type: ignore[misc]
    """What both estimators share; see `MlpClassifier`."""

    _task: Literal["classification", "regression"]

    def __init__(
        self,
        hidden: Sequence[int] = (64, 32),
        *,
        activation: str = "relu",
        dropout: float = 0.0,
        optimizer: str = "adam",
        lr: float | None = None,
        epochs: int = 100,
        batch_size: int | str = "auto",
        patience: int | None = None,
        valid: float = 0.0,
        random_state: int | np.random.RandomState | None = None,
        settings: Mapping[str, JsonValue] | None = None,
    ) -> None:
        self.hidden = hidden
        self.activation = activation
        self.dropout = dropout
        self.optimizer = optimizer
        self.lr = lr
        self.epochs = epochs
        self.batch_size = batch_size
        self.patience = patience
        self.valid = valid
        self.random_state = random_state
        self.settings = settings

    def __sklearn_tags__(self) -> Any:  # noqa: ANN401
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags

    def _config(self, targets: Sequence[str], weight: str | None) -> Config:
        """The configuration of the parameters, checked as that of a file. weight : name of the rows' weights."""
        seed, name = self.random_state, type(self).__name__
        if not isinstance(seed, int | np.integer):
            seed = check_random_state(seed).randint(2**31 - 1)
        dataset: dict[str, Value] = {
            "name": "parquet",
            "path": IN_MEMORY,
            "target": tuple(targets),
            "task": self._task,
            "types": {targets[0]: "category"} if self._task == "classification" else {},
            "weight": weight,
            "split": {"test": 0, "valid": 0},
        }
        given = {key: getattr(self, own) for own, key in KEYS.items() if getattr(self, own) is not None}
        settings = {**given, "seed": int(seed), **(self.settings or {})}
        if unused := sorted(OF_FILES & settings.keys()):
            raise DataError(f"settings: {unused[0]} is for rows that are read, and `fit` is given them; leave it out")
        values = {key: _plain(value) for key, value in settings.items()}
        return override_config(make_config({"dataset": dataset}, name, name), values, source=name)

    def _fit(
        self, frame: pl.DataFrame, answers: Sequence[pl.Series], weights: NDArray[np.float64] | None, *, warns: bool
    ) -> Model:
        """Train; `model_`, `n_iter_` and `loss_curve_` are what comes of it."""
        table, weight = frame.hstack(list(answers)), None
        if weights is not None:
            weight = _free_name("weight", table)
            table = table.with_columns(pl.Series(weight, weights))
        raw = read_memory(table)
        config, history = self._config([column.name for column in answers], weight), _History()
        if not isinstance(config.dataset, TableConfig):
            raise TypeError(config.dataset)
        read = clean_tables(raw, None, config.dataset.target_names, config.dataset)
        inputs = fit_inputs(config, prepare_in_memory(config.dataset, config.seed, read))
        for finding in find_cell_doubts(inputs.prepared.profile) if warns else ():
            if finding.serious:
                Warner().warn(finding.text)
        with _threads_kept():
            bundle = refit(config, inputs, "fit", callbacks=[history], scored=True)
        self.loss_curve_ = history.losses
        self.n_iter_ = len(history.losses)
        self.model_ = Model(bundle, type(self).__name__)
        return self.model_

    def _to_frame(self, x: Any, *, reset: bool, y: Any = None) -> pl.DataFrame:  # noqa: ANN401
        """Rows as columns, those of an array called x1, x2, …; checked as scikit-learn checks them."""
        if is_frame(x):
            validate_data(self, x, reset=reset, skip_check_array=True)
            return read_memory(x).frame
        least = 2 if reset else 1
        checked = validate_data(self, x, reset=reset, ensure_all_finite="allow-nan", ensure_min_samples=least)
        return read_memory(checked).frame

    def _counted_rows(
        self,
        frame: pl.DataFrame,
        y: NDArray[Any],
        sample_weight: Any,  # noqa: ANN401
    ) -> tuple[pl.DataFrame, NDArray[Any], NDArray[np.float64] | None]:
        """The rows, their answers and their weights, without the rows whose weight is 0; None where all count alike."""
        if frame.height != len(y):
            raise ValueError(f"X has {frame.height:,} rows but y has {len(y):,}; they must agree")
        if sample_weight is None:
            return frame, y, None
        name = "sample_weight"
        weights = check_array(sample_weight, dtype=np.float64, ensure_2d=False, input_name=name, estimator=self)
        if weights.shape != (len(y),):
            raise DataError(f"{name} is of shape {weights.shape}; expected ({len(y)},): give one number for each row")
        if (weights < 0).any():
            row = int((weights < 0).argmax())
            raise DataError(f"{name}: row {row + 1} has {weights[row]:g}; expected 0 or more: 0 leaves a row out")
        if not (counts := weights > 0).any():
            raise DataError(f"{name}: all {len(weights):,} weights are zero; expected one above 0: leave them out")
        return frame.filter(pl.Series(counts)), y[counts], weights[counts]


class MlpClassifier(ClassifierMixin, _Mlp):  # type: ignore[misc]
    """A multilayer perceptron that tells classes apart.

    Columns of a data frame may be numbers, text, categories, true and false, or dates, and may have missing cells;
    features are made of them as `mlcli train` makes them. Arrays are of numbers, NaN where missing.

    hidden       : units of each hidden layer
    activation, dropout, optimizer, epochs, batch_size : as the keys of the same names
    lr           : learning rate; None is the optimizer's default
    patience     : epochs without improvement of the loss on validation rows after which training stops; None trains
                   all epochs
    valid        : share of the rows that are for validation: the weights of the best epoch are kept, and probabilities
                   calibrated. 0 trains on all rows and keeps the last weights
    random_state : an integer is the seed of `mlcli train`
    settings     : any other key of the configuration, as `mlcli explain` lists them: {"features.scale": "quantile"}

    sample_weight, of `fit`, says how much each row counts in the cost and in every score, (n,), 0 or more, of any scale
    (`dataset.weight`). Rows of weight 0 are left out; features are fitted to the others as if all counted alike.

    After `fit`: classes_, n_features_in_, feature_names_in_ (of data frames), n_iter_ (epochs), loss_curve_ (of the
    training rows, an epoch each), and model_, an `mlcli.Model`, which can be saved.

    Raises ValueError, caused by mlcli's own error, where parameters or rows do not fit.
    """

    _task = "classification"

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:  # noqa: ANN401, N803
        """Train on rows X (n, d) and their classes y (n,), of any type; `sample_weight` as `MlpClassifier` has it."""
        _require_y(self, y)
        with _as_value_errors():
            frame = self._to_frame(X, reset=True)
            labels = column_or_1d(y, warn=True)
            check_classification_targets(labels)
            frame, labels, weights = self._counted_rows(frame, labels, sample_weight)
            self.classes_, codes = np.unique(labels, return_inverse=True)
            if len(self.classes_) < 2:
                raise DataError(f"y has one class, {self.classes_[0]!r}; a classifier needs at least two")
            answers = [pl.Series(_free_name("y", frame), codes.astype(str).tolist(), dtype=pl.String)]
            model = self._fit(frame, answers, weights, warns=is_frame(X))
        model.rename_classes([str(label) for label in self.classes_])
        return self

    def predict(self, X: Any) -> NDArray[Any]:  # noqa: ANN401, N803
        """The class of each row, (n,), as `classes_` has it."""
        places = self._decode(X).values
        return np.asarray(self.classes_[places])

    def predict_proba(self, X: Any) -> NDArray[np.float64]:  # noqa: ANN401, N803
        """The probabilities of `classes_`, float64 (n, K)."""
        probabilities = self._decode(X).probabilities
        if probabilities is None:
            raise AttributeError("the loss or the output that settings choose gives no probabilities")
        return np.asarray(probabilities)

    def _decode(self, x: Any) -> Predictions:  # noqa: ANN401
        check_is_fitted(self)
        with _as_value_errors():
            return self.model_.decode(self._to_frame(x, reset=False))


class MlpRegressor(RegressorMixin, _Mlp):  # type: ignore[misc]
    """A multilayer perceptron that predicts one number or several; parameters as `MlpClassifier` has them."""

    _task = "regression"

    def __sklearn_tags__(self) -> Any:  # noqa: ANN401
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:  # noqa: ANN401, N803
        """Train on rows X (n, d) and their numbers y, (n,) or (n, t); `sample_weight` as `MlpClassifier` has it."""
        _require_y(self, y)
        with _as_value_errors():
            frame = self._to_frame(X, reset=True)
            numbers = check_array(y, dtype=np.float64, ensure_2d=False, input_name="y", estimator=self)
            frame, numbers, weights = self._counted_rows(frame, numbers, sample_weight)
            columns = numbers.reshape(len(numbers), -1)
            names = ["y"] if columns.shape[1] == 1 else [f"y{i}" for i in range(1, columns.shape[1] + 1)]
            answers = [
                pl.Series(_free_name(name, frame), np.ascontiguousarray(own))
                for name, own in zip(names, columns.T, strict=True)
            ]
            self._fit(frame, answers, weights, warns=is_frame(X))
        return self

    def predict(self, X: Any) -> NDArray[np.float64]:  # noqa: ANN401, N803
        """Numbers, float64 (n,), or (n, t) for t targets."""
        check_is_fitted(self)
        with _as_value_errors():
            numbers: NDArray[np.float64] = self.model_.predict(self._to_frame(X, reset=False))
        return numbers


def _plain(value: Any) -> JsonValue:  # noqa: ANN401
    """Python's value of NumPy's, and lists of sequences."""
    if isinstance(value, tuple | list | np.ndarray):
        return [_plain(one) for one in value]
    plain: JsonValue = value.item() if isinstance(value, np.generic) else value
    return plain


def _require_y(estimator: _Mlp, y: Any) -> None:  # noqa: ANN401
    if y is None:
        raise ValueError(f"{type(estimator).__name__} requires y to be passed, but the target y is None")


def _free_name(name: str, frame: pl.DataFrame) -> str:
    """The name, with as many _ behind it as make it no column's."""
    while name in frame.columns:
        name += "_"
    return name
