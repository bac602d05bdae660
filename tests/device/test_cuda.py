"""Training on a GPU beside the CPU; skipped where torch sees none. `python -m tests.device` measures times."""

import itertools
import os
import subprocess
import sys

import pytest
import torch

from mlcli.training.callbacks import Callback
from mlcli.training.context import choose_precision
from mlcli.training.loop import new_state, train_model
from mlcli.training.snapshot import restore_snapshot, take_snapshot
from tests.conftest import ROOT
from tests.training.contexts import make_context

DEVICE = torch.device("cuda")
pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="torch sees no CUDA device here")

CASES = {
    "two classes": {"model": {"hidden": [32, 16]}},
    "three classes": {"classes": 3, "model": {"hidden": [32]}, "loss": {"name": "focal", "class_weights": "balanced"}},
    "a number": {"kind": "regression", "model": {"hidden": [32]}, "loss": {"name": "huber"}},
    "batch norm": {"model": {"hidden": [16], "norm": "batch"}},
    "layer norm": {"model": {"hidden": [16], "norm": "layer"}},
    "tabm": {"kind": "regression", "model": {"name": "tabm", "members": 4, "hidden": [16]}},
    "muon": {"model": {"hidden": [16, 16]}, "optimizer": {"name": "muon", "lr": 0.02}},
    "lbfgs": {"optimizer": {"name": "lbfgs"}, "training": {"epochs": 3, "batch_size": "full"}},
    "clipped, averaged": {"training": {"epochs": 3, "batch_size": 16, "clip_norm": 0.5, "average": 0.9}},
    "augmented": {"image_shape": (2, 2), "training": {"epochs": 3, "batch_size": 16, "augment": {"shift": 1}}},
}


def context_of(case, device, **sections):
    settings = {"training": {"epochs": 3, "batch_size": 16}, **CASES[case], **sections}
    return make_context(device=str(device), **settings)


def losses(context):
    history = train_model(context, new_state(context)).state.history
    return [value for record in history for value in (record.train_loss, record.valid_loss)]


@pytest.mark.parametrize("case", CASES)
def test_losses_are_those_of_the_cpu(case):
    assert losses(context_of(case, DEVICE)) == pytest.approx(losses(context_of(case, "cpu")), rel=2e-3)


@pytest.mark.parametrize("case", ["two classes", "a number", "tabm"])
def test_bfloat16_is_accurate_to_its_digits(case):
    found, exact = (
        losses(context_of(case, DEVICE, training={"epochs": 3, "batch_size": 16, "precision": precision}))
        for precision in ("bfloat16", "float32")
    )
    assert found != exact
    assert found == pytest.approx(exact, rel=0.03)


def test_rows_weights_and_losses_are_on_the_device():
    context = context_of("two classes", DEVICE)
    state = new_state(context)
    held = [context.train.x, context.train.y, context.valid.x, state.losses, *context.model.parameters()]
    assert {tensor.device.type for tensor in held} == {DEVICE.type}
    assert context.optimizer.defaults["fused"]


def test_tensor_cores_multiply_in_bfloat16():
    expected = torch.bfloat16 if torch.cuda.get_device_capability() >= (8, 0) else torch.float32
    assert choose_precision("auto", DEVICE, 10**9) is expected


@pytest.mark.parametrize("case", ["two classes", "batch norm", "tabm", "muon"])
@pytest.mark.parametrize("steps", [1, 6])
def test_a_resumed_training_ends_with_the_same_weights(case, steps):
    class Keeper(Callback):
        def on_train_end(self, context, state, stopped):
            self.snapshot = take_snapshot(context, state)

    straight = train_model(whole := context_of(case, DEVICE), new_state(whole)).model.state_dict()
    keeper, counts = Keeper(), itertools.count(1)
    train_model(
        first := context_of(case, DEVICE), new_state(first), [keeper], interrupted=lambda: next(counts) == steps
    )
    resumed = train_model(
        second := context_of(case, DEVICE), restore_snapshot(second, keeper.snapshot)
    ).model.state_dict()
    assert all(torch.equal(straight[name], resumed[name]) for name in straight)


def test_a_loss_that_is_not_finite_ends_the_training():
    context = context_of("a number", DEVICE, optimizer={"name": "sgd", "lr": 1e30}, loss={"name": "mse"})
    assert train_model(context, new_state(context)).stopped == "diverged"


def test_a_machine_without_the_device_predicts_the_same(workspace):
    def mlcli(*arguments, **variables):
        command = [sys.executable, "-m", "mlcli", *arguments]
        environment = os.environ | {"PYTHONPATH": str(ROOT)} | variables
        subprocess.run(command, check=True, env=environment, capture_output=True)

    mlcli("train", "configs/iris.yaml", "-q", "-S", f"device={DEVICE.type}", "-S", "training.epochs=5")
    (workspace / "new.csv").write_text("sepal_length,sepal_width,petal_length,petal_width\n5.9,3.0,4.2,1.5\n")
    mlcli("predict", "new.csv", "-o", "here.csv")
    mlcli("predict", "new.csv", "-o", "there.csv", CUDA_VISIBLE_DEVICES="")
    assert (workspace / "here.csv").read_text() == (workspace / "there.csv").read_text()
