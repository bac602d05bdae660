"""What earlier versions wrote is read: the artefacts that make.py left here, by whatever version runs now."""

import json
import shutil
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from mlcli.io.atomic import atomic_folder

GOLDEN = Path(__file__).parent
BUNDLES = {
    "table": "runs/table/001/model",
    "pictures": "bundles/pictures",
    "line": "bundles/line",
    "remarks": "bundles/remarks",
}
DATA = {"table": "table.csv", "pictures": "pictures.npz", "line": "line.csv", "remarks": "remarks.csv"}
# Another processor may add in another order.
ROUNDING = 1e-6


@pytest.fixture
def golden(tmp_path, monkeypatch):
    """A workspace with the golden run, bundles and data."""
    for kind in ("runs", "bundles"):
        shutil.copytree(GOLDEN / kind, tmp_path / kind)
    shutil.copytree(GOLDEN / "data", tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    for name in ("MLCLI_DATA_DIR", "MLCLI_RUNS_DIR", "MLCLI_PREPARED_DIR"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def losses(run):
    return [json.loads(line)["train_loss"] for line in (run / "metrics.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("name", BUNDLES)
def test_bundles_predict_what_they_predicted(golden, mlcli, name):
    assert mlcli("predict", DATA[name], "--run", BUNDLES[name], "-o", "now.jsonl").code == 0
    then, now = (pl.read_ndjson(golden / file) for file in (f"{name}.predicted.jsonl", "now.jsonl"))
    assert_frame_equal(now, then, rel_tol=ROUNDING, abs_tol=ROUNDING)


def test_the_run_is_evaluated(golden, mlcli, figures):
    done = mlcli("evaluate", "table", "--json")
    assert done.code == 0
    assert done.json["n_rows"] == json.loads((golden / "runs/table/001/manifest.json").read_text())["rows"]["test"]
    assert (golden / "runs/table/001/evaluation/report.html").is_file()


def test_the_run_is_extended(golden, mlcli):
    run = golden / "runs/table/001"
    before = losses(run)
    done = mlcli("train", "--resume", "table", "-S", "training.epochs=6", "--json")
    assert (done.code, done.json["epochs"]) == (0, 6)
    assert losses(run)[:4] == before
    assert len(losses(run)) == 6


def test_the_run_is_resumed_where_it_stood_after_three_epochs(golden, mlcli):
    run = golden / "runs/table/001"
    before = losses(run)
    shutil.rmtree(run / "checkpoints/step-00000012")
    shutil.rmtree(run / "model")
    assert mlcli("train", "--resume", "table").code == 0
    assert losses(run) == pytest.approx(before, rel=ROUNDING)
    assert mlcli("predict", "table.csv", "--run", "table", "-o", "now.jsonl").code == 0
    assert_frame_equal(pl.read_ndjson("now.jsonl"), pl.read_ndjson("table.predicted.jsonl"), rel_tol=1e-4, abs_tol=1e-4)


def newer(folder, name, kind):
    """Raise the schema in one file of a sealed folder, and seal it again."""
    files = {path.name: path.read_bytes() for path in folder.iterdir() if path.name != "MANIFEST.json"}
    files[name] = json.dumps(json.loads(files[name]) | {"schema": 9}).encode()
    with atomic_folder(folder, kind) as new:
        for file, content in files.items():
            (new / file).write_bytes(content)


def newer_manifest(path):
    path.write_text(json.dumps(json.loads(path.read_text()) | {"schema": 9}))


NEWER = {
    "bundle": (lambda run: newer(run / "model", "bundle.json", "bundle"), ("predict", "table.csv")),
    "seal of a bundle": (lambda run: newer_manifest(run / "model/MANIFEST.json"), ("evaluate",)),
    "run": (lambda run: newer_manifest(run / "manifest.json"), ("evaluate",)),
    "run to resume": (lambda run: newer_manifest(run / "manifest.json"), ("train", "--resume")),
    "checkpoints": (
        lambda run: [newer(step, "state.json", "checkpoint") for step in (run / "checkpoints").iterdir()],
        ("train", "--resume"),
    ),
}


@pytest.mark.parametrize("artefact", NEWER)
def test_what_a_newer_version_wrote_is_refused(golden, mlcli, artefact):
    change, command = NEWER[artefact]
    change(golden / "runs/table/001")
    done = mlcli(*command)
    assert done.code == 4
    assert "format 9" in done.err
    assert f"this one reads {6 if artefact == 'bundle' else 1}" in done.err
    assert "upgrade mlcli" in done.err
