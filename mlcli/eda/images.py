"""Images explored: the mean image of each class, and examples."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlcli.data.profile import NumberSummary, Profile
from mlcli.data.tables.types import Images, SplitName
from mlcli.io.json import to_json

Pixels = NDArray[np.uint8]
# Images of a class that are averaged at most, and shown.
MAX_AVERAGED, MAX_EXAMPLES = 1_000, 8
FULL = 255


@dataclass(frozen=True, eq=False)
class ClassImages:
    """One class.

    mean     : uint8 (height, width[, channels]), of `averaged` images evenly spaced among the class's rows
    places   : rows of the split, from 0, that the examples are
    examples : uint8 (n, height, width[, channels])
    """

    name: str
    rows: int
    averaged: int
    mean: Pixels
    places: tuple[int, ...]
    examples: Pixels

    def to_json(self) -> dict[str, Any]:
        """The mean's pixels, and where the examples stand."""
        return {
            "class": self.name,
            "rows": self.rows,
            "averaged": self.averaged,
            "mean": self.mean.tolist(),
            "examples": list(self.places),
        }


@dataclass(frozen=True, eq=False)
class ExploredImages:
    """Images class by class.

    pixels : of the training images
    factor : brightness that pixels are multiplied by to be seen, where the brightest is dark (digits of 16 greys)
    """

    shape: tuple[int, ...]
    pixels: NumberSummary
    factor: float
    classes: Mapping[str, int]
    class_images: tuple[ClassImages, ...]

    def to_json(self) -> dict[str, Any]:
        """Its part of the document."""
        return {
            "shape": list(self.shape),
            "pixels": self.pixels,
            "classes": dict(self.classes),
            "pictures": to_json(self.class_images),
        }

    def visible(self, pixels: Pixels) -> Pixels:
        """The pixels as they are shown."""
        shown: Pixels = np.minimum(pixels * self.factor, FULL).astype(np.uint8)
        return shown


def explore_images(images: Images, profile: Profile, split: SplitName) -> ExploredImages:
    """The mean image and examples of each class of a split."""
    facts = profile["pictures"]
    if facts is None or images.labels is None:
        raise TypeError("prepared pictures have labels, and a profile of their pixels")
    brightest = facts["pixels"]["max"] or FULL
    return ExploredImages(
        shape=tuple(facts["shape"]),
        pixels=facts["pixels"],
        factor=FULL / brightest if brightest < FULL // 2 else 1.0,
        classes=(profile["classes"] or {}).get(split, {}),
        class_images=tuple(_of_class(images, images.labels, k) for k in range(len(images.class_names))),
    )


def _of_class(images: Images, labels: NDArray[np.int64], place: int) -> ClassImages:
    rows = np.flatnonzero(labels == place)
    averaged, shown = _spread(rows, MAX_AVERAGED), _spread(rows, MAX_EXAMPLES)
    mean = images.pixels[averaged].mean(axis=0) if len(rows) else np.zeros(images.pixels.shape[1:])
    return ClassImages(
        name=images.class_names[place],
        rows=len(rows),
        averaged=len(averaged),
        mean=np.round(mean).astype(np.uint8),
        places=tuple(shown.tolist()),
        examples=np.asarray(images.pixels[shown]),
    )


def _spread(rows: NDArray[np.int64], most: int) -> NDArray[np.int64]:
    """At most so many of the rows, evenly spaced."""
    return rows[np.linspace(0, len(rows), min(most, len(rows)), endpoint=False).astype(np.int64)]
