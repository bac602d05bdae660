"""Trains each case as one of several processes."""

import hashlib
import json
import os
import sys

import torch

from mlcli.errors import ProcessesError
from mlcli.training.loop import new_state, train_model
from mlcli.training.processes import Processes
from mlcli.training.snapshot import take_snapshot
from tests.training.contexts import make_context

MLP = {"hidden": [8, 6], "dropout": 0.2}
CASES = {
    "plain": {},
    "one class against the other": {"classes": 2, "loss": {"name": "hinge"}},
    "class weights": {"loss": {"name": "focal", "class_weights": "balanced"}},
    "numbers": {"kind": "regression", "loss": {"name": "quantile", "q": 0.8}},
    "counts": {"kind": "counts", "loss": {"name": "poisson"}},
    "sums": {"loss": {"name": "cross_entropy", "reduction": "sum"}},
    "linear": {"model": {"hidden": []}},
    "autograd": {"model": {**MLP, "activation": "gelu"}},
    "batch norm": {"model": {**MLP, "norm": "batch"}},
    "layer norm": {"model": {**MLP, "norm": "layer", "max_norm": 1.0}},
    "tabm": {"model": {"name": "tabm", "members": 3, **MLP}},
    "tabm by autograd": {"model": {"name": "tabm", "members": 3, **MLP, "norm": "batch"}},
    "embedded numbers": {"model": {**MLP, "embedding": {"name": "piecewise", "bins": 4}}},
    "bfloat16": {"training": {"precision": "bfloat16"}},
    "clipped": {"training": {"clip_norm": 0.1}},
    "averaged": {"training": {"average": 0.9}},
    "in order": {"training": {"shuffle": False}},
    "few rows a step": {"training": {"batch_size": 7}},
    "fewer rows than shards": {"training": {"batch_size": 3, "epochs": 1}},
    "stopped early": {"training": {"epochs": 30, "early_stopping": {"patience": 2}}, "optimizer": {"lr": 0.2}},
    "l1 and l2": {"optimizer": {"l1": 0.01, "l2": 0.01}},
    "plateau": {"optimizer": {"schedule": {"name": "plateau", "patience": 1}}},
    "wide": {"model": {"hidden": [160, 160]}},
    **{name: {"optimizer": {"name": name}} for name in ("sgd", "adagrad", "rmsprop", "adamw", "nadam", "muon")},
    "lbfgs": {"optimizer": {"name": "lbfgs"}, "training": {"batch_size": "full"}},
}


def context_of(case, processes=None):
    sections = {"classes": 3, **CASES[case]}
    sections["training"] = {"epochs": 3, "batch_size": 16, "shards": 4} | sections.get("training", {})
    sections.setdefault("model", MLP)
    if isinstance(sections.get("optimizer"), dict):
        sections["optimizer"] = {"name": "adam", **sections["optimizer"]}
    return make_context(**sections, processes=processes)


def train(case, processes=None):
    """A digest of all that a training leaves."""
    context = context_of(case, processes)
    state = new_state(context)
    train_model(context, state, interrupted=context.processes.interrupted)
    snapshot = take_snapshot(context, state)
    digest = hashlib.sha256(repr((snapshot.progress, sorted(snapshot.model))).encode())
    for name in sorted(snapshot.model):
        digest.update(snapshot.model[name].contiguous().view(-1).view(torch.uint8).numpy().tobytes())
    digest.update(repr(snapshot.optimizer).encode())
    return digest.hexdigest()


def misbehave(processes):
    """What each process is told where one of them has one weight that differs in its last bit."""
    context = context_of("plain", processes)
    if processes.rank == 1:
        with torch.no_grad():
            place = context.model.output.bias[:1]
            place.copy_(torch.nextafter(place, torch.ones(1)))
    try:
        train_model(context, new_state(context))
    except ProcessesError as error:
        return str(error)
    return ""


def main(rank, size, port, local_size):
    """local_size : how many of them share memory."""
    torch.set_num_threads(1)
    os.environ |= {"RANK": rank, "WORLD_SIZE": size, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    os.environ["LOCAL_WORLD_SIZE"] = local_size
    processes = Processes.of_environment(60)
    if processes.rank:
        processes.receive()
        processes.answer()
    else:
        processes.publish({})
    found = {case: train(case, processes) for case in CASES}
    found["differing"] = misbehave(processes)
    sys.stdout.write(json.dumps(found))
    sys.stdout.flush()
    os._exit(0)  # as mlcli leaves: threads of a group whose peer is gone may still wait
