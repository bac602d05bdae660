"""Fits features on training rows, or loads what was fitted before."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import torch

from mlcli.config.sections.features import FeaturesConfig
from mlcli.data.prepare import Prepared
from mlcli.data.tables.types import Dataset, Images
from mlcli.errors import DataError, config_error
from mlcli.features.encoding import Target
from mlcli.features.fit_table import fit_table
from mlcli.features.fitted import FittedFeatures
from mlcli.features.pixels import PixelArithmetic, PixelFeatures, PixelPlan, fit_line, pixel_variances
from mlcli.features.report import FeatureReport, Scaled
from mlcli.features.selection import Selection, by_variance, fit_selection
from mlcli.io.atomic import atomic_folder, load_cached, write_json
from mlcli.io.json import from_json
from mlcli.io.tensors import read_tensors, write_tensors
from mlcli.io.verified import read_json, verify_folder
from mlcli.reporter import Reporter


def fit_pixel_features(train: Images, config: FeaturesConfig, seed: int, goal: Target | None) -> FittedFeatures:
    """Fit on pictures: one scale for all pixels, then selection and extraction where asked.

    A variance bound of 0 keeps constant pixels, so that a picture keeps its size; a higher one applies.
    """
    _check_config(config)
    plan = PixelPlan(tuple(int(size) for size in train.pixels.shape[1:]))
    names = tuple(f"px{i}" for i in range(plan.size))
    line = fit_line(train.pixels, config.scale, config.clip)
    varied = _select_varied(train.pixels, config.select.variance, names)
    scaled = PixelFeatures(plan, PixelArithmetic(line, torch.from_numpy(varied.keep)))
    narrowing = fit_selection(lambda: scaled.refined(train.pixels), varied, names, config, seed, goal)
    features = PixelFeatures(plan, PixelArithmetic(line, torch.from_numpy(narrowing.keep), narrowing.project))
    report = FeatureReport(
        rows=len(train),
        columns=names,
        features=features.layout.names,
        scaled={"pixels": Scaled(config.scale, float(line[0]), float(line[1]))},
        dropped=narrowing.dropped,
        explained_variance=narrowing.explained_variance,
    )
    return FittedFeatures.of(features, report)


def _select_varied(pixels: np.ndarray, bound: float | None, names: tuple[str, ...]) -> Selection:
    if not bound:
        return Selection(np.arange(len(names)), ())
    return by_variance(pixel_variances(pixels.reshape(len(pixels), -1)), names, bound, len(pixels))


def _check_config(config: FeaturesConfig) -> None:
    """Refuse what has no meaning for pictures."""
    for key in ("derive", "drop", "pieces", "columns"):
        if getattr(config, key):
            raise config_error(f"features.{key}", "pictures have no named columns; remove it")
    if config.scale in ("quantile", "power"):
        raise config_error(
            "features.scale",
            f"'{config.scale}' reshapes each column by itself, and pictures have one scale for all pixels; "
            "use none, standard, minmax or robust",
        )


def fit_features(
    train: Dataset, config: FeaturesConfig, seed: int, y: np.ndarray | None = None, classification: bool = False
) -> FittedFeatures:
    """Fit every stage of step 2 on the training rows.

    y : class indices (n,), or numbers (n,) or (n, t); needed by encode: target, k_best and rfe
    Raises DataError where the configuration does not suit the columns, ConfigError where pictures
    cannot have what it asks.
    """
    if len(train) == 0:
        raise DataError(
            "there are no training rows to fit features on; lower dataset.split.test and dataset.split.valid"
        )
    goal = None if y is None else Target.of(y, classification=classification)
    with torch.no_grad():
        if isinstance(train, Images):
            features = fit_pixel_features(train, config, seed, goal)
        else:
            features = fit_table(train, config, seed, goal)
    if not features.layout.width:
        if config.drop:
            raise DataError(
                f"features.drop: no input is left without {', '.join(config.drop)}; keep one, or derive one from them"
            )
        raise DataError(
            f"features.select.variance: none of the {len(features.report.dropped)} features varies by more than "
            f"{config.select.variance:g} in the {len(train)} training rows; check the columns, lower the bound or "
            "set it to null"
        )
    return features


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
    if (kept := load_cached(folder, _load, reporter, "fitting the features anew")) is not None:
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
