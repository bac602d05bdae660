"""The main commands and the files they write, in processes that have nothing but what Windows has.

`site/sitecustomize.py` tells what is taken away and what is refused. Not shown here: Windows' own bugs and limits.
"""

import json
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SITE = Path(__file__).parent / "site"
PRINTED = "utf-8", "cp1252"

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or sys.version_info >= (3, 12), reason="the stand-in is made for Linux and Python 3.11"
)


def windows(encoding="cp1252"):
    """The environment of a process on Windows with a console of that encoding."""
    settings = {"PYTHONIOENCODING": encoding, "PYTHONUTF8": "0", "PYTHONWARNDEFAULTENCODING": "1"}
    return os.environ | settings | {"PYTHONPATH": f"{SITE}{os.pathsep}{ROOT}", "OMP_NUM_THREADS": "1"}


@pytest.fixture
def mlcli(workspace):
    """Runs a command as a process of its own: its stdout and stderr."""

    def run(*arguments, code=0, encoding="cp1252"):
        command = [sys.executable, "-m", "mlcli", *arguments]
        done = subprocess.run(command, capture_output=True, env=windows(encoding))
        out, err = done.stdout.decode(encoding), done.stderr.decode(encoding)
        assert done.returncode == code, err
        assert "Error" not in err
        return out, err

    return run


def write_people(path):
    """A table with Windows' line ends."""
    chance, rows = random.Random(0), ["age,hours,city,income"]
    for _ in range(150):
        age, hours, city = chance.randint(18, 80), chance.randint(5, 60), chance.choice(["Rome", "Oslo", "Lyon"])
        rows.append(f"{age},{hours},{city},{'high' if age / 2 + hours + chance.gauss(0, 6) > 60 else 'low'}")
    path.write_bytes("".join(f"{row}\r\n" for row in rows).encode())


CONFIG = r"""
name: people
dataset: {name: csv, path: data\people.csv, target: income}
model: {hidden: [8]}
training: {epochs: 2, checkpoint_seconds: 0}
evaluation: {baselines: [majority]}
improve: {trials: 2}
"""


@pytest.fixture
def people(workspace):
    write_people(workspace / "data/people.csv")
    (workspace / "people.yaml").write_bytes(CONFIG.replace("\n", "\r\n").encode())
    return workspace


def test_the_steps(people, mlcli):
    out, _ = mlcli("prepare", "people.yaml", "--json")
    assert json.loads(out)
    mlcli("train", "people.yaml")
    _, err = mlcli("train", "--resume", r"people\001", "-S", "training.epochs=3")
    assert "epoch 3/3" in err
    assert "+------" in err
    mlcli("evaluate")
    mlcli("predict", r"data\people.csv", "-o", "out.csv")
    assert (people / "out.csv").read_text().startswith("prediction,probability_high,probability_low\n")
    out, _ = mlcli("runs")
    assert "finished 3" in out
    assert not list(people.rglob("*.lock")) + list(people.rglob(".*tmp*"))
