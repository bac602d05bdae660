"""Two processes want one run: one has it, the other leaves, naming the first; death frees the run."""

import re
import signal
import time
from pathlib import Path

from tests.campaigns.trainings import BEGIN, CONFIG, RESUME, RUN, count_epochs, finish

ENDLESS = ("-S", "training.epochs=1000000")


def wait_until(fact, seconds=60):
    deadline = time.monotonic() + seconds
    while not fact():
        assert time.monotonic() < deadline
        time.sleep(0.003)


def trains_on(child):
    """Whether it comes to write more epochs."""
    before = count_epochs()
    wait_until(lambda: count_epochs() > before or child.poll() is not None)
    return child.poll() is None


def test_one_of_two_resumes(campaign, make_place, start):
    """Pair after pair, each as soon as the last holder was killed, whose name still stands in the lock."""
    make_place("contested")
    Path("small.yaml").write_text(CONFIG.replace(", early_stopping: {patience: 50}", ""))
    finish(start, "-S", "training.epochs=1")
    for _ in range(campaign.size(2, 200)):
        pair = [start(*RESUME, *ENDLESS) for _ in range(2)]
        wait_until(lambda pair=pair: any(child.poll() is not None for child in pair))
        [loser], [holder] = ([child for child in pair if (child.poll() is None) is alive] for alive in (False, True))
        code, out, err = loser.end()
        assert (code, out) == (5, "")
        assert re.search(rf"^error: run small/001 is in use by process {holder.pid} \(mlcli train, since .*; wait", err)
        assert trains_on(holder)
        holder.send(signal.SIGKILL)
        assert holder.wait() == -signal.SIGKILL
        campaign.record("one proceeded, and the other named it")


def test_new_runs_at_once_get_numbers_of_their_own(campaign, make_place, start):
    make_place("crowd")
    crowd = [start(*BEGIN) for _ in range(campaign.size(3, 60))]
    assert [child.end() for child in crowd] == [(0, "", "")] * len(crowd)
    assert sorted(path.name for path in RUN.parent.iterdir()) == [f"{n:03d}" for n in range(1, len(crowd) + 1)]
    campaign.record(f"{len(crowd)} at once")
