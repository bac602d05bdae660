"""Fits features on training pictures."""

from __future__ import annotations

import numpy as np
import torch

from mlcli.config.features import FeaturesConfig
from mlcli.data.types import Images
from mlcli.errors import config_error
from mlcli.features.fitted import FittedFeatures
from mlcli.features.narrow import fit_narrowing
from mlcli.features.pixels import PixelArithmetic, PixelFeatures, PixelPlan, fit_line, pixel_variances
from mlcli.features.report import FeatureReport, Scaled
from mlcli.features.select import Selection, by_variance
from mlcli.features.target import Goal


def fit_pixels(train: Images, config: FeaturesConfig, seed: int, goal: Goal | None) -> FittedFeatures:
    """Fit on pictures: one scale for all pixels, then selection and extraction where asked.

    A variance bound of 0 keeps constant pixels, so that a picture keeps its size; a higher one applies.
    """
    _check_config(config)
    plan = PixelPlan(tuple(int(size) for size in train.pixels.shape[1:]))
    names = tuple(f"px{i}" for i in range(plan.size))
    line = fit_line(train.pixels, config.scale, config.clip)
    varied = _select_varied(train.pixels, config.select.variance, names)
    scaled = PixelFeatures(plan, PixelArithmetic(line, torch.from_numpy(varied.keep)))
    narrowing = fit_narrowing(lambda: scaled.refined(train.pixels), varied, names, config, seed, goal)
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
