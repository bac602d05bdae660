"""A training that is killed, at any moment and however often, comes to the same bytes."""

import random
import signal
import time

from tests.campaigns.trainings import count_epochs, finish, next_command, predict

EPOCHS = ("-S", "training.epochs=16")
KILLS = 5  # of one run
SEAM_CALLS = 90  # changes of the disk in two or three epochs


def kill_from_outside(start, chance: random.Random):
    """At any moment of two epochs or so."""
    child, before = start(*next_command(*EPOCHS)), count_epochs()
    while child.poll() is None and count_epochs() == before:
        time.sleep(0.003)
    time.sleep(chance.uniform(0, 0.04))
    child.send(signal.SIGKILL)
    return child.wait()


def kill_at_the_disk(start, chance: random.Random):
    """Between two changes of the disk, most of them in a save."""
    return start(*next_command(*EPOCHS), dies_at=chance.randint(1, SEAM_CALLS)).wait()


def test_killed_and_resumed_over_and_over(campaign, make_place, start, undisturbed, monkeypatch):
    monkeypatch.chdir(undisturbed(16).folder)
    predicted = predict(start)
    for number in range(campaign.size(5, 500) // KILLS):
        make_place(f"killed-{number}")
        for kill in range(KILLS):
            how = (kill_from_outside, kill_at_the_disk)[kill % 2]
            code = how(start, campaign.random)
            assert code in (-signal.SIGKILL, 0)
            campaign.record(f"{how.__name__}: {'killed' if code else 'had ended'}")
        assert finish(start, *EPOCHS) == undisturbed(16).digests
        assert predict(start) == predicted
