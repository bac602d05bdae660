"""A workspace that a stranger filled, and a command struck with it under watch."""

import random
import re
import shutil

import pytest

from tests.campaigns.hostile.watch import CANARY, MEMORY_LIMIT, SECONDS_OF_WORK, watching
from tests.conftest import ROOT

GOLDEN = ROOT / "tests" / "golden"
CONTROL = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2028\u2029\u2066-\u2069]")


def pytest_generate_tests(metafunc):
    """All cases with --campaign, else a few of them, which --campaign-seed chooses."""
    if not hasattr(metafunc.function, "cases"):
        return
    names, cases, few = metafunc.function.cases
    options = metafunc.config
    if not options.getoption("--campaign"):
        cases = random.Random(options.getoption("--campaign-seed")).sample(cases, min(few, len(cases)))
    metafunc.parametrize(names, cases, ids=lambda value: ascii(value)[1:-1])


@pytest.fixture
def home(tmp_path, monkeypatch):
    """The golden run, bundles and data, which a stranger is about to change; beside it lies what is none of his."""
    home = tmp_path / "home"
    for kind in ("runs", "bundles"):
        shutil.copytree(GOLDEN / kind, home / kind)
    shutil.copytree(GOLDEN / "data", home / "data")
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "precious.txt").write_text("precious")
    monkeypatch.chdir(home)
    for name in ("MLCLI_DATA_DIR", "MLCLI_RUNS_DIR", "MLCLI_PREPARED_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MLCLI_OFFLINE", "1")
    monkeypatch.setenv("MPLCONFIGDIR", str(home))
    return home


@pytest.fixture(scope="session", autouse=True)
def everything_imported():
    """Imports are not what is measured and watched here."""
    import matplotlib.backends.backend_svg
    import matplotlib.pyplot
    import optuna
    import PIL.Image
    import sklearn.linear_model
    import sqlalchemy
    import torch

    from mlcli.use_cases import evaluate, improve, predict, prepare, train

    PIL.Image.init()
    return (matplotlib, optuna, sklearn, sqlalchemy, torch, evaluate, improve, predict, prepare, train)


@pytest.fixture
def strike(home, mlcli, campaign):
    """Runs a command on what a stranger left, and holds it to what SECURITY.md promises, however it ends."""

    def run(*command, code=None):
        with watching(home) as watch:
            result = mlcli(*command)
        campaign.record(f"exit {result.code}")
        assert result.code != 1, result.err
        assert watch.trespasses == []
        assert watch.memory < MEMORY_LIMIT
        assert watch.seconds < SECONDS_OF_WORK
        assert not list(home.parent.rglob(CANARY))
        assert [path.name for path in (home.parent / "outside").iterdir()] == ["precious.txt"]
        assert (home.parent / "outside" / "precious.txt").read_text() == "precious"
        assert result.code != 1, result.err
        assert not CONTROL.search(result.err), repr(result.err)
        if code is not None:
            assert result.code == code, result.err
            assert "error: " in result.err or not code
        return result

    return run
