"""The run's folder: where a training leaves its account, its resume states and its model."""

from mlcli.run.find import find_bundle, find_run
from mlcli.run.folder import Run, create_run, latest_run, list_runs, next_folder, open_run
from mlcli.run.history import MetricsLog, read_metrics
from mlcli.run.manifest import RunManifest, RunStatus

__all__ = [
    "MetricsLog",
    "Run",
    "RunManifest",
    "RunStatus",
    "create_run",
    "find_bundle",
    "find_run",
    "latest_run",
    "list_runs",
    "next_folder",
    "open_run",
    "read_metrics",
]
