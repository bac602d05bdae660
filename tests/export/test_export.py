"""`mlcli export`: what the file predicts from cells as they are written, and what is refused."""

import json
import shutil
from importlib.util import find_spec

import numpy as np
import onnx
import polars as pl
import pytest

from mlcli.export import graph as graphs
from mlcli.export.verify import make_rows, open_session, require_equal
from mlcli.runs.bundle import load_bundle
from mlcli.use_cases import export as use_case
from tests.export.graphs import run_both
from tests.golden.test_golden import BUNDLES, DATA, GOLDEN


@pytest.mark.parametrize("name", [name for name in BUNDLES if name != "remarks"])
def test_golden_bundles_predict_what_they_predicted(workspace, mlcli, name):
    done = mlcli("export", GOLDEN / BUNDLES[name], "-o", "m.onnx", "--json")
    assert done.code == 0, done.err
    assert done.json["difference"] <= 1e-5
    model = onnx.load("m.onnx")
    data = GOLDEN / "data" / DATA[name]
    if name == "pictures":
        feeds = {"image": np.load(data)["x"]}
    else:
        names = [one["name"] for one in done.json["inputs"]]
        feeds = as_written(pl.read_csv(data, infer_schema=False), done.json["inputs"], names)
    found = run_both(model, feeds)
    then = pl.read_ndjson(GOLDEN / "data" / f"{name}.predicted.jsonl")
    assert_predicted(found, then)


def as_written(frame, inputs, names):
    """Cells of a CSV file, as text, in the types that the inputs want."""
    feeds = {}
    for one in inputs:
        cells = frame[one["name"]]
        if one["type"] == "string":
            feeds[one["name"]] = cells.fill_null("").to_numpy().astype(object).reshape(-1, 1)
        else:
            feeds[one["name"]] = cells.cast(pl.Float64).fill_null(np.nan).to_numpy().reshape(-1, 1)
    assert [*feeds] == names
    return feeds


def assert_predicted(found, frame):
    """The outputs are those of a file of predictions."""
    if frame["prediction"].dtype == pl.String:
        assert found["prediction"][:, 0].tolist() == frame["prediction"].to_list()
        shares = frame.select(pl.selectors.starts_with("probability_")).to_numpy()
        np.testing.assert_allclose(found["probabilities"], shares, atol=1e-5)
    else:
        numbers = np.where(np.isfinite(found["prediction"]), found["prediction"], np.nan)[:, 0]  # JSON has no infinity
        np.testing.assert_allclose(numbers, frame["prediction"].to_numpy(), rtol=1e-5)


def test_words_by_hash_are_refused(workspace, mlcli):
    done = mlcli("export", GOLDEN / BUNDLES["remarks"], "-o", "m.onnx")
    assert done.code == 2
    assert "features.columns.note.encode: hash" in done.err
    assert not (workspace / "m.onnx").exists()


def write_people(folder, n=160):
    """Rows of every kind of column, written as people write them."""
    rng = np.random.default_rng(0)
    age, pay = rng.integers(18, 80, n), rng.lognormal(3, 1, n).round(2)
    rows = []
    for i in range(n):
        town = ["Rome", "León", "Oslo", "", "?", "Roma"][rng.integers(6)]
        member = ["Yes", "no", "NO", ""][rng.integers(4)]
        day = f"20{rng.integers(10, 30)}-{rng.integers(1, 13):02}-{rng.integers(1, 29):02}"
        code = ["1", "2", "3", "4"][rng.integers(4)]
        kind = ["low", "mid", "high"][min(2, int(age[i] > 40) + int(pay[i] > 20))]
        rows.append(
            f"{age[i] if i % 9 else -999},{pay[i] if i % 7 else ''},{town},{member},{day},{code},{kind},{pay[i]}"
        )
    (folder / "people.csv").write_text("\n".join(["age,pay,town,member,day,code,kind,amount", *rows]))
    (folder / "new.csv").write_text(
        "age,pay,town,member,day,code\n33,12.5,Rome,yes,2024-02-29,1\n-999,,,,2031-12-31,9\n"
        "1e6,0,Tokyo,maybe,1999-01-01,2\n50,-3,Roma,TRUE,2020-06-15,3\n"
    )
    (folder / "p.yaml").write_text(
        "dataset: {name: csv, path: people.csv, target: kind, types: {code: category, member: boolean},\n"
        "  missing: {values: ['', '?', '-999']}, replace: {town: {Roma: Rome}}, drop: [amount]}\n"
        "features: {indicator: true, derive: {rate: pay / age}, columns: {pay: {scale: quantile}}}\n"
        "training: {epochs: 3}\nmodel: {hidden: [8]}\n"
    )


NEW = {
    "age": [33, -999, 1e6, 50],
    "pay": [12.5, np.nan, 0, -3],
    "town": ["Rome", "", "Tokyo", "Roma"],
    "member": ["yes", "", "maybe", "TRUE"],
    "day": np.array(["2024-02-29", "2031-12-31", "1999-01-01", "2020-06-15"], "M8[s]").astype(float),
    "code": ["1.0", "9", "2", "3"],
}
AMOUNT = ("-S", "dataset.target=amount", "-S", "dataset.drop=[kind]")
FAMILIES = {
    "classes": (),
    "two classes": ("-S", "dataset.replace.kind={mid: low}", "-S", "evaluation.threshold=f1"),
    "tabm": ("-S", "model={name: tabm, members: 3, hidden: [6], embedding: periodic, norm: batch}"),
    "embedded": ("-S", "features.encode=embedding", "-S", "model.embedding=piecewise", "-S", "model.norm=layer"),
    "power and pca": ("-S", "features.scale=power", "-S", "features.extract=pca", "-S", "features.encode=target"),
    "amounts": (*AMOUNT, "-S", "loss.target=log", "-S", "features={encode: ordinal, pieces: 4}"),
    "quantile": (*AMOUNT, "-S", "loss={name: quantile, q: 0.9, target: quantile}"),
    "counts": (*AMOUNT, "-S", "loss=poisson", "-S", "features={scale: minmax, clip: 2}"),
}


@pytest.mark.parametrize("name", FAMILIES)
def test_trained_networks_predict_the_same_from_cells_as_they_are_written(workspace, mlcli, name):
    write_people(workspace)
    trained = mlcli("train", "p.yaml", "-q", *FAMILIES[name])
    assert trained.code == 0, trained.err
    assert mlcli("predict", "new.csv", "-o", "p.jsonl", "-q").code == 0
    done = mlcli("export", "--json")
    assert done.code == 0, done.err
    document = done.json
    assert document["rows"].keys() == {"made", "training"}
    feeds = {
        one["name"]: np.array(NEW[one["name"]], object if one["type"] == "string" else float).reshape(-1, 1)
        for one in document["inputs"]
    }
    assert_predicted(run_both(onnx.load(document["path"]), feeds), pl.read_ndjson("p.jsonl"))


def test_the_file_says_what_it_is(workspace, mlcli, trained_iris):
    shutil.copytree(trained_iris, workspace, dirs_exist_ok=True)
    shown = mlcli("export")
    assert shown.code == 0
    assert "runs/iris/001/model.onnx" in shown.err
    assert "petal_length" in shown.err
    assert "Verified with onnxruntime on 256 made rows and 90 training rows" in shown.err
    model = onnx.load("runs/iris/001/model.onnx")
    told = {entry.key: entry.value for entry in model.metadata_props}
    manifest = json.loads((workspace / "runs/iris/001/manifest.json").read_text())
    assert told["config_fingerprint"] == manifest["config_fingerprint"]
    assert json.loads(told["classes"]) == ["setosa", "versicolor", "virginica"]
    assert json.loads(told["scores"])["valid"]["accuracy"] > 0.5
    assert model.producer_name == "mlcli"
    onnx.checker.check_model(model, full_check=True)


def test_a_bundle_alone_is_verified_on_made_rows(workspace, mlcli, trained_iris):
    shutil.copytree(trained_iris / "runs/iris/001/model", workspace / "bundle")
    assert mlcli("export", "bundle", "-o", "i.onnx", "--json").json["rows"] == {"made": 256}


def refused(mlcli, *arguments):
    done = mlcli("export", GOLDEN / BUNDLES["table"], *arguments)
    return done.code, done.err


def test_what_is_refused(workspace, mlcli, monkeypatch):
    code, told = refused(mlcli, "-o", "model.pt2")
    assert (code, "ends in .onnx" in told) == (2, True)
    with monkeypatch.context() as patch:
        patch.setattr(graphs, "MAX_BYTES", 100)
        code, told = refused(mlcli, "-o", "m.onnx")
        assert (code, "model.hidden" in told) == (2, True)
    with monkeypatch.context() as patch:
        patch.setattr(use_case, "find_spec", lambda name: None if name == "onnxruntime" else find_spec(name))
        code, told = refused(mlcli, "-o", "m.onnx")
        assert code == 2
        assert "needs onnxruntime, not installed here; run: pip install 'mlcli[onnx]'" in told
    assert not (workspace / "m.onnx").exists()


@pytest.mark.parametrize("name", ["table", "line"])
def test_a_file_that_predicts_otherwise_is_not_written(workspace, mlcli, monkeypatch, name):
    """As if the runtime had a bug: its outputs are a little off."""
    from mlcli.export import verify

    def off(content):
        run = open_session(content)
        return lambda feeds: {key: own if own.dtype == object else own * 1.0001 for key, own in run(feeds).items()}

    monkeypatch.setattr(verify, "open_session", off)
    done = mlcli("export", GOLDEN / BUNDLES[name], "-o", "m.onnx")
    assert done.code == 4
    assert "differ in" in done.err
    assert "no file was written" in done.err
    assert not (workspace / "m.onnx").exists()


def test_other_classes_count_unless_they_are_a_tie():
    bundle = load_bundle(GOLDEN / BUNDLES["table"])
    rows = make_rows(bundle.features)
    expected = bundle.predict(rows)
    shares, classes = expected.probabilities, np.array(bundle.task.classes, dtype=object)
    labels = classes[expected.values].reshape(-1, 1)
    assert require_equal(bundle.task, expected, {"prediction": labels, "probabilities": shares}, []) == 0.0
    other = labels.copy()
    other[3] = [name for name in classes if name != labels[3, 0]]
    with pytest.raises(Exception, match=r"1 of 256 classes differ \(the first: row 4"):
        require_equal(bundle.task, expected, {"prediction": other, "probabilities": shares}, [])
    tie = bundle.task.with_threshold(float(shares[3, 1]))
    assert require_equal(tie, expected, {"prediction": other, "probabilities": shares}, []) == 0.0
