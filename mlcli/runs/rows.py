"""The data of a run, prepared again and compared with that it was trained on."""

from __future__ import annotations

from mlcli.config.loading.load import read_resolved
from mlcli.data.prepare import Prepared, prepare_dataset
from mlcli.errors import DataError
from mlcli.reporter import Reporter
from mlcli.runs.folder import Run


def prepare_data_of(run: Run, reporter: Reporter) -> Prepared:
    """The data that a run was trained on. Raises DataError when it has changed since.

    Its paths are those of the run's own config; the bundle's config has no absolute paths, as bundles may be moved.
    """
    config = read_resolved(run.config)
    prepared = prepare_dataset(config.dataset, config.seed, reporter)
    require_same_data(run, prepared)
    return prepared


def require_same_data(run: Run, prepared: Prepared) -> None:
    """Raise DataError unless the prepared data is the one the run was trained on: rows may have changed splits."""
    before = run.read_manifest().data_fingerprint
    if before != prepared.fingerprint:
        raise DataError(
            f"run {run}: its data has changed since it was trained (fingerprint {before[:12]}, now "
            f"{prepared.fingerprint[:12]}), so its test rows may differ; restore the data or train a new "
            "run. New rows can be predicted: mlcli predict FILE"
        )
