"""The layout of the feature matrix, and fitted numbers read back: every value is checked before it is used."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlcli.errors import ArtefactError

PLACE = "fitted features"


@dataclass(frozen=True)
class FeatureLayout:
    """The columns of the feature matrix: numeric inputs first, then the codes of embedded categories.

    names : numeric inputs in order, such as "age", "sex=Male", "age_missing", "pca1", "px0"
    numbers : positions of those that are numbers of a table without bounds (columns, codes, target means, components);
        the others are 0/1, pieces, sines, counted words, or pixels
    cardinalities : number of codes of each embedded column; codes are whole numbers from 0
    embedded : names of the embedded columns
    image_shape : of rows that are whole images, (height, width[, channels]); else empty
    """

    names: tuple[str, ...]
    cardinalities: tuple[int, ...] = ()
    embedded: tuple[str, ...] = ()
    image_shape: tuple[int, ...] = ()
    numbers: tuple[int, ...] = ()

    @property
    def n_numeric(self) -> int:
        """Number of numeric inputs."""
        return len(self.names)

    @property
    def width(self) -> int:
        """Columns of the feature matrix."""
        return self.n_numeric + len(self.cardinalities)


def layout_of_numbers(count: int) -> FeatureLayout:
    """The layout of so many numbers without names."""
    return FeatureLayout(tuple(f"x{i}" for i in range(count)), numbers=tuple(range(count)))


def broken(problem: str) -> ArtefactError:
    """The error for a state that makes no sense."""
    return ArtefactError(f"{PLACE}: {problem}; they are damaged or of another version; fit them again")


class ArrayReader:
    """Hands out the arrays of a state, each checked for type, shape and finite values."""

    def __init__(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        self._arrays = dict(arrays)

    def take(self, name: str, *shape: int | None) -> NDArray[np.float64]:
        """A float64 array; None stands for any length."""
        array = self._take(name, "float64", shape)
        if not np.isfinite(array).all():
            raise broken(f"'{name}' holds values that are not finite")
        return array

    def take_positions(self, name: str, below: int) -> NDArray[np.int64]:
        """Ascending int64 positions (any number) in 0 … below − 1."""
        array = self._take(name, "int64", (None,))
        if len(array) and (array[0] < 0 or array[-1] >= below or not (array[1:] > array[:-1]).all()):
            raise broken(f"'{name}' must hold ascending positions below {below}")
        return array

    def take_positive(self, name: str, *shape: int | None) -> NDArray[np.float64]:
        """A float64 array of numbers above 0."""
        array = self.take(name, *shape)
        if not (array > 0).all():
            raise broken(f"'{name}' must be above 0")
        return array

    def has(self, name: str) -> bool:
        """Whether an array is there and not taken yet."""
        return name in self._arrays

    def finish(self) -> None:
        """Refuse what was not asked for."""
        if self._arrays:
            raise broken(f"unexpected array '{min(self._arrays)}'")

    def _take(self, name: str, dtype: str, shape: tuple[int | None, ...]) -> NDArray[Any]:
        array = self._arrays.pop(name, None)
        if array is None:
            raise broken(f"array '{name}' is missing")
        fits = array.ndim == len(shape) and all(
            want in (None, got) for want, got in zip(shape, array.shape, strict=True)
        )
        if array.dtype != dtype or not fits:
            wanted = tuple("any" if size is None else size for size in shape)
            raise broken(f"'{name}' is {array.dtype} {array.shape}, expected {dtype} {wanted}")
        return array.copy()
