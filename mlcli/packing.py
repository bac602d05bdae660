"""Nested values split into JSON and tensors, without losing a type or a bit.

JSON knows neither tuples, nor keys that are numbers, nor NaN; those, and tensors, become objects with
one tag as key: {"tuple": [...]}, {"dict": [[key, value], ...]}, {"float": "nan"}, {"tensor": name}.
"""

from __future__ import annotations

import math
from typing import Any

from torch import Tensor

from mlcli.errors import ArtefactError


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
            f"{place}: not what was written here ({type(error).__name__}: {error}); restore it or make it anew"
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
