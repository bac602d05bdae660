"""The manifest of a run: the versions, the device and the data that it was trained with."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from mlcli.errors import UsageError
from mlcli.io.json import check_version, from_json

SCHEMA_VERSION = 1
PACKAGES = ("mlcli", "torch", "numpy", "polars")

RunStatus = Literal["running", "finished", "early", "interrupted", "diverged"]


def package_versions() -> dict[str, str]:
    """Versions of python and of the packages that do arithmetic, read without importing them."""
    return {"python": platform.python_version(), **{name: _version(name) for name in PACKAGES}}


def describe_platform() -> str:
    """Operating system, its release, and the processor's architecture."""
    return f"{platform.system()} {platform.release()} {platform.machine()}"


def utc_now() -> str:
    """The time in UTC, ISO 8601 with microseconds; its texts sort by time."""
    return datetime.now(UTC).isoformat(timespec="microseconds")


def creation_time() -> str:
    """When a bundle counts as made: now, or SOURCE_DATE_EPOCH, seconds since 1970. Raises UsageError.

    https://reproducible-builds.org/specs/source-date-epoch
    """
    epoch = os.environ.get("SOURCE_DATE_EPOCH", "")
    if not epoch:
        return utc_now()
    with suppress(ValueError, OverflowError, OSError):
        if epoch.isdecimal():
            return datetime.fromtimestamp(int(epoch), UTC).isoformat(timespec="microseconds")
    raise UsageError(
        f"SOURCE_DATE_EPOCH is {epoch!r:.40}; expected whole seconds since 1970, such as 1700000000; "
        "set it so, or unset it"
    )


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "unknown"


@dataclass(frozen=True)
class RunManifest:
    """manifest.json of a run; it names no folder, machine or person.

    dataset      : the dataset used
    stand_in_for : the dataset of the config, where `dataset` replaced it
    rows         : rows of each split
    timings      : seconds, by activity
    test_looks   : how often the test split was evaluated
    on_disk      : its rows were read from a file, in another order than from memory
    members      : networks of the model; more than 1 is an ensemble
    tags, note   : the user's own words on the run
    parent       : the run whose features and weights the training started from; None for none
    """

    seed: int
    device: str
    threads: int
    precision: str
    config_fingerprint: str
    data_fingerprint: str
    dataset: str
    n_parameters: int
    rows: dict[str, int]
    stand_in_for: str | None = None
    status: RunStatus = "running"
    timings: dict[str, float] = field(default_factory=dict)
    test_looks: int = 0
    on_disk: bool = False
    members: int = 1
    tags: tuple[str, ...] = ()
    note: str = ""
    parent: str | None = None
    created: str = field(default_factory=utc_now)
    versions: dict[str, str] = field(default_factory=package_versions)
    platform: str = field(default_factory=describe_platform)
    schema: int = SCHEMA_VERSION

    @property
    def environment(self) -> dict[str, Any]:
        """Versions, platform, device and first weights, on which the run's numbers depend as well."""
        device = {"device": self.device, "threads": self.threads, "precision": self.precision}
        first = {"parent": self.parent} if self.parent else {}
        return {**self.versions, "platform": self.platform, **device, **first}


def manifest_from_json(value: object, place: object) -> RunManifest:
    """What `asdict` made JSON of; raises ArtefactError, naming `place`, for anything but a manifest of this version."""
    check_version(value, SCHEMA_VERSION, place)
    return from_json(RunManifest, value, place)
