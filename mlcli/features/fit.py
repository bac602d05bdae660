"""Fits features on training rows."""

from __future__ import annotations

import numpy as np
import torch

from mlcli.config.features import FeaturesConfig
from mlcli.data.types import Dataset, Images
from mlcli.errors import DataError
from mlcli.features.fit_pixels import fit_pixels
from mlcli.features.fit_table import fit_table
from mlcli.features.fitted import FittedFeatures
from mlcli.features.target import Goal


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
    goal = None if y is None else Goal.of(y, classification=classification)
    with torch.no_grad():
        if isinstance(train, Images):
            features = fit_pixels(train, config, seed, goal)
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
