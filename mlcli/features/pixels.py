"""Features of images: flattened pixels on one scale shared by all of them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from mlcli.config.sections.features import FeaturesConfig, Scale
from mlcli.config.tree import JsonValue
from mlcli.data.tables.types import Images, Schema
from mlcli.errors import DataError, config_error
from mlcli.features.blocks import BLOCK, whole_blocks
from mlcli.features.encoding import Floats, Ints, Target
from mlcli.features.report import FeatureReport, Scaled
from mlcli.features.scaling import LARGEST
from mlcli.features.selection import FeatureSelection, Project, by_variance, fit_selection
from mlcli.features.state import PLACE, ArrayReader, FeatureLayout, broken
from mlcli.io.json import fields_to_json, from_json

_CELLS = 2**20
Real = TypeVar("Real", np.float32, np.float64)


@dataclass(frozen=True)
class PixelPlan:
    """The shape of the images: (height, width) or (height, width, channels).

    brightness : lowest and highest mean pixel of a training image; empty where an earlier version fitted it
    """

    shape: tuple[int, ...]
    brightness: tuple[float, ...] = ()

    @property
    def size(self) -> int:
        """Pixels (times channels) of an image."""
        return math.prod(self.shape)


@dataclass(frozen=True, eq=False)
class PixelArithmetic:
    """(pixel − mean) / scale within ± limit, then the projection.

    line : float64 (3,), mean, scale and limit
    select : int64 positions of the pixels kept
    """

    line: Floats
    select: Ints
    project: Project | None = None

    def scale(self, pixels: NDArray[Real]) -> NDArray[Real]:
        """Float (n, pixels kept), changed in place."""
        mean, scale, limit = self.line.tolist()
        pixels -= mean
        pixels /= scale
        if limit < LARGEST:
            np.clip(pixels, -limit, limit, out=pixels)
        return pixels

    def __call__(self, pixels: Floats) -> Floats:
        """Float (n, pixels kept), changed in place → the features."""
        scaled = self.scale(pixels)
        return scaled if self.project is None else self.project(scaled)

    def state(self) -> dict[str, NDArray[Any]]:
        """The fitted numbers by name."""
        state: dict[str, NDArray[Any]] = {"line": self.line, "select": self.select}
        return state if self.project is None else state | self.project.state()


@dataclass(frozen=True, eq=False)
class PixelFeatures:
    """Maps images to the feature matrix."""

    plan: PixelPlan
    arithmetic: PixelArithmetic

    @property
    def schema(self) -> Schema:
        """The shape of the images."""
        return Schema(image_shape=self.plan.shape)

    @property
    def layout(self) -> FeatureLayout:
        """What the network sees."""
        project = self.arithmetic.project
        if project is not None:
            return FeatureLayout(project.names)
        whole = len(self.arithmetic.select) == self.plan.size
        names = tuple(f"px{i}" for i in self.arithmetic.select.tolist())
        return FeatureLayout(names, image_shape=self.plan.shape if whole else ())

    def transform(self, pixels: np.ndarray) -> NDArray[np.float32]:
        """uint8 (n, *shape) → float32 (n, width)."""
        flat = self.flatten(pixels)
        if self.arithmetic.project is None:
            return self._scaled(flat, np.float32)
        out = np.empty((len(flat), self.layout.width), dtype=np.float32)
        for rows in self._portions(len(flat)):
            part = flat[rows]
            # As for tables, whole blocks give an image the same bits alone and among others.
            padded = np.zeros((whole_blocks(len(part)), len(self.arithmetic.select)))
            self._fill(padded[: len(part)], part)
            with np.errstate(all="ignore"):
                out[rows] = self.arithmetic(padded)[: len(part)]
        return out

    def portions(self, pixels: np.ndarray) -> Iterator[np.ndarray]:
        """Images in order, some at a time."""
        return (pixels[rows] for rows in self._portions(len(pixels)))

    def scaled_features(self, pixels: np.ndarray) -> np.ndarray:
        """The scaled pixels in float64, for fitting what comes after scaling."""
        return self._scaled(self.flatten(pixels), np.float64)

    def flatten(self, pixels: np.ndarray) -> np.ndarray:
        """(n, *shape) → (n, pixels), without copying where the memory is in one piece."""
        if pixels.shape[1:] != self.plan.shape:
            raise DataError(
                f"expected images of shape {self.plan.shape} as in training, got {pixels.shape[1:]}; resize them"
            )
        return pixels.reshape(len(pixels), self.plan.size)

    def to_state(self) -> tuple[dict[str, JsonValue], dict[str, NDArray[Any]]]:
        """The shape as JSON and the fitted numbers as arrays."""
        return fields_to_json(self.plan), {name: array.copy() for name, array in self.arithmetic.state().items()}

    @classmethod
    def from_state(cls, state: JsonValue, arrays: Mapping[str, NDArray[Any]]) -> PixelFeatures:
        """Rebuild from `to_state`; ArtefactError where the two do not fit together."""
        plan = from_json(PixelPlan, state, PLACE)
        if len(plan.brightness) not in (0, 2):
            raise broken(f"{plan.brightness} is not the lowest and the highest brightness")
        if len(plan.shape) not in (2, 3) or min(plan.shape) < 1:
            raise broken(f"{plan.shape} is not the shape of an image")
        reader = ArrayReader(arrays)
        line = reader.take("line", 3)
        if not (line[1:] > 0).all():
            raise broken("'line' must have a scale and a limit above 0")
        select = reader.take_positions("select", plan.size)
        project = Project.read(reader, len(select))
        reader.finish()
        return cls(plan, PixelArithmetic(line, select, project))

    def _scaled(self, flat: np.ndarray, dtype: type[Real]) -> NDArray[Real]:
        out = np.empty((len(flat), len(self.arithmetic.select)), dtype=dtype)
        for rows in self._portions(len(flat)):
            self._fill(out[rows], flat[rows])
            self.arithmetic.scale(out[rows])
        return out

    def _fill(self, out: np.ndarray, part: np.ndarray) -> None:
        whole = len(self.arithmetic.select) == self.plan.size
        np.copyto(out, part if whole else part[:, self.arithmetic.select])

    def _portions(self, n_rows: int) -> Iterator[slice]:
        step = max(BLOCK, _CELLS // self.plan.size // BLOCK * BLOCK)
        return (slice(start, min(start + step, n_rows)) for start in range(0, n_rows, step))


def fit_pixels(
    train: Images, config: FeaturesConfig, seed: int, target: Target | None
) -> tuple[PixelFeatures, FeatureReport]:
    """Fit on images: one scale for all pixels, then selection and extraction where asked.

    A variance bound of 0 keeps constant pixels, so that an image keeps its size; a higher one applies.
    """
    _check_config(config)
    means = mean_pixels(train)
    shape = tuple(int(size) for size in train.pixels.shape[1:])
    plan = PixelPlan(shape, (float(means.min()), float(means.max())))
    names = tuple(f"px{i}" for i in range(plan.size))
    line = fit_line(train.pixels, config.scale, config.clip)
    varied = FeatureSelection(np.arange(plan.size))
    if bound := config.select.variance:
        varied = by_variance(pixel_variances(train.pixels.reshape(len(train), -1)), names, bound, len(train))
    scaled = PixelFeatures(plan, PixelArithmetic(line, varied.keep))
    selection = fit_selection(lambda: scaled.scaled_features(train.pixels), varied, names, config, seed, target)
    features = PixelFeatures(plan, PixelArithmetic(line, selection.keep, selection.project))
    report = FeatureReport(
        rows=len(train),
        columns=names,
        features=features.layout.names,
        scaled={"pixels": Scaled(config.scale, float(line[0]), float(line[1]))},
        dropped=selection.dropped,
        explained_variance=selection.explained_variance,
    )
    return features, report


def mean_pixels(images: Images) -> np.ndarray:
    """Mean of each image's pixels, float64 (n,)."""
    means: np.ndarray = images.pixels.mean(axis=tuple(range(1, images.pixels.ndim)))
    return means


def _check_config(config: FeaturesConfig) -> None:
    """Raise ConfigError for settings that do not apply to images."""
    for key in ("derive", "drop", "pieces", "columns"):
        if getattr(config, key):
            raise config_error(f"features.{key}", "images have no named columns; remove it")
    if config.scale in ("quantile", "power"):
        raise config_error(
            "features.scale",
            f"'{config.scale}' transforms each column separately, and images have one scale for all pixels; "
            "use none, standard, minmax or robust",
        )


def fit_line(pixels: np.ndarray, scale: Scale, clip: float | None) -> Floats:
    """Mean, scale and limit of all pixels together; statistics are exact, from counts of the 256 levels."""
    counts = np.zeros(256, dtype=np.int64)
    for start in range(0, len(pixels), 1024):
        counts += np.bincount(pixels[start : start + 1024].reshape(-1), minlength=256)
    levels = np.arange(256, dtype=np.float64)
    present = levels[counts > 0]
    low, high = present[0], present[-1]
    mean = float(levels @ counts / counts.sum())
    deviation = float(np.sqrt((levels - mean) ** 2 @ counts / counts.sum()))
    if scale == "none":
        return np.array([0.0, 1.0, LARGEST])
    limit = LARGEST if clip is None else clip
    if low == high:
        line = low, 1.0
    elif scale == "minmax":
        line = low, high - low
    elif scale == "robust":
        q1, median, q3 = (_quantile(counts, share) for share in (0.25, 0.5, 0.75))
        line = median, (q3 - q1) or deviation
    else:
        line = mean, deviation
    return np.array([*line, limit])


def pixel_variances(flat: np.ndarray) -> np.ndarray:
    """Variance (ddof 0) of each pixel over the images (n, pixels)."""
    sums, squares = np.zeros((2, flat.shape[1]))
    for start in range(0, len(flat), 1024):
        part = flat[start : start + 1024].astype(np.float64)
        sums += part.sum(axis=0)
        squares += (part**2).sum(axis=0)
    variances: np.ndarray = squares / len(flat) - (sums / len(flat)) ** 2
    return variances


def _quantile(counts: np.ndarray, share: float) -> float:
    """The quantile of the levels, interpolated between neighbours as NumPy does."""
    position = share * (int(counts.sum()) - 1)
    ends = np.cumsum(counts)
    low, high = np.searchsorted(ends, [math.floor(position), math.ceil(position)], side="right")
    return float(low + (high - low) * (position - math.floor(position)))
