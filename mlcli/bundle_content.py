"""bundle.json: all of a model bundle but its numbers, so that rows for it can be read before torch is imported."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlcli.config.schema import Config
from mlcli.data.types import Column, Schema
from mlcli.errors import ArtefactError
from mlcli.files import read_json, recover_folder, verify_folder
from mlcli.run.find import BUNDLE_FILE
from mlcli.run.folder import is_run
from mlcli.typed_json import check_version, from_json

KIND = "bundle"
SCHEMA_VERSION = 1
# Numbers a picture; rows are read before the weights, which would not fit a shape that lies.
LARGEST_PICTURE = 1 << 26


@dataclass(frozen=True)
class BundleContent:
    """What bundle.json holds.

    features, task : as their rooms write them
    facts          : JSON values about how the model came to be
    """

    schema: int
    config: dict[str, Any]
    features: dict[str, Any]
    task: dict[str, Any]
    facts: dict[str, Any]


@dataclass(frozen=True)
class BundleOutline:
    """A bundle's folder, its content and what its rows must look like."""

    folder: Path
    content: BundleContent
    config: Config
    rows: Schema


def read_outline(path: Path) -> BundleOutline:
    """The outline of a bundle in a folder of its own or in a run's; all its files are verified.

    Raises ArtefactError.
    """
    folder = path / "model" if is_run(path) else path
    recover_folder(folder)
    verify_folder(folder, KIND)
    place = folder / BUNDLE_FILE
    value = read_json(place)
    check_version(value, SCHEMA_VERSION, place)
    content = from_json(BundleContent, value, place)
    config = from_json(Config, content.config, f"{place}: config")
    return BundleOutline(folder, content, config, _rows(content.features, place))


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
