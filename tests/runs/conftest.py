from dataclasses import replace

import pytest

from mlcli.runs.folder import create_run
from mlcli.runs.manifest import RunManifest, utc_now


@pytest.fixture(autouse=True)
def runs(tmp_path, monkeypatch):
    """An empty runs folder."""
    folder = tmp_path / "runs"
    monkeypatch.setenv("MLCLI_RUNS_DIR", str(folder))
    return folder


@pytest.fixture
def manifest():
    return RunManifest(
        seed=7,
        device="cpu",
        threads=2,
        precision="float32",
        config_fingerprint="c" * 64,
        data_fingerprint="d" * 64,
        dataset="digits",
        stand_in_for="mnist",
        n_parameters=4810,
        rows={"train": 1078, "valid": 359, "test": 360},
    )


@pytest.fixture
def make_run(manifest):
    """Makes a run, each a moment younger than the one before."""
    return lambda name="iris": create_run(name, f"name: {name}\n", replace(manifest, created=utc_now()))
