"""The folders mlcli reads from and writes to."""

import os
from pathlib import Path


def data_dir() -> Path:
    """Datasets and prepared data: MLCLI_DATA_DIR, else data/ in the working directory."""
    return Path(os.environ.get("MLCLI_DATA_DIR") or "data")


def prepared_dir() -> Path:
    """Prepared data: MLCLI_PREPARED_DIR, else prepared/ in the data folder."""
    return Path(os.environ.get("MLCLI_PREPARED_DIR") or data_dir() / "prepared")


def runs_dir() -> Path:
    """Training runs: MLCLI_RUNS_DIR, else runs/ in the working directory."""
    return Path(os.environ.get("MLCLI_RUNS_DIR") or "runs")
