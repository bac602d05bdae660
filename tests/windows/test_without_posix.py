"""The commands, and what they rely on, in processes that have nothing but what Windows has.

site/sitecustomize.py says what is taken away and what is refused. What Windows itself gets wrong is not shown.
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
END = "-- the end of a command --"

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or sys.version_info >= (3, 12), reason="the stand-in is made for Python 3.11 on Linux"
)


@pytest.fixture(autouse=True)
def windows(monkeypatch):
    """The environment of processes on Windows, with an older console."""
    monkeypatch.setenv("PYTHONPATH", f"{SITE}{os.pathsep}{ROOT}")
    for name, value in {"IOENCODING": "cp1252", "UTF8": "0", "WARNDEFAULTENCODING": "1"}.items():
        monkeypatch.setenv(f"PYTHON{name}", value)


@pytest.fixture
def mlcli(workspace):
    """Runs a command as a process of its own: its stdout and stderr."""

    def run(*arguments, code=0):
        done = subprocess.run([sys.executable, "-m", "mlcli", *arguments], capture_output=True)
        out, err = done.stdout.decode("cp1252"), done.stderr.decode("cp1252")
        assert done.returncode == code, err
        assert "Error" not in err
        return out, err

    return run


def write_people(path):
    """A table with Windows' line ends."""
    chance, rows = random.Random(0), ["age,hours,city,income"]
    for _ in range(150):
        age, hours, city = chance.randint(18, 80), chance.randint(5, 60), chance.choice(["Rome", "Oslo", "Lyon"])
        rows.append(f"{age},{hours},{city},{'duży' if age / 2 + hours + chance.gauss(0, 6) > 60 else 'mały'}")
    path.write_bytes("".join(f"{row}\r\n" for row in rows).encode())


# Commands one after the other in one process, which imports once: each is that of the program, up to its exit.
CHAIN = f"""
import json, sys
from mlcli.__main__ import main
from mlcli.cli import app

leave, app.os._exit = app.os._exit, sys.exit
for arguments in json.loads(sys.argv[1]):
    sys.argv = ["mlcli", *arguments]
    try:
        main()
    except SystemExit as leaving:
        assert leaving.code == 0, (arguments, leaving.code)
    for stream in (sys.stdout, sys.stderr):
        print({END!r}, file=stream, flush=True)
leave(0)
"""


@pytest.fixture
def chain(workspace):
    """Runs commands one after the other: stdout and stderr of each."""

    def run(*commands):
        done = subprocess.run([sys.executable, "-c", CHAIN, json.dumps(commands)], capture_output=True)
        out, err = (stream.decode("cp1252").split(f"{END}\n")[:-1] for stream in (done.stdout, done.stderr))
        assert done.returncode == 0, done.stderr
        assert "Error" not in "".join(err)
        return list(zip(out, err, strict=True))

    return run


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


def test_the_steps_one_after_the_other(people, chain):
    ended = chain(
        ("prepare", "people.yaml"),
        ("train", r".\people.yaml"),
        ("train", "--resume", r"people\001", "-S", "training.epochs=3"),
        ("evaluate",),
        ("predict", r"data\people.csv", "-o", "out.csv"),
        ("runs",),
        ("improve", "people.yaml", "--jobs", "2", "--ensemble", "2", "--json"),
    )
    _, _, (_, resumed), _, _, (listed, _), (searched, _) = ended
    assert "epoch 3/3" in resumed
    assert "+------" in resumed
    assert (people / "out.csv").read_bytes().count(b"\n") == 151
    assert "finished 3" in listed
    assert json.loads(searched)["trials"]["complete"] == 2
    assert not [*people.rglob("*.lock"), *people.rglob(".*tmp*")]


def test_what_is_said_on_an_older_console(people, mlcli, chain):
    (helped, _), (_, checked), (schema, _), (made, _) = chain(
        ("--help",),
        ("check", "people.yaml"),
        ("schema",),
        ("init", r"data\people.csv", "--target", "income", "-o", "new.yaml", "--json"),
    )
    assert "prepare > features > train" in helped
    assert r"2 classes: du\u017cy, ma\u0142y" in checked
    assert "…" in json.loads(schema)["properties"]["name"]["description"]
    assert json.loads(made)["config"] == "new.yaml"
    _, err = mlcli("explain", "optimizer.lrr", code=2)
    assert "optimizer.lr" in err


def test_what_the_files_rely_on(tmp_path):
    """Atomic writes, checked reads and the lock of a run; but whether a holder is dead is not asked on Windows.

    What is imported, and in what version, is no matter of files.
    """
    command = [sys.executable, "-m", "pytest", "-q", "-n", "0", "-W", "ignore", "-p", "no:cacheprovider"]
    places = [f"tests/{name}.py" for name in ("io/test_atomic", "io/test_json", "runs/test_folder", "runs/test_lock")]
    left_out = "not (test_a_dead_process_is_not_named or test_says_what_it_was_made_with or nothing_heavy)"
    chosen = ["-k", left_out, "--basetemp", str(tmp_path / "base")]
    done = subprocess.run([*command, *chosen, *places], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_keys_of_a_console():
    code = "from mlcli.io.platform import read_typed; print(*(read_typed(0, 1) for _ in range(3)))"
    done = subprocess.run([sys.executable, "-c", code], input=b"\xe0Hq\x00;", capture_output=True, check=True)
    assert done.stdout.split() == [rb"b'\x1b[A'", b"b'q'", b"b''"]  # up, q, and F1, which mlcli knows nothing of
