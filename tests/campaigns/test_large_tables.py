"""A table of three times its memory is prepared, trained on, searched, evaluated and predicted within it."""

import contextlib
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest

LIMIT = 400_000_000
COLUMNS = 150
SPACE = "{optimizer.lr: [0.001, 0.01]}"
COMMANDS = {
    "prepare": ("prepare", "t.yaml"),
    "train": ("train", "t.yaml", "-q"),
    "evaluate": ("evaluate", "t/001", "-q"),
    "evaluate over folds": ("evaluate", "t/001", "-q", "-S", "evaluation.folds=3"),
    "predict": ("predict", "t.parquet", "-o", "p.csv", "-q"),
    "train an ensemble": ("train", "t.yaml", "-q", "-S", "training.ensemble=2"),
    "improve": (
        "improve",
        "t.yaml",
        "-q",
        "-S",
        "training.epochs=1",
        "--trials",
        "2",
        "--ensemble",
        "2",
        "-S",
        f"improve.space={SPACE}",
    ),
}


def write_table(path, n_rows):
    """Whole numbers up to 99 as float64, one row group after another; the target is a sum of some of them."""
    rng = np.random.default_rng(0)
    columns = {f"x{k}": rng.integers(0, 100, n_rows).astype(float) for k in range(COLUMNS - 1)}
    target = columns["x0"] - columns["x1"] + columns["x2"] / 3 + rng.normal(size=n_rows).round(2)
    pl.DataFrame({**columns, "y": target}).write_parquet(path, row_group_size=1 << 16)


def memory_of(pid):
    """What belongs to a process alone (RssAnon), and with pages of files (VmRSS), in bytes; 0 where it has ended."""
    try:
        text = Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return np.zeros(2, dtype=int)
    found = dict(re.findall(r"(RssAnon|VmRSS):\s+(\d+) kB", text))
    return np.array([int(found.get(name, 0)) << 10 for name in ("RssAnon", "VmRSS")])


def programs_of(pid):
    """A process and those that it has started, such as the one that `improve` grows a forest in.

    One that is just being started shares the memory of the process that starts it, and has its command line.
    """
    try:
        started = [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
        lines = {each: Path(f"/proc/{each}/cmdline").read_bytes() for each in (pid, *started)}
    except (FileNotFoundError, ProcessLookupError):
        return [pid]
    return [pid, *(child for child in started if lines[child] != lines[pid])]


def peak_of(*arguments):
    """The most memory of their own that a command's processes had together, and with pages of files, in bytes."""
    command, most = [sys.executable, "-m", "mlcli", *arguments], np.zeros(2, dtype=int)
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        while process.poll() is None:
            most = np.maximum(most, sum(memory_of(pid) for pid in programs_of(process.pid)))
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(0.01)
        assert process.returncode == 0, process.stderr.read()
    return most


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_table_of_three_times_its_memory(campaign, workspace, monkeypatch):
    if not campaign.large:
        pytest.skip("takes minutes; with --campaign")
    n_rows = 3 * LIMIT // (8 * COLUMNS)
    write_table(workspace / "t.parquet", n_rows)
    (workspace / "t.yaml").write_text(
        "dataset: {name: parquet, path: t.parquet, target: y}\nmodel: {hidden: [32]}\n"
        "training: {epochs: 2}\nevaluation: {baselines: none}\n"
    )
    monkeypatch.setenv("MLCLI_MEMORY", str(LIMIT))
    for name, arguments in COMMANDS.items():
        own, all_pages = peak_of(*arguments)
        campaign.record(f"{name}: {own / 1e6:.0f} MB of its own, {all_pages / 1e6:.0f} MB with pages of files")
        assert own <= LIMIT, name
    with (workspace / "p.csv").open() as lines:
        assert sum(1 for _ in lines) == n_rows + 1
