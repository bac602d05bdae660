"""The estimates that refuse what does not fit, against what preparing really comes to take."""

import subprocess
import sys

import numpy as np
import polars as pl
import pytest

from mlcli.config.loading.load import load_config
from mlcli.data.sources import source_of
from mlcli.errors import ResourceError

MEASURE = """
import threading, time
from pathlib import Path
import numpy, polars, sklearn.model_selection
from mlcli.config.loading.load import load_config
from mlcli.data.prepare import prepare_dataset
from mlcli.reporter import Silent

def taken():
    lines = open("/proc/self/status").read().splitlines()
    return next(int(line.split()[1]) << 10 for line in lines if line.startswith("RssAnon"))

def watch():
    while True:
        peaks.append(taken())
        time.sleep(0.002)

config, before, peaks = load_config(Path("t.yaml")), taken(), []
threading.Thread(target=watch, daemon=True).start()
prepare_dataset(config.dataset, 0, Silent())
print(max(peaks) - before)
"""
# Estimates are of the order of what is taken: a file is refused by mistake, or let through, at most so far off.
TOO_LOW, TOO_HIGH = 0.6, 2.5


def numbers(n):
    rng = np.random.default_rng(0)
    columns = {f"i{k}": rng.integers(0, 10, n) for k in range(4)} | {f"f{k}": rng.normal(size=n) for k in range(4)}
    return pl.DataFrame({**columns, "t": rng.choice(["aa", "bb", "cc"], n), "y": rng.choice(["p", "q"], n)})


def npz(path, n):
    np.savez(path, x=np.random.default_rng(0).normal(size=(n, 10)), y=np.arange(n) % 2)


def pictures(path, n):
    np.savez(path, x=np.random.default_rng(0).integers(0, 256, (n // 10, 28, 28), np.uint8), y=np.arange(n // 10) % 2)


SOURCES = {
    "csv": ("{name: csv, path: t, target: y}", lambda path, n: numbers(n).write_csv(path)),
    "jsonl": ("{name: jsonl, path: t, target: y}", lambda path, n: numbers(n).write_ndjson(path)),
    "parquet": ("{name: parquet, path: t, target: y}", lambda path, n: numbers(n).write_parquet(path)),
    "npz": ("{name: npz, path: t.npz, task: classification}", lambda path, n: npz(path, n)),
    "pictures": ("{name: npz, path: t.npz}", lambda path, n: pictures(path, n)),
    "playground": ("{name: spiral, rows: ROWS}", lambda path, n: None),
}


@pytest.mark.parametrize("name", SOURCES)
def test_estimates(campaign, workspace, monkeypatch, name):
    """What is taken at the peak lies between two limits: one at which it is refused, and one at which it is not."""
    if not campaign.large and name != "csv":
        pytest.skip("each takes seconds; all of them with --campaign")
    n_rows = campaign.size(100_000, 1_000_000)
    dataset, write = SOURCES[name]
    write(workspace / "t", n_rows)
    (workspace / "t.yaml").write_text(f"dataset: {dataset}\n".replace("ROWS", str(2 * n_rows)))
    config = load_config(workspace / "t.yaml").dataset
    measured = subprocess.run([sys.executable, "-c", MEASURE], capture_output=True, check=True)
    taken = int(measured.stdout)
    monkeypatch.setattr("mlcli.io.memory.file_text", lambda path: "")  # as if nothing were taken yet
    monkeypatch.setenv("MLCLI_MEMORY", str(int(TOO_HIGH * taken)))
    source_of(config).require_memory()
    monkeypatch.setenv("MLCLI_MEMORY", str(int(TOO_LOW * taken)))
    with pytest.raises(ResourceError, match="takes about"):
        source_of(config).require_memory()
    campaign.record(f"estimated well: {taken / 1e6:.0f} MB taken")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("model.hidden=[1000000, 1000000]", "model.hidden: training 1,000,0"),
        (
            "model={name: tabm, members: 500, hidden: [20000]}",
            "training.batch_size: a step of 16 rows, each of 10,001,000 numbers, takes about 1.9 GB",
        ),
        ("dataset.rows=10000000", "spiral: reading 10,000,000 points takes about 1.2 GB"),
    ],
)
def test_commands_refuse_what_does_not_fit(workspace, mlcli, monkeypatch, change, said):
    monkeypatch.setenv("MLCLI_MEMORY", "1.5GB")
    (workspace / "t.yaml").write_text("dataset: spiral\ntraining: {epochs: 1}\n")
    refused = mlcli("train", "t.yaml", "-S", change)
    assert refused.code == 7
    assert said in refused.err
    assert mlcli("train", "t.yaml", "--quiet").code == 0
