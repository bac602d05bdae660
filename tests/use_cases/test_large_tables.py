"""Tables larger than memory: the commands do with files what they do in memory."""

import polars as pl
import pytest

from mlcli.io import memory
from mlcli.io.memory import Available
from mlcli.runs.folder import open_run
from mlcli.training import inputs
from mlcli.training.windows import WindowPlan


@pytest.fixture
def large(workspace):
    """A table that is trained on from files, in windows of 32 rows."""
    rows = [f"{i % 13},{i * 7 % 11},{'uvw'[i % 3]},{i % 13 + i * 7 % 11}" for i in range(200)]
    (workspace / "t.csv").write_text("\n".join(["a,b,c,y", *rows]))
    (workspace / "t.yaml").write_text(
        "dataset: {name: csv, path: t.csv, target: y}\ntraining: {epochs: 4, batch_size: 16, rows: disk}\n"
    )
    return workspace


@pytest.fixture(autouse=True, scope="module")
def small_windows():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(WindowPlan, "of", classmethod(lambda cls, n_rows, width, batch_size: cls(n_rows, 4, 32)))
        yield


def test_rows_on_disk_are_written_once_and_told(large, mlcli):
    first = mlcli("train", "t.yaml")
    assert "Inputs of 160 rows written: 3 kB" in first.err  # 160 × 5 numbers of 4 bytes, and two headers
    assert "blocks of 4 neighbours that are shuffled 32 rows at a time (training.rows)" in first.err
    assert open_run(large / "runs/t/001").read_manifest().on_disk
    again = mlcli("train", "t.yaml", "--json")
    assert "written" not in again.err
    weights = [(large / f"runs/t/{n}/model/weights.safetensors").read_bytes() for n in ("001", "002")]
    assert weights[0] == weights[1]
    (file,) = large.glob("data/prepared/*-inputs-*/train.npy")
    file.write_bytes(file.read_bytes()[:-1] + b"\x01")
    assert "writing the inputs again" in mlcli("train", "t.yaml").err
    assert (large / "runs/t/003/model/weights.safetensors").read_bytes() == weights[0]


def test_auto_reads_rows_from_disk_where_memory_does_not_hold_them(large, mlcli, monkeypatch):
    monkeypatch.setattr(inputs, "available_memory", lambda: Available(160 * 5 * 5 - 1, "a test"))
    plan = mlcli("check", "t.yaml", "-S", "training.rows=auto", "--json").json
    assert plan["disk"] == 160 * 5 * 4
    told = mlcli("check", "t.yaml", "-S", "training.rows=auto").err
    assert "3 kB of rows, which are read as they are needed" in told
    mlcli("train", "t.yaml", "-S", "training.rows=auto", "-S", "training.epochs=2")
    # More memory changes nothing on resume.
    monkeypatch.setattr(inputs, "available_memory", lambda: Available(160 * 5 * 5, "a test"))
    mlcli("train", "--resume", "runs/t/001", "-S", "training.epochs=4")
    mlcli("train", "t.yaml")
    ends = [(large / f"runs/t/{n}/model/weights.safetensors").read_bytes() for n in ("001", "002")]
    assert ends[0] == ends[1]
    mlcli("train", "t.yaml", "-S", "training.rows=auto")
    assert not open_run(large / "runs/t/003").read_manifest().on_disk


@pytest.mark.parametrize("name", ["t.csv", "t.parquet"])
def test_a_file_to_predict_that_memory_does_not_hold_is_refused(large, mlcli, monkeypatch, name):
    pl.read_csv("t.csv").write_parquet("t.parquet")
    assert mlcli("train", "t.yaml", "-S", "training.epochs=1").code == 0
    monkeypatch.setattr(memory, "available_memory", lambda: Available(10_000, "a test"))
    refused = mlcli("predict", name)
    assert refused.code == 7
    assert "of memory, and 10 kB are available (a test); predict the file in parts" in refused.err
    monkeypatch.setattr(memory, "available_memory", lambda: Available(10**9, "a test"))
    assert len(mlcli("predict", name).out.splitlines()) == 201
