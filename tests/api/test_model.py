"""A loaded model: the answers of the command line, for rows in memory."""

import ast
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import mlcli as package
from mlcli.errors import ArtefactError, DataError, MlcliWarning, UsageError
from tests.conftest import ROOT

ROWS = [
    {"petal_width": 0.2, "petal_length": 1.4, "sepal_width": 3.5, "sepal_length": 5.1},
    {"petal_width": 2.3, "petal_length": 5.2, "sepal_width": 3.0, "sepal_length": 6.7},
    {"petal_width": 1.5, "petal_length": 4.2, "sepal_width": 3.0, "sepal_length": 5.9},
]
NAMES = ["sepal_length", "sepal_width", "petal_length", "petal_width"]


@pytest.fixture
def iris(trained_iris, monkeypatch):
    monkeypatch.chdir(trained_iris)
    return package.load("runs/iris")


def test_importing_the_package_imports_nothing_else():
    code = "import sys; before = set(sys.modules); import mlcli; print(*(set(sys.modules) - before))"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.split() == ["mlcli"]


def test_names_are_found_and_others_are_not():
    assert {"load", "Model"} <= set(dir(package))
    with pytest.raises(AttributeError, match="no attribute 'lode'"):
        _ = package.lode


def test_rows_of_every_form_have_the_answers_of_the_command_line(iris, mlcli, tmp_path):
    file = tmp_path / "new.csv"
    pl.DataFrame(ROWS).write_csv(file)
    assert mlcli("predict", file, "-o", tmp_path / "out.parquet", "-q").code == 0
    told = pl.read_parquet(tmp_path / "out.parquet")
    forms = [ROWS, pl.DataFrame(ROWS), pl.DataFrame(ROWS).to_dict(), pl.DataFrame(ROWS).select(NAMES).to_numpy()]
    try:
        import pandas
    except ImportError:
        pass
    else:
        forms.append(pandas.DataFrame(ROWS))
    first = iris.predict_proba(ROWS)
    for rows in forms:
        assert iris.predict(rows).tolist() == told["prediction"].to_list()
        assert np.array_equal(iris.predict_proba(rows), first)
    assert first == pytest.approx(told.select(f"probability_{name}" for name in iris.classes).to_numpy(), rel=1e-8)
    assert np.array_equal(iris.predict_proba(ROWS[1]), first[1:2])


def test_what_is_known_of_the_model(iris, mlcli):
    assert (iris.task, iris.targets, iris.image_shape) == ("classification", ("species",), ())
    assert iris.classes == ("setosa", "versicolor", "virginica")
    assert iris.features == dict.fromkeys(NAMES, "number")
    listed = mlcli("runs", "--json").json["runs"][0]
    assert (iris.name, iris.scores["valid"]) == (listed["run"], listed["valid"])
    assert iris.config["dataset"]["name"] == "iris"
    assert repr(iris) == "<mlcli.Model iris/001: 4 columns → species (3 classes)>"


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        (pl.DataFrame(ROWS).drop("petal_width"), "the rows: 1 of the 4 columns the model needs are missing"),
        (np.zeros((2, 3)), "an array of 3 columns, but the model needs 4"),
        ([{**ROWS[0], "petal_width": np.inf}], "inf is not a finite number"),
        ([{**ROWS[0], "petal_width": "wide"}], "column 'petal_width': 'wide' is not a number"),
    ],
)
def test_errors_are_those_of_the_command_line(iris, rows, told):
    with pytest.raises(DataError, match=told):
        iris.predict(rows)


def test_odd_cells_are_warned_of_where_the_user_asks(iris):
    with pytest.warns(MlcliWarning, match="column 'petal_width': 1 cell is far outside") as told:
        iris.predict([{**ROWS[0], "petal_width": 1e6}])
    assert told[0].filename == __file__


def test_a_model_is_found_in_a_folder_of_its_own_or_not_at_all(iris, tmp_path):
    iris.save(tmp_path / "model")
    again = package.load(tmp_path / "model")
    assert np.array_equal(again.predict_proba(ROWS), iris.predict_proba(ROWS))
    with pytest.raises(UsageError, match="already exists"):
        again.save(tmp_path / "model")
    with pytest.raises(UsageError, match="no run 'nowhere'"):
        package.load("nowhere")
    (tmp_path / "model/weights.safetensors").write_bytes(b"")
    with pytest.raises(ArtefactError):
        package.load(tmp_path / "model")


def test_the_card_is_small_escaped_and_loads_nothing(iris):
    iris.name = "<script>"
    card = iris._repr_html_()
    assert len(card) < 5_000
    assert "&lt;script&gt;" in card
    assert not [word for word in ("<script", "<style", "http", "src=", "url(") if word in card]
    for told in ("setosa, versicolor, virginica", "petal_width", "accuracy", "parameters"):
        assert told in card


@pytest.mark.parametrize("folder", ["runs/table/001", "bundles/pictures", "bundles/line", "bundles/remarks"])
def test_models_of_earlier_versions_have_a_card(folder):
    model = package.load(ROOT / "tests/golden" / folder)
    assert model.targets[0] in model._repr_html_()
    assert model.name in repr(model)
    assert bool(model.features) != bool(model.image_shape)


def test_images_are_arrays_of_bytes():
    model = package.load(ROOT / "tests/golden/bundles/pictures")
    pixels = np.load(ROOT / "tests/golden/data/pictures.npz", allow_pickle=False)["x"]
    several = model.predict_proba(pixels)
    assert several.shape == (len(pixels), len(model.classes))
    assert np.array_equal(model.predict_proba(pixels[0]), several[:1])
    with pytest.raises(DataError, match=r"float64 of shape .* but the model takes uint8"):
        model.predict(pixels / 255)


def test_type_checkers_are_told_of_every_name():
    place = Path(package.__file__)
    tree = ast.parse(place.read_text())
    told = [alias.name for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for alias in node.names]
    assert set(package.__all__) <= set(told)
    assert all(getattr(package, name).__name__ == name for name in package.__all__)
    assert (place.parent / "py.typed").is_file()


def test_a_regression_has_numbers_and_no_probabilities(workspace, mlcli):
    assert mlcli("train", "configs/houses_line.yaml", "-q", "-S", "training.epochs=2").code == 0
    model = package.load()
    rows = pl.read_csv("data/houses_line.csv").head(5)
    assert model.predict(rows).shape == (5,)
    assert model.predict(rows).dtype == np.float64
    assert (model.task, model.classes) == ("regression", ())
    with pytest.raises(UsageError, match="gives no probabilities"):
        model.predict_proba(rows)
