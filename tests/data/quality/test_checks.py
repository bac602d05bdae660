"""Leaks that are planted are found, and healthy data is passed over in silence."""

import json

import numpy as np
import polars as pl
import pytest
import yaml
from scipy import stats

from mlcli.config.loading.load import load_config
from mlcli.data.prepare import prepare_dataset
from mlcli.data.profile import profile_splits
from mlcli.data.quality.checks import find_all, find_repeated_images, obtain_findings
from mlcli.data.quality.shift import _auc, _p_value
from mlcli.data.tables.types import Images, Splits
from mlcli.reporter import Silent

N = 400
DAYS = pl.date_range(pl.date(2020, 1, 1), pl.date(2021, 2, 3), eager=True)


def healthy(n=N, seed=0):
    """Two numbers and a category that know something of the class, and of the number."""
    rng = np.random.default_rng(seed)
    a, b, c = rng.normal(size=n), rng.normal(size=n), rng.choice(["u", "v", "w"], n)
    noise = rng.normal(size=n)
    label = np.where(a + b + noise > 0.8, "high", np.where(a + b + noise > -0.8, "mid", "low"))
    return pl.DataFrame({"a": a, "b": b, "c": c, "label": label, "amount": 100 + 10 * (a - b) + 5 * noise})


def found(frame, target, folder, **dataset):
    """The findings of all checks on a table; columns that are other targets are dropped."""
    frame.write_csv(folder / "t.csv")
    other = [name for name in ("label", "amount") if name != target]
    section = {"name": "csv", "path": "t.csv", "target": target, "drop": other, **dataset}
    (folder / "t.yaml").write_text(yaml.safe_dump({"dataset": section}))
    config = load_config(folder / "t.yaml")
    return find_all(prepare_dataset(config.dataset, 0, Silent()), config.dataset)


def told(findings):
    return [(one.check, one.columns) for one in findings]


@pytest.mark.parametrize("target", ["label", "amount"])
def test_healthy_data_is_passed_over(workspace, target):
    assert found(healthy(), target, workspace) == ()


def test_numbers_beyond_what_can_be_squared(workspace):
    """They are looked at, or passed over, without a complaint."""
    table = split_given(healthy(), 0).with_columns(
        huge=1e300 * pl.col("a"), tiny=1e-300 * pl.col("b"), amount=1e200 * pl.col("amount")
    )
    table.write_csv("t.csv")
    for target, other in (("label", "amount"), ("amount", "label")):
        section = {"name": "csv", "path": "t.csv", "target": target, "drop": [other], **GIVEN}
        (workspace / "t.yaml").write_text(yaml.safe_dump({"dataset": section}))
        dataset = load_config(workspace / "t.yaml").dataset
        assert obtain_findings(prepare_dataset(dataset, 0, Silent()), dataset, Silent()) == ()


def codes(table):
    return table["label"].replace_strict({"low": 0.0, "mid": 1.0, "high": 2.0})


NOISE = np.random.default_rng(9)
CLASS_LEAKS = {
    "its codes": codes,
    "its name in other words": lambda t: t["label"].replace_strict({"high": "H", "mid": "M", "low": "L"}),
    "its codes with noise": lambda t: codes(t) + NOISE.normal(0, 0.05, N),
    "one row in a thousand wrong": lambda t: pl.Series(np.where(np.arange(N) == 7, "low", t["label"])),
}
NUMBER_LEAKS = {
    "another unit": lambda t: t["amount"] * 1.09 + 3,
    "a function of it": lambda t: t["amount"].log(),
    "rounded": lambda t: t["amount"].round(1),
}


@pytest.mark.parametrize("kind", CLASS_LEAKS)
def test_columns_that_give_a_class_away(workspace, kind):
    table = healthy()
    [finding] = found(table.with_columns(leak=CLASS_LEAKS[kind](table)), "label", workspace)
    assert (finding.check, finding.columns, finding.serious) == ("leak", ("leak",), True)
    assert finding.numbers["score"] >= 0.995
    assert "dataset.drop: [leak]" in finding.text


@pytest.mark.parametrize("kind", NUMBER_LEAKS)
def test_columns_that_give_a_number_away(workspace, kind):
    table = healthy()
    [finding] = found(table.with_columns(leak=NUMBER_LEAKS[kind](table)), "amount", workspace)
    assert (finding.check, finding.columns) == ("leak", ("leak",))
    assert finding.numbers["score"] >= 0.999


def test_training_rows_of_one_target_are_given_away_by_nothing(workspace):
    table = split_given(healthy(), 0)
    split = pl.when(pl.col("part") == "train").then(1.5).otherwise(2.5)
    assert found(table.with_columns(split.alias("amount")), "amount", workspace, task="regression", **GIVEN) == ()


def test_two_leaks_do_not_excuse_each_other(workspace):
    table = healthy().with_columns(x=pl.col("amount") * 2, y=-pl.col("amount"))
    assert told(found(table, "amount", workspace)) == [("leak", ("x",)), ("leak", ("y",))]


def test_a_leak_of_a_rare_class_is_no_merit_of_the_frequent_one(workspace):
    """With 2 % positive rows, a column that knows nothing is right in 98 %."""
    rng = np.random.default_rng(1)
    table = healthy(2000).with_columns(label=pl.Series(np.where(rng.random(2000) < 0.02, "yes", "no")))
    assert found(table, "label", workspace) == ()
    leaking = table.with_columns(leak=(pl.col("label") == "yes").cast(pl.Int64))
    assert told(found(leaking, "label", workspace)) == [("leak", ("leak",))]


def test_columns_that_are_one_class_each(workspace):
    table = healthy().with_columns(
        is_low=(pl.col("label") == "low").cast(pl.Int64), not_mid=(pl.col("label") != "mid").cast(pl.Utf8)
    )
    [finding] = found(table, "label", workspace)
    assert (finding.check, finding.columns) == ("target_copy", ("is_low", "not_mid"))
    assert "'is_low' ('low')" in finding.text
    assert "dataset.drop: [is_low, not_mid]" in finding.text


def test_columns_that_add_up_to_the_target(workspace):
    rng = np.random.default_rng(2)
    table = healthy().with_columns(casual=rng.poisson(30, N), registered=rng.poisson(100, N), back=rng.poisson(9, N))
    table = table.with_columns(amount=pl.col("casual") + pl.col("registered") - pl.col("back") + 0.0)
    [finding] = found(table, "amount", workspace)
    assert (finding.check, finding.columns) == ("sum", ("casual", "registered", "back"))
    assert "'amount' is 'casual' + 'registered' − 'back' in every row" in finding.text
    weighted = table.with_columns(amount=2.0 * pl.col("casual") + pl.col("registered"))
    assert found(weighted, "amount", workspace) == ()


def test_a_date_that_the_target_follows_gives_it_away(workspace):
    table = healthy().with_columns(d=DAYS)
    drifting = table.with_columns(amount=3.0 * pl.int_range(N))
    assert told(found(drifting, "amount", workspace)) == [("leak", ("d",))]


IDS = {
    "in the order of the rows": lambda: np.arange(N) * 7 + 1000,
    "backwards": lambda: -np.arange(N),
    "shuffled": lambda: np.random.default_rng(3).permutation(N) + 1,
    "texts": lambda: [
        f"P-{number:05d}" for number in np.random.default_rng(3).integers(0, 10**5, N) * 1000 + np.arange(N)
    ],
}


@pytest.mark.parametrize("kind", IDS)
def test_numbers_and_names_of_rows(workspace, kind):
    [finding] = found(healthy().with_columns(row=pl.Series(IDS[kind]())), "label", workspace)
    assert (finding.check, finding.columns, finding.serious) == ("id", ("row",), True)
    assert "dataset.drop: [row]" in finding.text


NO_IDS = {
    "days in the order of the rows": lambda rng: DAYS,
    "distinct measurements": lambda rng: rng.permutation(10**6)[:N],
    "distinct fractions in order": lambda rng: np.sort(rng.random(N)),
    "numbers of groups": lambda rng: rng.integers(0, N, N),
    "texts, some twice": lambda rng: [f"t{number}" for number in rng.integers(0, 2 * N, N)],
}


@pytest.mark.parametrize("kind", NO_IDS)
def test_what_does_not_number_rows(workspace, kind):
    values = pl.Series(NO_IDS[kind](np.random.default_rng(4)))
    assert found(healthy().with_columns(row=values), "label", workspace) == ()


def test_constant_columns(workspace):
    table = healthy().with_columns(one=pl.lit(1), word=pl.lit("x"), seldom=pl.Series([1.0, *[None] * 9] * (N // 10)))
    assert told(found(table, "label", workspace)) == [("constant", ("one",)), ("constant", ("word",))]


def split_given(table, copies):
    """A third of the rows are test rows, of which the first have the features of training rows."""
    part = np.where(np.arange(N) % 3 == 0, "test", "train")
    table = table.with_columns(part=pl.Series(part))
    test, train = table.filter(pl.col("part") == "test"), table.filter(pl.col("part") == "train")
    twins = train.head(copies).with_columns(part=pl.lit("test"), label=pl.lit("mid"))
    return pl.concat([train, test.tail(len(test) - copies), twins])


GIVEN = {"split": {"by": "given", "column": "part"}}


@pytest.mark.parametrize(("copies", "serious"), [(0, None), (3, False), (13, True)])
def test_test_rows_that_are_training_rows(workspace, copies, serious):
    findings = found(split_given(healthy(), copies), "label", workspace, **GIVEN)
    if serious is None:
        assert findings == ()
        return
    [finding] = findings
    assert (finding.check, finding.serious) == ("duplicates", serious)
    assert finding.numbers["rows"] == copies
    assert f"{copies} of 134 test rows ({copies / 134:.1%}) duplicate the features of a training row" in finding.text


def test_a_number_of_their_own_does_not_hide_copies(workspace):
    table = split_given(healthy(), 13).with_columns(row=pl.Series(np.arange(N)))
    findings = found(table, "label", workspace, **GIVEN)
    assert [(one.check, one.numbers.get("rows")) for one in findings] == [("id", None), ("duplicates", 13)]


@pytest.mark.parametrize(("copies", "serious"), [(0, None), (2, False), (9, True)])
def test_test_pictures_that_are_training_pictures(copies, serious):
    rng = np.random.default_rng(7)
    pixels = rng.integers(0, 256, (90, 3, 3), dtype=np.uint8)
    test = np.concatenate([pixels[:copies], rng.integers(0, 256, (40 - copies, 3, 3), dtype=np.uint8)])
    labels = np.zeros(90, np.int64)
    parts = (Images(pixels, labels, ("a", "b")), Images(pixels[:0], labels[:0], ("a", "b")))
    splits = Splits(*parts, Images(test, 1 - labels[:40], ("a", "b")), "classification")
    findings = list(find_repeated_images(splits, profile_splits(splits, None, None)))
    assert [(one.numbers["rows"], one.serious) for one in findings] == ([] if serious is None else [(copies, serious)])


def test_rows_of_few_values_are_alike_by_chance(workspace):
    rng = np.random.default_rng(5)
    table = pl.DataFrame({name: rng.integers(0, 3, N) for name in "xyz"}).with_columns(
        label=pl.Series(np.where(rng.random(N) < 0.5, "p", "q"))
    )
    findings = found(table, "label", workspace, drop=[])
    assert {one.check for one in findings} == {"duplicates"}
    assert not any(one.serious for one in findings)
    # 27 equally likely rows: another one is alike with probability 1/27
    chance = 1 - (1 - 1 / 27) ** 240
    assert findings[0].numbers["by_chance"] == pytest.approx(chance, abs=0.01)


def test_test_rows_of_another_kind(workspace):
    table = split_given(healthy(), 0)
    moved = table.with_columns(b=pl.col("b") + 2 * (pl.col("part") == "test"))
    [finding] = found(moved, "label", workspace, **GIVEN)
    assert (finding.check, finding.columns, finding.serious) == ("shift", ("b",), True)
    # two normal distributions two deviations apart: AUC = Φ(2/√2)
    assert finding.numbers["auc"] == pytest.approx(stats.norm.cdf(np.sqrt(2)), abs=0.05)


def test_a_split_in_time_shifts_as_a_matter_of_course(workspace):
    table = healthy().with_columns(day=pl.Series(np.arange(N)), b=pl.col("b") + np.arange(N) / 100)
    [finding] = found(table, "label", workspace, split={"by": "time", "column": "day"})
    assert (finding.check, finding.columns, finding.serious) == ("shift", ("b",), False)


def test_the_auc_and_its_chance_are_those_of_mann_and_whitney():
    rng = np.random.default_rng(6)
    scores, positive = rng.normal(size=300), rng.random(300) < 0.4
    expected = stats.mannwhitneyu(
        scores[positive], scores[~positive], alternative="greater", use_continuity=False, method="asymptotic"
    )
    auc = _auc(scores, positive)
    assert auc == pytest.approx(expected.statistic / (positive.sum() * (~positive).sum()))
    assert _p_value(auc, positive) == pytest.approx(expected.pvalue, rel=1e-6)


@pytest.mark.parametrize(
    "name",
    ["iris", "perceptron", "houses", "houses_line", "wine", "breast_cancer", "diabetes", "gauss", "plane", "xor"],
)
def test_sets_that_are_in_order(workspace, name):
    path = workspace / "configs" / f"{name}.yaml"
    if not path.exists():
        path.write_text(f"dataset: {name}\n")
    dataset = load_config(path).dataset
    assert not [one.text for one in find_all(prepare_dataset(dataset, 0, Silent()), dataset) if one.serious]


@pytest.mark.parametrize("name", ["adult", "california", "penguins"])
def test_real_tables_are_in_order(with_real_data, name):
    dataset = load_config(with_real_data / "configs" / f"{name}.yaml").dataset
    findings = find_all(prepare_dataset(dataset, 0, Silent()), dataset)
    assert not any(one.serious for one in findings)
    repeated = [one.numbers["rows"] for one in findings if one.check != "cells"]
    assert repeated == ([628, 2822] if name == "adult" else [])
    words = [one.text for one in findings if one.check == "cells"]
    assert len(words) == (1 if name == "adult" else 0), words
    assert not words or "occupation: '?' (1,843 cells)" in words[0]


LEAKING = {"name": "csv", "path": "t.csv", "target": "label", "drop": ["amount"]}


@pytest.fixture
def leaking(workspace):
    """A config whose data has a column that is the target and a row number."""
    table = healthy().with_columns(copy=pl.col("label"), row=pl.Series(np.arange(N)))
    table.write_csv(workspace / "t.csv")
    (workspace / "t.yaml").write_text(yaml.safe_dump({"dataset": LEAKING, "training": {"epochs": 1}}))
    return workspace


def test_prepare_and_evaluate_warn_and_refuse_where_asked_to(leaking, mlcli):
    warned = mlcli("prepare", "t.yaml")
    assert warned.code == 0
    assert warned.err.count("warning: column '") == 2
    document = mlcli("prepare", "t.yaml", "--json").json["datasets"][0]
    assert [one["check"] for one in document["findings"]] == ["id", "leak"]
    refused = mlcli("prepare", "t.yaml", "--strict")
    assert refused.code == 3
    assert "the data checks warn: t: id (row); t: leak (copy)" in refused.err
    assert mlcli("train", "t.yaml", "-q").code == 0
    measured = mlcli("evaluate", "--strict", "--json")
    assert (measured.code, len(measured.json["findings"])) == (3, 2)
    assert "column &#39;copy&#39; alone" in (leaking / "runs/t/001/evaluation/report.html").read_text()
    assert mlcli("prepare", "t.yaml", "--strict", "-S", "dataset.drop=[amount, copy, row]").code == 0


def test_findings_are_kept_and_found_anew_when_damaged(leaking, monkeypatch):
    config = load_config(leaking / "t.yaml")
    prepared = prepare_dataset(config.dataset, 0, Silent())
    first = obtain_findings(prepared, config.dataset, Silent())
    with monkeypatch.context() as patch:
        patch.setattr("mlcli.data.quality.checks.find_all", lambda *_: pytest.fail("they are kept"))
        assert obtain_findings(prepared, config.dataset, Silent()) == first
    [place] = (leaking / "data/prepared").glob("*-checks/checks.json")
    place.write_text(json.dumps({"schema": 1, "findings": []}))
    assert obtain_findings(prepared, config.dataset, Silent()) == first


def test_names_of_strangers_are_shown_as_text(workspace, mlcli):
    table = healthy().with_columns(pl.col("label").alias("\x1b[2J<b>"))
    table.write_csv("t.csv")
    (workspace / "t.yaml").write_text(yaml.safe_dump({"dataset": LEAKING}))
    shown = mlcli("prepare", "t.yaml")
    assert "column '\\x1b[2J<b>' alone" in shown.err
    assert "\x1b[2J" not in shown.err
