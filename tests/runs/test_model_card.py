"""The card in a bundle: what the run knows, in Hugging Face's form, whatever its names are."""

import re
import shutil

import numpy as np
import polars as pl
import pytest
import yaml

import mlcli as package
from mlcli.runs.bundle import load_bundle, note_scores
from mlcli.runs.folder import find_run


def read_card(folder):
    text = (folder / "README.md").read_text()
    _, head, body = text.split("---\n", 2)
    return yaml.safe_load(head), body


@pytest.fixture
def iris(trained_iris, workspace):
    shutil.copytree(trained_iris, workspace, dirs_exist_ok=True)
    return workspace / "runs/iris/001"


def test_it_has_what_the_run_knows(iris, mlcli):
    head, body = read_card(iris / "model")
    assert (head["library_name"], head["pipeline_tag"]) == ("mlcli", "tabular-classification")
    listed = mlcli("runs", "--json").json["runs"][0]
    (index,) = head["model-index"]
    results = {result["dataset"]["split"]: result["metrics"] for result in index["results"]}
    assert index["name"] == "iris"
    assert {metric["type"]: metric["value"] for metric in results["validation"]} == listed["valid"]
    assert "species (setosa, versicolor, virginica)" in body
    assert "| petal\\_width | number |" in body
    assert f"validation ({listed['rows']['valid']} rows)" in body
    assert "It has not been evaluated on test rows." in body
    assert yaml.safe_load(re.search(r"```yaml\n(.*?)```", body, re.DOTALL)[1])["model"] == {
        "name": "mlp", "hidden": [16], "activation": "tanh"
    }  # fmt: skip


def test_scores_of_the_test_rows_are_added_by_evaluate(iris, mlcli):
    before = {path.name: path.read_bytes() for path in (iris / "model").iterdir()}
    told = mlcli("evaluate", "--json").json["scores"]
    head, body = read_card(iris / "model")
    of_test = next(one for one in head["model-index"][0]["results"] if one["dataset"]["split"] == "test")
    assert {one["type"]: one["value"] for one in of_test["metrics"]} == {k: own["value"] for k, own in told.items()}
    assert "not been evaluated" not in body
    (iris / "model").rename("elsewhere")
    assert package.load("elsewhere").scores["test"]["accuracy"] == told["accuracy"]["value"]
    (iris.parent.parent.parent / "elsewhere").rename(iris / "model")
    assert (iris / "model/weights.safetensors").read_bytes() == before["weights.safetensors"]
    run = find_run("iris")
    with run.lock():
        assert not note_scores(run, load_bundle(run.model), "test", {})
    assert read_card(iris / "model") == (head, body)


def test_odd_names_are_text_and_places_stay_at_home(workspace, mlcli):
    rng = np.random.default_rng(0)
    names = {"<b>x</b> | y": rng.normal(size=60), "```\n---": rng.normal(size=60)}
    frame = pl.DataFrame({**names, "$t$": [f"*{i % 2}*" for i in range(60)]})
    (workspace / "sub").mkdir()
    frame.write_parquet(workspace / "sub/rows.parquet")
    path = workspace / "sub/rows.parquet"
    (workspace / "odd.yaml").write_text(
        f"dataset: {{name: parquet, path: {path}, target: $t$}}\ntraining: {{epochs: 1}}"
    )
    assert mlcli("train", "odd.yaml", "-q").code == 0
    head, body = read_card(workspace / "runs/odd/001/model")
    assert head["model-index"][0]["name"] == "odd"
    assert str(workspace) not in body
    assert "rows.parquet" in body
    assert "| \\<b\\>x\\</b\\> \\| y | number |" in body
    assert "| \\`\\`\\`\\\\n--- | number |" in body
    assert "\\$t\\$ (\\*0\\*, \\*1\\*)" in body
