"""Keeps torch from importing its compiler, which costs a second and is never used here.

Every optimizer of torch imports `torch._dynamo` when it is made, for two functions that matter only
inside torch.compile. A stand-in with these two takes its place until something asks for more; then
the real module is imported after all.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any, TypeVar

import torch

F = TypeVar("F", bound=Callable[..., Any])
NAME = "torch._dynamo"


class _Deferred(ModuleType):
    """`disable` and `graph_break` as they are outside of compilation: no change, and nothing."""

    def disable(self, fn: F, recursive: bool = True, *, wrapping: bool = True) -> F:
        return fn

    def graph_break(self, msg: str = "") -> None:
        return None

    def __getattr__(self, name: str) -> object:
        if sys.modules.get(NAME) is self:
            del sys.modules[NAME]
        real = importlib.import_module(NAME)
        setattr(torch, NAME.rpartition(".")[2], real)
        found: object = getattr(real, name)
        return found


def defer_compiler() -> None:
    """Put the stand-in where `import torch._dynamo` looks, unless the compiler is there already."""
    if NAME not in sys.modules:
        deferred = _Deferred(NAME)
        sys.modules[NAME] = deferred
        setattr(torch, NAME.rpartition(".")[2], deferred)
