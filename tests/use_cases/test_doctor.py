"""`mlcli doctor`: what a bug report needs, and nothing that tells who or where."""

import getpass
import platform
from importlib.metadata import version

import pytest
import torch

from mlcli.io.atomic import try_writing
from mlcli.io.load import Pressure
from mlcli.use_cases import doctor


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """A training just long enough to learn something; two seconds are for machines that are slow."""
    monkeypatch.setattr(doctor, "TRAINED_SECONDS", 0.1)
    monkeypatch.setattr(doctor, "LEARNED", 0.5)


def test_a_report_of_a_machine_that_is_fine(workspace, mlcli):
    shown = mlcli("doctor")
    assert (shown.code, "No problems found" in shown.err) == (0, True)
    for told in (version("torch"), version("polars"), platform.python_version(), platform.machine(), "steps a second"):
        assert told in shown.out
    assert not [path for path in workspace.rglob("*") if path.name.startswith(".") or path.name == "runs"]


def test_it_names_no_person_and_no_place(workspace, mlcli, monkeypatch, tmp_path):
    monkeypatch.setenv("MLCLI_RUNS_DIR", str(tmp_path / "secret/runs"))
    monkeypatch.setenv("MLCLI_SECRET", "hidden")
    shown = mlcli("doctor").out + mlcli("doctor", "--json").out
    assert "MLCLI_SECRET" in shown
    for private in ("secret/", "hidden", str(tmp_path), platform.node() or "?", f"/{getpass.getuser()}"):
        assert private not in shown


def test_what_it_measures(workspace, mlcli):
    document = mlcli("doctor", "--json").json
    assert document["problems"] == []
    assert document["training"]["seconds"] >= 0.1
    assert document["training"]["steps"] > 0
    assert document["training"]["accuracy"] > 0.5


@pytest.mark.parametrize(("pressure", "waited"), [(Pressure(0.25, 1.0), "waited for a core in 25% of"), (None, "free")])
def test_threads_are_those_before_its_training(workspace, mlcli, monkeypatch, pressure, waited):
    monkeypatch.setattr(doctor, "cpu_pressure", lambda: pressure)
    before = torch.get_num_threads()
    torch.set_num_threads(before + 1)
    try:
        told = mlcli("doctor", "--json").json["machine"]["threads"]
    finally:
        torch.set_num_threads(before)
    assert told.startswith(f"{before + 1} of torch; other programs leave ")
    assert waited in told


def test_a_folder_that_cannot_be_written_exits_7(workspace, mlcli, monkeypatch):
    (workspace / "file").write_text("")
    monkeypatch.setenv("MLCLI_RUNS_DIR", str(workspace / "file"))
    shown = mlcli("doctor")
    assert shown.code == 7
    assert "warning: MLCLI_RUNS_DIR: a part of this path is a file" in shown.err
    assert "CANNOT BE WRITTEN" in shown.out
    assert str(workspace) not in shown.out
    assert mlcli("doctor", "--json").json["exit_code"] == 7


def test_little_space_exits_7(workspace, mlcli, monkeypatch):
    monkeypatch.setattr(doctor, "ENOUGH_SPACE", 10**18)
    shown = mlcli("doctor")
    assert (shown.code, "are free there" in shown.err) == (7, True)


def test_a_training_that_learns_nothing_exits_6(workspace, mlcli, monkeypatch):
    monkeypatch.setattr(doctor, "LEARNED", 1.1)
    shown = mlcli("doctor")
    assert (shown.code, "was not learned" in shown.err) == (6, True)


def test_a_torch_that_cannot_train_exits_6(workspace, mlcli, monkeypatch):
    def broken(*arguments, **named):
        raise RuntimeError("no kernel image\nfor this device")

    monkeypatch.setattr(doctor, "train_model", broken)
    shown = mlcli("doctor")
    assert (shown.code, "no kernel image" in shown.err) == (6, True)
    assert "FAILED" in shown.out


def test_trying_leaves_nothing(tmp_path):
    try_writing(tmp_path / "a/b")
    assert list(tmp_path.iterdir()) == []
