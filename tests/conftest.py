"""A workspace of its own for every test, and the command line run inside this process."""

import gc
import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

# As many processes as cores run tests at once: a thread in each, set before torch is imported; processes that tests
# start inherit it. More threads would wait for each other in loops that keep the cores busy.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# What tests write is synced to its disk: one in memory, where there is room, has no waits.
MEMORY = Path("/dev/shm")
if os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > 4 << 30:
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY))

# Processes that tests start would each compile all of mlcli.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

ROOT = Path(__file__).parent.parent
CONFIGS = ROOT / "configs"
LONGEST = ("tests/test_pages.py", "tests/windows/", "tests/use_cases/", "tests/training/test_torch_private.py")


def pytest_addoption(parser):
    parser.addoption("--all-seeds", action="store_true", help="run the accuracy tests over seeds 0-4, not only 0")
    parser.addoption("--large", action="store_true", help="train the configs of real datasets for all their epochs")
    parser.addoption("--campaign", action="store_true", help="run the campaigns of tests/campaigns at their large size")
    parser.addoption("--write-pages", action="store_true", help="write on the pages what their commands print now")
    parser.addoption("--campaign-seed", type=int, default=0, help="what the campaigns' chance starts from")


def pytest_collection():
    """What is imported and collected stays: the garbage collector would search the more of it, the more there is."""
    gc.disable()


def pytest_collection_finish():
    gc.freeze()
    gc.set_threshold(100_000, 50, 50)  # as in a process of mlcli
    gc.enable()


def pytest_collection_modifyitems(items):
    """The longest come first, so that at the end no worker waits for another's."""
    items.sort(key=lambda item: not item.nodeid.startswith(LONGEST))


def pytest_generate_tests(metafunc):
    if "seed" in metafunc.fixturenames:
        metafunc.parametrize("seed", range(5) if metafunc.config.getoption("--all-seeds") else [0])


@pytest.fixture
def workspace(tmp_path, monkeypatch):
    """An empty working directory with configs/ and the small tables of data/, and nothing else."""
    shutil.copytree(CONFIGS, tmp_path / "configs")
    (tmp_path / "data").mkdir()
    for table in (ROOT / "data").glob("*.csv"):
        shutil.copy(table, tmp_path / "data")
    monkeypatch.chdir(tmp_path)
    clear_settings(monkeypatch)
    return tmp_path


def clear_settings(monkeypatch):
    """Folders and limits that the user's environment sets do not reach a test, nor does the network."""
    for name in ("MLCLI_DATA_DIR", "MLCLI_RUNS_DIR", "MLCLI_PREPARED_DIR", "MLCLI_MEMORY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MLCLI_OFFLINE", "1")


@pytest.fixture(scope="session")
def real_data():
    """The folder of real datasets."""
    folder = os.environ.get("MLCLI_TEST_DATA")
    if not folder or not Path(folder).is_dir():
        pytest.skip("MLCLI_TEST_DATA names no folder of real datasets (mnist, adult, california, penguins)")
    return Path(folder)


@pytest.fixture(scope="session")
def large(request):
    """Whether trainings on real data are to take all their epochs."""
    return request.config.getoption("--large")


@pytest.fixture
def with_real_data(workspace, real_data):
    """The workspace with links to the real datasets in its data folder."""
    for dataset in real_data.iterdir():
        if dataset.is_dir():
            (workspace / "data" / dataset.name).symlink_to(dataset.resolve())
    return workspace


def train_in(folder, *arguments):
    """Train with the folder as working directory, outside any test's; returns the folder."""
    from mlcli.cli.app import main

    with pytest.MonkeyPatch.context() as patch:
        clear_settings(patch)
        patch.chdir(folder)
        with pytest.raises(SystemExit) as leaving:
            main(["train", *arguments, "-q"])
    assert not leaving.value.code
    return folder


@pytest.fixture(scope="session")
def trained_iris(tmp_path_factory):
    """A folder with a run of configs/iris.yaml and its prepared data, to be copied; evaluated beside one baseline."""
    changes = ("-S", "evaluation.baselines=[majority]")
    return train_in(tmp_path_factory.mktemp("iris"), str(CONFIGS / "iris.yaml"), *changes)


@pytest.fixture(scope="session")
def postgres_server():
    """A PostgreSQL server for the session, of Debian's package."""
    from tests.postgres import PROGRAMS, PostgresServer

    if PROGRAMS is None:
        pytest.skip("needs PostgreSQL: apt-get install postgresql")
    for package in ("sqlalchemy", "psycopg"):
        pytest.importorskip(package)
    server = PostgresServer()
    yield server
    server.remove()


@pytest.fixture(scope="session")
def tab(tmp_path_factory):
    """A tab of a real browser."""
    from tests.browser import find_browser, open_browser

    if find_browser() is None:
        pytest.skip("there is no Chromium here to show the page")
    with open_browser(tmp_path_factory.mktemp("browser")) as tab:
        yield tab


@pytest.fixture
def without_figures(request, monkeypatch):
    """Spares evaluations and searches the second of their pictures, but where a test asks for `figures`."""
    if "figures" not in request.fixturenames:
        monkeypatch.setattr("mlcli.use_cases.evaluate.draw_gallery", lambda subject: {})
        monkeypatch.setattr("mlcli.use_cases.improve.save_svg", lambda figure, path: None)


@pytest.fixture
def figures():
    """Asked for by tests in which an evaluation or a search draws its pictures."""


@dataclass(frozen=True)
class Result:
    """What a command left: exit code and both streams."""

    code: int
    out: str
    err: str

    @property
    def json(self):
        return json.loads(self.out)


@pytest.fixture
def mlcli(capfdbinary, without_figures):
    """Runs a command in this process, without `figures`: mlcli("train", "configs/iris.yaml", "-q")."""
    from mlcli.cli.app import main

    def run(*arguments):
        capfdbinary.readouterr()
        with pytest.raises(SystemExit) as leaving:
            main([str(argument) for argument in arguments])
        out, err = capfdbinary.readouterr()
        code = leaving.value.code
        result = Result(0 if code is None else code, out.decode(), err.decode())
        assert "Traceback" not in result.err
        return result

    return run


@pytest.fixture(scope="session")
def fork_server():
    """One for all tests; it is started from the project's folder, where the tests can be imported."""
    from tests.fork_server import ForkServer

    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        server = ForkServer.launch()
    yield server
    server.stop()


@pytest.fixture
def start(fork_server):
    """Starts a command in the working directory as a process of its own: start("train", "small.yaml", "-q")."""
    yield fork_server.start
    fork_server.clear()


@pytest.fixture
def spawn():
    """Starts a command as a process of its own that has imported nothing yet, with pipes for its streams."""
    processes = []

    def start(*arguments, **options):
        command = [sys.executable, "-m", "mlcli", *map(str, arguments)]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
        process = subprocess.Popen(command, **pipes)
        processes.append(process)
        return process

    yield start
    for process in processes:
        process.kill()
        process.communicate()
