"""Attacks on what is promised: a small number of blows in every test run, a large one behind --campaign.

Every campaign draws from one seed, which is printed: `pytest tests/campaigns --campaign --campaign-seed 7`.
"""

import importlib
import random
import time
from dataclasses import dataclass, field

import pytest


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

    def record(self, outcome):
        """Count one blow under what came of it, such as 'exit 4'."""
        self.counts[outcome] = self.counts.get(outcome, 0) + 1

    def summary(self):
        counted = ", ".join(f"{count} {outcome}" for outcome, count in sorted(self.counts.items()))
        return f"{self.name}: seed {self.seed}, {counted or 'no blows'}, {time.monotonic() - self.started:.1f} s"


@pytest.fixture(scope="session", autouse=True)
def whole_torch():
    """A training puts a stand-in in the place of torch's compiler, which torch.testing cannot be imported beside."""
    importlib.import_module("torch.distributed.tensor")


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
