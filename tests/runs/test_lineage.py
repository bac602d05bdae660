"""A training that goes on from another: what it takes over, what it refuses, what it says of new rows."""

import shutil

import numpy as np
import polars as pl
import pytest

import mlcli as package
from tests.conftest import train_in

N = 120
CONFIG = """dataset: {{name: csv, path: {path}, target: y}}
model: {{hidden: [6]}}
training: {{epochs: 3}}
{more}
"""


def write_rows(path, seed=0, move=0.0, **columns):
    rng = np.random.default_rng(seed)
    size = rng.normal(size=N)
    frame = pl.DataFrame(
        {
            "size": size + move,
            "color": rng.choice(["red", "blue"], N),
            "y": np.where(size + 0.3 * rng.normal(size=N) > 0, "yes", "no"),
        }
    )
    frame.with_columns(**{name: pl.Series(name, values) for name, values in columns.items()}).write_csv(path)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder with a run `old`, its rows, and other rows."""
    folder = tmp_path_factory.mktemp("old")
    for seed, name in enumerate(("old", "new")):
        write_rows(folder / f"{name}.csv", seed)
        (folder / f"{name}.yaml").write_text(CONFIG.format(path=f"{name}.csv", more=""))
    return train_in(folder, "old.yaml")


@pytest.fixture
def parent(workspace, trained):
    shutil.copytree(trained, workspace, dirs_exist_ok=True)
    return workspace


def test_it_starts_from_the_weights_and_the_fitted_numbers(parent, mlcli):
    told = mlcli("train", "new.yaml", "--from", "old", "-S", "optimizer.lr=1e-12", "-S", "training.epochs=1")
    assert told.code == 0
    old, new, rows = package.load("old"), package.load("new"), pl.read_csv("new.csv")
    assert new.predict_proba(rows) == pytest.approx(old.predict_proba(rows), abs=1e-6)
    entry = mlcli("runs", "--json").json["runs"][0]
    assert (entry["run"], entry["parent"]) == ("new/001", "old/001")
    assert "  from old/001 · just now" in mlcli("runs").out
    assert mlcli("train", "--from", "old", "-q").code == 0
    assert mlcli("runs", "--json").json["runs"][0]["run"] == "old/002"
    compared = mlcli("runs", "compare", "old/001", "old/002", "--json").json
    assert compared["environment"] == [{"key": "parent", "values": [None, "old/001"], "set": [False, True]}]
    again = mlcli("evaluate", "new", "-S", "evaluation.seeds=2")
    assert (again.code, "started from the weights of old/001" in again.err) == (2, True)


def test_a_resumed_one_equals_one_that_never_stopped(parent, mlcli):
    train = ("train", "new.yaml", "--from", "old", "-q", "-S")
    assert mlcli(*train, "training.epochs=2").code == 0
    assert mlcli("train", "--resume", "new/001", "-q", "-S", "training.epochs=4").code == 0
    assert mlcli(*train, "training.epochs=4").code == 0
    assert mlcli("train", "new.yaml", "-q", "-S", "training.epochs=4").code == 0
    rows = pl.read_csv("new.csv")
    resumed, whole, fresh = (package.load(f"new/00{number}").predict_proba(rows) for number in (1, 2, 3))
    assert np.array_equal(resumed, whole)
    assert not np.allclose(fresh, whole, atol=1e-3)
    (parent / "runs/new/001/start/weights.safetensors").unlink()
    assert mlcli("train", "--resume", "new/001", "-S", "training.epochs=5").code == 4


def test_numbers_keep_the_scale_of_the_target_and_means_of_categories_are_not_fitted_again(workspace, mlcli):
    more = "loss: mse\nfeatures: {encode: target}"
    for name, factor in (("old", 1.0), ("new", 3.0)):
        write_rows(workspace / f"{name}.csv", y=factor * np.arange(N) % 17)
        (workspace / f"{name}.yaml").write_text(CONFIG.format(path=f"{name}.csv", more=more))
    assert mlcli("train", "old.yaml", "-q").code == 0
    assert mlcli("train", "new.yaml", "-q", "--from", "old", "-S", "optimizer.lr=1e-12").code == 0
    rows = pl.read_csv("new.csv")
    assert package.load("new").predict(rows) == pytest.approx(package.load("old").predict(rows), abs=1e-5)


@pytest.mark.parametrize(
    ("columns", "sets", "code", "told"),
    [
        ({"extra": ["a"] * N}, (), 3, "the columns differ: extra unknown there; set dataset.drop: [extra]"),
        ({}, ("dataset.drop=[color]",), 3, "the columns differ: color missing here; add or rename them"),
        ({"color": list(range(N))}, (), 3, "'color' (number here, category there) of another kind"),
        (
            {"y": ["no", "yes", "maybe"] * (N // 3)},
            (),
            3,
            "the classes differ: maybe unknown there; leave such rows out",
        ),
        ({"y": ["no", "perhaps"] * (N // 2)}, (), 3, "yes without training rows here; perhaps unknown there"),
        ({"y": np.linspace(0, 1, N)}, (), 3, "what is predicted differs: regression of y by identity here"),
        ({}, ("model.hidden=[7]",), 2, "model.hidden: is [7] here and [6] in old/001"),
        ({}, ("features.scale=robust",), 2, "features.scale: is robust here and"),
        ({}, ("training.ensemble=2",), 2, "training.ensemble trains networks from new weights"),
    ],
)
def test_what_differs_is_named(parent, mlcli, columns, sets, code, told):
    write_rows(parent / "new.csv", seed=1, **columns)
    refused = mlcli("train", "new.yaml", "--from", "old", "-q", *(word for one in sets for word in ("-S", one)))
    assert refused.code == code
    assert told in refused.err
    assert not (parent / "runs/new").exists()


def test_rows_that_have_shifted_are_told_with_their_columns(parent, mlcli):
    same = mlcli("train", "new.yaml", "--from", "old")
    assert "shifted" not in same.err
    write_rows(parent / "new.csv", seed=1, move=1.5, color=["green"] * N)
    told = mlcli("train", "new.yaml", "--from", "old").err
    assert "a classifier separates these training rows from those of old/001" in told
    assert "best by columns 'color', 'size'; the data have shifted" in told
    assert "column 'color': 72 training cells have categories unknown to old/001" in told
    (parent / "old.csv").unlink()
    assert "Not compared with the rows of old/001" in mlcli("train", "new.yaml", "--from", "old").err


def test_values_of_either_rows_are_not_far(parent, mlcli):
    write_rows(parent / "new.csv", seed=1, move=100.0)
    assert "column 'size': 72 cells are far outside" in mlcli("train", "new.yaml", "--from", "old").err
    pl.DataFrame({"size": [0.0, 100.0], "color": ["red", "blue"]}).write_csv("rows.csv")
    assert "far outside" in mlcli("predict", "rows.csv", "--run", "old").err
    assert "far outside" not in mlcli("predict", "rows.csv", "--run", "new").err
    assert mlcli("train", "--resume", "new", "-q", "-S", "training.epochs=4").code == 0


def test_rows_to_measure_on_that_were_trained_on_are_told(parent, mlcli):
    write_rows(parent / "new.csv", seed=0)
    told = mlcli("train", "new.yaml", "--from", "old", "-S", "seed=1").err
    assert "of the rows that old/001 was trained on: " in told
    assert "test rows (" in told
    assert "a model may have memorised them" in told


def test_options_that_exclude_each_other(parent, mlcli):
    assert mlcli("train", "--from", "old", "--resume").code == 2
    told = mlcli("train", "new.yaml", "--from", "nowhere")
    assert (told.code, "no run 'nowhere'" in told.err) == (2, True)
