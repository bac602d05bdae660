"""bundle.json: all of a model bundle but its numbers, read before torch is imported."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from mlcli.config.sections.config import Config
from mlcli.data.prediction_input import parse_images, parse_input
from mlcli.data.tables.types import Column, Images, Schema, Table
from mlcli.errors import ArtefactError
from mlcli.io.atomic import recover_folder
from mlcli.io.json import check_version, from_json
from mlcli.io.verified import read_json, verify_folder
from mlcli.runs.folder import BUNDLE_FILE, is_run

KIND = "bundle"
# 2 came with ensembles, 3 with columns of true and false, of dates and of counted words; what has none of them is
# written as 1, which all versions read.
SCHEMA_VERSION, ENSEMBLE_VERSION, SINGLE_VERSION = 3, 2, 1
_FIRST_KINDS = ("number", "category")
# Numbers a picture; rows are read before the weights, which would not fit a shape that lies.
LARGEST_PICTURE = 1 << 26
MAX_MEMBERS = 100


@dataclass(frozen=True)
class BundleContent:
    """What bundle.json holds.

    features, task : as their rooms write them
    facts          : JSON values about how the model came to be
    members        : of an ensemble, the `model` section of each network; empty for one network
    """

    schema: int
    config: dict[str, Any]
    features: dict[str, Any]
    task: dict[str, Any]
    facts: dict[str, Any]
    members: tuple[dict[str, Any], ...] = ()

    @classmethod
    def of(
        cls,
        config: dict[str, Any],
        features: dict[str, Any],
        task: dict[str, Any],
        facts: dict[str, Any],
        members: tuple[dict[str, Any], ...],
    ) -> BundleContent:
        """In the oldest format that can hold it."""
        plan = features["plan"]
        newer = plan.get("texts") or plan.get("pieces")
        later = newer or any(column["kind"] not in _FIRST_KINDS for column in plan.get("columns", ()))
        schema = SCHEMA_VERSION if later else ENSEMBLE_VERSION if members else SINGLE_VERSION
        return cls(schema, config, features, task, facts, members)

    def to_json(self) -> dict[str, Any]:
        """What is written: nothing of members where there is one network."""
        values = asdict(self)
        return values if self.members else {key: value for key, value in values.items() if key != "members"}


@dataclass(frozen=True)
class BundleManifest:
    """A bundle's folder, its content and what its rows must look like."""

    folder: Path
    content: BundleContent
    config: Config
    rows: Schema


def read_bundle_manifest(path: Path) -> BundleManifest:
    """The outline of a bundle in a folder of its own or in a run's; all its files are verified.

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
        raise ArtefactError(f"{place}: {len(content.members)} members are more than the {MAX_MEMBERS} of an ensemble")
    config = from_json(Config, content.config, f"{place}: config")
    return BundleManifest(folder, content, config, _rows(content.features, place))


@dataclass(frozen=True)
class _Plan:
    """What the features' plan, of a table or of pictures, tells about rows."""

    columns: tuple[Column, ...] = ()
    shape: tuple[int, ...] = ()


def _rows(features: Mapping[str, Any], place: Path) -> Schema:
    plan = from_json(_Plan, features.get("plan"), f"{place}: features")
    if plan.shape and (len(plan.shape) not in (2, 3) or min(plan.shape) < 1 or math.prod(plan.shape) > LARGEST_PICTURE):
        raise ArtefactError(f"{place}: features: {plan.shape} is not the shape of a picture; restore the file")
    return Schema(plan.columns, plan.shape)


@dataclass(frozen=True)
class PredictionInput:
    """Rows to predict, and the columns that may be copied beside the predictions.

    always : those that are copied unasked
    invalid : cells of boolean columns that are neither true nor false and were made missing, by column
    """

    data: Table | Images
    columns: pl.DataFrame
    always: tuple[str, ...] = ()
    invalid: Mapping[str, int] = field(default_factory=dict)


def read_prediction_input(outline: BundleManifest, source: str, input_format: str | None) -> PredictionInput:
    """Rows from a file, a folder of pictures or stdin ("-")."""
    if outline.rows.image_shape:
        pictures = parse_images(source, outline.rows.image_shape)
        return PredictionInput(pictures.images, pl.DataFrame({"picture": pictures.names}), ("picture",))
    incoming = parse_input(source, outline.rows, outline.config.dataset, input_format)
    columns = pl.concat([incoming.extra, incoming.table.frame.with_columns(incoming.words)], how="horizontal")
    return PredictionInput(incoming.table, columns, invalid=incoming.invalid)
