"""NumPy arrays in safetensors files, without torch."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.numpy
from numpy.typing import NDArray
from safetensors import SafetensorError

from mlcli.errors import ArtefactError
from mlcli.io import disk
from mlcli.io.disk import resource_errors

# What `safetensors` raises for a file of another kind, or with numbers of a type that NumPy does not have.
NOT_SAFETENSORS = (SafetensorError, KeyError, TypeError, ValueError, RuntimeError)


def write_arrays(path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write a new file; arrays may share memory and have gaps."""
    whole = {name: np.asarray(array, order="C") for name, array in arrays.items()}
    with resource_errors(path):
        disk.write_new(path, safetensors.numpy.save(whole))


def read_arrays(path: Path) -> dict[str, NDArray[Any]]:
    """Arrays in the order of their names, each in its own memory. Raises ArtefactError for a file of another kind."""
    with resource_errors(path):
        content = path.read_bytes()
    try:
        return {name: array.copy() for name, array in sorted(safetensors.numpy.load(content).items())}
    except NOT_SAFETENSORS as error:
        raise not_safetensors(path, error) from None


def not_safetensors(path: Path, error: Exception) -> ArtefactError:
    """The error for a file that is none."""
    return ArtefactError(f"{path}: not a safetensors file ({error}); restore it or create it again")
