"""Attacks on what is promised: a small number of blows in every test run, a large one behind --campaign.

Every campaign draws from one seed, which is printed: `pytest tests/campaigns --campaign --campaign-seed 7`.
"""

import functools
import os
import random
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.campaigns.trainings import BEGIN, CONFIG, digests


def pytest_report_header(config):
    size = "large" if config.getoption("--campaign") else "small"
    return f"campaigns: {size}, --campaign-seed {config.getoption('--campaign-seed')}"


@dataclass
class Campaign:
    """How often to strike, and with what chance; `record` counts what came of it for the closing table."""

    name: str
    large: bool
    seed: int
    counts: dict[str, int] = field(default_factory=dict)
    started: float = field(default_factory=time.monotonic)

    def __post_init__(self):
        self.random = random.Random(f"{self.name} {self.seed}")

    def size(self, small, large):
        """Blows in this run."""
        return large if self.large else small

    def record(self, result):
        """Count one blow under what came of it, such as 'exit 4'."""
        self.counts[result] = self.counts.get(result, 0) + 1

    def summary(self):
        counted = ", ".join(f"{count} {result}" for result, count in sorted(self.counts.items()))
        return f"{self.name}: seed {self.seed}, {counted or 'no blows'}, {time.monotonic() - self.started:.1f} s"


CAMPAIGNS = pytest.StashKey[list]()


@pytest.fixture
def campaign(request):
    """The campaign of one test, named after it."""
    options = request.config
    campaign = Campaign(request.node.name, options.getoption("--campaign"), options.getoption("--campaign-seed"))
    options.stash.setdefault(CAMPAIGNS, []).append(campaign)
    request.node.add_report_section("setup", "campaign", f"--campaign-seed {campaign.seed}")  # shown where it fails
    return campaign


def pytest_terminal_summary(terminalreporter, config):
    campaigns = config.stash.get(CAMPAIGNS, [])
    if campaigns and config.getoption("--campaign"):
        terminalreporter.section("campaigns")
        for campaign in campaigns:
            terminalreporter.line(campaign.summary())


@pytest.fixture(scope="session")
def place():
    """A folder for processes; in memory where there is such a disk: they are killed there, not the machine."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if os.access(memory, os.W_OK) else None) as root:
        yield Path(root)


@pytest.fixture
def make_place(place, monkeypatch):
    """Makes a folder with the config of a small training, and goes there: make_place("first")."""
    for name in ("MLCLI_DATA_DIR", "MLCLI_RUNS_DIR", "MLCLI_PREPARED_DIR"):
        monkeypatch.delenv(name, raising=False)

    def make(name):
        return move_to(Path(tempfile.mkdtemp(prefix=f"{name}-", dir=place)), monkeypatch)

    return make


@pytest.fixture(scope="session")
def undisturbed(place, fork_server):
    """The small training over so many epochs that nothing befell: undisturbed(25).digests."""

    @functools.cache
    def train(epochs):
        with pytest.MonkeyPatch.context() as patch:
            folder = move_to(Path(tempfile.mkdtemp(prefix="undisturbed-", dir=place)), patch)
            started = time.monotonic()
            assert fork_server.start(*BEGIN, "-S", f"training.epochs={epochs}").end() == (0, "", "")
            seconds = time.monotonic() - started
            return Undisturbed(folder, seconds, digests())

    return train


@dataclass(frozen=True)
class Undisturbed:
    """Where it is, how long it took, and what it left."""

    folder: Path
    seconds: float
    digests: dict[str, str]


def move_to(folder, patch):
    patch.chdir(folder)
    Path("small.yaml").write_text(CONFIG)
    return folder
