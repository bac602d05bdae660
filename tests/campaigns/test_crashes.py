"""A crash at any operation of any write, of the program alone or of the whole machine, leaves the old or the new."""

import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from mlcli.runs.checkpoint import load_checkpoint
from tests.campaigns.simulated_disks import RecordedDisk, dies_after, quick_disk
from tests.campaigns.trainings import BEGIN, CONFIG, RESUME, RUN, count_epochs, digests, next_command
from tests.campaigns.writes import WRITES, Strict, Write

LEFTOVER = re.compile(r"\..+\.(tmp|old)-[0-9a-f]{8}")


@dataclass
class Stage:
    """A write, the folder it starts from, and what is read before and after it."""

    write: Write
    before: Path
    old: object
    new: object
    recorded: RecordedDisk

    def judge(self, done):
        """What a next command reads here, in one word."""
        with quick_disk():
            found = self.write.read()
        assert found in ((self.new,) if done else (self.old, self.new, *self.write.between))
        return "old" if found == self.old else "new" if found == self.new else "in between"

    def start_anew(self):
        """The next start comes through, and leaves nothing of the one that crashed."""
        with quick_disk():
            (self.write.anew or self.write.write)()
            assert self.write.read() == self.new
        assert leftovers() == []


def leftovers():
    return sorted(str(path) for path in Path().rglob("*") if LEFTOVER.fullmatch(path.name))


@pytest.fixture(params=WRITES)
def stage(request, tmp_path, monkeypatch):
    write = WRITES[request.param]
    for name in ("MLCLI_DATA_DIR", "MLCLI_RUNS_DIR", "MLCLI_PREPARED_DIR"):
        monkeypatch.delenv(name, raising=False)
    here, before = tmp_path / "here", tmp_path / "before"
    here.mkdir()
    monkeypatch.chdir(here)
    with quick_disk():
        write.before()
        shutil.copytree(here, before)
        old = write.read()
        recorded = RecordedDisk(here, write.write)
        new = write.read()
    assert old != new, "else the test could not tell"
    return Stage(write, before, old, new, recorded)


def test_the_program_dies_at_any_operation(campaign, stage, tmp_path):
    outcomes, last, dying = [], 0, True
    while dying:
        os.chdir(shutil.copytree(stage.before, tmp_path / f"dead-{last}"))
        dying = dies_after(stage.write.write, last)
        outcomes.append(stage.judge(done=not dying))
        campaign.record(outcomes[-1])
        stage.start_anew()
        last += 1
    assert {"old", "new"} <= set(outcomes[:-1]), "kills must fall on both sides of the moment that counts"


def test_the_power_is_cut_at_any_operation(campaign, stage, tmp_path):
    events = len(stage.recorded.events)
    for after in range(events + 1):
        for draw in range(campaign.size(1, 60)):
            target = tmp_path / f"cut-{after}-{draw}"
            stage.recorded.power_cut(after, campaign.random, target)
            os.chdir(target)
            campaign.record(stage.judge(done=after == events))
            if draw == 0:
                stage.start_anew()
            os.chdir(tmp_path)
            shutil.rmtree(target)


def test_the_power_is_cut_during_a_training(campaign, tmp_path, monkeypatch, mlcli):
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    Path("small.yaml").write_text(CONFIG)
    recorded = RecordedDisk(here, lambda: campaign.record(f"exit {mlcli(*BEGIN).code} uninterrupted"))
    uninterrupted = predict_and_digest(mlcli)
    for blow in range(campaign.size(2, 400)):
        target = tmp_path / f"cut-{blow}"
        recorded.power_cut(campaign.random.randint(0, len(recorded.events)), campaign.random, target)
        os.chdir(target)
        with quick_disk():
            checkpoint = load_checkpoint(RUN / "checkpoints", Strict())
            assert checkpoint is None or count_epochs() >= checkpoint.progress["epoch"], "a lost epoch of the history"
            command = next_command()
            campaign.record("resumed" if command == RESUME else "begun anew")
            ended = mlcli(*command)
            assert (ended.code, ended.err) == (0, "")
            assert predict_and_digest(mlcli) == uninterrupted
        assert leftovers() == []
        os.chdir(tmp_path)
        shutil.rmtree(target)


def predict_and_digest(mlcli):
    assert mlcli("predict", "-q").code == 0
    return digests()
