"""`mlcli check`: the plan is what `train` then does, and nothing is trained."""

import pytest

from mlcli.runs.folder import open_run
from mlcli.use_cases import check

TABLE = """
dataset: {name: csv, path: t.csv, target: y, drop: [id], split: {test: 20, valid: 20}}
features: {derive: {ratio: a / b}, select: {variance: 0.0}}
model: {hidden: [8, 4], norm: batch}
training: {epochs: 3, batch_size: 16}
"""


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """A pace that is told at once, and roughly."""
    monkeypatch.setattr(check, "MEASURED_SECONDS", 0.0)


@pytest.fixture
def table(workspace):
    rows = [f"{i},{i % 7 or ''},{1 + i % 3},{'uvw'[i % 3]},5,{'yes' if i % 2 else 'no'}" for i in range(100)]
    (workspace / "t.csv").write_text("\n".join(["id,a,b,c,same,y", *rows]))
    (workspace / "t.yaml").write_text(TABLE)
    return workspace


def test_the_plan_in_figures(table, mlcli):
    plan = mlcli("check", "t.yaml", "--json").json
    assert plan["rows"] == {"train": 60, "valid": 20, "test": 20}
    assert plan["task"] == "2 classes: no, yes"
    columns = {column["name"]: column for column in plan["columns"]}
    assert {name: column["role"] for name, column in columns.items()} == {
        **dict.fromkeys(("a", "b", "c", "same"), "feature"), "y": "target", "ratio": "derived", "id": "dropped",
    }  # fmt: skip
    assert {name: column["inputs"] for name, column in columns.items()} == {
        "a": 1, "b": 1, "c": 3, "same": 0, "y": 0, "ratio": 1, "id": 0,
    }  # fmt: skip
    assert "median" in columns["a"]["becomes"]
    assert "one_hot: 3 categories" in columns["c"]["becomes"]
    assert "select.variance" in columns["same"]["becomes"]
    # 6 inputs; weights and biases, and two numbers a unit for the norms.
    layers = [(layer["inputs"], layer["units"], layer["parameters"]) for layer in plan["layers"]]
    assert layers == [(6, 8, 6 * 8 + 8 + 2 * 8), (8, 4, 8 * 4 + 4 + 2 * 4), (4, 1, 5)]
    assert plan["parameters"] == sum(count for _, _, count in layers)
    assert (plan["batch_size"], plan["steps_per_epoch"], plan["steps"]) == (16, 4, 12)
    assert plan["seconds"] == pytest.approx(3 * plan["seconds_per_epoch"])
    assert 0 < plan["seconds_per_epoch"] < 30


def test_kinds_of_columns(table, mlcli):
    rows = [f"{'yn'[i % 3 % 2]},{i % 5},{i % 2}" for i in range(100)]
    (table / "t.csv").write_text("\n".join(["member,a,y", *rows]))
    done = mlcli("check", "t.yaml", "-S", "dataset.drop=[]", "-S", "features.derive={both: member * a}")
    assert "2 feature columns: 1 of numbers, 0 of categories, 1 of true and false" in done.err
    plan = mlcli("check", "t.yaml", "-S", "dataset.drop=[]", "-S", "features.derive={both: member * a}", "--json").json
    columns = {column["name"]: column for column in plan["columns"]}
    assert (columns["member"]["kind"], columns["member"]["inputs"]) == ("boolean", 1)
    assert columns["member"]["becomes"] == "1 for true, 0 for false"


def test_training_does_as_planned(table, mlcli):
    plan = mlcli("check", "t.yaml", "--json").json
    trained = mlcli("train", "t.yaml", "--json").json
    manifest = open_run(table / trained["folder"]).read_manifest()
    assert trained["folder"] == plan["run"]
    assert trained["parameters"] == plan["parameters"]
    assert manifest.rows == plan["rows"]
    assert (manifest.device, manifest.threads, manifest.precision) == (
        plan["device"],
        plan["threads"],
        plan["precision"],
    )
    assert mlcli("check", "t.yaml", "--json").json["run"] == "runs/t/002"


def test_nothing_but_prepared_data_is_written(table, mlcli):
    before = {path for path in table.rglob("*") if "prepared" not in path.parts}
    assert mlcli("check", "t.yaml").code == 0
    assert {path for path in table.rglob("*") if "prepared" not in path.parts} == before
    assert "Features fitted" not in mlcli("train", "t.yaml").err  # what check prepared is taken up


def test_the_screen_says_it_all(table, mlcli, monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")
    shown = mlcli("check", "t.yaml").err
    for said in (
        "60 train, 20 valid, 20 test",
        "left out: dataset.drop",
        "Network: ",
        "12: at most 3 epochs of 4",
        "runs/t/001",
    ):
        assert said in shown
    assert "Next: mlcli train t.yaml" in shown


@pytest.mark.parametrize(("config", "inputs"), [("digits", 64), ("xor", 2)])
def test_any_kind_of_rows_has_a_plan(workspace, mlcli, config, inputs):
    assert mlcli("check", f"configs/{config}.yaml", "--json").json["layers"][0]["inputs"] == inputs


def test_components_belong_to_no_column(table, mlcli):
    plan = mlcli("check", "t.yaml", "-S", "features.extract={name: pca, components: 2}", "--json").json
    assert plan["layers"][0]["inputs"] == 2
    assert {column["inputs"] for column in plan["columns"] if column["role"] == "feature"} == {None}


def test_embedded_categories_are_a_layer(table, mlcli):
    plan = mlcli("check", "t.yaml", "-S", "features.encode=embedding", "--json").json
    embeddings, first, *_ = plan["layers"]
    assert embeddings["name"] == "embeddings"
    assert first["inputs"] == 3 + embeddings["units"]
    assert {column["name"]: column["inputs"] for column in plan["columns"]}["c"] == 1


def test_the_layers_of_a_tabm(table, mlcli):
    model = "model={name: tabm, members: 4, hidden: [6], embedding: {name: piecewise, bins: 5, width: 3}}"
    plan = mlcli("check", "t.yaml", "-S", model, "--json").json
    numbers, scales, hidden, output = plan["layers"]
    assert (numbers["name"], numbers["parameters"]) == ("embedded numbers", numbers["inputs"] * (6 * 3 + 3))
    assert scales["parameters"] == 4 * hidden["inputs"]
    assert (output["name"], output["inputs"]) == ("output of 4 members", 6)
    assert output["parameters"] == 4 * output["units"] * 7
    assert plan["parameters"] == sum(layer["parameters"] for layer in plan["layers"])
    trained = mlcli("train", "t.yaml", "-S", model, "-S", "training.epochs=2", "--verbose")
    assert trained.code == 0
    assert "Training t/001: 4 × " in trained.err
    assert "Members of the network" in trained.err
    assert mlcli("evaluate", "-q").code == 0


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ("optimizer.lrr=1", 2),
        ("device=cuda:9", 2),
        ("dataset.target=z", 3),
        ("dataset.path=none.csv", 3),
    ],
)
def test_it_exits_as_train_would(table, mlcli, change, code):
    checked, trained = mlcli("check", "t.yaml", "-S", change), mlcli("train", "t.yaml", "-S", change)
    assert checked.code == trained.code == code
    assert checked.err.splitlines()[-1] == trained.err.splitlines()[-1]
