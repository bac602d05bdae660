"""The account a run gives of itself, for repeating it and for telling runs apart."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from mlcli.run.environment import describe_platform, package_versions, utc_now
from mlcli.typed_json import check_version, from_json

SCHEMA_VERSION = 1

RunStatus = Literal["running", "finished", "early", "interrupted", "diverged"]


@dataclass(frozen=True)
class RunManifest:
    """manifest.json of a run; it names no folder, machine or person.

    dataset      : the dataset really used
    stand_in_for : the dataset the config asked for, where another had to stand in for it
    rows         : rows of each split
    timings      : seconds, by what was done
    test_looks   : how often the test split was evaluated
    members      : networks that answer together; more than 1 is an ensemble
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
    members: int = 1
    created: str = field(default_factory=utc_now)
    versions: dict[str, str] = field(default_factory=package_versions)
    platform: str = field(default_factory=describe_platform)

    @property
    def environment(self) -> dict[str, Any]:
        """What the run was made with, as far as it bears on its numbers."""
        facts = {"device": self.device, "threads": self.threads, "precision": self.precision}
        return {**self.versions, "platform": self.platform, **facts}

    schema: int = SCHEMA_VERSION


def manifest_to_json(manifest: RunManifest) -> dict[str, Any]:
    """A JSON value that `manifest_from_json` reads back."""
    return asdict(manifest)


def manifest_from_json(value: object, place: object) -> RunManifest:
    """Raises ArtefactError, naming `place`, for anything but a manifest of this version."""
    check_version(value, SCHEMA_VERSION, place)
    return from_json(RunManifest, value, place)
