"""The model bundle: all that prediction needs, in one folder that can be moved and sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from mlcli.config.sections.config import Config
from mlcli.config.sections.model import ModelConfig, QuantileLoss
from mlcli.data.tables.types import Dataset, SplitName
from mlcli.errors import ArtefactError, LockedError
from mlcli.features.fitted import FittedFeatures
from mlcli.features.state import FeatureLayout
from mlcli.io import disk
from mlcli.io.atomic import atomic_folder, write_json
from mlcli.io.json import from_json, strict_json
from mlcli.io.tensors import read_tensors, write_tensors
from mlcli.metrics.conformal import ValidationScores
from mlcli.models.coefficients import LinearWeights, tabulate_weights
from mlcli.models.ensembles import Ensemble
from mlcli.models.inference import InferenceModel, map_alone, single_thread
from mlcli.models.networks import make_network
from mlcli.models.task import FittedTask, Predictions, Regression, output_of, task_from_json, task_to_json
from mlcli.runs.bundle_manifest import (
    KIND,
    BundleContent,
    BundleManifest,
    oldest_schema,
    read_bundle_manifest,
)
from mlcli.runs.folder import BUNDLE_FILE, Run
from mlcli.runs.model_card import CARD_FILE, write_card

# Versions that know nothing of VALIDATION leave it alone.
WEIGHTS, VALIDATION = "weights.safetensors", "validation.safetensors"
# Numbers of the inputs that one thread takes at a time: 16 MiB.
PORTION = 2**22
PATHS = {"path", "test_path", "images", "labels", "test_images", "test_labels", "origin"}


@dataclass(frozen=True, eq=False)
class Bundle:
    """A trained model with the features and the task it belongs to.

    facts      : `bundle_facts`; numbers that are not finite are read back as text
    members    : the configuration of each network, where the model is an `Ensemble`; else empty
    validation : what thresholds and intervals are chosen by; None where there is nothing, as in earlier versions
    """

    config: Config
    features: FittedFeatures
    task: FittedTask
    model: nn.Module
    facts: dict[str, Any]
    members: tuple[ModelConfig, ...] = ()
    validation: ValidationScores | None = None

    def save(self, path: Path) -> None:
        """Write the folder `path`; it replaces one that is there."""
        state, numbers = self.features.to_state()
        members = tuple(member.model_dump(mode="json") for member in self.members)
        networks = self.members or (self.config.model,)
        task = task_to_json(self.task)
        schema = oldest_schema(state, task, networks, bool(members))
        portable = portable_config(self.config)
        content = BundleContent(schema, portable.model_dump(mode="json"), dict(state), task, self.facts, members)
        card = write_card(
            portable,
            self.features.schema,
            self.task,
            self.facts,
            sum(weights.numel() for weights in self.model.parameters()),
            len(networks),
        )
        tensors = {f"model.{name}": tensor for name, tensor in self.model.state_dict().items()}
        tensors |= {f"features.{name}": tensor for name, tensor in numbers.items()}
        with atomic_folder(path, KIND) as new:
            write_json(new / BUNDLE_FILE, strict_json(content.to_json()))
            write_tensors(new / WEIGHTS, tensors)
            disk.write_new(new / CARD_FILE, card.encode())
            if self.validation is not None:
                numbers = {name: torch.from_numpy(array) for name, array in vars(self.validation).items()}
                write_tensors(new / VALIDATION, numbers)

    def outputs(self, data: Dataset) -> Tensor:
        """Raw outputs, float32 (n, n_outputs); a row's are the same to the bit, whatever the other rows are."""
        return self._padded_outputs(data)[: len(data)]

    def predict(self, data: Dataset) -> Predictions:
        """Predictions for the rows; a row's is the same to the bit, whatever the other rows are."""
        outputs = self._padded_outputs(data)
        with single_thread():
            predictions = self.task.decode(outputs)
        return predictions.at(slice(len(data)))

    def weights(self) -> LinearWeights | None:
        """The coefficients of a model without hidden layers, in the data's units; None for other models."""
        return tabulate_weights(self.model, self.features, self.task)

    @cached_property
    def _inference(self) -> InferenceModel:
        return InferenceModel(self.model)

    def _padded_outputs(self, data: Dataset) -> Tensor:
        """Outputs of the rows and of the padding of the last block."""
        inference = self._inference
        share = -(-len(data) // (inference.rows * torch.get_num_threads()))
        step = inference.rows * max(1, min(share, PORTION // self.features.layout.width // inference.rows))

        def outputs(start: int) -> Tensor:
            return inference.outputs(self.features.transform(data.part(start, step)))

        return torch.cat(map_alone(outputs, range(0, max(1, len(data)), step)))


def load_bundle(path: Path) -> Bundle:
    """The bundle in a folder of its own or in a run's; everything is verified before it is used.

    Raises ArtefactError.
    """
    return load_weights(read_bundle_manifest(path))


def load_weights(manifest: BundleManifest) -> Bundle:
    """The bundle of a manifest with its tensors; raises ArtefactError where they do not fit it."""
    tensors = read_tensors(manifest.folder / WEIGHTS)
    content, config = manifest.content, manifest.config
    try:
        parts = _split(tensors)
        features = FittedFeatures.from_state(content.features, parts["features"])
        task = _check_task(_read_task(content.task, config))
        members = from_json(tuple[ModelConfig, ...], content.members, "members")
        model = _build(config.model, members, features.layout, task, parts["model"])
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
            if now.facts.get("created") != bundle.facts.get("created"):
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
    tensors = read_tensors(path)
    wanted = {"scores": torch.float64, "truth": torch.int64, "weights": torch.float64}
    if {name: tensor.dtype for name, tensor in tensors.items()} != wanted:
        raise ArtefactError(f"{VALIDATION}: expected {', '.join(wanted)}; train again")
    scores, truth, weights = (tensors[name].numpy() for name in wanted)
    n_columns, n_classes = (task.n_outputs, 1) if isinstance(task, Regression) else (1, len(task.classes))
    sound = scores.shape == (len(truth), n_columns) and weights.shape == truth.shape == (len(truth),) and len(truth)
    if not sound or not np.isfinite(scores).all() or not ((weights > 0) & (weights <= 1)).all():
        raise ArtefactError(f"{VALIDATION}: its numbers do not fit together; train again")
    if truth.min() < 0 or truth.max() >= n_classes:
        raise ArtefactError(f"{VALIDATION}: a class that the model does not have; train again")
    return ValidationScores(scores, truth, weights)


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
    return from_json(Config, values, "the configuration")


def _portable_path(path: str) -> str:
    """A path below the working directory as it is; of any other, which may name people or machines, the name."""
    for kind in (PurePosixPath(path), PureWindowsPath(path)):
        if kind.is_absolute() or ".." in kind.parts or path.startswith("~"):
            return kind.name or path
    return path


def _split(tensors: dict[str, Tensor]) -> dict[str, dict[str, Tensor]]:
    parts: dict[str, dict[str, Tensor]] = {"model": {}, "features": {}}
    for name, tensor in tensors.items():
        part, _, rest = name.partition(".")
        if part not in parts:
            raise ArtefactError(f"{WEIGHTS} holds '{name}', which belongs to neither model nor features; train again")
        parts[part][rest] = tensor
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
    if not sound:
        raise ArtefactError("the task's targets or classes do not fit together; train again")
    return task


def _build(
    config: ModelConfig,
    members: Sequence[ModelConfig],
    layout: FeatureLayout,
    task: FittedTask,
    tensors: dict[str, Tensor],
) -> nn.Module:
    """The configured network, or networks, with these weights; shapes are known before memory is taken for them."""
    try:
        with torch.device("meta"):
            one, *more = [make_network(one, layout, task) for one in members or (config,)]
            model = Ensemble([one, *more], output_of(task)) if members else one
        for name, expected in model.state_dict().items():
            if name in tensors and tensors[name].dtype != expected.dtype:
                raise ArtefactError(f"weights '{name}' are {tensors[name].dtype}, expected {expected.dtype}")
        model.load_state_dict(tensors, strict=True, assign=True)
    except (RuntimeError, TypeError, ValueError, OverflowError) as error:
        raise ArtefactError(f"the weights do not fit the configured network: {error}; train again") from None
    return model.eval()
