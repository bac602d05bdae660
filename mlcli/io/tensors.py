"""Tensors in safetensors files, and nested values split into JSON and tensors."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors.torch
from torch import Tensor

from mlcli.errors import ArtefactError
from mlcli.io import disk
from mlcli.io.arrays import NOT_SAFETENSORS, not_safetensors
from mlcli.io.disk import resource_errors


def write_tensors(path: Path, tensors: Mapping[str, Tensor]) -> None:
    """Write a new file; tensors may be on any device, share memory and have gaps."""
    copies = {name: tensor.detach().to("cpu", copy=True).contiguous() for name, tensor in tensors.items()}
    with resource_errors(path):
        disk.write_new(path, safetensors.torch.save(copies))


def read_tensors(path: Path) -> dict[str, Tensor]:
    """As `read_arrays`: on the CPU.

    The copies matter: a tensor inside the file's bytes may start at an address where the same sum is rounded in another
    order.
    """
    with resource_errors(path):
        content = path.read_bytes()
    try:
        return {name: tensor.clone() for name, tensor in sorted(safetensors.torch.load(content).items())}
    except NOT_SAFETENSORS as error:
        raise not_safetensors(path, error) from None


def pack(value: dict[Any, Any], tensors: dict[str, Tensor]) -> dict[str, Any]:
    """A strict JSON object; the tensors met on the way are put into `tensors`.

    Takes None, bool, int, float, str, Tensor, and lists, tuples and dicts of these; raises TypeError.
    """
    return {"dict": [[_key(key), _pack(item, tensors, f".{key}")] for key, item in value.items()]}


def unpack(value: dict[str, Any], tensors: dict[str, Tensor], place: object) -> dict[Any, Any]:
    """What was packed; raises ArtefactError, naming `place`, for JSON that `pack` does not write."""
    try:
        return {_key(key): _unpack(item, tensors) for key, item in value["dict"]}
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise ArtefactError(
            f"{place}: not what was written here ({type(error).__name__}: {error}); restore it or create it again"
        ) from None


def _pack(value: object, tensors: dict[str, Tensor], name: str) -> object:
    match value:
        case None | bool() | int() | str():
            return value
        case float():
            return value if math.isfinite(value) else {"float": str(value)}
        case Tensor():
            unique = f"{len(tensors)}{name}"
            tensors[unique] = value
            return {"tensor": unique}
        case list():
            return [_pack(item, tensors, f"{name}.{i}") for i, item in enumerate(value)]
        case tuple():
            return {"tuple": _pack(list(value), tensors, name)}
        case dict():
            return {"dict": [[_key(key), _pack(item, tensors, f"{name}.{key}")] for key, item in value.items()]}
        case _:
            raise TypeError(f"{name}: {type(value).__name__} cannot be stored")


def _unpack(value: object, tensors: dict[str, Tensor]) -> object:
    match value:
        case list():
            return [_unpack(item, tensors) for item in value]
        case {"tuple": list(items), **rest} if not rest:
            return tuple(_unpack(item, tensors) for item in items)
        case {"dict": list(pairs), **rest} if not rest:
            return {_key(key): _unpack(item, tensors) for key, item in pairs}
        case {"float": str(text), **rest} if not rest:
            return float(text)
        case {"tensor": str(name), **rest} if not rest:
            return tensors[name]
        case dict():
            raise ValueError(f"unknown tag {sorted(value)[:3]}")
        case _:
            return value


def _key(key: object) -> int | str:
    if isinstance(key, bool) or not isinstance(key, int | str):
        raise TypeError(f"key {key!r} is neither text nor a whole number")
    return key
