"""Baselines that are trained: what scikit-learn makes of the network's own inputs.

To add one is its name in `mlcli.config.training` and a case in `mlcli.evaluation.estimators`.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from mlcli.data.types import Dataset
from mlcli.evaluation.baselines import CONSTANTS, Baseline, class_answers, constant_baseline
from mlcli.evaluation.lessons import Lesson, portions_of, prepare_lesson
from mlcli.features.fitted import FittedFeatures
from mlcli.task import Classification, FittedTask, Predictions

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
        lesson = prepare_lesson(task, features, train, seed)
        found |= {own.name: own for own in _train_all(task, features, lesson, measured, trained, seed)}
    return tuple(found[name] for name in names)


def _train_all(
    task: FittedTask,
    features: FittedFeatures,
    lesson: Lesson,
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


def _train(name: str, task: FittedTask, lesson: Lesson, n_measured: int, seed: int) -> tuple[Any, str]:
    """The estimator that has learned, and what it does."""
    from mlcli.evaluation.estimators import LONGEST_DESCENT, make_estimator

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
