"""SIGINT, SIGTERM and a closed pipe, at any moment: the right exit code, nothing lost, no traceback."""

import json
import signal
import time
from pathlib import Path

import pytest

from tests.campaigns.trainings import BEGIN, RUN, finish, next_command

EPOCHS = ("-S", "training.epochs=12")
# One step of it takes minutes, in many short operations.
LONG_STEP = (
    "name: small\ndataset: digits\nmodel: {hidden: [64]}\nloss: {name: auto, label_smoothing: 0.1}\n"
    "optimizer: {name: lbfgs, iterations: 100000}\ntraining: {batch_size: full}\n"
)


def left(child, allowed):
    """The exit code, which must be one of those allowed, without a word."""
    code, out, err = child.end()
    assert code in allowed, (code, err)
    assert (out, err) == ("", "")
    return code


def test_at_any_moment(campaign, make_place, start, undisturbed):
    for number in range(campaign.size(2, 140)):
        make_place(f"stopped-{number}")
        first, second = (campaign.random.choice((signal.SIGINT, signal.SIGTERM)) for _ in range(2))
        child = start(*BEGIN, *EPOCHS)
        time.sleep(campaign.random.uniform(0, undisturbed(12).seconds))
        child.send(first)
        if twice := number % 2:
            time.sleep(campaign.random.uniform(0, 0.02))
            child.send(second)
        code = left(child, {0, 128 + first, 128 + second} if twice else {0, 128 + first})
        campaign.record(f"exit {code}")
        assert finish(start, *EPOCHS) == undisturbed(12).digests


@pytest.mark.parametrize("first", [signal.SIGINT, signal.SIGTERM])
def test_the_second_exits_at_once(campaign, make_place, start, first):
    make_place("long")
    Path("small.yaml").write_text(LONG_STEP)
    for _ in range(campaign.size(1, 5)):
        child = start(*next_command())
        while not (RUN / "metrics.jsonl").exists():
            assert child.poll() is None, child.end()
            time.sleep(0.001)
        time.sleep(0.2)  # now it is within its first step
        child.send(first)
        time.sleep(0.3)
        assert child.poll() is None, "the step in hand is to be finished"
        second = campaign.random.choice((signal.SIGINT, signal.SIGTERM))
        child.send(second)
        campaign.record(f"exit {left(child, {128 + second})}")
        # The step was cut short: one that ended would have left a checkpoint and how the training ended.
        assert json.loads((RUN / "manifest.json").read_text())["status"] == "running"


def test_a_pipe_is_closed_on_a_training(campaign, make_place, start, undisturbed):
    for number in range(campaign.size(1, 40)):
        make_place(f"closed-{number}")
        child = start(*BEGIN[:-1], *EPOCHS)  # not quiet: a line an epoch
        for _ in range(campaign.random.randint(0, 20)):
            child.stderr.readline()
        child.stderr.close()
        code = child.wait()
        assert code in (0, 141)
        campaign.record(f"stderr closed: exit {code}")
        assert finish(start, *EPOCHS) == undisturbed(12).digests


def test_a_pipe_is_closed_on_results(campaign, make_place, start):
    make_place("results")
    finish(start)
    for command in (("predict", "-o", "-"), ("predict", "--json"), ("prepare", "--json"), ("train", "--help")):
        child = start(*command)
        child.stdout.close()
        assert child.wait() == 141, command
        assert b"Traceback" not in child.stderr.read()
        campaign.record("stdout closed: exit 141")


def test_while_a_program_starts(campaign, make_place, spawn):
    """Cold: the imports are to be interrupted, too, once Python itself has come up."""
    make_place("cold")
    for _ in range(campaign.size(1, 40)):
        number = campaign.random.choice((signal.SIGINT, signal.SIGTERM))
        process = spawn(*BEGIN, "-S", "training.epochs=1")
        time.sleep(campaign.random.uniform(0.15, 1.5))
        process.send_signal(number)
        code = process.wait(60)
        assert process.stderr.read() == b""
        assert code in (0, 128 + number)
        campaign.record(f"exit {code}")
