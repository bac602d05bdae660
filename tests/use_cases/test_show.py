"""`mlcli show` as a user types it."""

import json

import jsonschema
import numpy as np
import polars as pl
import pytest

from tests.cli.test_startup import run

NUMBER_OR_NULL = {"type": ["number", "null"]}
COUNTS = {"type": "array", "items": {"type": "integer", "minimum": 0}}
COLUMN = {
    "type": "object",
    "additionalProperties": False,
    "required": ["name", "role", "kind", "missing", "missing_share", "distinct", "counts", "ties"],
    "properties": {
        "name": {"type": "string"},
        "role": {"enum": ["feature", "target"]},
        "kind": {"enum": ["number", "category", "boolean", "date"]},
        "missing": {"type": "integer"},
        "missing_share": {"type": "number", "minimum": 0, "maximum": 1},
        "distinct": {"type": "integer"},
        "numbers": {
            "type": ["object", "null"],
            "required": ["quantiles", "mean", "std", "skew", "edges", "usual", "usual_share", "by_class"],
        },
        "labels": {"type": "array", "items": {"type": "string"}},
        "counts": COUNTS,
        "others": {"type": "integer"},
        "by_class": {"type": "array", "items": COUNTS},
        "target_means": {"type": "array", "items": NUMBER_OR_NULL},
        "ties": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["target", "measure", "value"],
                "properties": {
                    "measure": {"enum": ["pearson", "correlation_ratio", "cramers_v", "auc"]},
                    "value": {"type": "number", "minimum": -1, "maximum": 1},
                },
            },
        },
    },
}
COMMON = {
    "config": {"type": "string"},
    "data": {"type": "string"},
    "stand_in_for": {"type": ["string", "null"]},
    "split": {"enum": ["train", "valid"]},
    "task": {"enum": ["classification", "regression"]},
    "rows": {"type": "integer", "minimum": 1},
    "notes": {"type": "array", "items": {"type": "string"}},
    "classes": {"type": "object", "additionalProperties": {"type": "integer"}},
}
OF_TABLE = {
    "looked_at": {"type": "integer"},
    "complete": {"type": "integer"},
    "targets": {"type": "array", "items": COLUMN},
    "columns": {"type": "array", "items": COLUMN},
    "correlations": {
        "type": ["object", "null"],
        "required": ["names", "r", "left_out"],
        "properties": {"r": {"type": "array", "items": {"type": "array", "items": NUMBER_OR_NULL}}},
    },
    "scatter": {
        "type": ["object", "null"],
        "required": ["x_name", "y_name", "grouped_by", "x", "y", "groups", "group", "n_rows"],
    },
}
OF_PICTURES = {
    "shape": {"type": "array", "items": {"type": "integer"}, "minItems": 2, "maxItems": 3},
    "pixels": {"type": "object"},
    "pictures": {
        "type": "array",
        "items": {"type": "object", "required": ["class", "rows", "averaged", "mean", "examples"]},
    },
}


def schema(parts):
    properties = COMMON | parts
    return {"type": "object", "additionalProperties": False, "required": list(properties), "properties": properties}


@pytest.mark.parametrize(
    ("config", "parts"),
    [("iris", OF_TABLE), ("houses", OF_TABLE), ("xor", OF_TABLE), ("plane", OF_TABLE), ("digits", OF_PICTURES)],
)
def test_the_document_of_json(workspace, mlcli, config, parts):
    result = mlcli("show", f"configs/{config}.yaml", "--json")
    assert (result.code, result.err) == (0, "")
    jsonschema.validate(result.json, schema(parts))


def test_its_numbers_are_those_of_the_training_rows_alone(workspace, mlcli):
    rng = np.random.default_rng(0)
    part = ["train"] * 60 + ["valid"] * 20 + ["test"] * 20
    x = np.concatenate([rng.normal(size=60), rng.normal(5, 1, 20), rng.normal(1000, 1, 20)])
    pl.DataFrame({"x": x, "z": x**2, "y": 2 * x + 1, "part": part}).write_csv("a.csv")
    (workspace / "a.yaml").write_text(
        "dataset: {name: csv, path: a.csv, target: y, split: {by: given, column: part}}\n"
    )
    for split, rows in (("train", x[:60]), ("valid", x[60:80])):
        document = mlcli("show", "a.yaml", "--split", split, "--json").json
        column = next(one for one in document["columns"] if one["name"] == "x")
        assert document["rows"] == len(rows)
        assert column["numbers"]["quantiles"]["max"] == pytest.approx(rows.max())
        assert column["numbers"]["mean"] == pytest.approx(rows.mean())
        counts, _ = np.histogram(rows, 24)
        assert column["counts"] == counts.tolist()
        names = document["correlations"]["names"]
        expected = np.corrcoef(rows, rows**2)[0, 1]
        assert document["correlations"]["r"][names.index("x")][names.index("z")] == pytest.approx(expected)
        assert column["ties"][0]["value"] == pytest.approx(1)
        assert "10" not in json.dumps(column["numbers"]["quantiles"]["max"]).split(".")[0]


def test_what_is_shown_is_plain_text_where_it_is_piped(workspace, mlcli):
    result = mlcli("show", "configs/iris.yaml")
    assert (result.code, "\x1b" in result.out) == (0, False)
    for word in ("iris: 90 training rows, 4 feature columns", "Target: species", "petal_length", "Pearson"):
        assert word in result.out
    assert max(map(len, result.out.splitlines())) <= 100


def test_quiet_shows_nothing(workspace, mlcli):
    assert mlcli("show", "configs/iris.yaml", "-q").out == ""


def test_a_page_is_written_beside_what_is_shown(workspace, mlcli):
    result = mlcli("show", "configs/iris.yaml", "-o", "iris.html")
    assert (result.code, "Page: iris.html" in result.err, "petal_length" in result.out) == (0, True, True)
    assert "petal_length" in (workspace / "iris.html").read_text()
    assert mlcli("show", "configs/iris.yaml", "-o", "iris.svg").code == 2


def test_a_run_shows_its_data(workspace, mlcli):
    assert mlcli("train", "configs/iris.yaml", "-S", "training.epochs=1", "-q").code == 0
    for arguments in (["show"], ["show", "iris"], ["show", "iris/001"]):
        assert "iris: 90 training rows" in mlcli(*arguments).out


def test_data_that_has_changed_since_a_run_is_told(workspace, mlcli):
    (workspace / "a.csv").write_text("x,y\n" + "".join(f"{i},{'no' if i % 2 else 'yes'}\n" for i in range(40)))
    (workspace / "a.yaml").write_text("dataset: {name: csv, path: a.csv, target: y}\ntraining: {epochs: 1}\n")
    assert mlcli("train", "a.yaml", "-q").code == 0
    assert "warning" not in mlcli("show", "a").err
    with (workspace / "a.csv").open("a") as file:
        file.write("99,yes\n")
    assert "the data has changed since a was trained" in mlcli("show", "a").err
    assert "warning" not in mlcli("show", "a.yaml").err


def test_with_a_rare_class_columns_are_ranked_by_auc(workspace, mlcli):
    from sklearn.metrics import roc_auc_score

    rng = np.random.default_rng(0)
    fraud = np.arange(600) % 50 == 0
    table = {"part": ["train"] * 400 + ["valid"] * 100 + ["test"] * 100, "noise": rng.random(600)}
    table |= {"amount": rng.normal(size=600) - 2 * fraud, "fraud": np.where(fraud, "yes", "no")}
    pl.DataFrame(table).write_csv("rare.csv")
    (workspace / "rare.yaml").write_text(
        "dataset: {name: csv, path: rare.csv, target: fraud, split: {by: given, column: part}}\n"
    )
    document = mlcli("show", "rare.yaml", "--json").json
    jsonschema.validate(document, schema(OF_TABLE))
    best, other = document["columns"]
    expected = roc_auc_score(fraud[:400], -table["amount"][:400])
    assert (best["name"], best["ties"]) == (
        "amount",
        [{"target": "fraud", "measure": "auc", "value": pytest.approx(expected)}],
    )
    assert other["ties"][0]["value"] < 0.7
    shown = mlcli("show", "rare.yaml", "-o", "rare.html").out
    assert f"{expected:.2f}" in shown
    said = "AUC: AUC of the column alone as a score of a class against the rest, since one is rare"
    assert said in " ".join(shown.split())
    page = (workspace / "rare.html").read_text()
    assert f'title="AUC of the column alone as a score of a class against the rest">{expected:.2f}<' in page
    assert "0.5 is chance" in page


def test_columns_asked_for_are_shown_in_detail(workspace, mlcli):
    result = mlcli("show", "configs/iris.yaml", "--column", "petal_width", "--column", "sepal_width")
    assert result.out.index("petal_width\n") < result.out.index("sepal_width\n")
    assert "median" in result.out
    assert "sepal_width over petal_width" in result.out


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["configs/iris.yaml", "--column", "petal_lenght"], 2, "did you mean 'petal_length'"),
        (["configs/iris.yaml", "--split", "test"], 2, "the test rows stay locked"),
        (["configs/iris.yaml", "--split", "exam"], 2, "must be one of train, valid"),
        (["configs/digits.yaml", "--column", "x"], 2, "no columns"),
        (["configs/adult.yaml"], 3, "UCI"),
        (["nobody"], 2, "no run 'nobody'"),
        (["data/houses.csv"], 2, "mlcli init data/houses.csv"),
        (
            [
                "configs/iris.yaml",
                "--split",
                "valid",
                "-S",
                "dataset.split.valid=0",
                "-S",
                "training.early_stopping=null",
            ],
            3,
            "no valid rows",
        ),
        (["configs/iris.yaml", "-S", "dataset.split.tset=0"], 2, "did you mean"),
    ],
)
def test_mistakes_end_with_their_exit_code_and_a_remedy(workspace, mlcli, arguments, code, says):
    result = mlcli("show", *arguments)
    assert result.code == code, result.err
    assert says in result.err
    assert result.out == ""


@pytest.mark.parametrize("config", ["iris", "digits"])
def test_nothing_that_trains_is_imported(workspace, config):
    code, modules, done = run("show", f"configs/{config}.yaml")
    assert code == 0, done.stderr
    assert not modules & {"torch", "sklearn", "scipy", "matplotlib", "optuna", "jinja2"}
