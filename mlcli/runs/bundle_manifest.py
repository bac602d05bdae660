"""bundle.json: all of a model bundle but its numbers, read before torch is imported."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from mlcli.config.loading.written import config_from_json
from mlcli.config.sections.config import Config
from mlcli.config.sections.dataset import DatasetConfig
from mlcli.config.sections.model import ModelConfig
from mlcli.data.prediction_input import ParsedInput, parse_input, parse_portions, parse_rows
from mlcli.data.tables.types import Column, Images, Schema, Table
from mlcli.errors import ArtefactError
from mlcli.io.atomic import recover_folder, verify_folder
from mlcli.io.json import check_version, from_json, read_json
from mlcli.runs.folder import BUNDLE_FILE, is_run

if TYPE_CHECKING:
    from mlcli.data.prediction_images import ParsedImages

KIND = "bundle"
# Version 2 added ensembles, 3 boolean and date columns and counted words, 4 TabM and embedded numbers, 5 transformed
# targets, shares of ranks and temperatures, 6 costs of classes; a bundle without them is written as 1, which every
# version reads.
SCHEMA_VERSION, DECODING_VERSION, NETWORKS_VERSION, COLUMNS_VERSION, ENSEMBLE_VERSION, SINGLE_VERSION = 6, 5, 4, 3, 2, 1
_FIRST_KINDS = ("number", "category")
# Of an image: a limit, as rows are read before the weights show that a shape is wrong.
MAX_PIXELS = 1 << 26
MAX_MEMBERS = 100


@dataclass(frozen=True)
class BundleContent:
    """What bundle.json holds.

    features, task : as `FittedFeatures.to_state` and `task_to_json` give them
    facts          : when and from what the model was made, and its scores
    members        : of an ensemble, the `model` section of each network; empty for one network
    """

    schema: int
    config: dict[str, Any]
    features: dict[str, Any]
    task: dict[str, Any]
    facts: dict[str, Any]
    members: tuple[dict[str, Any], ...] = ()

    def to_json(self) -> dict[str, Any]:
        """All fields; members only for an ensemble."""
        values = asdict(self)
        return values if self.members else {key: value for key, value in values.items() if key != "members"}


def oldest_schema(
    features: Mapping[str, Any], task: Mapping[str, Any], networks: Sequence[ModelConfig], is_ensemble: bool
) -> int:
    """The oldest version of bundle.json that can hold these features, task and networks."""
    if task.get("costs"):
        return SCHEMA_VERSION
    if task.get("transforms") or features["plan"].get("quantile") or task.get("temperature", 1.0) != 1:
        return DECODING_VERSION
    if any(one.name != "mlp" or one.embedding.name != "none" for one in networks):
        return NETWORKS_VERSION
    plan = features["plan"]
    newer_kinds = any(column["kind"] not in _FIRST_KINDS for column in plan.get("columns", ()))
    if newer_kinds or plan.get("texts") or plan.get("pieces"):
        return COLUMNS_VERSION
    return ENSEMBLE_VERSION if is_ensemble else SINGLE_VERSION


@dataclass(frozen=True)
class BundleManifest:
    """A bundle's folder, its content and the schema of its rows."""

    folder: Path
    content: BundleContent
    config: Config
    rows: Schema


def read_bundle_manifest(path: Path) -> BundleManifest:
    """The manifest of a bundle in a folder of its own or in a run's; all its files are verified.

    Raises ArtefactError.
    """
    folder = path / "model" if is_run(path) else path
    recover_folder(folder)
    verify_folder(folder, KIND)
    place = folder / BUNDLE_FILE
    value = read_json(place)
    check_version(value, SCHEMA_VERSION, place, oldest=SINGLE_VERSION)
    content = from_json(BundleContent, value, place)
    if len(content.members) > MAX_MEMBERS:
        raise ArtefactError(f"{place}: {len(content.members)} members; an ensemble has at most {MAX_MEMBERS}")
    config = config_from_json(content.config, f"{place}: config")
    plan = from_json(_Plan, content.features.get("plan"), f"{place}: features")
    if plan.shape and (len(plan.shape) not in (2, 3) or min(plan.shape) < 1 or math.prod(plan.shape) > MAX_PIXELS):
        raise ArtefactError(f"{place}: features: {plan.shape} is not the shape of an image; restore the file")
    return BundleManifest(folder, content, config, Schema(plan.columns, plan.shape))


@dataclass(frozen=True)
class _Plan:
    """Of the features' plan, of a table or of images, what describes rows."""

    columns: tuple[Column, ...] = ()
    shape: tuple[int, ...] = ()


@dataclass(frozen=True)
class PredictionInput:
    """Rows to predict, and the columns that may be copied beside the predictions.

    always : those that are copied by default
    invalid : by column, boolean cells that are neither true nor false and were set to missing
    notes   : on how the rows were read
    """

    data: Table | Images
    columns: pl.DataFrame
    always: tuple[str, ...] = ()
    invalid: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def read_prediction_input(
    manifest: BundleManifest, source: str, input_format: str | None, content: bytes | None = None
) -> PredictionInput:
    """Rows from a file, a folder of images or stdin ("-").

    content : the bytes of a table's rows, where they are in no file; source then names them in messages
    """
    if manifest.rows.image_shape:
        from mlcli.data.prediction_images import parse_images

        return _of_images(parse_images(source, manifest.rows.image_shape))
    return _of_rows(parse_input(source, manifest.rows, manifest.config.dataset, input_format, content))


def prediction_portions(manifest: BundleManifest, source: str, input_format: str | None) -> Iterator[PredictionInput]:
    """The same, some rows at a time, of which the first are read at once."""
    if manifest.rows.image_shape:
        from mlcli.data.prediction_images import image_portions

        portions = map(_of_images, image_portions(source, manifest.rows.image_shape))
    else:
        portions = map(_of_rows, parse_portions(source, manifest.rows, manifest.config.dataset, input_format))
    return itertools.chain([next(portions)], portions)


def take_prediction_input(schema: Schema, dataset: DatasetConfig, data: object) -> PredictionInput:
    """Rows in memory, as `read_memory` takes them; images as uint8 (n, height, width[, channels]). Raises DataError.

    dataset : by which the model's rows were read
    """
    if schema.image_shape:
        from mlcli.data.prediction_images import take_images

        return _of_images(take_images("the rows", np.asarray(data), schema.image_shape))
    from mlcli.data.readers.memory import read_memory

    return _of_rows(parse_rows(read_memory(data, [column.name for column in schema.columns]), schema, dataset))


def _of_images(parsed: ParsedImages) -> PredictionInput:
    return PredictionInput(parsed.images, pl.DataFrame({"picture": parsed.names}), ("picture",))


def _of_rows(rows: ParsedInput) -> PredictionInput:
    columns = pl.concat([rows.extra, rows.table.frame.with_columns(rows.words)], how="horizontal")
    return PredictionInput(rows.table, columns, invalid=rows.invalid, notes=rows.notes)
