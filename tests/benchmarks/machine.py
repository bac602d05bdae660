"""The machine and the versions that were measured."""

from __future__ import annotations

import json
import os
import platform
import re
from collections.abc import Iterator
from pathlib import Path

from tests.benchmarks.environments import FILES, python_of
from tests.benchmarks.processes import FailedError, mlcli, run

# What decides how fast matrices are multiplied.
FEATURES = ("avx2", "fma", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16", "asimd", "bf16", "sve")
SHOWN = ("jax", "keras", "lightning", "ludwig", "numpy", "polars", "scikit-learn", "skorch", "tensorflow", "torch")


def describe_machine() -> str:
    """Processor, cores, vector units, memory, system."""
    facts = dict(re.findall(r"^([\w ]+?)\s*: (.*)$", Path("/proc/cpuinfo").read_text(), flags=re.MULTILINE))
    flags = (facts.get("flags") or facts.get("Features") or "").split()
    units = ", ".join(name for name in FEATURES if name in flags)
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    processor = facts.get("model name", platform.machine())
    return f"{processor}, {os.cpu_count()} cores ({units}), {memory:.0f} GiB, {platform.system()} {platform.machine()}"


def describe_versions() -> str:
    """mlcli, Python and the peers."""
    return ", ".join([mlcli("--version").out.strip(), f"Python {platform.python_version()}", *peer_versions()])


def peer_versions() -> Iterator[str]:
    """Name and version of the peers that are installed."""
    versions: dict[str, str] = {}
    for name in reversed([*FILES]):
        try:
            packages = json.loads(run([python_of(name), "-m", "pip", "list", "--format", "json"]).out)
        except FailedError:
            continue
        versions |= {package["name"]: package["version"] for package in packages}
    return (f"{name} {versions[name]}" for name in SHOWN if name in versions)
