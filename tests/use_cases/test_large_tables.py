"""Tables larger than memory: the commands do with files what they do in memory."""

import io
import json
import shutil

import polars as pl
import pytest

from mlcli.data.readers import csv, jsonl
from mlcli.data.tables import frames
from mlcli.diagnosis import forest
from mlcli.diagnosis.trees import predict_unseen
from mlcli.errors import DivergedError
from mlcli.evaluation import held_out, refit
from mlcli.io import memory
from mlcli.io.memory import Available
from mlcli.runs.bundle import load_bundle
from mlcli.runs.folder import open_run
from mlcli.search import search
from mlcli.search.objective import train_trial
from mlcli.training import inputs
from mlcli.training.windows import WindowPlan


@pytest.fixture
def large(workspace):
    """A table that is trained on from files, in windows of 32 rows."""
    rows = [f"{i % 13},{i * 7 % 11},{'uvw'[i % 3]},{i % 13 + i * 7 % 11}" for i in range(200)]
    (workspace / "t.csv").write_text("\n".join(["a,b,c,y", *rows]))
    (workspace / "t.yaml").write_text(
        "dataset: {name: csv, path: t.csv, target: y}\ntraining: {epochs: 4, batch_size: 16, rows: disk}\n"
    )
    return workspace


@pytest.fixture(autouse=True, scope="module")
def small_windows():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(WindowPlan, "of", classmethod(lambda cls, n_rows, width, batch_size: cls(n_rows, 4, 32)))
        yield


def test_rows_on_disk_are_written_once_and_told(large, mlcli):
    first = mlcli("train", "t.yaml")
    assert "Inputs of 160 rows written: 3 kB" in first.err  # 160 × 5 numbers of 4 bytes, and two headers
    assert "blocks of 4 neighbours that are shuffled 32 rows at a time (training.rows)" in first.err
    assert open_run(large / "runs/t/001").read_manifest().on_disk
    again = mlcli("train", "t.yaml", "--json")
    assert "written" not in again.err
    weights = [(large / f"runs/t/{n}/model/weights.safetensors").read_bytes() for n in ("001", "002")]
    assert weights[0] == weights[1]
    (file,) = large.glob("data/prepared/*-inputs-*/rows.npy")
    file.write_bytes(file.read_bytes()[:-1] + b"\x01")
    assert "writing the inputs again" in mlcli("train", "t.yaml").err
    assert (large / "runs/t/003/model/weights.safetensors").read_bytes() == weights[0]


def test_auto_reads_rows_from_disk_where_memory_does_not_hold_them(large, mlcli, monkeypatch):
    monkeypatch.setattr(inputs, "available_memory", lambda: Available(160 * 5 * 5 - 1, "a test"))
    plan = mlcli("check", "t.yaml", "-S", "training.rows=auto", "--json").json
    assert plan["disk"] == 160 * 5 * 4
    told = mlcli("check", "t.yaml", "-S", "training.rows=auto").err
    assert "3 kB of rows, which are read as they are needed" in told
    mlcli("train", "t.yaml", "-S", "training.rows=auto", "-S", "training.epochs=2")
    # More memory changes nothing on resume.
    monkeypatch.setattr(inputs, "available_memory", lambda: Available(160 * 5 * 5, "a test"))
    mlcli("train", "--resume", "runs/t/001", "-S", "training.epochs=4")
    mlcli("train", "t.yaml")
    ends = [(large / f"runs/t/{n}/model/weights.safetensors").read_bytes() for n in ("001", "002")]
    assert ends[0] == ends[1]
    mlcli("train", "t.yaml", "-S", "training.rows=auto")
    assert not open_run(large / "runs/t/003").read_manifest().on_disk


ONE_STEP = "training.batch_size=full"  # an epoch of one step has no order, so that all numbers are those of memory


NO_BASELINES = "evaluation.baselines=none"


def weights_of(run):
    return (run / "model/weights.safetensors").read_bytes(), load_bundle(run / "model").facts["valid"]


@pytest.mark.usefixtures("without_figures")
def test_an_ensemble_whose_rows_are_in_a_file_is_that_of_rows_in_memory(large, mlcli, monkeypatch):
    for rows in ("memory", "disk"):
        told = mlcli("train", "t.yaml", "-S", ONE_STEP, "-S", "training.ensemble=3", "-S", f"training.rows={rows}")
        assert told.code == 0, told.err
    in_memory, on_disk = (large / f"runs/t/{number}" for number in ("001", "002"))
    assert open_run(on_disk).read_manifest().on_disk
    assert weights_of(in_memory) == weights_of(on_disk)
    shown, measured = [], ("--split", "valid", "--json", "-S", "evaluation.baselines=[linear]")
    for number in (1, 2):
        shown.append(mlcli("evaluate", f"t/{number}", *measured).json)
        # The rows of all networks then stay in their files, too, and the baselines are trained again.
        monkeypatch.setattr(held_out, "available_memory", lambda: Available(0, "a test"))
        for folder in large.glob("data/prepared/*-baselines-*"):
            shutil.rmtree(folder)
    assert shown[0]["n_rows"] == 120
    for key in ("scores", "baselines", "importances", "effects"):
        assert shown[0][key] == shown[1][key]


def test_a_search_whose_rows_are_in_a_file_is_that_of_rows_in_memory(large, mlcli):
    found = []
    for rows in ("memory", "disk"):
        sets = [
            ONE_STEP,
            "training.precision=bfloat16",
            f"training.rows={rows}",
            "improve.space={model.dropout: [0.0, 0.5]}",
        ]
        arguments = [text for one in sets for text in ("-S", one)]
        found.append(
            json.loads(mlcli("improve", "t.yaml", *arguments, "--trials", "2", "--ensemble", "2", "--json").out)
        )
    in_memory, on_disk = found
    assert len([*large.glob("data/prepared/*-inputs-*")]) == 1
    for key in ("checks", "findings", "before", "after", "trials", "compared_rows"):
        assert in_memory[key] == on_disk[key], key
    assert weights_of(large / "runs/t/001") == weights_of(large / "runs/t/002")


def measured_folds(large, mlcli, run, *sets):
    told = mlcli("evaluate", f"t/{run}", "-S", NO_BASELINES, *[text for one in sets for text in ("-S", one)])
    assert told.code == 0, told.err
    return told, json.loads((large / f"runs/t/{run:03d}/evaluation/metrics.json").read_text())["folds"]


@pytest.mark.usefixtures("without_figures")
@pytest.mark.parametrize(("split", "networks"), [("random", 1), ("group", 2), ("time", 1)])
def test_folds_whose_rows_are_in_files_are_those_of_rows_in_memory(large, mlcli, monkeypatch, split, networks):
    column = "" if split == "random" else ", column: a"
    (large / "t.yaml").write_text(
        f"dataset: {{name: csv, path: t.csv, target: y, split: {{by: {split}{column}}}}}\n"
        f"training: {{epochs: 2, batch_size: full, ensemble: {networks}}}\n"
    )
    for rows in ("memory", "disk"):
        assert mlcli("train", "t.yaml", "-S", f"training.rows={rows}").code == 0
    folds = ("evaluation.folds=3", f"evaluation.repeats={1 if split == 'time' else 2}")
    in_memory, expected = measured_folds(large, mlcli, 1, *folds)
    monkeypatch.setattr(held_out, "available_memory", lambda: Available(0, "a test"))
    on_disk, found = measured_folds(large, mlcli, 2, *folds)
    assert found == expected
    assert "read from a file" not in in_memory.err
    assert on_disk.err.count("evaluation.folds: the rows of each fold are read from a file of about") == 1
    assert not [*large.glob("data/prepared/.*")]


def test_a_search_over_folds_in_files_is_that_of_folds_in_memory(large, mlcli, monkeypatch):
    told, trials = "", []
    for rows in ("memory", "disk"):
        sets = [ONE_STEP, f"training.rows={rows}", "improve.folds=2", "improve.space={model.dropout: [0.0, 0.5]}"]
        told = mlcli("improve", "t.yaml", *[text for one in sets for text in ("-S", one)], "--trials", "2").err
        trials.append([line for line in told.splitlines() if line.startswith("trial ")])
        monkeypatch.setattr(held_out, "available_memory", lambda: Available(0, "a test"))
    assert trials[0] == trials[1]
    assert len(trials[0]) == 2
    # 160 rows, of which a fold has half, by 5 inputs of 4 bytes.
    file = "improve.folds: the rows of each fold are read from a file of about 2 kB, deleted after the fold"
    assert file in " ".join(told.split())


def test_folds_in_files_that_memory_does_not_hold_are_refused(large, mlcli, monkeypatch):
    monkeypatch.setattr(held_out, "available_memory", lambda: Available(0, "a test"))
    monkeypatch.setattr(memory, "available_memory", lambda: Available(190_016_000, "a test"))
    assert mlcli("train", "t.yaml").code == 0
    assert mlcli("evaluate", "t/1", "-S", NO_BASELINES, "-S", "evaluation.folds=2").code == 0
    monkeypatch.setattr(memory, "available_memory", lambda: Available(80_016_000, "a test"))
    for key, command in {"evaluation": ("evaluate", "t/1"), "improve": ("improve", "t.yaml", "--trials", "1")}.items():
        refused = mlcli(*command, "-S", f"{key}.folds=2")
        assert refused.code == 7
        assert f"{key}.folds: training on 160 rows that stay in files takes about " in refused.err
        assert f"({key}.folds: null), use fewer rows, or allow more memory" in refused.err


def test_check_tells_the_file_of_a_fold(large, mlcli):
    plan = mlcli("check", "t.yaml", "-S", "evaluation.folds=4", "-S", "improve.folds=2", "--json").json
    assert plan["disk"] == 160 * 5 * 4
    assert plan["disk_of_fold"] == 120 * 5 * 4
    shown = mlcli("check", "t.yaml", "-S", "evaluation.folds=4").err
    assert "2 kB more for each fold, one at a time" in " ".join(shown.split())
    in_memory = mlcli("check", "t.yaml", "-S", "training.rows=memory", "-S", "evaluation.folds=4", "--json").json
    assert in_memory["disk_of_fold"] == 0


def test_the_file_of_a_fold_is_deleted_when_its_training_fails(large, mlcli, monkeypatch):
    assert mlcli("train", "t.yaml").code == 0
    (prepared,) = (path.parent for path in large.glob("data/prepared/*/meta.json"))
    left = prepared.with_name(f".{prepared.name}-fold.tmp-0123abcd")  # of a process that was killed
    left.mkdir()

    def diverge(context, *others):
        assert context.train.x.path.exists()
        assert context.train.x.path.parent.name.startswith(left.name[:-8])
        raise DivergedError("a test")

    monkeypatch.setattr(refit, "train_model", diverge)
    assert mlcli("evaluate", "t/1", "-S", NO_BASELINES, "-S", "evaluation.folds=2").code == DivergedError.exit_code
    assert not [*large.glob("data/prepared/.*")]


def test_a_search_whose_rows_are_in_a_file_grows_its_forest_before_it_trains(large, mlcli, monkeypatch):
    order = []

    def grow(asked, beside):
        order.append("forest")
        return predict_unseen(asked)

    def train(*arguments):
        order.append("training")
        return train_trial(*arguments)

    monkeypatch.setattr(forest, "predict_apart", grow)
    monkeypatch.setattr(search, "train_trial", train)
    assert mlcli("improve", "t.yaml", "--diagnose").code == 0
    assert order == ["forest", "training"]
    mlcli("improve", "t.yaml", "--diagnose")
    assert order == ["forest", "training"]  # all is known


@pytest.fixture
def trained(large, mlcli):
    """A model of the table, and rows to predict in three formats: ids, a category of no training row, a far number."""
    assert mlcli("train", "t.yaml", "-S", "training={epochs: 1}").code == 0
    rows = pl.read_csv("t.csv").with_columns(pl.int_range(200).alias("id"), b=pl.col("b").cast(pl.Float64))
    far, new = pl.col("id") == 150, pl.col("id").is_in([77, 177])
    rows = rows.with_columns(
        pl.when(far).then(1e6).otherwise("b").alias("b"), pl.when(new).then(pl.lit("z")).otherwise("c").alias("c")
    )
    rows.write_csv("n.csv")
    rows.write_parquet("n.parquet")
    rows.write_ndjson("n.jsonl")
    return large


def in_portions(monkeypatch):
    """Some rows are read at a time, as of a large file."""
    monkeypatch.setattr(csv, "PORTION", 500)
    monkeypatch.setattr(jsonl, "PORTION", 500)
    monkeypatch.setattr(frames, "PORTION", 60)


@pytest.mark.parametrize(("given", "output"), [("n.csv", "p.parquet"), ("n.parquet", "p.jsonl"), ("n.jsonl", "p.csv")])
def test_a_file_is_predicted_portion_by_portion_as_at_once(trained, mlcli, monkeypatch, given, output):
    arguments = ("predict", given, "-o", output, "--keep", "id", "--interval", "0.5", "--json")
    once, whole = mlcli(*arguments), (trained / output).read_bytes()
    in_portions(monkeypatch)
    monkeypatch.setattr(memory, "available_memory", lambda: Available(10_000, "a test"))
    again = mlcli(*arguments)
    assert (again.code, again.json, again.err) == (0, once.json, once.err)
    assert again.json["rows"] == 200
    assert again.json["unseen_categories"] == {"c": 2}
    assert [(one["count"], one["row"], one["value"]) for one in again.json["far_values"]] == [(1, 151, 1e6)]
    if output == "p.parquet":  # in which rows are grouped otherwise
        assert pl.read_parquet(output).equals(pl.read_parquet(io.BytesIO(whole)))
    else:
        assert (trained / output).read_bytes() == whole
    assert not [*trained.glob("*-rows*"), *trained.glob(".*")]


def test_a_bad_row_of_a_later_portion_leaves_no_file(trained, mlcli, monkeypatch):
    in_portions(monkeypatch)
    text = (trained / "n.csv").read_text().splitlines()
    (trained / "n.csv").write_text("\n".join([*text[:190], "x" + text[190], *text[191:]]))
    refused = mlcli("predict", "n.csv", "-o", "new/p.csv")
    assert refused.code == 3
    assert "n.csv:191: column 'a': 'x" in refused.err
    assert not [*trained.glob("new/*")]


def test_contributions_need_all_rows(trained, mlcli, monkeypatch):
    monkeypatch.setattr(memory, "available_memory", lambda: Available(10_000, "a test"))
    refused = mlcli("predict", "n.csv", "--explain", "1")
    assert refused.code == 7
    assert "and 10 kB are available (a test); predict the file in parts" in refused.err
