"""What a run was made with, as far as it bears on its numbers; never who or where."""

from __future__ import annotations

import importlib.metadata
import platform
from datetime import UTC, datetime

PACKAGES = ("mlcli", "torch", "numpy", "polars")


def package_versions() -> dict[str, str]:
    """Versions of python and of the packages that do arithmetic, read without importing them."""
    return {"python": platform.python_version(), **{name: _version(name) for name in PACKAGES}}


def describe_platform() -> str:
    """Operating system, its release, and the processor's architecture."""
    return f"{platform.system()} {platform.release()} {platform.machine()}"


def utc_now() -> str:
    """The time in ISO 8601 with microseconds, in UTC; texts of it sort by time."""
    return datetime.now(UTC).isoformat(timespec="microseconds")


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "unknown"
