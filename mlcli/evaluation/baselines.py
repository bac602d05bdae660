"""Baselines that a model must beat: constant predictions, and scikit-learn's models on the same inputs."""

from __future__ import annotations

import math
import os
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np

from mlcli.config.sections.training import ClassBaseline, NumberBaseline, QuantileBaseline
from mlcli.data.tables.types import Dataset
from mlcli.errors import config_error
from mlcli.evaluation.training_sample import TrainingSample, draw_training_sample, input_portions, n_model_outputs
from mlcli.features.fitted import FittedFeatures
from mlcli.models.task import Classification, FittedTask, Predictions, Regression

CONSTANTS = ("majority", "mean", "quantile")
MAX_ITERATIONS = 500  # of logistic and Poisson regression
# Rows of linear quantile regression, a linear program whose time grows with their square; rows × inputs.
MAX_PROGRAM_ROWS, MIN_PROGRAM_ROWS, MAX_PROGRAM = 2_000, 200, 200_000
N_NEIGHBOURS = 5
# Distances of nearest neighbours: training rows × measured rows × inputs.
MAX_DISTANCES = 40_000_000_000
MIN_NEIGHBOUR_ROWS = 200
MIN_LEAF_ROWS = 5
# Cost of the histograms of boosting: rounds × inputs × outputs.
MAX_HISTOGRAMS = 60_000
MIN_ROUNDS, MAX_ROUNDS = 8, 100
MAX_BINS = 63

THREADS = "OMP_NUM_THREADS"


@dataclass(frozen=True, eq=False)
class Baseline:
    """The predictions of a model fitted on the training rows alone; text describes it in a clause."""

    name: str
    text: str
    predictions: Predictions


_SUITABLE = {"classification": ClassBaseline, "quantile": QuantileBaseline}


def baseline_names(task: FittedTask, chosen: Literal["auto", "none"] | Sequence[str]) -> tuple[str, ...]:
    """The baselines to measure, the one to compare with first.

    Raises ConfigError for one that does not suit the task.
    """
    suitable: tuple[str, ...] = get_args(_SUITABLE.get(task.measured_as, NumberBaseline))
    if chosen == "none":
        return ()
    if chosen == "auto":
        return suitable
    for name in chosen:
        if name not in suitable:
            message = f"'{name}' does not suit {task.measured_as}; choose from {', '.join(suitable)}"
            raise config_error("evaluation.baselines", message)
    return tuple(dict.fromkeys(chosen))


def predict_baselines(
    task: FittedTask,
    features: FittedFeatures,
    train: Dataset,
    measured: Dataset,
    names: Sequence[str],
    seed: int,
) -> tuple[Baseline, ...]:
    """The named baselines' predictions for the measured rows, all fitted on training rows."""
    trained = [name for name in names if name not in CONSTANTS]
    found = {name: constant_baseline(task, len(measured)) for name in names if name in CONSTANTS}
    if trained:
        sample = draw_training_sample(task, features, train, seed)
        found |= {own.name: own for own in _trained_baselines(task, features, sample, measured, trained, seed)}
    return tuple(found[name] for name in names)


def constant_baseline(task: FittedTask, n_rows: int) -> Baseline:
    """The prediction that uses no feature, for n_rows rows; its probabilities are the classes' training shares."""
    if isinstance(task, Regression):
        values = np.tile(task.best_constant, (n_rows, 1))
        name = "quantile" if task.constant else "mean"
        statistic = f"{task.q:g} quantile" if task.constant else "mean"
        text = f"always predicts the {statistic} of the training rows"
        return Baseline(name, text, Predictions(values, None, values))
    counts = np.array(task.counts, dtype=np.float64)
    text = f"always predicts '{task.classes[int(counts.argmax())]}', the most frequent class of the training rows"
    return Baseline("majority", text, _class_predictions(np.tile(counts / counts.sum(), (n_rows, 1))))


def _class_predictions(probabilities: np.ndarray) -> Predictions:
    """The most probable of the classes, (n, K); the scores are the logarithms."""
    logits = np.log(np.clip(probabilities, np.finfo(np.float64).eps, 1.0))
    return Predictions(probabilities.argmax(axis=1), probabilities, logits)


def _trained_baselines(
    task: FittedTask,
    features: FittedFeatures,
    sample: TrainingSample,
    measured: Dataset,
    names: Sequence[str],
    seed: int,
) -> Iterator[Baseline]:
    with _one_thread():
        fitted = {name: _fit(name, task, sample, len(measured), seed) for name in names}
        outputs: dict[str, list[np.ndarray]] = {name: [] for name in names}
        for x in input_portions(features, measured):
            for name, (estimator, _) in fitted.items():
                outputs[name].append(_outputs(estimator, task, x))
    for name, (_, text) in fitted.items():
        found = np.concatenate(outputs[name])
        if isinstance(task, Classification):
            yield Baseline(name, text, _class_predictions(found))
        else:
            numbers = found * np.array(task.std) + np.array(task.mean)
            yield Baseline(name, text, Predictions(numbers, None, found))


@contextmanager
def _one_thread() -> Iterator[None]:
    """On such small work, threads that wait for each other cost many times what they gain.

    Without the variable, scikit-learn starts a program of the system to count the cores.
    """
    from threadpoolctl import threadpool_limits

    before = os.environ.get(THREADS)
    os.environ[THREADS] = "1"
    try:
        with threadpool_limits(1):
            yield
    finally:
        if before is None:
            del os.environ[THREADS]
        else:
            os.environ[THREADS] = before


def _fit(name: str, task: FittedTask, sample: TrainingSample, n_measured: int, seed: int) -> tuple[Any, str]:
    """The fitted estimator, and what it does."""
    n_inputs = sample.x.shape[1]
    if name == "linear" and task.measured_as == "quantile":
        n_rows = max(MIN_PROGRAM_ROWS, min(MAX_PROGRAM_ROWS, MAX_PROGRAM // n_inputs))
        sample = sample.part(n_rows, seed)
    if name == "knn":
        sample = sample.part(max_neighbour_rows(n_inputs, n_measured), seed)
    estimator, text = make_estimator(name, task, n_inputs, len(sample.x), seed)
    with warnings.catch_warnings(record=True) as raised:
        warnings.simplefilter("always")
        estimator.fit(sample.x, sample.y[:, 0] if sample.y.shape[1:] == (1,) else sample.y)
    if len(sample.x) < sample.n_rows:
        text += f"; trained on {len(sample.x):,} of {sample.n_rows:,} rows"
    if any("converge" in str(warning.message) for warning in raised):
        text += f"; stopped before it converged, after {MAX_ITERATIONS} steps"
    return estimator, text


def max_neighbour_rows(n_inputs: int, n_measured: int) -> int:
    """Training rows of nearest neighbours: every measured row is compared with each."""
    return max(MIN_NEIGHBOUR_ROWS, MAX_DISTANCES // (n_inputs * n_measured))


def make_estimator(name: str, task: FittedTask, n_inputs: int, n_rows: int, seed: int) -> tuple[Any, str]:
    """scikit-learn's estimator before it is fitted, and what it does."""
    from sklearn import linear_model, neighbors, tree

    classes = isinstance(task, Classification)
    match name:
        case "logistic":
            text = "logistic regression on standardised inputs (L2 penalty, C = 1)"
            return _on_standardised(linear_model.LogisticRegression(max_iter=MAX_ITERATIONS)), text
        case "linear" if task.measured_as == "quantile":
            text = f"linear regression of the {_quantile(task):g} quantile on standardised inputs (L1 penalty of 1)"
            linear = linear_model.QuantileRegressor(quantile=_quantile(task), alpha=1 / n_rows)
            return _on_standardised(_for_each_target(linear, task)), text
        case "linear" if task.measured_as == "counts":
            linear = linear_model.PoissonRegressor(alpha=1 / n_rows, max_iter=MAX_ITERATIONS)
            text = "Poisson regression on standardised inputs (L2 penalty of 1)"
            return _on_standardised(_for_each_target(linear, task)), text
        case "linear":
            return _on_standardised(linear_model.Ridge()), "linear regression on standardised inputs (L2 penalty of 1)"
        case "knn":
            knn = neighbors.KNeighborsClassifier if classes else neighbors.KNeighborsRegressor
            k = min(N_NEIGHBOURS, n_rows)
            return knn(k), f"predicts the average of the {k} nearest training rows"
        case "tree":
            tree_of = tree.DecisionTreeClassifier if classes else tree.DecisionTreeRegressor
            text = f"a decision tree with {MIN_LEAF_ROWS} training rows or more in each leaf"
            criterion = {"criterion": "poisson"} if task.measured_as == "counts" else {}
            return tree_of(min_samples_leaf=MIN_LEAF_ROWS, random_state=seed % 2**32, **criterion), text
    rounds = boosting_rounds(n_inputs, n_model_outputs(task))
    return _boosting(task, rounds, seed), f"gradient boosting of trees, {rounds} rounds"


def _on_standardised(estimator: Any) -> Any:  # noqa: ANN401
    """Gradient descent converges, and a penalty treats all inputs alike, where the inputs have one scale."""
    from sklearn import pipeline, preprocessing

    return pipeline.make_pipeline(preprocessing.StandardScaler(), estimator)


def boosting_rounds(n_inputs: int, n_outputs: int) -> int:
    """Trees one after the other; every round makes histograms of all inputs, for each output."""
    return min(MAX_ROUNDS, max(MIN_ROUNDS, MAX_HISTOGRAMS // (n_inputs * n_outputs)))


def _quantile(task: FittedTask) -> float:
    """Of a task that predicts one."""
    return (isinstance(task, Regression) and task.q) or math.nan


def _for_each_target(estimator: Any, task: FittedTask) -> Any:  # noqa: ANN401
    """Of an estimator that predicts one number, one for each target."""
    from sklearn import multioutput

    several = isinstance(task, Regression) and task.n_outputs > 1
    return multioutput.MultiOutputRegressor(estimator) if several else estimator


def _boosting(task: FittedTask, rounds: int, seed: int) -> Any:  # noqa: ANN401
    from sklearn import ensemble

    classes = isinstance(task, Classification)
    boosting = ensemble.HistGradientBoostingClassifier if classes else ensemble.HistGradientBoostingRegressor
    losses: dict[str, dict[str, Any]] = {
        "quantile": {"loss": "quantile", "quantile": _quantile(task)},
        "counts": {"loss": "poisson"},
    }
    one = boosting(
        max_iter=rounds,
        learning_rate=min(0.3, 10 / rounds),
        max_bins=MAX_BINS,
        early_stopping=False,
        random_state=seed % 2**32,
        **losses.get(task.measured_as, {}),
    )
    return _for_each_target(one, task)


def _outputs(estimator: Any, task: FittedTask, x: np.ndarray) -> np.ndarray:  # noqa: ANN401
    """Probabilities (n, K), 0 for classes that the sample lacked; or standardised numbers (n, n_targets)."""
    if not isinstance(task, Classification):
        return np.asarray(estimator.predict(x)).reshape(-1, task.n_outputs)
    probabilities = np.zeros((len(x), len(task.classes)))
    probabilities[:, estimator.classes_] = estimator.predict_proba(x)
    return probabilities
