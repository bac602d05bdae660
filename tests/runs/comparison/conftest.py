import json
from dataclasses import dataclass, replace

import pytest

from mlcli.config.loading.dump import dump_config
from mlcli.config.loading.load import override_config
from mlcli.config.sections.config import Config
from mlcli.io.atomic import atomic_folder, write_json
from mlcli.runs.folder import Run, create_run
from mlcli.runs.history import MetricsLog
from mlcli.runs.manifest import RunManifest
from mlcli.training.state import EpochRecord

IRIS = Config.model_validate({"name": "iris", "dataset": {"name": "iris"}, "training": {"epochs": 3}})
MANIFEST = RunManifest(
    seed=0,
    device="cpu",
    threads=2,
    precision="float32",
    config_fingerprint="c" * 64,
    data_fingerprint="d" * 64,
    dataset="iris",
    n_parameters=1234,
    rows={"train": 90, "valid": 30, "test": 30},
    status="finished",
    timings={"train": 0.25},
)


@pytest.fixture(autouse=True)
def runs_folder(tmp_path, monkeypatch):
    """An empty runs folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLCLI_RUNS_DIR", raising=False)
    return tmp_path / "runs"


@dataclass
class Maker:
    """Makes runs as a training leaves them, each a minute younger than the one before."""

    made: int = 0

    def __call__(self, epochs=3, model=True, config=IRIS, sets=None, **manifest) -> Run:
        config = override_config(config, sets or {})
        self.made += 1
        manifest.setdefault("created", f"2026-01-01T12:{self.made:02d}:00.000000+00:00")
        run = create_run(config.name, dump_config(config), replace(MANIFEST, **manifest))
        log = MetricsLog(run.metrics)
        for epoch in range(1, epochs + 1):
            log.append(EpochRecord(epoch, epoch, 0.1, 1 / epoch, 2 / epoch, {"accuracy": 1 - 1 / (epoch + 1)}))
        if model:
            with atomic_folder(run.model, "bundle") as new:
                facts = {"best_epoch": 2, "valid": {"loss": 1.0, "accuracy": 0.875}}
                (new / "bundle.json").write_text(json.dumps({"facts": facts}))
        return run


@pytest.fixture
def make_run():
    return Maker()


@pytest.fixture
def measure():
    """Leaves the scores of an evaluation in a run."""

    def leave(run, split="test", threshold=None, **values):
        scores = {
            name: {"value": value, "reason": None, "low": low, "high": high, "higher_is_better": True, "unit": ""}
            for name, (value, low, high) in values.items()
        }
        measured = {"split": split, "n_rows": 30, "test_looks": 2, "threshold": threshold, "scores": scores}
        write_json(run.evaluation / "metrics.json", measured)

    return leave
