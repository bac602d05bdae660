"""No room, no permission: exit 7, the path and what to do; and what was saved before is still there."""

import contextlib
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.campaigns.trainings import BEGIN, RESUME, RUN, finish

EPOCHS = ("-S", "training.epochs=12")
# error: runs/small/001/metrics.jsonl: what is the matter; what to do
MESSAGE = re.compile(r"error: (?P<path>[\w./-]+): (?P<cause>[^;]+); (?P<remedy>.+)\n")


COMMANDS = {"resume": (*RESUME, *EPOCHS), "train": (*BEGIN, *EPOCHS), "predict": ("predict", "-q", "-o", "out.csv")}


def copy_run(undisturbed, folder):
    """A run of six epochs, which twelve would complete."""
    shutil.copytree(undisturbed(6).folder, folder, dirs_exist_ok=True)


@pytest.fixture(scope="module")
def extended(undisturbed, fork_server, place):
    """The digests of such a run's twelve epochs, when nothing stands in their way."""
    copy_run(undisturbed, place / "extended")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place / "extended")
        return finish(fork_server.start, *EPOCHS)


def told(child, causes):
    """Whether it came through; if not, with what message."""
    code, out, err = child.end()
    if code == 0:
        return None
    assert (code, out) == (7, ""), (code, err)
    message = MESSAGE.fullmatch(err)
    assert message, err
    assert any(cause in message["cause"] for cause in causes), err
    return Path(message["path"])


def commands():
    """What may be tried on a run of six epochs: to go on, to begin another, to predict, to measure."""
    predict = ("predict", "-q", "-o", "out.csv")
    return {
        "resume": (*RESUME, *EPOCHS),
        "train": (*BEGIN, *EPOCHS),
        "predict": predict,
        "evaluate": ("evaluate", "-q"),
    }


def test_files_may_not_grow(campaign, make_place, start, undisturbed, extended):
    for number in range(campaign.size(2, 200)):
        here = make_place(f"limited-{number}")
        name, command = campaign.random.choice(list(COMMANDS.items()))
        copy_run(undisturbed, here)
        if campaign.random.random() < 0.3:
            shutil.rmtree("data")  # to be prepared again
        limit = int(2 ** campaign.random.uniform(0, 16))
        path = told(start(*command, file_limit=limit), ["larger than allowed"])
        campaign.record(f"{name}: {'too large' if path else 'done'}")
        check_nothing_is_lost(start, extended)


def check_nothing_is_lost(start, digests):
    """The run goes on from what it had saved; whatever else was begun is gone."""
    for other in RUN.parent.iterdir():
        if other != RUN:
            shutil.rmtree(other)
    assert finish(start, *EPOCHS) == digests


@contextlib.contextmanager
def small_disk(folder, kilobytes):
    """A disk of its own in a folder; skips where it may not be mounted."""
    mount = ["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "tmpfs", str(folder)]
    try:
        subprocess.run(mount, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"no disk can be mounted here: {error}")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def test_a_disk_is_full(campaign, make_place, start, undisturbed, extended, monkeypatch):
    for number in range(campaign.size(1, 40)):
        folder = make_place(f"full-{number}") / "disk"
        folder.mkdir()
        with small_disk(folder, 400):
            copy_run(undisturbed, folder)
            with monkeypatch.context() as patch:
                patch.chdir(folder)
                free = os.statvfs(folder).f_bavail * os.statvfs(folder).f_frsize
                ballast = Path("ballast")
                ballast.write_bytes(bytes(max(0, free - 4096 * campaign.random.randint(0, 12))))
                name, command = campaign.random.choice(list(COMMANDS.items()))
                path = told(start(*command), ["the disk is full"])
                campaign.record(f"{name}: {'full' if path else 'done'}")
                ballast.unlink()
                check_nothing_is_lost(start, extended)


FORBIDDEN = {
    "the working directory": (".", "predict"),
    "the runs": ("runs/small", "train"),
    "the run": ("runs/small/001", "resume"),
    "the checkpoints": ("runs/small/001/checkpoints", "resume"),
    "the prepared data": ("data/prepared", "train"),
}


@pytest.mark.parametrize("what", FORBIDDEN)
def test_a_folder_may_not_be_written(campaign, make_place, start, undisturbed, extended, what):
    folder, name = FORBIDDEN[what]
    here = make_place("forbidden")
    copy_run(undisturbed, here)
    if what == "the prepared data":
        for path in Path(folder).iterdir():
            shutil.rmtree(path)
    Path(folder).chmod(0o555)
    path = told(start(*COMMANDS[name], bound=True), ["permission denied"])
    assert path is not None
    assert path.is_relative_to(folder)
    campaign.record(f"{name}: exit 7")
    Path(folder).chmod(0o755)
    check_nothing_is_lost(start, extended)
