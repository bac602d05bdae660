"""Bundles, checkpoints and runs from a stranger: read as what they are, or refused with exit 4."""

import copy
import itertools
import json
import shutil
import struct

import pytest
import safetensors.torch
import torch

from tests.campaigns.hostile import payloads
from tests.campaigns.hostile.cases import cases
from tests.campaigns.hostile.payloads import seal, set_manifest, tensors_file
from tests.campaigns.hostile.watch import CANARY

WHERE = {"bundle": "runs/table/001/model", "checkpoint": "runs/table/001/checkpoints/step-00000012"}
COMMAND = {
    "bundle": ("predict", "data/table.csv", "--run", "runs/table/001/model", "-o", "out.csv"),
    "checkpoint": ("train", "--resume", "table", "-S", "training.epochs=5", "-q"),
}
WEIGHTS = {"bundle": "weights.safetensors", "checkpoint": "model.safetensors"}
CONTENT = {"bundle": "bundle.json", "checkpoint": "state.json"}

F32 = {"dtype": "F32", "shape": [4], "data_offsets": [0, 16]}
TENSORS = {
    "pickle": payloads.pickled(),
    "joblib": payloads.joblib_file(),
    "torch.save": payloads.torch_file(),
    "npy": payloads.object_array(),
    "nothing": b"",
    "header length beyond the file": tensors_file({}, length=2**40),
    "header length of 2^63": tensors_file({}, length=2**63),
    "header length of -1": struct.pack("<q", -1) + b"{}",
    "header of 100 MB": struct.pack("<Q", 100 << 20) + b" " * 64,
    "no JSON": tensors_file(b"{nothing"),
    "deep JSON": tensors_file(b"[" * 100_000),
    "overlapping": tensors_file({"a": F32, "b": {**F32, "data_offsets": [8, 24]}}),
    "offset past the end": tensors_file({"a": {**F32, "data_offsets": [48, 128], "shape": [20]}}),
    "offsets the wrong way round": tensors_file({"a": {**F32, "data_offsets": [16, 0]}}),
    "negative offset": tensors_file({"a": {**F32, "data_offsets": [-16, 0]}}),
    "hole": tensors_file({"a": {**F32, "data_offsets": [32, 48]}}),
    "huge shape": tensors_file({"a": {**F32, "shape": [2**40]}}),
    "shape that overflows": tensors_file({"a": {**F32, "shape": [2**32, 2**32, 2**32]}}),
    "negative shape": tensors_file({"a": {**F32, "shape": [-4]}}),
    "shape of a fraction": tensors_file({"a": {**F32, "shape": [4.5]}}),
    "unknown dtype": tensors_file({"a": {**F32, "dtype": "PyObject"}}),
    "dtype that does not fit": tensors_file({"a": {**F32, "dtype": "F64"}}),
    "duplicate names": tensors_file(
        b'{"a":{"dtype":"F32","shape":[4],"data_offsets":[0,16]},"a":{"dtype":"F32","shape":[12],"data_offsets":[16,64]}}'
    ),
    "metadata that is code": tensors_file({"__metadata__": {"format": payloads.PROGRAM}, "a": F32}, bytes(16)),
    "other tensors": safetensors.torch.save({"model.output.bias": torch.zeros(10**6)}),
    "NaN": None,
}


@cases(("kind", "lie"), itertools.product(WHERE, TENSORS), 8)
def test_tensors(home, strike, kind, lie):
    folder = home / WHERE[kind]
    content = TENSORS[lie]
    if content is None:
        tensors = safetensors.torch.load((folder / WEIGHTS[kind]).read_bytes())
        content = safetensors.torch.save({name: tensor * float("nan") for name, tensor in tensors.items()})
    seal(folder, {WEIGHTS[kind]: content}, kind)
    alone(home, kind)
    result = strike(*COMMAND[kind])
    assert result.code in ({4} if lie != "NaN" else {0, 4, 6}), result.err


def alone(home, kind):
    """No older checkpoint to go back to."""
    if kind == "checkpoint":
        shutil.rmtree(home / "runs/table/001/checkpoints/step-00000009", ignore_errors=True)


DOCUMENTS = {
    "pickle": payloads.pickled(),
    "nothing": b"",
    "list": b"[]",
    "deep": b'{"schema": 1, "a": ' + b"[" * 200_000 + b"]" * 200_000 + b"}",
    "huge integer": b'{"schema": 1' + b"0" * 10_000 + b"}",
    "NaN": b'{"schema": 1, "step": NaN}',
    "a key twice": b'{"schema": 1, "schema": 1, "config": {}, "features": {}, "task": {}, "facts": {}}',
    "half a surrogate": b'{"schema": 1, "config": "\\ud800"}',
    "utf-16": '{"schema": 1}'.encode("utf-16"),
    "65 MB": b" " * (65 << 20),
}


@cases(("kind", "lie"), itertools.product(WHERE, DOCUMENTS), 4)
def test_documents(home, strike, kind, lie):
    seal(home / WHERE[kind], {CONTENT[kind]: DOCUMENTS[lie]}, kind)
    alone(home, kind)
    result = strike(*COMMAND[kind], code=4)
    assert result.err.count("error: ") == 1


def listed(name):
    return lambda manifest: manifest["files"].__setitem__(name, {"size": 1, "sha256": "0" * 64})


MANIFESTS = {
    "absolute path": listed("/etc/passwd"),
    "climbs out": listed("../../../../outside/precious.txt"),
    "climbs out, Windows": listed("..\\..\\outside"),
    "drive": listed("C:secret"),
    "NUL": listed("bundle.json\0.txt"),
    "itself": listed("MANIFEST.json"),
    "empty name": listed(""),
    "name of 5,000 letters": listed("n" * 5000),
    "control characters": listed("\x1b[2J\x9b31m\u202e"),
    "half a surrogate": listed("\ud800"),
    "unicode": listed("ﬁle：／⁄"),
    "a million files": lambda m: m["files"].update({f"f{i}": {"size": 0, "sha256": ""} for i in range(100_000)}),
    "negative size": lambda m: m["files"]["NEW"].update(size=-1) if "NEW" in m["files"] else m.update(files={"a": -1}),
    "size of 10^30": lambda m: [entry.update(size=10**30) for entry in m["files"].values()],
    "no hash": lambda m: [entry.pop("sha256") for entry in m["files"].values()],
    "hash of another type": lambda m: [entry.update(sha256=[1]) for entry in m["files"].values()],
    "other kind": lambda m: m.update(kind="prepared"),
    "kind of another type": lambda m: m.update(kind={"a": 1}),
    "newer": lambda m: m.update(schema=10**40),
    "true": lambda m: m.update(schema="1"),
    "files as a list": lambda m: m.update(files=[]),
    "no files": lambda m: m.update(files={}),
}


@cases(("kind", "lie"), itertools.product(WHERE, MANIFESTS), 6)
def test_manifests(home, strike, kind, lie):
    set_manifest(home / WHERE[kind], MANIFESTS[lie])
    alone(home, kind)
    result = strike(*COMMAND[kind], code=4)
    assert result.err.count("error: ") == 1


def far(bundle):
    bundle["config"]["model"]["hidden"] = [10**9, 10**9]


def wide(bundle):
    bundle["config"]["model"]["hidden"] = [10**18]


def many(bundle):
    bundle["config"]["model"]["hidden"] = [1] * 200_000


def picture_of_terabytes(bundle):
    bundle["features"]["rows"] = "pictures"
    bundle["features"]["plan"] = {"shape": [10**6, 10**6]}


def formula(text):
    def change(bundle):
        for derived in bundle["features"]["plan"]["derived"]:
            derived["formula"] = text

    return change


CHANGES = {
    "a network beyond all memory": far,
    "a network beyond 64 bits": wide,
    "a network of 200,000 layers": many,
    "pictures of terabytes": picture_of_terabytes,
    "code as a class": lambda b: b["config"]["model"].update(name="os.system"),
    "a config that names an import": lambda b: b["config"].update(imports=[CANARY]),
    "classes with surrogates": lambda b: b["task"].update(classes=["\ud800", "b"]),
    "a class twice": lambda b: b["task"].update(classes=["a", "a"]),
    "counts below zero": lambda b: b["task"].update(counts=[-1, 1]),
    "a threshold of text": lambda b: b["task"].update(threshold="__import__('os')"),
    "a threshold that is no number": lambda b: b["task"].update(threshold=float("inf")),
    "facts of another type": lambda b: b.update(facts=[]),
    "a formula that is code": lambda b: b["features"]["plan"].update(
        json.loads(json.dumps(b["features"]["plan"]).replace("length / width", "__import__('os').system('x')"))
    ),
}


def changed(home, change, kind="bundle"):
    path = home / WHERE[kind] / CONTENT[kind]
    value = json.loads(path.read_text())
    change(value)
    seal(home / WHERE[kind], {CONTENT[kind]: json.dumps(value).encode()}, kind)


@cases("lie", CHANGES, 5)
def test_bundles_that_lie(home, strike, lie):
    changed(home, CHANGES[lie])
    result = strike(*COMMAND["bundle"], code=4)
    assert result.err.count("error: ") == 1


SEALED = (*COMMAND, "evaluated bundle", "run", "history", "prepared")
VALUES = (
    None, True, -1, 0, 10**30, 1e308, "", "x" * 70, "\ud800", "\x1b[31m", "../../etc", [], {}, [[]], {"tensor": "a"},
    {"float": "nan"}, ["a"] * 99, -(2**63), 2**63, 0.5, "1", "nan",
)  # fmt: skip


def spots(value, path=()):
    """Every place in a JSON value, as the keys that lead there."""
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in children:
        yield (*path, key)
        yield from spots(child, (*path, key))


def lie(campaign, value):
    """The same JSON with one value replaced, left out or doubled."""
    told = copy.deepcopy(value)
    *way, last = campaign.random.choice(list(spots(told)))
    inner = told
    for key in way:
        inner = inner[key]
    match campaign.random.randrange(6):
        case 0:
            del inner[last]
        case 1 if isinstance(inner, list):
            inner.append(copy.deepcopy(inner[last]))
        case 2 if isinstance(inner[last], int | float) and not isinstance(inner[last], bool):
            inner[last] = inner[last] * campaign.random.choice((-1, 2, 10**6, 0.5))
        case _:
            inner[last] = campaign.random.choice(VALUES)
    return told


def prepared_folder(home):
    return next(path for path in (home / "data" / "prepared").iterdir() if (path / "profile.json").exists())


def tell(home, campaign, what):
    """Replace one document by one that lies; the command that will believe it."""
    run = home / "runs/table/001"
    match what:
        case "bundle" | "checkpoint":
            path = home / WHERE[what] / CONTENT[what]
            seal(path.parent, {path.name: json.dumps(lie(campaign, json.loads(path.read_text()))).encode()}, what)
            return COMMAND[what]
        case "evaluated bundle":
            path = run / "model/bundle.json"
            value = json.loads(path.read_text())
            value["facts" if campaign.random.random() < 0.5 else "task"] = lie(campaign, value)["facts"]
            seal(path.parent, {path.name: json.dumps(value).encode()}, "bundle")
            return ("evaluate", "table", "-q")
        case "run":
            path = run / "manifest.json"
            path.write_text(json.dumps(lie(campaign, json.loads(path.read_text()))))
            return campaign.random.choice((("evaluate", "table", "-q"), COMMAND["checkpoint"]))
        case "history":
            lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
            told = "".join(json.dumps(line) + "\n" for line in lie(campaign, lines))
            (run / "metrics.jsonl").write_text(told)
            return ("evaluate", "table", "-q")
        case "prepared":
            folder = prepared_folder(home)
            name = campaign.random.choice(("meta.json", "profile.json"))
            value = lie(campaign, json.loads((folder / name).read_text()))
            seal(folder, {name: json.dumps(value).encode()}, "prepared")
            return campaign.random.choice((("prepare", "runs/table/001/config.yaml"), ("evaluate", "table", "-q")))


@pytest.mark.parametrize("what", SEALED)
def test_documents_that_lie_somewhere(home, mlcli, strike, campaign, tmp_path, what):
    """The seal fits, and one value of the document, anywhere in it, is another."""
    assert mlcli("prepare", "runs/table/001/config.yaml", "-q").code == 0
    shutil.copytree(home, tmp_path / "sound", symlinks=True)
    for _ in range(campaign.size(1, 300)):
        for child in home.iterdir():
            shutil.rmtree(child) if child.is_dir() else child.unlink()
        shutil.copytree(tmp_path / "sound", home, dirs_exist_ok=True)
        command = tell(home, campaign, what)
        alone(home, "checkpoint")
        result = strike(*command)
        assert result.code in (0, 2, 3, 4, 6, 7), result.err
