"""Step 2, feature engineering: features are fitted on training rows and kept beside the prepared data."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np

from mlcli.config.sections.features import FeaturesConfig
from mlcli.data.prepare import Prepared
from mlcli.data.tables.types import Dataset, Images
from mlcli.errors import DataError
from mlcli.features.encoding import Target
from mlcli.features.fit_table import fit_table
from mlcli.features.fitted import FittedFeatures
from mlcli.features.pixels import fit_pixels
from mlcli.io.arrays import read_arrays, write_arrays
from mlcli.io.atomic import atomic_folder, load_cached, verify_folder, write_json
from mlcli.io.json import from_json, read_json
from mlcli.io.text import counted
from mlcli.reporter import Reporter

KIND = "features"
# Part of every fingerprint; raised when the same config comes to mean other numbers.
VERSION = 3


def fit_features(
    train: Dataset, config: FeaturesConfig, seed: int, y: np.ndarray | None = None, classification: bool = False
) -> FittedFeatures:
    """Fit all of step 2 on the training rows.

    y : class indices (n,), or numbers (n,) or (n, t); needed by encode: target, k_best and rfe
    Raises DataError where the configuration does not suit the columns, ConfigError where it does not suit images.
    """
    if len(train) == 0:
        raise DataError(
            "there are no training rows to fit features on; lower dataset.split.test and dataset.split.valid"
        )
    target = None if y is None else Target.of(y, classification=classification)
    if isinstance(train, Images):
        features = FittedFeatures.of(*fit_pixels(train, config, seed, target))
    else:
        features = FittedFeatures.of(*fit_table(train, config, seed, target))
    if not features.layout.width:
        if config.drop:
            raise DataError(
                f"features.drop: no feature remains without {', '.join(config.drop)}; keep one, or derive one from them"
            )
        raise DataError(
            f"features.select.variance: none of the {len(features.report.dropped)} features varies by more than "
            f"{config.select.variance:g} in the {len(train)} training rows; check the columns, lower the bound or "
            "set it to null"
        )
    return features


def obtain_features(
    prepared: Prepared, config: FeaturesConfig, seed: int, y: np.ndarray, classification: bool, reporter: Reporter
) -> FittedFeatures:
    """The features fitted on the prepared training rows: read from the disk, or fitted and saved there.

    y : what `fit_features` takes, with `classification`
    """
    train = prepared.splits.train
    targets = hashlib.sha256(np.ascontiguousarray(y).data).hexdigest()
    version = f"{VERSION}.1" if isinstance(train, Images) else VERSION  # from which on they have a brightness
    text = f"{version} {prepared.fingerprint} {targets} {seed} {config.model_dump_json()}"
    fingerprint = hashlib.sha256(text.encode()).hexdigest()[:12]
    folder = prepared.folder.with_name(f"{prepared.folder.name}-features-{fingerprint}")
    if (cached := load_cached(folder, _load, reporter, "fitting the features again")) is not None:
        return cached
    features = fit_features(train, config, seed, y, classification)
    reporter.say(f"Features fitted on {counted(len(train), 'training row')}: {counted(features.layout.width, 'input')}")
    state, arrays = features.to_state()
    with atomic_folder(folder, KIND) as new:
        write_json(new / "features.json", state)
        write_arrays(new / "numbers.safetensors", arrays)
    return features


def _load(folder: Path) -> FittedFeatures:
    verify_folder(folder, KIND)
    place = folder / "features.json"
    state = from_json(dict[str, Any], read_json(place), place)
    return FittedFeatures.from_state(state, read_arrays(folder / "numbers.safetensors"))
