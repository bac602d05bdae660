"""Baselines that a model must beat: constant predictions, and scikit-learn's models on the same inputs."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from sklearn import ensemble, linear_model, multioutput, neighbors, pipeline, preprocessing, tree

from mlcli.config.sections.training import ClassBaseline, NumberBaseline
from mlcli.data.tables.types import Dataset
from mlcli.errors import config_error
from mlcli.evaluation.training_sample import TrainingSample, baseline_outputs, portions_of, prepare_training_sample
from mlcli.features.fitted import FittedFeatures
from mlcli.models.task import Classification, FittedTask, Predictions, Regression

CONSTANTS = ("majority", "mean")


@dataclass(frozen=True, eq=False)
class Baseline:
    """A named predictor that learned from the training rows alone; text says what it does, in a clause."""

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


def constant_baseline(task: FittedTask, n_rows: int) -> Baseline:
    """The answer that looks at no feature, for n_rows rows."""
    return _mean(task, n_rows) if isinstance(task, Regression) else _majority(task, n_rows)


def class_answers(shares: np.ndarray) -> Predictions:
    """The most probable of the classes, (n, K); the scores are their logarithms."""
    return Predictions(shares.argmax(axis=1), shares, np.log(np.clip(shares, np.finfo(np.float64).eps, 1.0)))


def _majority(task: Classification, n_rows: int) -> Baseline:
    """The most frequent training class; as probabilities the classes' training shares."""
    counts = np.array(task.counts, dtype=np.float64)
    text = f"always answers '{task.classes[int(counts.argmax())]}', the most frequent class of the training rows"
    return Baseline("majority", text, class_answers(np.tile(counts / counts.sum(), (n_rows, 1))))


def _mean(task: Regression, n_rows: int) -> Baseline:
    values = np.tile(np.array(task.mean), (n_rows, 1))
    return Baseline("mean", "always answers the mean of the training rows", Predictions(values, None, values))


# Boosting: rounds × inputs × outputs, which is what its histograms cost.
HISTOGRAMS = 60_000
MOST_ROUNDS, FEWEST_ROUNDS = 100, 8
BINS = 63
NEIGHBOURS = 5
LEAF_ROWS = 5
LONGEST_DESCENT = 500


def rounds_to_boost(n_inputs: int, n_outputs: int) -> int:
    """Trees one after the other; every round makes histograms of all inputs, for each output."""
    return min(MOST_ROUNDS, max(FEWEST_ROUNDS, HISTOGRAMS // (n_inputs * n_outputs)))


def make_estimator(name: str, task: FittedTask, n_inputs: int, n_rows: int, seed: int) -> tuple[Any, str]:
    """The estimator before its training, and what it does."""
    classes = isinstance(task, Classification)
    match name:
        case "logistic":
            text = "logistic regression on standardised inputs (L2 penalty, C = 1)"
            return _on_standardised(linear_model.LogisticRegression(max_iter=LONGEST_DESCENT)), text
        case "linear":
            return _on_standardised(linear_model.Ridge()), "linear regression on standardised inputs (L2 penalty of 1)"
        case "knn":
            own = neighbors.KNeighborsClassifier if classes else neighbors.KNeighborsRegressor
            k = min(NEIGHBOURS, n_rows)
            return own(k), f"answers as the {k} most similar training rows do on average"
        case "tree":
            own = tree.DecisionTreeClassifier if classes else tree.DecisionTreeRegressor
            text = f"a decision tree with {LEAF_ROWS} training rows or more in each leaf"
            return own(min_samples_leaf=LEAF_ROWS, random_state=seed % 2**32), text
    rounds = rounds_to_boost(n_inputs, baseline_outputs(task))
    own = ensemble.HistGradientBoostingClassifier if classes else ensemble.HistGradientBoostingRegressor
    boosting = own(
        max_iter=rounds,
        learning_rate=min(0.3, 10 / rounds),
        max_bins=BINS,
        early_stopping=False,
        random_state=seed % 2**32,
    )
    several = not classes and task.n_outputs > 1
    return multioutput.MultiOutputRegressor(
        boosting
    ) if several else boosting, f"gradient boosting of trees, {rounds} rounds"


def _on_standardised(estimator: Any) -> Any:  # noqa: ANN401
    """Gradient descent converges, and a penalty treats all inputs alike, where they are of one size."""
    return pipeline.make_pipeline(preprocessing.StandardScaler(), estimator)


# Nearest neighbours: training rows × measured rows × inputs.
DISTANCES = 40_000_000_000
FEWEST_NEIGHBOURS = 200

THREADS = "OMP_NUM_THREADS"


def predict_baselines(
    task: FittedTask,
    features: FittedFeatures,
    train: Dataset,
    measured: Dataset,
    names: Sequence[str],
    seed: int,
) -> tuple[Baseline, ...]:
    """The named baselines' answers to the measured rows, all of them learned from training rows."""
    trained = [name for name in names if name not in CONSTANTS]
    found = {name: constant_baseline(task, len(measured)) for name in names if name in CONSTANTS}
    if trained:
        lesson = prepare_training_sample(task, features, train, seed)
        found |= {own.name: own for own in _train_all(task, features, lesson, measured, trained, seed)}
    return tuple(found[name] for name in names)


def _train_all(
    task: FittedTask,
    features: FittedFeatures,
    lesson: TrainingSample,
    measured: Dataset,
    names: Sequence[str],
    seed: int,
) -> Iterator[Baseline]:
    with _one_thread():
        rivals = {name: _train(name, task, lesson, len(measured), seed) for name in names}
        answers: dict[str, list[np.ndarray]] = {name: [] for name in names}
        for x in portions_of(features, measured):
            for name, (estimator, _) in rivals.items():
                answers[name].append(_answer(estimator, task, x))
    for name, (_, text) in rivals.items():
        yield Baseline(name, text, _as_predictions(task, np.concatenate(answers[name])))


@contextmanager
def _one_thread() -> Iterator[None]:
    """Threads that wait for each other in a spin cost many times what they gain on such small work.

    Where the variable is not set, scikit-learn runs a program of the system to count its cores.
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


def _train(name: str, task: FittedTask, lesson: TrainingSample, n_measured: int, seed: int) -> tuple[Any, str]:
    """The estimator that has learned, and what it does."""
    if name == "knn":
        lesson = lesson.part(neighbours_to_learn(lesson.x.shape[1], n_measured), seed)
    cut = f"; trained on {len(lesson.x):,} of {lesson.n_rows:,} rows" if len(lesson.x) < lesson.n_rows else ""
    estimator, text = make_estimator(name, task, lesson.x.shape[1], len(lesson.x), seed)
    with warnings.catch_warnings(record=True) as raised:
        warnings.simplefilter("always")
        estimator.fit(lesson.x, lesson.y[:, 0] if lesson.y.shape[1:] == (1,) else lesson.y)
    if any("converge" in str(warning.message) for warning in raised):
        cut += f"; stopped before it converged, after {LONGEST_DESCENT} steps"
    return estimator, text + cut


def neighbours_to_learn(n_inputs: int, n_measured: int) -> int:
    """Training rows that nearest neighbours are looked for among: every measured row is compared with each."""
    return max(FEWEST_NEIGHBOURS, DISTANCES // (n_inputs * n_measured))


def _answer(estimator: Any, task: FittedTask, x: np.ndarray) -> np.ndarray:  # noqa: ANN401
    """Classes' shares (n, K), 0 for those that no row was learned of; or standardised numbers (n, n_targets)."""
    if not isinstance(task, Classification):
        return np.asarray(estimator.predict(x)).reshape(-1, task.n_outputs)
    shares = np.zeros((len(x), len(task.classes)))
    shares[:, estimator.classes_] = estimator.predict_proba(x)
    return shares


def _as_predictions(task: FittedTask, answers: np.ndarray) -> Predictions:
    if isinstance(task, Classification):
        return class_answers(answers)
    return Predictions(answers * np.array(task.std) + np.array(task.mean), None, answers)
