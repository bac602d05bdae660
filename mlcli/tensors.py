"""Tensors in safetensors files: numbers with names and shapes, and nothing that could run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import safetensors.torch
from safetensors import SafetensorError
from torch import Tensor

from mlcli.errors import ArtefactError
from mlcli.files import disk, resource_errors


def write_tensors(path: Path, tensors: Mapping[str, Tensor]) -> None:
    """Write a new file; tensors may lie on any device, share memory and have gaps."""
    copies = {name: tensor.detach().to("cpu", copy=True).contiguous() for name, tensor in tensors.items()}
    with resource_errors(path):
        disk.write_new(path, safetensors.torch.save(copies))


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Tensors in the order of their names, on the CPU, each in memory of its own.

    Raises ArtefactError for a file of another kind. The copies matter: a tensor inside the file's bytes
    may start at an address where the same sum is rounded in another order.
    """
    with resource_errors(path):
        content = path.read_bytes()
    try:
        return {name: tensor.clone() for name, tensor in sorted(safetensors.torch.load(content).items())}
    except (SafetensorError, KeyError, TypeError, ValueError, RuntimeError) as error:
        raise ArtefactError(f"{path}: not a safetensors file ({error}); restore it or make it anew") from None
