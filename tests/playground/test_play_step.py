"""Playing without keys: the numbers are those of `mlcli train`, and nothing but what is asked for is written."""

import json

import numpy as np
import pytest

from mlcli.config.loading.load import load_config

GAMES = {
    "circle": ("circle",),
    "features and penalties": (
        "xor", "-S", "features={derive: {x1_x2: x1 * x2}, drop: [x1]}", "-S", "optimizer.l1=0.003",
        "-S", "model.activation=relu", "-S", "dataset.noise=0.25",
    ),
    "numbers": ("plane", "-S", "optimizer.name=adam", "-S", "optimizer.l2=0.01"),
    "another network": ("spiral", "-S", "model={hidden: [8, 8], dropout: 0.1}", "-S", "seed=7"),
    "a schedule": ("gauss", "-S", "optimizer.schedule=cosine", "-S", "training.epochs=5"),
    "a config": ("configs/circle.yaml",),
    "two of four columns": ("configs/iris.yaml", "--x", "sepal_width"),
    "a table": ("people.csv", "--target", "income"),
}  # fmt: skip


@pytest.fixture
def people(workspace):
    """A table with text, holes and an id beside its numbers."""
    rng = np.random.default_rng(0)
    rows = []
    for i, (age, hours) in enumerate(rng.integers(20, 60, (200, 2)).tolist()):
        known, work, income = "" if i % 40 == 3 else hours, "office" if i % 3 else "craft", age + hours > 80
        rows.append(f"{i},{age},{known},{work},{'high' if income else 'low'}")
    (workspace / "people.csv").write_text("\n".join(["person_id,age,hours per week,work,income", *rows]))
    return workspace


@pytest.mark.parametrize("arguments", GAMES.values(), ids=GAMES)
def test_the_written_config_trains_to_the_same_bits(people, mlcli, arguments):
    before = sorted(people.rglob("*"))
    played = mlcli("play", *arguments, "--epochs", "5", "-o", "played.yaml", "--json")
    assert played.code == 0, played.err
    assert sorted(people.rglob("*")) == sorted([*before, people / "played.yaml"])
    assert mlcli("train", "played.yaml").code == 0
    (metrics,) = (people / "runs").glob("*/001/metrics.jsonl")
    trained = [json.loads(line) for line in metrics.read_text().splitlines()]
    assert len(trained) == 5
    for one, other in zip(trained, played.json["history"], strict=True):
        assert (one["train_loss"], one["valid_loss"]) == (other["train_loss"], other["valid_loss"])
    assert played.json["written"] == "played.yaml"


def test_the_document_tells_what_was_played(workspace, mlcli):
    told = mlcli("play", "configs/iris.yaml", "--epochs", "30", "--json").json
    assert told["columns"] == ["petal_length", "petal_width"]
    assert told["config"]["dataset"]["drop"] == ["sepal_length", "sepal_width"]
    assert told["rows"] == {"train": 90, "valid": 30}
    assert told["parameters"] == 3 * 16 + 17 * 3
    plane = told["plane"]
    assert plane["kinds"] == ["setosa", "versicolor", "virginica"]
    # Small petals are setosa's, large ones virginica's; rows come from the top.
    assert (plane["kind"][-1][0], plane["kind"][0][-1]) == (0, 2)
    assert 0.9 < plane["sure"][-1][0] <= 1


def test_the_plane_is_printed_with_its_rows(workspace, mlcli):
    done = mlcli("play", "circle", "--epochs", "40")
    assert done.code == 0
    top, *rows, bottom, axes, kinds = done.out.splitlines()
    assert (top, bottom) == (f"┌{'─' * 48}┐", f"└{'─' * 48}┘")
    assert [len(row) for row in rows] == [50] * 24
    assert rows[0] == f"│{' ' * 48}│"  # beyond the ring: surely orange
    assert rows[12][21:29].count("▒") + rows[12][21:29].count("+") > 4  # the disc: surely blue
    assert axes == "→ x1 -6 … 6   ↑ x2 -6 … 6"
    assert kinds == "o -1  + 1"
    assert "40 epochs in" in done.err


def test_without_an_order_the_epochs_of_the_config_are_trained(workspace, mlcli):
    assert mlcli("play", "gauss", "-S", "training.epochs=3", "--json").json["epochs"] == 3


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["cirle"], 2, "did you mean circle?"),
        (["plane", "--x", "x1"], 2, "--x and --y are for tables"),
        (["nothing.csv"], 3, "no such file"),
        (["people.csv", "--target", "wage"], 3, "--target"),
        (["people.csv", "--x", "work"], 2, "--x: there is no number column 'work'"),
        (["people.csv", "--x", "age", "--y", "age"], 2, "name two columns"),
        (["configs/iris.yaml", "--x", "petal"], 2, "did you mean 'petal_"),
        (["configs/digits.yaml"], 3, "digits cannot be played"),
        (["few.csv"], 3, "only 'a' contains numbers"),
        (["circle", "-S", "model.activation=tan"], 2, "model.activation"),
        (["circle", "-S", "optimizer.lr=1e30", "-S", "model.activation=relu"], 6, "try a lower optimizer.lr"),
    ],
)  # fmt: skip
def test_what_cannot_be_played_is_told(people, mlcli, arguments, code, words):
    rows = "\n".join(f"{i % 7 + 0.5},{'no' if i % 3 else 'yes'},{'m' if i % 2 else 'n'}" for i in range(60))
    (people / "few.csv").write_text(f"a,b,c\n{rows}\n")
    done = mlcli("play", *arguments, "--epochs", "3")
    assert done.code == code, done.err
    assert words in done.err


def test_a_config_is_never_written_over(workspace, mlcli):
    (workspace / "mine.yaml").write_text("mine")
    done = mlcli("play", "--epochs", "1", "-o", "mine.yaml")
    assert done.code == 2
    assert "already exists and is not overwritten" in done.err
    assert (workspace / "mine.yaml").read_text() == "mine"


def test_a_config_that_is_written_is_the_one_of_the_document(workspace, mlcli):
    told = mlcli("play", "xor", "--epochs", "2", "-o", "xor.yaml", "--json").json
    config = load_config(workspace / "xor.yaml")
    assert config.training.epochs == 2
    assert told["config"]["training"] == {"epochs": 2, "batch_size": 10}
