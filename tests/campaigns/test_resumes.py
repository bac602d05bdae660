"""A training goes on to the same bits from whichever step it was interrupted at."""

import json

import pytest
import torch

from mlcli.io.tensors import pack
from mlcli.runs.checkpoint import load_checkpoint, save_checkpoint
from mlcli.training.callbacks import Callback, stop_rules
from mlcli.training.loop import new_state, train_model
from mlcli.training.snapshot import restore_snapshot, take_snapshot
from tests.campaigns.simulated_disks import quick_disk
from tests.campaigns.writes import Strict
from tests.training.contexts import make_context

STEPS_FOLLOWED = 7  # an epoch has 5; there are 12 of them
NOISY = {"hidden": [6], "dropout": 0.3, "norm": "batch"}
MOMENTUM = {"name": "sgd", "lr": 0.05, "momentum": 0.9, "nesterov": True}
CASES = {
    "muon, averaged weights": {
        "optimizer": {"name": "muon", "l2": 0.01, "schedule": {"name": "cosine"}},
        "training": {"average": 0.9, "early_stopping": {"metric": "loss", "patience": 5}},
    },
    "momentum, cosine, warm-up": {
        "optimizer": {**MOMENTUM, "l1": 0.001, "schedule": {"name": "cosine", "warmup": 0.2}}
    },
    "adamw, plateau, early stopping": {
        "optimizer": {"name": "adamw", "lr": 0.2, "l2": 0.01, "schedule": {"name": "plateau", "patience": 1}},
        "training": {"early_stopping": {"metric": "accuracy", "patience": 5}, "clip_norm": 1.0},
    },
}
EXTENDED = {
    "momentum, steps": {"optimizer": {**MOMENTUM, "schedule": {"name": "step", "every": 4, "factor": 0.3}}},
    "adam, plateau": {"optimizer": {"name": "adam", "lr": 0.1, "schedule": {"name": "plateau", "patience": 1}}},
}
KINDS = ["adagrad", "adadelta", "rmsprop", "adam", "adamw", "adamax", "nadam", "radam", "muon"]
SCHEDULES = ["constant", "step", "exponential", "cosine", "one_cycle", "inverse_sqrt", "plateau"]
EVERY = {
    f"{kind}, {name}": {"optimizer": {"name": kind, "schedule": {"name": name}}} for kind in KINDS for name in SCHEDULES
}


@pytest.fixture(autouse=True)
def one_thread():
    """So small a network is trained by one, as the command does."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


class Diary(Callback):
    """What a run would save after each step, if it were interrupted there, and what it saves at its end."""

    def __init__(self, context, state, steps):
        self.context, self.state, self.steps = context, state, steps
        self.snapshots = {}

    def __call__(self):
        self.snapshots[self.state.step] = take_snapshot(self.context, self.state)
        return len(self.snapshots) == self.steps

    def on_train_end(self, context, state, stopped):
        self.last, self.stopped = take_snapshot(context, state), stopped


def a_job(sections, epochs=12):
    training = {"batch_size": 12, "epochs": epochs, **sections.get("training", {})}
    return make_context(**{"model": NOISY, **sections, "training": training})


def train(context, state, steps=None):
    """Train for so many steps, or to the end."""
    diary = Diary(context, state, steps)
    train_model(context, state, [diary], stop_rules(context.config.training), diary)
    return diary


def restore(context, snapshot, folder):
    """What a new process makes of a snapshot: by way of the disk."""
    with quick_disk():
        save_checkpoint(folder, snapshot)
    return restore_snapshot(context, load_checkpoint(folder, Strict()))


def bits(snapshot):
    """Text in which snapshots differ whenever a bit does: weights, best weights, optimizer, progress, history."""
    tensors = dict(snapshot.model)
    text = json.dumps([pack(snapshot.optimizer, tensors), pack(snapshot.progress, {})])
    raw = {name: tensor.numpy().tobytes() for name, tensor in sorted(tensors.items())}
    return f"{text} {raw}"


def check_from_every_step(campaign, folder, sections, epochs):
    """Resume at each step of a run over so many epochs; for all 12, it must be as if never interrupted.

    A small campaign draws a third of the steps, and follows most resumed runs over the next epoch's end alone.
    """
    whole, first = (train(context, new_state(context)) for context in (a_job(sections), a_job(sections, epochs)))
    n_steps = len(first.snapshots)
    for step in campaign.random.sample(sorted(first.snapshots), campaign.size(n_steps // 3, n_steps)):
        context = a_job(sections)
        steps = campaign.random.choice([STEPS_FOLLOWED] * campaign.size(19, 0) + [None])
        resumed = train(context, restore(context, first.snapshots[step], folder / str(step)), steps)
        assert bits(resumed.last) == bits(
            whole.snapshots[step + steps] if resumed.stopped == "interrupted" else whole.last
        )
        campaign.record("the same to its end" if resumed.stopped == whole.stopped else "the same")
    return whole


@pytest.mark.parametrize("case", CASES)
def test_from_every_step(campaign, tmp_path, case):
    whole = check_from_every_step(campaign, tmp_path, CASES[case], epochs=12)
    assert whole.stopped == ("early" if "early" in case else "finished")


@pytest.mark.parametrize("case", EXTENDED)
def test_from_every_step_to_more_epochs(campaign, tmp_path, case):
    check_from_every_step(campaign, tmp_path, EXTENDED[case], epochs=6)


def test_interrupted_over_and_over(campaign, tmp_path):
    for name in campaign.random.sample(sorted(EVERY), campaign.size(1, len(EVERY))):
        context = a_job(EVERY[name])
        whole = train(context, new_state(context))
        context = a_job(EVERY[name])
        state, ended = new_state(context), None
        while ended is None or ended.stopped == "interrupted":
            ended = train(context, state, campaign.random.randint(1, 25))
            context = a_job(EVERY[name])
            state = restore(context, ended.last, tmp_path / name)
            campaign.record(ended.stopped)
        assert bits(ended.last) == bits(whole.last), name
