import contextlib
import dataclasses
import functools
import json
import os
import pickle
import shutil
import struct
import subprocess
import sys
import threading

import numpy as np
import polars as pl
import pytest
import safetensors.torch
import torch

from mlcli.config.sections.config import Config
from mlcli.data.tables.types import Column, Images, Table
from mlcli.errors import ArtefactError, MlcliError
from mlcli.features.fit import fit_features
from mlcli.io import disk
from mlcli.io.atomic import atomic_folder
from mlcli.models.fit_task import fit_task
from mlcli.models.inference import FittedEnsemble
from mlcli.models.networks import build_model
from mlcli.models.task import output_of
from mlcli.runs.bundle import Bundle, load_bundle
from tests.counting import count_calls

FEATURES = (Column("age", "number"), Column("income", "number"), Column("city", "category"))


def mixed(n=300):
    rng = np.random.default_rng(0)
    frame = pl.DataFrame(
        {
            "age": rng.normal(40, 12, n),
            "income": rng.lognormal(10, 1, n),
            "city": rng.choice(["Lima", "Oslo", "Rome"], n),
            "kind": rng.choice(["a", "b", "c"], n),
            "pass": rng.choice(["no", "yes"], n),
            "price": rng.normal(5000, 300, n),
        }
    )
    return frame.with_columns(age=pl.when(pl.int_range(n) % 7 == 0).then(None).otherwise("age"))


def table(target, n=300):
    frame = mixed(n)
    column = Column(target, "category" if frame[target].dtype == pl.String else "number")
    return Table(frame.select("age", "income", "city", target), FEATURES, (column,))


def pictures(n=200, shape=(28, 28)):
    rng = np.random.default_rng(0)
    return Images(rng.integers(0, 256, (n, *shape), dtype=np.uint8), np.arange(n) % 10, tuple("0123456789"))


def bundle_of(data, kind, members=(), **sections):
    """A bundle whose network was never trained; that is all that saving and loading ask for.

    members : of an ensemble, what each network has of its own
    """
    own = Config.model_validate({"name": "t", "dataset": {"name": "iris"}, **sections})
    task = fit_task(data, kind, own.model, own.loss)
    features = fit_features(data, own.features, 0, task.truth(data), kind == "classification")
    configs = tuple(own.model.model_copy(update=member) for member in members)
    built = [build(config, features, task, seed) for seed, config in enumerate(configs or (own.model,))]
    model = FittedEnsemble(built, output_of(task)) if members else built[0]
    return Bundle(own, features, task, model, {"best_epoch": 3, "valid": {"loss": 0.5}, "nothing": None}, configs)


def build(config, features, task, seed):
    return build_model(config, features.layout, task, seed).fitted()


KINDS = {
    "regression": lambda: (table("price"), "regression", {"model": {"hidden": [7], "norm": "batch"}}),
    "linear": lambda: (table("price"), "regression", {"model": {"hidden": []}}),
    "binary": lambda: (table("pass"), "classification", {"features": {"encode": "embedding"}}),
    "perceptron": lambda: (table("pass"), "classification", {"model": {"hidden": [], "output": "step"}}),
    "multiclass": lambda: (
        table("kind"),
        "classification",
        {"features": {"scale": "power", "encode": "target", "extract": {"name": "pca", "components": 3}}},
    ),
    "quantile": lambda: (
        table("kind"),
        "classification",
        {
            "features": {"scale": "quantile", "indicator": True, "derive": {"log_income": "log(income)"}},
            "model": {"activation": "gelu", "norm": "layer"},
        },
    ),
    "tabm": lambda: (table("price"), "regression", {"model": {"name": "tabm", "members": 3, "hidden": [7]}}),
    "tabm with embeddings": lambda: (
        table("kind"),
        "classification",
        {
            "features": {"encode": "embedding"},
            "model": {"name": "tabm", "members": 3, "embedding": {"name": "piecewise", "bins": 4, "width": 3}},
        },
    ),
    "embedded numbers": lambda: (
        table("pass"),
        "classification",
        {"model": {"hidden": [7], "embedding": {"name": "periodic", "frequencies": 4, "sigma": 0.1, "width": 3}}},
    ),
    "pictures": lambda: (pictures(), "classification", {"model": {"hidden": [30]}}),
    "counts": lambda: (table("price"), "regression", {"loss": {"name": "poisson"}}),
    "logarithms": lambda: (table("price"), "regression", {"loss": {"name": "mse", "target": "log"}}),
    "quantiles of numbers": lambda: (
        table("price"),
        "regression",
        {"loss": {"name": "mae", "target": "quantile"}, "features": {"scale": "quantile"}},
    ),
    "ensemble of counts": lambda: (table("price"), "regression", {"loss": {"name": "poisson"}, "members": ({}, {})}),
    "ensemble of numbers": lambda: (table("price"), "regression", {"members": ({}, {"hidden": (7,), "norm": "layer"})}),
    "ensemble of two classes": lambda: (
        table("pass"),
        "classification",
        {"members": ({}, {}, {"activation": "silu"}), "features": {"encode": "embedding"}},
    ),
    "ensemble of pictures": lambda: (pictures(), "classification", {"members": ({"hidden": (30,)}, {})}),
}


@pytest.fixture(scope="module", params=KINDS)
def case(request):
    """A bundle of each kind, and rows for it."""
    data, kind, sections = KINDS[request.param]()
    return bundle_of(data, kind, **sections), data


@pytest.fixture
def saved(tmp_path):
    """A small bundle on disk."""
    bundle_of(table("kind"), "classification", model={"hidden": [5]}).save(tmp_path / "model")
    return tmp_path / "model"


def test_the_quantile_of_an_earlier_bundle_is_that_of_its_configuration(tmp_path):
    bundle = bundle_of(table("price"), "regression", loss={"name": "quantile", "q": 0.9})
    assert bundle.task.q == 0.9
    earlier = dataclasses.replace(bundle, task=dataclasses.replace(bundle.task, q=None, constant=()))
    earlier.save(tmp_path / "model")
    assert load_bundle(tmp_path / "model").task == dataclasses.replace(bundle.task, constant=())


IMPORTED = """
import sys
from pathlib import Path
import mlcli.use_cases.evaluate
from mlcli.runs.bundle import load_bundle
load_bundle(Path(sys.argv[1]))
print(*{"torch", "sklearn", "scipy", "pandas"} & set(sys.modules))
"""


def part_of(data, start, count):
    if isinstance(data, Images):
        return Images(data.pixels[start : start + count], None, data.class_names)
    return Table(data.frame.drop(*(c.name for c in data.targets))[start : start + count], data.features, ())


def same(a, b):
    """Whether two Predictions agree to the bit."""
    pairs = [(a.values, b.values), (a.probabilities, b.probabilities), (a.scores, b.scores)]
    return all((x is None and y is None) or (x.dtype == y.dtype and x.tobytes() == y.tobytes()) for x, y in pairs)


def cut(predictions, start, count):
    probabilities = predictions.probabilities
    return type(predictions)(
        predictions.values[start : start + count],
        None if probabilities is None else probabilities[start : start + count],
        predictions.scores[start : start + count],
    )


class TestSaveAndLoad:
    def test_predicts_the_same_to_the_bit(self, case, tmp_path):
        bundle, data = case
        bundle.save(tmp_path / "model")
        loaded = load_bundle(tmp_path / "model")
        assert same(loaded.predict(data), bundle.predict(data))
        assert (loaded.config, loaded.task, loaded.facts) == (bundle.config, bundle.task, bundle.facts)
        assert loaded.features.layout == bundle.features.layout

    def test_saving_what_was_loaded_gives_the_same_bytes(self, case, tmp_path):
        case[0].save(tmp_path / "a")
        load_bundle(tmp_path / "a").save(tmp_path / "b")
        for name in ("bundle.json", "weights.safetensors", "MANIFEST.json"):
            assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()

    def test_loading_and_evaluating_import_neither_torch_nor_scikit_learn(self, tmp_path):
        sections = {"features": {"encode": "embedding"}, "model": {"norm": "batch"}}
        bundle_of(table("pass"), "classification", **sections).save(tmp_path)
        command = [sys.executable, "-c", IMPORTED, str(tmp_path)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        assert done.stdout.split() == []

    def test_moved_and_found_in_a_run(self, saved, tmp_path):
        run = tmp_path / "elsewhere"
        run.mkdir()
        for name in ("manifest.json", "config.yaml"):
            (run / name).write_text("{}")
        expected = load_bundle(saved).predict(table("kind"))
        shutil.move(saved, run / "model")
        assert same(load_bundle(run).predict(table("kind")), expected)
        assert same(load_bundle(run / "model").predict(table("kind")), expected)

    @pytest.mark.parametrize(
        "dataset",
        [
            {"name": "csv", "path": "/home/someone/secret/rows.csv", "test_path": "/home/someone/t.csv", "target": "y"},
            {"name": "csv", "path": "C:\\Users\\someone\\rows.csv", "target": "y"},
            {"name": "idx", "images": "/home/someone/i", "labels": "/home/someone/l"},
            {"name": "sql", "url": "postgresql://someone:secret@host/db", "query": "SELECT 1", "target": "y"},
        ],
    )
    def test_tells_nobody_where_it_was_made(self, tmp_path, dataset):
        bundle_of(table("kind"), "classification", dataset=dataset).save(tmp_path / "model")
        text = (tmp_path / "model" / "bundle.json").read_text()
        assert "someone" not in text
        assert "secret" not in text
        assert str(tmp_path) not in text
        assert load_bundle(tmp_path / "model").config.dataset.name == dataset["name"]

    def test_facts_that_are_not_finite(self, tmp_path):
        bundle = bundle_of(table("kind"), "classification")
        facts = {"loss": float("nan"), "range": (float("-inf"), 1.5)}
        Bundle(bundle.config, bundle.features, bundle.task, bundle.model, facts).save(tmp_path / "model")
        assert load_bundle(tmp_path / "model").facts == {"loss": "nan", "range": ["-inf", 1.5]}

    def test_weights_of_a_linear_model(self, tmp_path):
        bundle = bundle_of(table("price"), "regression", model={"hidden": []})
        assert bundle.weights().outputs == ("price",)
        assert bundle_of(table("price"), "regression").weights() is None


class TestRowsStandAlone:
    def test_small_parts(self, case):
        bundle, data = case
        together = bundle.predict(part_of(data, 0, len(data)))
        for start, count in [(0, 1), (1, 1), (63, 2), (7, 3), (100, 70), (len(data) - 1, 1)]:
            assert same(bundle.predict(part_of(data, start, count)), cut(together, start, count)), (start, count)
            outputs = bundle.outputs(part_of(data, start, count)).astype(np.float64)
            assert np.array_equal(outputs, together.scores[start : start + count])

    @pytest.mark.parametrize("threads", [1, 2])
    def test_mnist_shaped(self, threads, monkeypatch):
        monkeypatch.setattr("mlcli.io.threads._chosen", [threads])
        data = pictures(5000)
        bundle = bundle_of(data, "classification", model={"hidden": [512]})
        together = bundle.predict(data)
        for start, count in [(0, 1), (4999, 1), (2500, 3)]:
            assert same(bundle.predict(part_of(data, start, count)), cut(together, start, count))

    @pytest.mark.parametrize("threads", [1, 3])
    def test_portions_on_every_thread(self, threads, monkeypatch):
        """Portions of 64 rows, so that a few hundred are several; each thread waits until all have begun."""
        data = table("kind", 180)
        bundle = bundle_of(data, "classification", model={"hidden": [37, 11]}, features={"scale": "quantile"})
        expected = bundle.predict(data)
        together, transform = threading.Barrier(threads), type(bundle.features).transform
        portions = []

        def counted(features, part):
            portions.append(len(part))
            together.wait(timeout=60)
            return transform(features, part)

        monkeypatch.setattr("mlcli.runs.bundle.PORTION", 1)
        monkeypatch.setattr(type(bundle.features), "transform", counted)
        monkeypatch.setattr("mlcli.io.threads._chosen", [threads])
        assert same(bundle.predict(data), expected)
        assert sorted(portions) == [52, 64, 64]

    def test_many_rows_of_a_small_network(self):
        data = table("pass", 5000)
        bundle = bundle_of(data, "classification", model={"hidden": [9, 5], "activation": "sigmoid"})
        together = bundle.predict(data)
        for start, count in [(0, 1), (4999, 1), (1023, 3), (333, 3000)]:
            assert same(bundle.predict(part_of(data, start, count)), cut(together, start, count))

    @pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "pictures"])
    def test_no_rows(self, kind):
        data, task, sections = KINDS[kind]()
        bundle = bundle_of(data, task, **sections)
        predictions = bundle.predict(part_of(data, 0, 0))
        assert len(predictions) == 0
        assert bundle.outputs(part_of(data, 0, 0)).shape == (0, bundle.task.n_outputs)

    def test_one_row_takes_little_work(self):
        data = pictures(100)
        bundle = bundle_of(data, "classification", model={"hidden": [512]})
        row = part_of(data, 0, 1)
        bundle.predict(row)
        assert count_calls(bundle.predict, row) < 1000


def forge(folder, content=None, weights=None):
    """Replace a file's bytes, or edit bundle.json, under a manifest that fits."""
    files = {path.name: path.read_bytes() for path in folder.iterdir() if path.name != "MANIFEST.json"}
    if callable(content):
        value = json.loads(files["bundle.json"])
        content(value)
        content = json.dumps(value).encode()
    if callable(weights):
        tensors = safetensors.torch.load(files["weights.safetensors"])
        weights = safetensors.torch.save(weights(tensors))
    forged = {"bundle.json": content, "weights.safetensors": weights}
    files |= {name: value for name, value in forged.items() if value is not None}
    with atomic_folder(folder, "bundle") as new:
        for name, value in files.items():
            (new / name).write_bytes(value)


class Boom:
    def __reduce__(self):
        return (os.abort, ())


class TestDamage:
    def test_nothing_there(self, tmp_path):
        with pytest.raises(ArtefactError, match=r"MANIFEST\.json: missing"):
            load_bundle(tmp_path)

    @pytest.mark.parametrize("name", ["bundle.json", "weights.safetensors"])
    @pytest.mark.parametrize("damage", ["flip", "cut", "delete", "link", "swap"])
    def test_is_noticed_before_parsing(self, saved, name, damage, monkeypatch):
        content = (saved / name).read_bytes()
        (saved / name).unlink()
        match damage:
            case "flip":
                (saved / name).write_bytes(content[:100] + bytes([content[100] ^ 1]) + content[101:])
            case "cut":
                (saved / name).write_bytes(content[:-1])
            case "link":
                (saved.parent / "copy").write_bytes(content)
                (saved / name).symlink_to(saved.parent / "copy")
            case "swap":
                (saved / name).write_bytes(pickle.dumps(Boom()))
        monkeypatch.setattr(safetensors.torch, "load", lambda data: pytest.fail("parsed before verified"))
        with pytest.raises(ArtefactError, match=rf"{name}: .*found .*expected"):
            load_bundle(saved)

    def test_a_checkpoint_is_no_bundle(self, tmp_path):
        with atomic_folder(tmp_path / "model", "checkpoint") as new:
            (new / "bundle.json").write_text("{}")
        with pytest.raises(ArtefactError, match="'checkpoint', expected 'bundle'"):
            load_bundle(tmp_path / "model")

    @pytest.mark.parametrize("name", ["../outside", "/etc/passwd", "a/b", "..", "bundle.json\0x"])
    def test_a_manifest_that_points_outside(self, saved, name):
        manifest = json.loads((saved / "MANIFEST.json").read_text())
        manifest["files"][name] = manifest["files"]["bundle.json"]
        (saved / "MANIFEST.json").write_text(json.dumps(manifest))
        with pytest.raises(ArtefactError, match="plain name"):
            load_bundle(saved)

    def test_a_crash_between_the_two_renames_of_a_save(self, saved):
        saved.rename(saved.parent / ".model.old-0123abcd")
        assert load_bundle(saved).facts["best_epoch"] == 3


def put(*path, value):
    def change(content):
        for key in path[:-1]:
            content = content[key]
        content[path[-1]] = value

    return change


class TestForged:
    """The manifest fits, the content lies."""

    @pytest.mark.parametrize(
        "weights",
        [
            pickle.dumps(Boom()),
            struct.pack("<Q", 2**62) + b"{}",
            struct.pack("<Q", 99 << 20) + b" " * 1000,
            b"",
            lambda tensors: {},
            lambda tensors: tensors | {"extra": torch.zeros(1)},
            lambda tensors: tensors | {"model.extra": torch.zeros(1)},
            lambda tensors: tensors | {"features.extra": torch.zeros(1)},
            lambda tensors: tensors | {"model.output.bias": torch.zeros(4)},
            lambda tensors: tensors | {"model.output.bias": torch.zeros(3, dtype=torch.float64)},
            lambda tensors: {name: tensor for name, tensor in tensors.items() if name != "model.output.bias"},
            lambda tensors: {name: tensor for name, tensor in tensors.items() if name.startswith("model.")},
        ],
    )
    def test_weights(self, saved, weights):
        forge(saved, weights=weights)
        with pytest.raises(ArtefactError, match="model"):
            load_bundle(saved)

    @pytest.mark.parametrize(
        "content", [b"{", b"[]", b"null", b'{"schema": 1}', b"[" * 9000, b'{"schema": NaN}', b"\xff"]
    )
    def test_rubbish(self, saved, content):
        forge(saved, content)
        with pytest.raises(ArtefactError, match=r"bundle\.json"):
            load_bundle(saved)

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            (put("schema", value=7), "newer mlcli .*upgrade"),
            (put("schema", value=0), "format 0"),
            (put("schema", value=True), "format True"),
            (put("members", value=[{"hidden": [5]}, {"hidden": [5]}]), "do not fit the configured network"),
            (put("members", value=[{"hidden": [5], "code": 1}]), "members"),
            (put("members", value=[{}] * 101), "members"),
            (put("schema", value="1"), "format '1'"),
            (put("config", value=[]), "config"),
            (put("config", "optimiser", value={}), "config: optimiser"),
            (put("config", "model", "hidden", value=[6]), "do not fit the configured network"),
            (put("config", "model", "hidden", value=[10**6, 10**6]), "do not fit"),
            (put("config", "model", "hidden", value=[10**9, 10**9]), r"model\.hidden\[0\]"),
            (put("config", "model", "hidden", value=[2**70]), r"model\.hidden\[0\]"),
            (put("config", "model", "hidden", value=[-1]), "hidden"),
            (put("config", "model", "activation", value="os.system"), "activation"),
            (put("config", "dataset", "name", value="pickle"), "dataset"),
            (put("task", value={}), "task"),
            (put("task", "kind", value="regression"), "task"),
            (put("task", "classes", value=["a", "b"]), "task"),
            (put("task", "classes", value=["a", "a", "b"]), "task"),
            (put("task", "classes", value="abc"), "task"),
            (put("task", "output", value="sigmoid"), "task"),
            (put("task", "threshold", value="high"), "task"),
            (put("task", "costs", value=[1.0]), "task"),
            (put("task", "divisors", value=[1.0, -1.0, 1.0]), "task"),
            (put("features", value={}), "features"),
            (put("features", "rows", value="pictures"), "features"),
            (put("facts", value=3), "facts"),
        ],
    )
    def test_lies(self, saved, change, message):
        forge(saved, change)
        with pytest.raises(ArtefactError, match=message) as caught:
            load_bundle(saved)
        assert str(saved) in str(caught.value)

    @pytest.mark.parametrize("lie", [None, -1, 1e300, "x", [], {}, True, [[1]], {"a": 1}])
    def test_any_value_anywhere_works_or_is_refused(self, saved, lie, monkeypatch):
        monkeypatch.setattr(disk, "sync", lambda path: None)
        content = (saved / "bundle.json").read_bytes()
        original = json.loads(content)
        parts = [("features", "plan"), ("task",)]
        paths = [path for part in parts for path in leaves(functools.reduce(dict.get, part, original), part)]
        for path in [*paths, ("features", "rows"), ("features", "report"), ("config", "model", "hidden")]:
            forged = json.loads(content)
            put(*path, value=lie)(forged)
            forge(saved, json.dumps(forged).encode())
            with contextlib.suppress(MlcliError):
                load_bundle(saved).predict(table("kind", 5))


def leaves(value, path):
    if isinstance(value, dict | list) and value:
        items = value.items() if isinstance(value, dict) else enumerate(value)
        return [path, *(leaf for key, item in items for leaf in leaves(item, (*path, key)))]
    return [path]
