"""A table with weights is measured as the table that has each row so many times."""

import numpy as np
import polars as pl
import pytest

TIMES = np.random.default_rng(4).integers(1, 4, size=180)
CONFIG = """
name: {name}
dataset: {{name: csv, path: {name}.csv, target: y, {weight}split: {{by: given, column: part}}}}
features: {{scale: none}}
model: {{hidden: []}}
optimizer: lbfgs
training: {{epochs: 20, batch_size: full}}
evaluation: {{baselines: [majority], calibration: none, threshold: f1}}
"""


def values(scores):
    return {name: score["value"] for name, score in scores.items() if score["value"] is not None}


@pytest.fixture
def frame():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(180, 2))
    classes = np.where(x @ [1.0, -1.0] + rng.normal(size=180) > 0.7, "yes", "no")
    return pl.DataFrame(
        {"a": x[:, 0], "b": x[:, 1], "y": classes, "w": TIMES, "part": (["train"] * 3 + ["valid", "test"]) * 36}
    )


def test_training_and_evaluation_agree_with_repeated_rows(workspace, mlcli, frame):
    found, tables = {}, {"weighed": frame, "repeated": frame[np.repeat(np.arange(180), TIMES)].drop("w")}
    for name, table in tables.items():
        table.write_csv(f"{name}.csv")
        weight = "weight: w, " if name == "weighed" else ""
        (workspace / f"{name}.yaml").write_text(CONFIG.format(name=name, weight=weight))
        trained = mlcli("train", f"{name}.yaml", "--json")
        evaluated = mlcli("evaluate", name, "--json", "--interval", "0.8")
        assert (trained.code, evaluated.code) == (0, 0), trained.err + evaluated.err
        found[name] = trained.json, evaluated.json
    (trained, evaluated), (many_trained, many_evaluated) = found["weighed"], found["repeated"]
    for split in ("train", "valid"):
        assert trained[split] == pytest.approx(many_trained[split], rel=2e-3)
    assert trained["threshold"] == pytest.approx(many_trained["threshold"], rel=2e-3)
    assert values(evaluated["scores"]) == pytest.approx(values(many_evaluated["scores"]), rel=5e-3)
    ours, theirs = (one["baselines"]["majority"] for one in (evaluated, many_evaluated))
    assert values(ours["scores"]) == pytest.approx(values(theirs["scores"]))
    assert values(ours["differences"]) == pytest.approx(values(theirs["differences"]), rel=0.02, abs=1e-3)
    for one, other in zip(evaluated["per_class"], many_evaluated["per_class"], strict=True):
        assert (one["precision"], one["recall"]) == pytest.approx((other["precision"], other["recall"]))
    assert (evaluated["weighted_by"], many_evaluated["weighted_by"]) == ("w", None)
    assert evaluated["coverage"][0]["n_rows"] == 36
    assert "count each row by its ‘w’" in (workspace / "runs/weighed/001/evaluation/report.html").read_text()


def test_folds_seeds_ensembles_shards_and_searches_take_weights(workspace, mlcli, frame):
    """Where the rows of one class weigh next to nothing, always predicting the other is right."""
    frame = frame.drop("part").with_columns(w=pl.when(pl.col("y") == "yes").then(5.0).otherwise(1e-9))
    frame.write_csv("t.csv")
    (workspace / "t.yaml").write_text(
        "name: t\ndataset: {name: csv, path: t.csv, target: y, weight: w}\nmodel: {hidden: [4]}\n"
        "optimizer: {name: adam, lr: 0.1}\ntraining: {epochs: 5, shards: 2, ensemble: 2}\n"
        "evaluation: {baselines: [majority, knn], folds: 2, seeds: 2, metrics: [accuracy]}\n"
        "improve: {trials: 1, metric: accuracy, ensemble: 2}\n"
    )
    assert mlcli("train", "t.yaml", "-q").code == 0
    measured = mlcli("evaluate", "t", "--json").json
    right = pytest.approx(1, abs=1e-6)
    assert measured["scores"]["accuracy"]["value"] == right
    assert measured["baselines"]["majority"]["scores"]["accuracy"]["value"] == right
    assert "which count alike" in measured["baselines"]["knn"]["text"]
    assert min(measured["seeds"]["metrics"]["accuracy"]["values"]) == right
    assert measured["folds"]["pooled"]["accuracy"]["value"] == right
    searched = mlcli("improve", "t.yaml", "-q", "--json", "-S", "training.ensemble=1")
    assert searched.code == 0, searched.err
    assert [searched.json["before"], searched.json["after"], searched.json["ensemble"]["score"]] == [right] * 3
