"""The model bundle: all that prediction needs, in one folder that can be moved and sent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mlcli.config.loading.written import config_from_json
from mlcli.config.sections.config import Config
from mlcli.config.sections.model import ModelConfig, QuantileLoss
from mlcli.data.tables.types import Dataset, SplitName
from mlcli.errors import ArtefactError, LockedError
from mlcli.features.blocks import BLOCK, pad_rows
from mlcli.features.fitted import FittedFeatures
from mlcli.io import disk
from mlcli.io.arrays import read_arrays, write_arrays
from mlcli.io.atomic import atomic_folder, write_json
from mlcli.io.json import from_json, strict_json
from mlcli.io.threads import map_alone, thread_count
from mlcli.metrics.conformal import ValidationScores
from mlcli.models.inference import FittedModel
from mlcli.models.predictions import Predictions
from mlcli.models.task import FittedTask, Regression, task_from_json, task_to_json
from mlcli.models.weights import read_model
from mlcli.runs.bundle_manifest import (
    KIND,
    BundleContent,
    BundleManifest,
    oldest_schema,
    read_bundle_manifest,
)
from mlcli.runs.folder import BUNDLE_FILE, Run

if TYPE_CHECKING:
    from mlcli.models.coefficients import LinearWeights

# Versions that know nothing of VALIDATION leave it alone.
WEIGHTS, VALIDATION = "weights.safetensors", "validation.safetensors"
# Numbers of the inputs that one thread takes at a time: 2 MiB.
PORTION = 2**19
PATHS = {"path", "test_path", "images", "labels", "test_images", "test_labels", "origin"}


@dataclass(frozen=True, eq=False)
class Bundle:
    """A trained model with the features and the task it belongs to.

    facts      : `bundle_facts`; numbers that are not finite are read back as text
    members    : the configuration of each network, where the model is a `FittedEnsemble`; else empty
    validation : what thresholds and intervals are chosen by; None where there is nothing, as in earlier versions
    """

    config: Config
    features: FittedFeatures
    task: FittedTask
    model: FittedModel
    facts: dict[str, Any]
    members: tuple[ModelConfig, ...] = ()
    validation: ValidationScores | None = None

    def save(self, path: Path) -> None:
        """Write the folder `path`; it replaces one that is there."""
        from mlcli.runs.model_card import CARD_FILE, write_card

        state, numbers = self.features.to_state()
        members = tuple(member.model_dump(mode="json") for member in self.members)
        networks = self.members or (self.config.model,)
        task = task_to_json(self.task)
        schema = oldest_schema(state, task, networks, bool(members))
        portable = portable_config(self.config)
        content = BundleContent(schema, portable.model_dump(mode="json"), dict(state), task, self.facts, members)
        card = write_card(portable, self.features.schema, self.task, self.facts, self.model.n_parameters, len(networks))
        arrays = {f"model.{name}": array for name, array in self.model.weights.items()}
        arrays |= {f"features.{name}": array for name, array in numbers.items()}
        with atomic_folder(path, KIND) as new:
            write_json(new / BUNDLE_FILE, strict_json(content.to_json()))
            write_arrays(new / WEIGHTS, arrays)
            disk.write_new(new / CARD_FILE, card.encode())
            if self.validation is not None:
                kept = {name: array for name, array in vars(self.validation).items() if array is not None}
                write_arrays(new / VALIDATION, kept)

    def outputs(self, data: Dataset) -> NDArray[np.float32]:
        """Raw outputs, float32 (n, n_outputs); a row's are the same to the bit, whatever the other rows are."""
        return self._padded_outputs(data)[: len(data)]

    def predict(self, data: Dataset) -> Predictions:
        """Predictions for the rows; a row's is the same to the bit, whatever the other rows are."""
        return self.task.decode(self._padded_outputs(data)).at(slice(len(data)))

    def weights(self) -> LinearWeights | None:
        """The coefficients of a model without hidden layers, in the data's units; None for other models."""
        from mlcli.models.coefficients import tabulate_weights

        return tabulate_weights(self.model, self.features, self.task)

    def _padded_outputs(self, data: Dataset) -> NDArray[np.float32]:
        """Outputs of the rows and of the padding of the last block."""
        share = -(-len(data) // (BLOCK * thread_count()))
        step = BLOCK * max(1, min(share, PORTION // self.features.layout.width // BLOCK))

        # Taken at once: parts that threads keep would leave gaps in what they free.
        found = np.empty((max(1, -(-len(data) // BLOCK)) * BLOCK, self.task.n_outputs), dtype=np.float32)

        def fill(start: int) -> None:
            rows = pad_rows(self.features.transform(data.part(start, step)))
            found[start : start + len(rows)] = self.model.outputs_of_blocks(rows)

        map_alone(fill, range(0, max(1, len(data)), step))
        return found


def load_bundle(path: Path) -> Bundle:
    """The bundle in a folder of its own or in a run's; everything is verified before it is used.

    Raises ArtefactError.
    """
    return load_weights(read_bundle_manifest(path))


def load_weights(manifest: BundleManifest) -> Bundle:
    """The bundle of a manifest with its tensors; raises ArtefactError where they do not fit it."""
    arrays = read_arrays(manifest.folder / WEIGHTS)
    content, config = manifest.content, manifest.config
    try:
        parts = _split(arrays)
        features = FittedFeatures.from_state(content.features, parts["features"])
        task = _check_task(_read_task(content.task, config))
        members = from_json(tuple[ModelConfig, ...], content.members, "members") if content.members else ()
        model = read_model(members or (config.model,), bool(members), features.layout, task, parts["model"])
        validation = _read_validation(manifest.folder / VALIDATION, task)
    except ArtefactError as error:
        raise ArtefactError(f"{manifest.folder}: {error}") from None
    return Bundle(config, features, task, model, content.facts, members, validation)


def note_scores(run: Run, bundle: Bundle, split: SplitName, scores: Mapping[str, float | None]) -> bool:
    """Add the scores of an evaluation to the run's bundle and its card.

    False where another process trains the run, or has saved another model since `bundle` was read.
    """
    try:
        with run.lock():
            now = load_bundle(run.model)
            if any(now.facts.get(key) != bundle.facts.get(key) for key in ("created", "best_epoch")):
                return False
            if now.facts.get(split) != scores:
                replace(now, facts={**now.facts, split: dict(scores)}).save(run.model)
    except LockedError:
        return False
    return True


def _read_validation(path: Path, task: FittedTask) -> ValidationScores | None:
    """None where the bundle has none."""
    if not path.exists():
        return None
    arrays = read_arrays(path)
    wanted = {"scores": "float64", "truth": "int64", "weights": "float64"}
    of_rows = arrays.get("row_weights")
    if {name: str(array.dtype) for name, array in arrays.items() if name != "row_weights"} != wanted:
        raise ArtefactError(f"{VALIDATION}: expected {', '.join(wanted)}; train again")
    scores, truth, weights = (arrays[name] for name in wanted)
    n_columns, n_classes = (task.n_outputs, 1) if isinstance(task, Regression) else (1, len(task.classes))
    sound = scores.shape == (len(truth), n_columns) and weights.shape == truth.shape == (len(truth),) and len(truth)
    if of_rows is not None:
        sound = sound and of_rows.shape == weights.shape and of_rows.dtype == weights.dtype
    highest = 1.0 if of_rows is None else of_rows
    if not sound or not np.isfinite(scores).all() or not ((weights > 0) & (weights <= highest)).all():
        raise ArtefactError(f"{VALIDATION}: its numbers do not fit together; train again")
    if truth.min() < 0 or truth.max() >= n_classes:
        raise ArtefactError(f"{VALIDATION}: a class that the model does not have; train again")
    return ValidationScores(scores, truth, weights, of_rows)


def portable_config(config: Config) -> Config:
    """The config without the data's place on this machine and without logins."""
    values = config.model_dump(mode="json")
    dataset = values["dataset"]
    for key in PATHS & dataset.keys():
        dataset[key] = dataset[key] and _portable_path(dataset[key])
    if dataset.get("url"):
        dataset["url"] = dataset["url"].split("://")[0] + "://"
    if values["improve"]["storage"]:
        values["improve"]["storage"] = values["improve"]["storage"].split("://")[0] + "://"
    return config_from_json(values, "the configuration")


def _portable_path(path: str) -> str:
    """A path below the working directory as it is; of any other, which may name people or machines, the name."""
    for kind in (PurePosixPath(path), PureWindowsPath(path)):
        if kind.is_absolute() or ".." in kind.parts or path.startswith("~"):
            return kind.name or path
    return path


def _split(arrays: dict[str, NDArray[Any]]) -> dict[str, dict[str, NDArray[Any]]]:
    parts: dict[str, dict[str, NDArray[Any]]] = {"model": {}, "features": {}}
    for name, array in arrays.items():
        part, _, rest = name.partition(".")
        if part not in parts:
            raise ArtefactError(f"{WEIGHTS} holds '{name}', which belongs to neither model nor features; train again")
        parts[part][rest] = array
    return parts


def _read_task(value: object, config: Config) -> FittedTask:
    """The task; that of an earlier version does not know its quantile."""
    task = task_from_json(value, "task")
    if isinstance(task, Regression) and isinstance(config.loss, QuantileLoss):
        return replace(task, q=config.loss.q)
    return task


def _check_task(task: FittedTask) -> FittedTask:
    if isinstance(task, Regression):
        lengths = {len(task.targets), len(task.mean), len(task.std)}
        sound = len(lengths) == 1 and 0 not in lengths and all(std > 0 for std in task.std)
        sound = sound and len(task.constant) in (0, *lengths) and (task.q is None or 0 < task.q < 1)
        sound = sound and all(len(own) in (0, *lengths) for own in (task.transforms, task.smearing or ()))
        sound = sound and all(own.is_sound for own in task.transforms)
    else:
        n_classes = len(set(task.classes))
        paired = len(task.classes) == len(task.counts) == n_classes and min(task.counts, default=0) > 0
        sound = paired and n_classes >= 2 and (task.output == "softmax" or n_classes == 2)
        sound = sound and task.temperature > 0 and 0 <= task.uniform < 1
        sound = sound and all(len(own) in (0, n_classes) for own in (task.weight_sums, task.divisors, task.costs))
        sound = sound and min((*task.divisors, *task.costs), default=1.0) > 0
    if not sound:
        raise ArtefactError("the task's targets or classes do not fit together; train again")
    return task
