"""Baselines that a model must beat: constant predictions, and scikit-learn's models of the same rows, kept on disk."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Literal, get_args

import numpy as np

from mlcli.config.sections.training import ClassBaseline, NumberBaseline, QuantileBaseline
from mlcli.data.tables.spill import save_array
from mlcli.data.tables.types import Dataset
from mlcli.errors import ArtefactError, config_error
from mlcli.evaluation.estimators import fit_estimator, outputs_of
from mlcli.evaluation.training_sample import draw_training_sample, input_portions
from mlcli.features.fitted import FittedFeatures
from mlcli.features.table import TableFeatures
from mlcli.io.atomic import atomic_folder, load_cached, verify_folder, write_json
from mlcli.io.json import from_json, read_json, to_json
from mlcli.io.load import THREADS
from mlcli.models.predictions import Predictions
from mlcli.models.task import Classification, FittedTask, Regression, task_to_json
from mlcli.reporter import Reporter

CONSTANTS = ("majority", "mean", "quantile")
KIND = "baselines"
# Changes with what a baseline is, so that those of earlier versions are fitted again.
VERSION = 3
# Predictions of more bytes are not kept.
MAX_KEPT = 256 << 20


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
    if task.measured_as == "counts":  # ridge predicts negative ones
        suitable = tuple(name for name in suitable if name != "ridge")
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
    found = {name: constant_baseline(task, len(measured)) for name in names if name in CONSTANTS}
    if trained := [name for name in names if name not in CONSTANTS]:
        found |= {own.name: own for own in _trained_baselines(task, features, train, measured, trained, seed)}
    return tuple(found[name] for name in names)


def obtain_baselines(
    folder: Path, task: FittedTask, names: Sequence[str], fit: Callable[[], tuple[Baseline, ...]], reporter: Reporter
) -> tuple[Baseline, ...]:
    """The baselines kept in the folder, from which their predictions are mapped; else those of `fit`, kept there."""

    def load(kept: Path) -> tuple[Baseline, ...]:
        verify_folder(kept, KIND)
        return _load(kept, task, names)

    if (cached := load_cached(folder, load, reporter, "training the baselines again")) is not None:
        return cached
    fitted = fit()
    parts = [(own.name, part, array) for own in fitted for part, array in _parts(own.predictions).items()]
    if sum(array.nbytes for *_, array in parts) > MAX_KEPT:
        return fitted
    with atomic_folder(folder, KIND) as new:
        write_json(new / "texts.json", {own.name: own.text for own in fitted})
        for name, part, array in parts:
            save_array(new / f"{name}_{part}.npy", array)
    return _load(folder, task, names)


def fingerprint_baselines(
    task: FittedTask, features: FittedFeatures, rows: Sequence[str], names: Sequence[str], seed: int
) -> str:
    """Hexadecimal, of all that the predictions follow from. rows : what identifies the training and measured rows."""
    read: list[object] = [features.schema, rows, names, seed, VERSION, version("scikit-learn")]
    if isinstance(features.source, TableFeatures):
        read += [features.source.plan.derived, features.source.plan.dates, features.source.plan.texts]
        read += [features.source.plan.vocabularies]
    text = json.dumps([*map(to_json, read), task_to_json(task)], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _parts(predictions: Predictions) -> dict[str, np.ndarray]:
    """The arrays that there are, by name."""
    return {name: array for name, array in vars(predictions).items() if array is not None}


def _load(folder: Path, task: FittedTask, names: Sequence[str]) -> tuple[Baseline, ...]:
    """Predictions that the system reads as they are needed, and gives up where memory is."""
    place, is_classes = folder / "texts.json", isinstance(task, Classification)
    texts = from_json(dict[str, str], read_json(place), place)

    def mapped(name: str, part: str) -> np.ndarray:
        return np.asarray(np.load(folder / f"{name}_{part}.npy", mmap_mode="r", allow_pickle=False))

    try:
        found = {
            name: Predictions(
                mapped(name, "values"), mapped(name, "probabilities") if is_classes else None, mapped(name, "scores")
            )
            for name in names
        }
    except (OSError, ValueError) as error:
        raise ArtefactError(f"{folder}: {error}") from error
    width = len(task.classes) if isinstance(task, Classification) else task.n_outputs
    if set(texts) != set(names) or any(own.scores.shape[1:] != (width,) for own in found.values()):
        raise ArtefactError(f"{folder}: not the predictions of {', '.join(names)}")
    return tuple(Baseline(name, texts[name], found[name]) for name in names)


def _predictions(task: FittedTask, answers: np.ndarray) -> Predictions:
    """From probabilities, or numbers in the target's units."""
    if isinstance(task, Classification):
        return _class_predictions(answers)
    return Predictions(answers, None, (answers - np.array(task.mean)) / np.array(task.std))


def constant_baseline(task: FittedTask, n_rows: int) -> Baseline:
    """The prediction that uses no feature, for n_rows rows; its probabilities are the classes' training shares."""
    if isinstance(task, Regression):
        values = np.tile(task.best_constant, (n_rows, 1))
        name = "quantile" if task.constant else "mean"
        statistic = f"{task.q:g} quantile" if task.constant else "mean"
        text = f"always predicts the {statistic} of the training rows"
        return Baseline(name, text, Predictions(values, None, values))
    counts = np.array(task.sizes, dtype=np.float64)
    text = f"always predicts '{task.classes[int(counts.argmax())]}', the most frequent class of the training rows"
    return Baseline("majority", text, _class_predictions(np.tile(counts / counts.sum(), (n_rows, 1))))


def _class_predictions(probabilities: np.ndarray) -> Predictions:
    """The most probable of the classes, (n, K); the scores are the logarithms."""
    logits = np.log(np.clip(probabilities, np.finfo(np.float64).eps, 1.0))
    return Predictions(probabilities.argmax(axis=1), probabilities, logits)


def _trained_baselines(
    task: FittedTask, features: FittedFeatures, train: Dataset, measured: Dataset, names: Sequence[str], seed: int
) -> Iterator[Baseline]:
    with _one_thread():
        sample = draw_training_sample(task, features, train, seed)
        fitted = {name: fit_estimator(name, task, sample, len(measured), seed) for name in names}
        outputs: dict[str, list[np.ndarray]] = {name: [] for name in names}
        for x in input_portions(features, measured):
            for name, (estimator, _) in fitted.items():
                outputs[name].append(outputs_of(estimator, task, x))
    for name, (_, text) in fitted.items():
        found = np.concatenate(outputs[name])
        if not isinstance(task, Classification):
            found = found * np.array(task.std) + np.array(task.mean)
        yield Baseline(name, text, _predictions(task, found))


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
