"""Predictions of rows that no network can measure; thresholds and intervals after training."""

import numpy as np
import polars as pl
import pytest


def test_predictions_that_are_no_numbers_are_counted(workspace, mlcli):
    rows = [f"{i % 7}.5,{i % 5}.5,{'no' if i % 3 else 'yes'}" for i in range(40)]
    (workspace / "t.csv").write_text("\n".join(["a,b,y", *rows]))
    (workspace / "t.yaml").write_text("dataset: {name: csv, path: t.csv, target: y}\nmodel: {hidden: [8]}")
    assert mlcli("train", "t.yaml", "-q", "-S", "training.epochs=1").code == 0
    (workspace / "new.csv").write_text("a,b\n1.5,2.5\n1e300,-1e300\n-1e300,-1e300\n1e300,1e300\n")
    told = mlcli("predict", "new.csv")
    n_wrong = sum("NaN" in line for line in told.out.splitlines())
    assert n_wrong > 0
    assert f"warning: {n_wrong} of 4 predictions are not finite numbers" in told.err


def write_rare(folder, n=400):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(n, 2))
    rare = x[:, 0] + rng.normal(size=n) > 1.6
    rows = [f"{a:.3f},{b:.3f},{'yes' if y else 'no'},{a + b:.4f}" for (a, b), y in zip(x, rare, strict=True)]
    (folder / "t.csv").write_text("\n".join(["a,b,y,number", *rows]))
    dataset = "dataset: {name: csv, path: t.csv, target: y, drop: [number]}"
    (folder / "t.yaml").write_text(f"{dataset}\nmodel: {{hidden: [4]}}\nevaluation: {{baselines: none}}")


def test_a_threshold_is_chosen_after_training_judged_and_kept(workspace, mlcli, figures):
    write_rare(workspace)
    assert mlcli("train", "t.yaml", "-q", "-S", "training.epochs=20").code == 0
    assert mlcli("predict", "--threshold", "0.3", "--json", "-o", "once.csv").json["threshold"] == 0.3
    before = mlcli("predict", "--json", "-o", "before.csv").json
    assert (before["model"], before["threshold"]) == ("t/001", 0.5)
    options = ("--threshold", "cost=fp:1,fn:9", "--save-threshold", "--interval", "0.9", "--json")
    measured = mlcli("evaluate", *options).json
    assert measured["threshold"] < 0.5
    figure = (workspace / "runs/t/001/evaluation/figures/thresholds.svg").read_text()
    assert f"F1 is {measured['scores']['f1']['value']:.3f} at the threshold" in figure
    assert [own["name"] for own in measured["coverage"]] == ["", "no", "yes"]
    assert mlcli("predict", "--json", "-o", "after.csv").json["threshold"] == measured["threshold"]
    refused = mlcli("predict", "--threshold", "recall=2")
    assert (refused.code, "expected a number between 0 and 1" in refused.err) == (2, True)
    assert mlcli("evaluate", "--save-threshold").code == 2


def test_intervals_and_sets_are_written_beside_the_predictions(workspace, mlcli):
    write_rare(workspace)
    assert mlcli("train", "t.yaml", "-q", "-S", "training.epochs=3").code == 0
    assert mlcli("predict", "--interval", "0.9", "-o", "sets.csv", "-q").code == 0
    sets = pl.read_csv(workspace / "sets.csv")
    assert set(sets["prediction_set"].unique()) <= {"no", "yes", "no|yes"}
    assert all(a in b.split("|") for a, b in zip(sets["prediction"], sets["prediction_set"], strict=True))
    number = ("-S", "dataset.target=number", "-S", "dataset.drop=[y]", "-S", "training.epochs=3", "-S", "name=n")
    assert mlcli("train", "t.yaml", "-q", *number).code == 0
    assert mlcli("predict", "--interval", "0.9", "-o", "n.parquet", "-q").code == 0
    rows = pl.read_parquet(workspace / "n.parquet")
    low, middle, high = (rows[f"prediction{end}"].to_numpy() for end in ("_low", "", "_high"))
    assert high - middle == pytest.approx(middle - low, abs=1e-6)
    covered = mlcli("evaluate", "--interval", "0.9", "--json").json["coverage"]
    inside = (low <= rows["true_number"].to_numpy()) & (rows["true_number"].to_numpy() <= high)
    assert covered[0]["value"] == inside.mean()
    told = mlcli("predict", "--interval", "1.5")
    assert (told.code, "between 0 and 1" in told.err) == (2, True)


def test_a_bundle_without_validation_scores_says_what_to_do(workspace, mlcli):
    write_rare(workspace)
    assert mlcli("train", "t.yaml", "-q", "-S", "training.epochs=1", "-S", "dataset.split.valid=0").code == 0
    for option in (("--interval", "0.9"), ("--threshold", "f1")):
        told = mlcli("predict", *option)
        assert told.code == 2
        assert "keeps no validation scores" in told.err
        assert "train it again with dataset.split.valid above 0" in told.err
    assert mlcli("predict", "--threshold", "0.3", "-q").code == 0


def test_dark_on_light_is_said_and_inverted(workspace, mlcli):
    rng = np.random.default_rng(0)
    for name, pixels in (("x", rng.integers(0, 90, (60, 4, 4))), ("y", rng.integers(0, 2, 60))):
        header = bytes([0, 0, 8, pixels.ndim]) + b"".join(size.to_bytes(4, "big") for size in pixels.shape)
        (workspace / name).write_bytes(header + pixels.astype(np.uint8).tobytes())
        (workspace / f"negative_{name}").write_bytes(header + (255 - pixels).astype(np.uint8).tobytes())
    (workspace / "c.yaml").write_text("dataset: {name: idx, images: x, labels: y}\ntraining: {epochs: 2}\n")
    assert mlcli("train", "c.yaml", "-q").code == 0
    plain, negative = mlcli("predict", "x", "-o", "-"), mlcli("predict", "negative_x", "-o", "-")
    inverted = mlcli("predict", "negative_x", "--invert", "-o", "-")
    assert "60 images are far brighter than the training rows" in negative.err
    assert "--invert" in negative.err
    assert "brighter" not in inverted.err + plain.err
    assert inverted.out == plain.out != negative.out
    explained = mlcli("predict", "x", "--explain", "2", "--json", "-o", "p.csv")
    page = (workspace / explained.json["page"]).read_text()
    assert page.count("data:image/png") == 120
    assert explained.json["explanation"]["rows"][0]["contributions"][0]["column"].startswith("row ")


def test_contributions_are_written_beside_the_predictions(workspace, mlcli):
    write_rare(workspace)
    assert mlcli("train", "t.yaml", "-q", "-S", "training.epochs=3").code == 0
    document = mlcli("predict", "--explain", "1", "--json", "-o", "e.csv").json["explanation"]
    rows = pl.read_csv(workspace / "e.csv")
    assert document["quantity"] == "probability of 'yes'"
    assert rows["explain_output"].to_numpy() == pytest.approx(rows["probability_yes"].to_numpy(), abs=1e-9)
    total = rows["explain_base"] + rows["explain_contribution_1"] + rows["explain_others"]
    assert total.to_numpy() == pytest.approx(rows["explain_output"].to_numpy(), abs=1e-14)
    assert [one["contributions"][0]["column"] for one in document["rows"]] == rows["explain_column_1"].to_list()
    told = mlcli("predict", "--explain", "1")
    assert "base: the mean over 64 training rows" in told.err
    assert mlcli("predict", "--explain", "0").code == 2
    (workspace / "runs/t/001/model").rename(workspace / "bundle")
    (workspace / "new.csv").write_text("a,b\n1,2\n")
    refused = mlcli("predict", "new.csv", "--run", "bundle", "--explain", "1")
    assert (refused.code, "10 at least, got 1" in refused.err) == (2, True)
