"""Baselines that a model must beat: constant predictions, and scikit-learn's models on the same inputs."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np

from mlcli.config.sections.training import ClassBaseline, NumberBaseline
from mlcli.data.tables.types import Dataset
from mlcli.errors import config_error
from mlcli.evaluation.training_sample import TrainingSample, draw_training_sample, input_portions, n_model_outputs
from mlcli.features.fitted import FittedFeatures
from mlcli.models.task import Classification, FittedTask, Predictions, Regression

CONSTANTS = ("majority", "mean")
MAX_ITERATIONS = 500  # of logistic regression
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


def baseline_names(task: FittedTask, chosen: Literal["auto", "none"] | Sequence[str]) -> tuple[str, ...]:
    """The baselines to measure, the one to compare with first.

    Raises ConfigError for one that does not suit the task.
    """
    suitable: tuple[str, ...] = get_args(NumberBaseline if isinstance(task, Regression) else ClassBaseline)
    if chosen == "none":
        return ()
    if chosen == "auto":
        return suitable
    for name in chosen:
        if name not in suitable:
            message = f"'{name}' does not suit {task.kind}; choose from {', '.join(suitable)}"
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
        values = np.tile(np.array(task.mean), (n_rows, 1))
        return Baseline("mean", "always predicts the mean of the training rows", Predictions(values, None, values))
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
    if name == "knn":
        sample = sample.part(max_neighbour_rows(sample.x.shape[1], n_measured), seed)
    estimator, text = make_estimator(name, task, sample.x.shape[1], len(sample.x), seed)
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
        case "linear":
            return _on_standardised(linear_model.Ridge()), "linear regression on standardised inputs (L2 penalty of 1)"
        case "knn":
            knn = neighbors.KNeighborsClassifier if classes else neighbors.KNeighborsRegressor
            k = min(N_NEIGHBOURS, n_rows)
            return knn(k), f"predicts the average of the {k} nearest training rows"
        case "tree":
            tree_of = tree.DecisionTreeClassifier if classes else tree.DecisionTreeRegressor
            text = f"a decision tree with {MIN_LEAF_ROWS} training rows or more in each leaf"
            return tree_of(min_samples_leaf=MIN_LEAF_ROWS, random_state=seed % 2**32), text
    rounds = boosting_rounds(n_inputs, n_model_outputs(task))
    return _boosting(task, rounds, seed), f"gradient boosting of trees, {rounds} rounds"


def _on_standardised(estimator: Any) -> Any:  # noqa: ANN401
    """Gradient descent converges, and a penalty treats all inputs alike, where the inputs have one scale."""
    from sklearn import pipeline, preprocessing

    return pipeline.make_pipeline(preprocessing.StandardScaler(), estimator)


def boosting_rounds(n_inputs: int, n_outputs: int) -> int:
    """Trees one after the other; every round makes histograms of all inputs, for each output."""
    return min(MAX_ROUNDS, max(MIN_ROUNDS, MAX_HISTOGRAMS // (n_inputs * n_outputs)))


def _boosting(task: FittedTask, rounds: int, seed: int) -> Any:  # noqa: ANN401
    from sklearn import ensemble, multioutput

    classes = isinstance(task, Classification)
    boosting = ensemble.HistGradientBoostingClassifier if classes else ensemble.HistGradientBoostingRegressor
    one = boosting(
        max_iter=rounds,
        learning_rate=min(0.3, 10 / rounds),
        max_bins=MAX_BINS,
        early_stopping=False,
        random_state=seed % 2**32,
    )
    return multioutput.MultiOutputRegressor(one) if not classes and task.n_outputs > 1 else one


def _outputs(estimator: Any, task: FittedTask, x: np.ndarray) -> np.ndarray:  # noqa: ANN401
    """Probabilities (n, K), 0 for classes that the sample lacked; or standardised numbers (n, n_targets)."""
    if not isinstance(task, Classification):
        return np.asarray(estimator.predict(x)).reshape(-1, task.n_outputs)
    probabilities = np.zeros((len(x), len(task.classes)))
    probabilities[:, estimator.classes_] = estimator.predict_proba(x)
    return probabilities
