"""The commands as a user types them, one after the other, on data that needs no download."""

import io
import json
import shutil
import sys

import numpy as np
import polars as pl
import pytest
import yaml

ROWS = "sepal_length,sepal_width,petal_length,petal_width\n5.1,3.5,1.4,0.2\n6.7,3.0,5.2,2.3\n5.9,3.0,4.2,1.5\n"
FAST = ("-S", "training.epochs=5", "-S", "training.early_stopping=null")


@pytest.fixture
def iris(workspace, trained_iris):
    """A trained run of configs/iris.yaml, and a file of new rows."""
    shutil.copytree(trained_iris, workspace, dirs_exist_ok=True)
    (workspace / "new.csv").write_text(ROWS)
    return workspace


def test_all_steps_one_after_the_other(workspace, mlcli, figures):
    for command in (
        ["prepare", "configs/iris.yaml"],
        ["features", "configs/iris.yaml"],
        ["train", "configs/iris.yaml"],
    ):
        assert mlcli(*command).code == 0
    evaluated = mlcli("evaluate")
    assert evaluated.code == 0
    assert "majority" in evaluated.err
    assert "virginica" in evaluated.err
    assert mlcli("predict").code == 0
    folder = workspace / "runs/iris/001"
    assert {path.name for path in (folder / "evaluation").iterdir()} == {
        "figures",
        "metrics.json",
        "predictions",
        "report.html",
    }
    predicted = pl.read_csv(folder / "predictions.csv")
    assert predicted.height == 30
    assert predicted.columns[:2] == ["true_species", "prediction"]


def test_a_step_runs_the_earlier_ones_it_needs_and_then_takes_up_their_results(workspace, mlcli):
    first = mlcli("train", "configs/iris.yaml", *FAST)
    again = mlcli("train", "configs/iris.yaml", *FAST)
    assert "Features fitted" in first.err
    assert "Features fitted" not in again.err
    assert len(list((workspace / "data/prepared").glob("iris-*"))) == 2


def test_prepare_alone_takes_every_config_at_hand_and_lists_the_others(workspace, mlcli):
    entries = {entry["config"]: entry for entry in mlcli("prepare", "--json").json["datasets"]}
    assert entries["houses"]["prepared"]
    assert entries["spiral"]["profile"]["rows"]["train"] == 250
    assert "MB" in entries["mnist"]["reason"]
    assert "UCI" in entries["adult"]["reason"]


def test_prepare_alone_takes_a_line_for_each_data_set(workspace, mlcli):
    (workspace / "configs").rename("all")
    (workspace / "configs").mkdir()
    for name in ("adult", "digits", "iris"):
        shutil.copy(workspace / f"all/{name}.yaml", workspace / "configs")
    title, *lines = mlcli("prepare").err.splitlines()
    assert title == "2 data sets in data/prepared"
    assert [line.split()[:6] for line in lines[:2]] == [
        ["digits", "1,797", "rows", "8", "×", "8"],
        ["iris", "150", "rows", "4", "columns", next((workspace / "data/prepared").glob("iris-*[0-9a-f]")).name],
    ]
    assert lines[2:] == ["Data missing for adult; details with --verbose", "Next: mlcli train CONFIG"]
    detailed = mlcli("prepare", "--verbose").err
    assert "UCI Machine Learning Repository" in detailed
    assert "4 feature columns" in mlcli("prepare", "configs/iris.yaml").err


@pytest.mark.parametrize(
    "command", [["prepare", "configs/iris.yaml"], ["features"], ["train", *FAST], ["evaluate"], ["predict"]]
)
def test_json_is_one_document_and_stdout_holds_nothing_else(iris, mlcli, command):
    result = mlcli(*command, "--json")
    assert result.code == 0
    assert isinstance(result.json, dict)
    assert result.err == ""


def test_quiet_says_nothing(iris, mlcli):
    trained, evaluated = mlcli("train", *FAST, "--quiet"), mlcli("evaluate", "-q")
    assert (trained.code, trained.out, trained.err) == (evaluated.code, evaluated.out, evaluated.err) == (0, "", "")


def test_set_overrides_the_file_and_is_kept_with_the_run(workspace, mlcli):
    changes = ("-S", "model.hidden=[]", "-S", "evaluation.baselines=none", "--set", "training.epochs=3")
    assert mlcli("train", "configs/iris.yaml", *changes, "-q").code == 0
    resolved = (workspace / "runs/iris/001/config.yaml").read_text()
    assert "hidden: []" in resolved
    assert "epochs: 3" in resolved
    assert mlcli("evaluate", "--json").json["weights"]["features"][0] == "sepal_length"


def test_mlcli_yaml_here_comes_before_the_latest_run(workspace, mlcli):
    assert mlcli("train", "configs/iris.yaml", *FAST, "-q").code == 0
    shutil.copy("configs/xor.yaml", "mlcli.yaml")
    assert mlcli("train", *FAST, "--json").json["run"] == "mlcli/001"
    (workspace / "mlcli.yaml").unlink()
    assert mlcli("train", "--json", *FAST).json["run"] == "mlcli/002"


def test_without_config_or_run_the_files_at_hand_are_named(workspace, mlcli):
    result = mlcli("train")
    assert result.code == 2
    assert "configs/adult.yaml" in result.err


@pytest.mark.parametrize("spec", ["iris", "iris/1", "iris/001", "runs/iris/001", "runs/iris/001/model"])
def test_a_run_can_be_named_in_several_ways(iris, mlcli, spec):
    assert mlcli("evaluate", spec, "--json").json["run"] == "iris/001"


def predictions(result):
    return pl.read_csv(io.StringIO(result.out))


def test_fitted_numbers_come_from_training_rows_alone(workspace, mlcli):
    (workspace / "fit.yaml").write_text(
        "dataset: {name: csv, path: fit.csv, target: y, split: {by: given, column: part}}\n"
        "features: {derive: {ab: a * b}, scale: robust, indicator: true,"
        " select: {correlation: 0.99, k_best: 5}, columns: {c: {encode: target}}}\n"
    )
    rng = np.random.default_rng(0)
    table = pl.DataFrame(
        {
            "a": rng.normal(size=60),
            "b": [None if i % 7 == 0 else float(i) for i in range(60)],
            "c": [("u", "v", "w")[i % 3] for i in range(60)],
            "y": [("no", "yes")[i % 2] for i in range(60)],
            "part": ["train"] * 40 + ["valid"] * 10 + ["test"] * 10,
        }
    )
    held_out = pl.col("part") != "train"
    changed = table.with_columns(
        a=pl.when(held_out).then(pl.col("a") * 1000).otherwise("a"),
        b=pl.when(held_out).then(None).otherwise("b"),
        c=pl.when(held_out).then(pl.lit("never seen")).otherwise("c"),
    )
    fitted = []
    for rows in (table, changed):
        rows.write_csv("fit.csv")
        fitted.append(mlcli("features", "fit.yaml", "--json").json)
    assert fitted[0]["data"] != fitted[1]["data"]
    assert fitted[0]["report"] == fitted[1]["report"]
    numbers = [next(path.glob("*.safetensors")) for path in (workspace / "data/prepared").glob("*-features-*")]
    assert len(numbers) == 2
    assert numbers[0].read_bytes() == numbers[1].read_bytes()


def test_predict_takes_columns_in_any_order_and_ignores_others(iris, mlcli):
    table = pl.read_csv("new.csv")
    shuffled = table.select(reversed(table.columns)).with_columns(note=pl.lit("x"), species=pl.lit("?"))
    shuffled.write_csv("shuffled.csv")
    expected = mlcli("predict", "new.csv")
    assert expected.out.splitlines()[0] == "prediction,probability_setosa,probability_versicolor,probability_virginica"
    assert predictions(expected)["prediction"].to_list() == ["setosa", "virginica", "versicolor"]
    assert mlcli("predict", "shuffled.csv").out == expected.out


def test_predict_reads_stdin_and_keeps_columns(iris, mlcli, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(ROWS.encode())))
    assert predictions(mlcli("predict", "-", "--keep", "petal_width"))["petal_width"].to_list() == [0.2, 2.3, 1.5]


@pytest.mark.parametrize(
    ("name", "options", "read"),
    [
        ("out.csv", (), pl.read_csv),
        ("out.parquet", (), pl.read_parquet),
        ("out.jsonl", (), pl.read_ndjson),
        ("out.txt", ("--format", "parquet"), pl.read_parquet),
    ],
)
def test_predictions_are_the_same_in_every_format(iris, mlcli, name, options, read):
    expected = predictions(mlcli("predict", "new.csv"))
    assert mlcli("predict", "new.csv", "-o", name, *options).code == 0
    assert read(name).equals(expected)


def test_a_row_alone_is_predicted_as_in_company_to_the_bit(iris, mlcli):
    together = mlcli("predict", "new.csv", "--format", "jsonl").out.splitlines()
    for line, row in zip(ROWS.splitlines()[1:], together, strict=True):
        (iris / "one.csv").write_text(f"{ROWS.splitlines()[0]}\n{line}\n")
        assert json.loads(mlcli("predict", "one.csv", "--format", "jsonl").out) == json.loads(row)


def test_the_bundle_predicts_after_a_move_with_data_and_runs_deleted(iris, mlcli):
    expected = mlcli("predict", "new.csv").out
    shutil.move("runs/iris/001/model", "elsewhere")
    for folder in ("runs", "data", "configs"):
        shutil.rmtree(folder)
    assert mlcli("predict", "new.csv", "--run", "elsewhere").out == expected


def test_probabilities_add_up_to_one(iris, mlcli):
    shares = predictions(mlcli("predict", "new.csv")).select(pl.col("^probability_.*$"))
    np.testing.assert_allclose(shares.sum_horizontal(), 1, rtol=1e-8)
    assert all(len(f"{share}".lstrip("0.").partition("e")[0]) <= 10 for share in shares.to_numpy().ravel())


def test_the_looks_at_the_test_rows_are_counted(iris, mlcli):
    assert mlcli("evaluate", "--split", "valid", "--json").json["test_looks"] == 0
    assert [mlcli("evaluate", "--json").json["test_looks"] for _ in range(3)] == [1, 2, 3]
    assert "evaluated 4 times" in mlcli("evaluate").err


@pytest.mark.parametrize(
    ("bound", "code"), [("accuracy=0.5", 0), ("accuracy=1.01", 8), ("log_loss=9", 0), ("log_loss=0.0001", 8)]
)
def test_fail_under(iris, mlcli, bound, code):
    measured = mlcli("evaluate", "--fail-under", bound, "--json")
    assert measured.code == code
    assert len(measured.json["misses"]) == (code == 8)


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["train", "configs/iris.yaml", "-S", "optimizer.lrr=1"], 2, "did you mean 'lr'"),
        (["train", "nowhere.yaml"], 2, "no such file"),
        (["train", "configs/iris.yaml", "--no-such-option"], 2, "no such option: --no-such-option"),
        (["trian"], 2, "no such command: 'trian'; did you mean 'train'?"),
        (["evaluate", "nobody"], 2, "no run 'nobody'"),
        (["evaluate", "--split", "exam"], 2, "must be one of train, valid, test"),
        (["evaluate", "--fail-under", "acuracy=1"], 2, "did you mean 'accuracy'"),
        (["predict", "new.csv", "--keep", "nobody"], 2, "no column 'nobody'"),
        (["predict", "new.csv", "-o", "out.xyz"], 2, "--format"),
        (["predict", "missing.csv"], 3, "missing.csv"),
        (["train", "configs/adult.yaml"], 3, "UCI"),
        (["train", "configs/first_network.yaml"], 3, "train-images-idx3-ubyte"),
        (["train", "configs/iris.yaml", "-S", "device=cuda:9"], 2, "device"),
        (["train", "configs/iris.yaml", "-S", "loss={name: mse}"], 2, "mse is for regression"),
    ],
)
def test_mistakes_end_with_their_exit_code_and_a_remedy(iris, mlcli, arguments, code, says):
    result = mlcli(*arguments)
    assert result.code == code, result.err
    assert says in " ".join(result.err.split())


def test_an_error_with_json_is_a_document_too(workspace, mlcli):
    result = mlcli("train", "configs/iris.yaml", "-S", "optimizer.lrr=1", "--json")
    assert result.code == 2
    assert result.json["error"]["exit_code"] == 2
    assert "optimizer.lrr" in result.json["error"]["messages"][0]


def test_a_damaged_bundle_is_refused(iris, mlcli):
    weights = iris / "runs/iris/001/model/weights.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    assert mlcli("predict", "new.csv").code == 4


def test_changed_data_is_not_evaluated_on(workspace, mlcli):
    assert mlcli("train", "configs/houses.yaml", "-q", "-S", "training.epochs=5").code == 0
    with (workspace / "data/houses.csv").open("a") as table:
        table.write("50,3,1,2,99000\n")
    result = mlcli("evaluate")
    assert result.code == 3
    assert "has changed" in result.err


def test_divergence_exits_6_and_names_the_step(workspace, mlcli):
    result = mlcli("train", "configs/houses.yaml", "-S", "optimizer.lr=1e9")
    assert result.code == 6
    assert "last finite step" in result.err
    assert "optimizer.lr" in result.err


def test_a_stand_in_is_told_everywhere(workspace, mlcli):
    trained = mlcli("train", "configs/mnist.yaml", *FAST, "-S", "evaluation.baselines=none")
    assert trained.code == 0
    assert "MNIST IS NOT AVAILABLE" in " ".join(trained.err.split())
    assert mlcli("evaluate", "--json").json["stand_in_for"] == "mnist"
    assert json.loads((workspace / "runs/mnist/001/manifest.json").read_text())["stand_in_for"] == "mnist"
    assert "stand" in (workspace / "runs/mnist/001/evaluation/report.html").read_text()
    assert mlcli("predict", "--json").json["stand_in_for"] == "mnist"


def test_a_stand_in_is_trained_as_its_few_rows_need(workspace, mlcli, seed):
    options = ("-S", "evaluation.baselines=[logistic]", "-S", f"seed={seed}")
    trained = mlcli("train", "configs/mnist.yaml", *options)
    assert "training.epochs=20, training.batch_size=16" in " ".join(trained.err.split())
    run_config = yaml.safe_load((workspace / "runs/mnist/001/config.yaml").read_text())
    assert (run_config["training"]["epochs"], run_config["training"]["batch_size"]) == (20, 16)
    evaluation = mlcli("evaluate", "--json").json
    network = evaluation["scores"]["accuracy"]["value"]
    assert network >= 0.96
    assert network >= evaluation["baselines"]["logistic"]["scores"]["accuracy"]["value"]


def test_a_check_tells_how_a_stand_in_is_trained_and_a_run_keeps_its_settings(workspace, mlcli):
    assert mlcli("check", "configs/mnist.yaml", "--json").json["epochs"] == 20
    trained = mlcli("train", "configs/mnist.yaml", "--json", "-S", "training.epochs=1", "-S", "training.batch_size=99")
    assert trained.json["epochs"] == 1
    diagnosed = mlcli("improve", "mnist/001", "--diagnose", "--json")
    assert diagnosed.json["diagnosed"] == "mnist/001"  # trained with this very configuration


def test_settings_of_the_command_line_come_before_those_of_a_stand_in(workspace, mlcli):
    options = ("-S", "training.epochs=1", "-S", "training.early_stopping={metric: accuracy, patience: 4}")
    trained = mlcli("train", "configs/mnist.yaml", *options)
    assert "training.batch_size=16 (--set" in " ".join(trained.err.split())
    resumed = mlcli("train", "--resume", "-S", "training.epochs=2")
    assert resumed.code == 0, resumed.err
    training = yaml.safe_load((workspace / "runs/mnist/001/config.yaml").read_text())["training"]
    assert training["early_stopping"] == {"metric": "accuracy", "patience": 4, "min_delta": 0.0}
    assert (training["epochs"], training["batch_size"]) == (2, 16)


def test_an_unwritable_runs_folder_exits_7(workspace, mlcli, monkeypatch):
    (workspace / "occupied").write_text("a file, not a folder")
    monkeypatch.setenv("MLCLI_RUNS_DIR", "occupied/runs")
    result = mlcli("train", "configs/iris.yaml", *FAST)
    assert result.code == 7, result.err
