"""The layout of the feature matrix, and fitted tensors read back: every value is checked before it is used."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch

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


class TensorReader:
    """Hands out the tensors of a state, each checked for type, shape and finite values."""

    def __init__(self, tensors: Mapping[str, torch.Tensor]) -> None:
        self._tensors = dict(tensors)

    def take(self, name: str, *shape: int | None) -> torch.Tensor:
        """A float64 tensor; None stands for any length."""
        tensor = self._take(name, torch.float64, shape)
        if not tensor.isfinite().all():
            raise broken(f"'{name}' holds values that are not finite")
        return tensor

    def take_positions(self, name: str, below: int) -> torch.Tensor:
        """Ascending int64 positions (any number) in 0 … below − 1."""
        tensor = self._take(name, torch.int64, (None,))
        if len(tensor) and (tensor[0] < 0 or tensor[-1] >= below or not (tensor.diff() > 0).all()):
            raise broken(f"'{name}' must hold ascending positions below {below}")
        return tensor

    def take_positive(self, name: str, *shape: int | None) -> torch.Tensor:
        """A float64 tensor of numbers above 0."""
        tensor = self.take(name, *shape)
        if not (tensor > 0).all():
            raise broken(f"'{name}' must be above 0")
        return tensor

    def has(self, name: str) -> bool:
        """Whether a tensor is there and not taken yet."""
        return name in self._tensors

    def finish(self) -> None:
        """Refuse what was not asked for."""
        if self._tensors:
            raise broken(f"unexpected tensor '{min(self._tensors)}'")

    def _take(self, name: str, dtype: torch.dtype, shape: tuple[int | None, ...]) -> torch.Tensor:
        tensor = self._tensors.pop(name, None)
        if tensor is None:
            raise broken(f"tensor '{name}' is missing")
        fits = tensor.ndim == len(shape) and all(
            want in (None, got) for want, got in zip(shape, tensor.shape, strict=True)
        )
        if tensor.dtype != dtype or not fits:
            wanted = tuple("any" if size is None else size for size in shape)
            raise broken(f"'{name}' is {tensor.dtype} {tuple(tensor.shape)}, expected {dtype} {wanted}")
        return tensor.clone()
