"""The examples come with the package, and each works where it is copied to."""

import os
import subprocess
import sys

import pytest

from mlcli.config.loading.load import load_config
from mlcli.use_cases.init import example_names, read_example
from tests.conftest import CONFIGS, ROOT


def test_every_config_that_ships_is_an_example():
    assert example_names() == tuple(sorted(path.stem for path in CONFIGS.glob("*.yaml")))


@pytest.mark.parametrize("name", ["adult", "houses", "iris", "mnist"])
def test_an_example_is_copied_with_its_table(tmp_path, monkeypatch, mlcli, name):
    monkeypatch.chdir(tmp_path)
    assert mlcli("init", "--example", name).code == 0
    assert load_config(tmp_path / f"{name}.yaml") == load_config(CONFIGS / f"{name}.yaml")
    for path, content in read_example(name).items():
        assert (tmp_path / path).read_bytes().endswith(content)
    assert mlcli("init", "--example", name).code == 2
    assert mlcli("init", "--example", name, "-o", "other.yaml").code == 0  # its table, unchanged, may stay


def test_a_table_of_the_same_name_is_not_written_over(tmp_path, monkeypatch, mlcli):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir()
    (tmp_path / "data/houses.csv").write_text("mine")
    assert mlcli("init", "--example", "houses").code == 2
    assert (tmp_path / "data/houses.csv").read_text() == "mine"
    assert not (tmp_path / "houses.yaml").exists()


def test_they_are_in_the_wheel(request, tmp_path):
    if not request.config.getoption("--campaign"):
        pytest.skip("built with --campaign: pip fetches what builds it")
    pip = [sys.executable, "-m", "pip", "--quiet"]
    subprocess.run([*pip, "wheel", "--no-deps", "--wheel-dir", tmp_path, ROOT], check=True)
    (wheel,) = tmp_path.glob("*.whl")
    subprocess.run([*pip, "install", "--no-deps", "--target", tmp_path / "site", wheel], check=True)
    environment = os.environ | {"PYTHONPATH": str(tmp_path / "site")}
    (tmp_path / "here").mkdir()
    for arguments in (["init", "--example", "houses"], ["train", "houses.yaml", "-q"]):
        command = [sys.executable, "-m", "mlcli", *arguments]
        subprocess.run(command, cwd=tmp_path / "here", env=environment, check=True)
    assert (tmp_path / "here/runs/houses/001/model").is_dir()
