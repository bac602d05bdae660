"""Device, precision and threads of a training."""

from __future__ import annotations

from functools import cache
from typing import Literal

import torch

from mlcli.errors import config_error

# Below this many multiply-adds a step, a second thread costs more time than it saves.
ONE_THREAD_BELOW = 2_000_000
# From this many multiply-adds a step, bfloat16 saves more time than its conversions cost.
BFLOAT16_FROM = 10_000_000


def choose_device(name: str) -> torch.device:
    """Raises ConfigError for an accelerator this machine does not have."""
    available = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if name == "auto":
        return torch.device(next((kind for kind in ("cuda", "mps") if available[kind]), "cpu"))
    device = torch.device(name)
    if not available[device.type] or (device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count()):
        usable = ", ".join(kind for kind, here in available.items() if here)
        raise config_error("device", f"{name} is not available to this torch; available: {usable}. Use auto or cpu")
    return device


def choose_precision(
    name: Literal["auto", "float32", "bfloat16"], device: torch.device, multiply_adds: int
) -> torch.dtype:
    """Auto is bfloat16 where the hardware multiplies it faster and a step has enough to multiply.

    multiply_adds : of one step's hidden layers
    """
    if name == "auto":
        gains = multiply_adds >= BFLOAT16_FROM and _has_bfloat16_units(device)
        return torch.bfloat16 if gains else torch.float32
    return torch.bfloat16 if name == "bfloat16" else torch.float32


def _has_bfloat16_units(device: torch.device) -> bool:
    """Tensor cores on a GPU; AMX or AVX512-BF16 on a CPU."""
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    capabilities = cpu_capabilities()
    return device.type == "cpu" and any(capabilities.get(name) for name in ("amx_bf16", "avx512_bf16"))


def choose_threads(multiply_adds: int) -> int:
    """Threads for steps of this many multiply-adds: one for tiny networks, else torch's own choice."""
    available = available_threads()  # asked first, before torch is set to one
    return 1 if multiply_adds < ONE_THREAD_BELOW else available


@cache
def available_threads() -> int:
    """Torch's threads when this is first called; fewer threads for one training do not change it."""
    return torch.get_num_threads()


def cpu_capabilities() -> dict[str, object]:
    """What torch knows of the processor; empty in versions that cannot tell."""
    return getattr(torch.cpu, "get_capabilities", dict)()
