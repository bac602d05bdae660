"""Step 1: data preparation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from mlcli.config.sections.config import Config
from mlcli.data.prepare import Prepared, prepare_dataset
from mlcli.data.quality.checks import obtain_findings
from mlcli.data.quality.sample import DataFinding
from mlcli.data.sources import source_of
from mlcli.reporter import Reporter


@dataclass(frozen=True)
class PreparedConfig:
    """A config's data: prepared, or why it was left out."""

    name: str
    prepared: Prepared | None
    left_out: str | None = None
    findings: tuple[DataFinding, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """One entry of `prepare --json`."""
        if self.prepared is None:
            return {"config": self.name, "prepared": False, "reason": self.left_out}
        return {
            "config": self.name,
            "prepared": True,
            "folder": self.prepared.folder,
            "fingerprint": self.prepared.fingerprint,
            "reused": self.prepared.reused,
            "stand_in_for": self.prepared.stand_in_for,
            "profile": self.prepared.profile,
            "findings": self.findings,
        }


@dataclass(frozen=True)
class PrepareResult:
    """One dataset per config."""

    datasets: tuple[PreparedConfig, ...]

    @property
    def serious(self) -> tuple[str, ...]:
        """What `--strict` refuses."""
        return tuple(f"{entry.name}: {one}" for entry in self.datasets for one in entry.findings if one.serious)


def prepare(configs: Sequence[Config], reporter: Reporter, only_available: bool) -> PrepareResult:
    """Prepare the data of each config; with only_available, what is missing is listed instead of fetched."""
    return PrepareResult(tuple(_prepare(config, reporter, only_available) for config in configs))


def _prepare(config: Config, reporter: Reporter, only_available: bool) -> PreparedConfig:
    if only_available and not source_of(config.dataset).is_available():
        return PreparedConfig(config.name, None, _left_out(config))
    prepared = prepare_dataset(config.dataset, config.seed, reporter)
    reporter.explain("data", config, prepared)
    return PreparedConfig(config.name, prepared, findings=obtain_findings(prepared, config.dataset, reporter))


def _left_out(config: Config) -> str:
    """What is missing to prepare the data."""
    if download := source_of(config.dataset).download_size():
        return f"would download {download}"
    path = getattr(config.dataset, "path", None) or getattr(config.dataset, "images", "its files")
    origin = getattr(config.dataset, "origin", None)
    return f"needs {path}" + (f", from {origin}" if origin else "")
