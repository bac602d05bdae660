"""Fitted features on disk: fitted once for the same data, features section and seed, then taken up again."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np

from mlcli.config.features import FeaturesConfig
from mlcli.data.prepare import Prepared
from mlcli.features.fit import fit_features
from mlcli.features.fitted import FittedFeatures
from mlcli.files import atomic_folder, read_json, take_up, verify_folder, write_json
from mlcli.reporter import Reporter
from mlcli.tensors import read_tensors, write_tensors
from mlcli.typed_json import from_json

KIND = "features"
# Part of every fingerprint; raised when the same config comes to mean other numbers.
VERSION = 1


def obtain_features(
    prepared: Prepared, config: FeaturesConfig, seed: int, y: np.ndarray, classification: bool, reporter: Reporter
) -> FittedFeatures:
    """The features fitted on the prepared training rows: those on disk, or newly fitted ones, then kept there.

    y : what `fit_features` takes, with `classification`
    """
    train = prepared.splits.train
    folder = prepared.folder.with_name(f"{prepared.folder.name}-features-{_fingerprint(prepared, config, seed, y)}")
    if (kept := take_up(folder, _load, reporter, "fitting the features anew")) is not None:
        return kept
    features = fit_features(train, config, seed, y, classification)
    reporter.say(f"Features fitted on {len(train):,} training rows: {features.layout.width} inputs")
    _save(folder, features)
    return features


def _fingerprint(prepared: Prepared, config: FeaturesConfig, seed: int, y: np.ndarray) -> str:
    targets = hashlib.sha256(np.ascontiguousarray(y).data).hexdigest()
    text = f"{VERSION} {prepared.fingerprint} {targets} {seed} {config.model_dump_json()}"
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _save(folder: Path, features: FittedFeatures) -> None:
    state, tensors = features.to_state()
    with atomic_folder(folder, KIND) as new:
        write_json(new / "features.json", state)
        write_tensors(new / "numbers.safetensors", tensors)


def _load(folder: Path) -> FittedFeatures:
    verify_folder(folder, KIND)
    place = folder / "features.json"
    state = from_json(dict[str, Any], read_json(place), place)
    return FittedFeatures.from_state(state, read_tensors(folder / "numbers.safetensors"))
