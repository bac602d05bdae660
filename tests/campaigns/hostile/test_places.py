"""Links, pipes and devices where files and folders are expected: nothing hangs, nothing is written elsewhere."""

import itertools
import os
import shutil

import pytest
import yaml

from tests.campaigns.hostile.cases import cases
from tests.campaigns.hostile.payloads import fifo
from tests.campaigns.hostile.watch import CANARY

RUN = "runs/table/001"
COMMANDS = {
    "train": ("train", "table.yaml", "-S", "training.epochs=1", "-q"),
    "resume": ("train", "--resume", "table", "-S", "training.epochs=5", "-q"),
    "evaluate": ("evaluate", "table", "-q"),
    "improve": ("improve", "table.yaml", "--trials", "1", "-S", "training.epochs=1", "-q"),
    "predict": ("predict", "--run", "table", "-q"),
}


@pytest.fixture
def outside(home):
    """A folder of someone else's, of which a byte-for-byte account is kept."""
    (home / "table.yaml").write_text((home / RUN / "config.yaml").read_text())
    folder = home.parent / "outside"
    before = account(folder)
    yield folder
    assert account(folder) == before


def account(folder):
    return {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.rglob("*") if path.is_file()}


def link(home, name, target):
    """Put a link in the place of whatever is there."""
    place = home / name
    if place.is_dir() and not place.is_symlink():
        shutil.rmtree(place)
    place.unlink(missing_ok=True)
    place.parent.mkdir(parents=True, exist_ok=True)
    place.symlink_to(target)


FOLDERS = {
    "evaluation": (f"{RUN}/evaluation", "evaluate", {4}),
    "checkpoints": (f"{RUN}/checkpoints", "resume", {4}),
    "checkpoints of a new training": (f"{RUN}/checkpoints", "train", {0}),
    "model": (f"{RUN}/model", "evaluate", {4}),
    "model, resumed over": (f"{RUN}/model", "resume", {4}),
    "figures": (f"{RUN}/evaluation/figures", "evaluate", {0}),
}


@cases("case", FOLDERS, 2)
def test_folders_that_are_links(home, outside, strike, case):
    name, command, codes = FOLDERS[case]
    link(home, name, outside)
    assert strike(*COMMANDS[command]).code in codes


def test_a_search_folder_that_is_a_link(home, outside, strike):
    found = strike("improve", "table.yaml", "--trials", "1", "-S", "training.epochs=1", "--json", code=0)
    link(home, found.json["folder"], outside)
    assert strike("improve", "table.yaml", "--trials", "2", "-S", "training.epochs=1", "-q").code == 4


def test_a_prepared_folder_that_is_a_link(home, outside, strike):
    assert strike("prepare", "table.yaml", "-q", code=0)
    for folder in (home / "data" / "prepared").iterdir():
        link(home, folder.relative_to(home), outside)
    strike("train", "table.yaml", "-S", "training.epochs=1", "-q", code=0)


FILES = ("lock", "metrics.jsonl", "manifest.json", "config.yaml", "predictions.csv", "evaluation/report.html",
         "evaluation/metrics.json", "model/bundle.json", "model/MANIFEST.json",
         "checkpoints/step-00000012/state.json", "checkpoints/step-00000012/MANIFEST.json")  # fmt: skip
WAYS = {
    "link": lambda place, precious: place.symlink_to(precious),
    "dangling link": lambda place, precious: place.symlink_to(precious.with_name(CANARY)),
    "hard link": lambda place, precious: os.link(precious, place),
    "FIFO": lambda place, precious: fifo(place),
    "device": lambda place, precious: place.symlink_to("/dev/zero"),
    "folder": lambda place, precious: place.mkdir(),
}


@cases(("name", "way"), itertools.product(FILES, WAYS), 4)
def test_files_that_are_none(home, outside, strike, name, way):
    place = home / RUN / name
    place.parent.mkdir(parents=True, exist_ok=True)
    place.unlink(missing_ok=True)
    WAYS[way](place, outside / "precious.txt")
    commands = {"predictions.csv": ("predict",), "lock": ("resume",), "metrics.jsonl": ("evaluate", "resume")}
    for command in commands.get(name, ("resume",) if name.startswith("check") else ("evaluate",)):
        result = strike(*COMMANDS[command])
        assert result.code in (0, 2, 3, 4, 5, 7), result.err


@cases("name", ("-o link", "-o folder", "-o FIFO"), 1)
def test_where_predictions_go(home, outside, strike, name):
    """A link is replaced by the file; what it points to stays."""
    place = home / "out.csv"
    {"-o link": lambda: place.symlink_to(outside / "precious.txt"), "-o folder": place.mkdir,
     "-o FIFO": lambda: os.mkfifo(place)}[name]()  # fmt: skip
    assert strike("predict", "data/table.csv", "--run", "table", "-o", "out.csv", "-q").code in (0, 7)


CONFIGS = {
    "FIFO": fifo,
    "device": lambda path: path.symlink_to("/dev/zero"),
    "memory": lambda path: path.symlink_to("/proc/self/mem"),
    "dangling": lambda path: path.symlink_to(path.with_name("nowhere")),
    "itself": lambda path: path.symlink_to(path.name),
    "folder": lambda path: path.mkdir(),
}


@cases("kind", CONFIGS, 3)
def test_configs_that_are_no_files(home, strike, kind):
    CONFIGS[kind](home / "c.yaml")
    for command in ("prepare", "train", "improve"):
        strike(command, "c.yaml", code=2)


PATHS = ["/etc/passwd", "/proc/self/environ", "/proc/self/mem", "/proc/self/maps", "/etc", "../outside/precious.txt",
         "\\\\server\\share", "file:///etc/passwd", "s3://b/x", "https://localhost:1/x.csv", "~root/x", "*", "-",
         "."]  # fmt: skip


@cases("path", PATHS, 5)
def test_data_that_is_none_of_ours(home, mlcli, path):
    """Whatever can be read is read as rows, and is none; no file of the system becomes a dataset."""
    for name in ("csv", "parquet", "jsonl"):
        dataset = {"name": name, "path": path, "target": "y"}
        (home / "c.yaml").write_text(yaml.safe_dump({"dataset": dataset}))
        result = mlcli("prepare", "c.yaml")
        assert result.code in (3, 7), result.err
        assert len(result.err) < 2000


NAMES = ("../../x", "/tmp/x", "a/b", "..", ".", "a\\b", "", "x" * 65, "a b", "é", ".hidden", "-r")


@cases("name", NAMES, 4)
def test_names_that_lead_elsewhere(home, strike, name):
    (home / "c.yaml").write_text(yaml.safe_dump({"name": name, "dataset": "iris"}))
    strike("train", "c.yaml", code=2)
    strike("train", "table.yaml" if (home / "table.yaml").exists() else "c.yaml", "-S", f"name={name}", code=2)


SPECS = ("../outside", "..", "/", "/etc", "table/../../outside", "table/001/../..", "~", "")


@cases("spec", SPECS, 3)
def test_runs_that_are_none(home, strike, spec):
    for command in (("evaluate", spec), ("predict", "data/table.csv", "--run", spec), ("train", "--resume", spec)):
        assert strike(*command).code in (2, 4)


MODULES = ("torch", "numpy", "polars", "yaml", "typer", "rich", "pydantic", "safetensors", "json", "sitecustomize")


def test_modules_beside_the_data_are_not_imported(home, spawn):
    """`python -m` would look for them in the working directory first."""
    for name in MODULES:
        (home / f"{name}.py").write_text(f"open({CANARY!r}, 'w').close()\n")
    process = spawn("prepare", "runs/table/001/config.yaml")
    assert process.wait() == 0, process.stderr.read()
    assert not (home / CANARY).exists()
