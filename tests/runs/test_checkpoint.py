import json
import math
import os
import pickle
from itertools import count

import pytest
import torch

from mlcli.errors import ArtefactError
from mlcli.io.atomic import atomic_folder
from mlcli.io.tensors import pack
from mlcli.reporter import Silent
from mlcli.runs.checkpoint import load_checkpoint, read_checkpoint, save_checkpoint
from mlcli.training.state import Snapshot
from tests.campaigns.simulated_disks import dies_after

PROGRESS = {
    "epoch": 3,
    "lr": 0.1 + 0.2,
    "best_score": None,
    "history": [{"epoch": 1, "train_loss": math.inf, "valid_metrics": {"accuracy": math.nan}}, {"train_loss": -0.0}],
}

OPTIMIZERS = {
    "sgd": lambda p: torch.optim.SGD(p, lr=0.1),
    "momentum": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True, fused=True),
    "adagrad": lambda p: torch.optim.Adagrad(p, lr=0.1, fused=True),
    "adadelta": lambda p: torch.optim.Adadelta(p, lr=1.0),
    "rmsprop": lambda p: torch.optim.RMSprop(p, lr=0.01, momentum=0.5),
    "adam": lambda p: torch.optim.Adam(p, lr=0.01, fused=True),
    "adamw": lambda p: torch.optim.AdamW(p, lr=0.01, weight_decay=0.1, fused=True),
    "adamax": lambda p: torch.optim.Adamax(p, lr=0.01),
    "nadam": lambda p: torch.optim.NAdam(p, lr=0.01),
    "radam": lambda p: torch.optim.RAdam(p, lr=0.01),
    "lbfgs": lambda p: torch.optim.LBFGS(p, lr=0.5, max_iter=3, history_size=4),
}


class Listener(Silent):
    def __init__(self):
        self.warnings = []

    def warn(self, text):
        self.warnings.append(text)


def snapshot(step, fill=None):
    weights = torch.full((3, 2), float(step if fill is None else fill))
    return Snapshot(step, {"model.w": weights, "losses": torch.zeros(0)}, {"state": {}, "param_groups": []}, PROGRESS)


def describe(value):
    """A text in which values differ whenever a type or a bit does; the order of tensors' names does not count."""
    tensors = {}
    text = json.dumps(pack(dict(sorted(value.items())), tensors))
    bits = {name: tensor.detach().contiguous().view(-1).view(torch.uint8).tolist() for name, tensor in tensors.items()}
    return f"{text} {bits} {[(tensor.dtype, tensor.shape) for tensor in tensors.values()]}"


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def forge(path, **changes):
    """Rewrite state.json with a manifest that fits it."""
    state = json.loads((path / "state.json").read_text()) | changes
    files = {name: (path / name).read_bytes() for name in ("model.safetensors", "optim.safetensors")}
    with atomic_folder(path, "checkpoint") as new:
        (new / "state.json").write_text(json.dumps(state))
        for name, content in files.items():
            (new / name).write_bytes(content)


class TestOptimizers:
    """Train a little, save, load, go on: nothing may differ from never having stopped."""

    @pytest.mark.parametrize("name", OPTIMIZERS)
    def test_goes_on_as_if_never_stopped(self, tmp_path, name):
        model, optimizer = self.build(name)
        self.train(model, optimizer, steps=3)
        before = Snapshot(3, dict(model.state_dict()), optimizer.state_dict(), {"epoch": 1})
        save_checkpoint(tmp_path, before)
        after = load_checkpoint(tmp_path, Listener())
        assert describe(after.optimizer) == describe(before.optimizer)
        assert describe(after.model) == describe(before.model)
        other, resumed = self.build(name)
        other.load_state_dict(after.model)
        resumed.load_state_dict(after.optimizer)
        self.train(model, optimizer, steps=3)
        self.train(other, resumed, steps=3)
        assert describe(dict(other.state_dict())) == describe(dict(model.state_dict()))

    @staticmethod
    def build(name):
        torch.manual_seed(0)
        model = torch.nn.Sequential(torch.nn.Linear(3, 5), torch.nn.Tanh(), torch.nn.Linear(5, 1))
        return model, OPTIMIZERS[name](model.parameters())

    @staticmethod
    def train(model, optimizer, steps):
        x = torch.randn(20, 3, generator=torch.Generator().manual_seed(1))

        def cost():
            optimizer.zero_grad()
            loss = (model(x)[:, 0] - x.sum(1)).square().mean()
            loss.backward()
            return loss

        for _ in range(steps):
            optimizer.step(cost)


class TestSave:
    def test_what_is_written(self, tmp_path):
        path = save_checkpoint(tmp_path, snapshot(120))
        assert path == tmp_path / "step-00000120"
        assert names(path) == ["MANIFEST.json", "model.safetensors", "optim.safetensors", "state.json"]
        read = read_checkpoint(path)
        assert (read.step, describe(read.progress)) == (120, describe(PROGRESS))

    def test_the_last_two_are_kept(self, tmp_path):
        for step in (5, 10, 99_999_999, 100_000_000):
            save_checkpoint(tmp_path, snapshot(step))
        assert names(tmp_path) == ["step-100000000", "step-99999999"]
        assert load_checkpoint(tmp_path, Listener()).step == 100_000_000

    def test_steps_of_an_abandoned_course_go(self, tmp_path):
        for step in (10, 30, 20):
            save_checkpoint(tmp_path, snapshot(step))
        assert names(tmp_path) == ["step-00000010", "step-00000020"]

    def test_the_same_step_again_replaces(self, tmp_path):
        save_checkpoint(tmp_path, snapshot(10, fill=1.0))
        save_checkpoint(tmp_path, snapshot(10, fill=2.0))
        assert load_checkpoint(tmp_path, Listener()).model["model.w"][0, 0] == 2.0

    def test_foreign_files_are_left_alone(self, tmp_path):
        (tmp_path / "step-notes").mkdir()
        (tmp_path / "step-00000001").write_text("a file")
        for step in (10, 20, 30):
            save_checkpoint(tmp_path, snapshot(step))
        assert names(tmp_path) == ["step-00000001", "step-00000020", "step-00000030", "step-notes"]

    def test_killed_at_any_operation(self, tmp_path):
        def prepare(root):
            save_checkpoint(root, snapshot(10))
            save_checkpoint(root, snapshot(20))

        found = []
        for last in count():
            root = tmp_path / str(last)
            prepare(root)
            if not dies_after(lambda root=root: save_checkpoint(root, snapshot(30)), last):
                break
            listener = Listener()
            read = load_checkpoint(root, listener)
            assert read.model["model.w"][0, 0] == read.step
            assert listener.warnings == []
            save_checkpoint(root, snapshot(40))
            assert names(root) == [f"step-000000{read.step}", "step-00000040"]
            found.append(read.step)
        assert set(found) == {20, 30}
        assert found == sorted(found)


class TestLoad:
    def test_nothing_there(self, tmp_path):
        assert load_checkpoint(tmp_path / "absent", Listener()) is None
        assert load_checkpoint(tmp_path, Listener()) is None

    @pytest.mark.parametrize("file", ["model.safetensors", "optim.safetensors", "state.json", "MANIFEST.json"])
    @pytest.mark.parametrize("damage", ["flip", "cut", "delete", "link"])
    def test_a_damaged_one_is_passed_over(self, tmp_path, file, damage):
        save_checkpoint(tmp_path, snapshot(10))
        path = save_checkpoint(tmp_path, snapshot(20)) / file
        self.damage(path, damage)
        listener = Listener()
        assert load_checkpoint(tmp_path, listener).step == 10
        [warning] = listener.warnings
        assert str(path) in warning
        assert warning.endswith("Going back to step-00000010")
        if file != "MANIFEST.json":
            assert "found" in warning
            assert "expected" in warning

    def test_all_damaged(self, tmp_path):
        for step in (10, 20):
            self.damage(save_checkpoint(tmp_path, snapshot(step)) / "model.safetensors", "flip")
        with pytest.raises(ArtefactError, match=r"train again.*step-00000020.*step-00000010"):
            load_checkpoint(tmp_path, Listener())

    def test_saving_after_a_fall_back(self, tmp_path):
        save_checkpoint(tmp_path, snapshot(10))
        self.damage(save_checkpoint(tmp_path, snapshot(20)) / "state.json", "cut")
        save_checkpoint(tmp_path, snapshot(15))
        listener = Listener()
        assert load_checkpoint(tmp_path, listener).step == 15
        assert listener.warnings == []

    @staticmethod
    def damage(path, how):
        content = path.read_bytes()
        path.unlink()
        match how:
            case "flip":
                middle = len(content) // 2
                path.write_bytes(content[:middle] + bytes([content[middle] ^ 0x80]) + content[middle + 1 :])
            case "cut":
                path.write_bytes(content[: len(content) // 2])
            case "link":
                path.symlink_to("/dev/zero")


class TestForged:
    """The manifest fits, the content lies."""

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"schema": 2}, "newer mlcli .*upgrade"),
            ({"schema": None}, "format None"),
            ({"step": "many"}, "step: .*got 'many'"),
            ({"optimizer": []}, "optimizer"),
            ({"optimizer": {"dict": [["state", {"tensor": "absent"}]]}}, "absent"),
            ({"progress": {"dict": [["history", {"run": "rm"}]]}}, "run"),
        ],
    )
    def test_state(self, tmp_path, changes, message):
        path = save_checkpoint(tmp_path, snapshot(10))
        forge(path, **changes)
        with pytest.raises(ArtefactError, match=rf"state\.json: .*{message}"):
            read_checkpoint(path)

    def test_a_pickle_by_another_name(self, tmp_path):
        class Boom:
            def __reduce__(self):
                return (os.abort, ())

        path = save_checkpoint(tmp_path, snapshot(10))
        state = (path / "state.json").read_text()
        with atomic_folder(path, "checkpoint") as new:
            (new / "state.json").write_text(state)
            for name in ("model.safetensors", "optim.safetensors"):
                (new / name).write_bytes(pickle.dumps(Boom()))
        with pytest.raises(ArtefactError, match=r"model\.safetensors: not a safetensors file"):
            read_checkpoint(path)
