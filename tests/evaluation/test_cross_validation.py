"""What a fold's network learns from, and how its answers join those of the others."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from mlcli.config.sections.config import Config
from mlcli.data.prepare import Prepared
from mlcli.data.splitting import join_rows, take_rows
from mlcli.data.tables.types import Column, Images, Splits, Table
from mlcli.errors import ConfigError, DataError, DivergedError
from mlcli.evaluation.cross_validation import Folds, measure_folds, pool, with_all_classes
from mlcli.reporter import Silent
from tests.evaluation.examples import class_predictions, classification, number_predictions

NUMBERS = (Column("a", "number"), Column("b", "number"))


def table(n, target="y", seed=0):
    rng = np.random.default_rng(seed)
    a, b = rng.normal(5, 3, n), rng.normal(-2, 9, n)
    y = np.where(a > 5, "yes", "no") if target == "class" else 3 * a - b + 1
    frame = pl.DataFrame({"a": a, "b": b, target: y})
    return Table(frame, NUMBERS, (Column(target, "category" if target == "class" else "number"),))


def prepared(train, valid, kind):
    splits = Splits(train, valid, take_rows(train, np.arange(0)), kind)
    return Prepared(splits, Path("nowhere"), "0" * 64, "0" * 64, {}, True, "csv", None)


def config(target="y", **sections):
    plain = {"model": {"hidden": []}, "training": {"epochs": 3, "batch_size": "full"}, "seed": 5}
    dataset = {"name": "csv", "path": "a.csv", "target": target}
    return Config.model_validate({"name": "x", "dataset": dataset, **plain, **sections})


@pytest.mark.parametrize(("target", "kind"), [("y", "regression"), ("class", "classification")])
def test_a_fold_knows_nothing_of_the_rows_it_holds_out(target, kind):
    data = prepared(table(40, target), table(10, target, seed=1), kind)
    rows = join_rows(data.splits.train, data.splits.valid)
    held_out = np.array([0, 7, 12, 45])
    inputs = Folds.of(config(target), data, "evaluation.folds", 5).inputs_without(held_out, config(target))
    own = inputs.prepared.splits
    places = {name: [rows.frame["a"].to_list().index(a) for a in own[name].frame["a"]] for name in ("train", "valid")}
    assert own.test.frame.equals(rows.frame[held_out])
    assert sorted([*places["train"], *places["valid"], *held_out]) == list(range(50))
    assert len(own.valid) == 9  # a fifth, as in the run, of the 46 rows that are left
    x = rows.frame[places["train"]].select("a", "b").to_numpy()
    scaled = inputs.features.report.scaled
    assert np.allclose([scaled[name].centre for name in "ab"], x.mean(axis=0))
    assert np.allclose([scaled[name].spread for name in "ab"], x.std(axis=0))
    if kind == "regression":
        y = rows.frame[places["train"]]["y"].to_numpy()
        assert np.allclose([*inputs.task.mean, *inputs.task.std], [y.mean(), y.std()])


def patients(by):
    """12 patients of 20 rows: two columns tell the patient apart, and say nothing about the patient's own number."""
    rng = np.random.default_rng(4)
    patient = rng.permutation(np.repeat(np.arange(12), 20))
    marks, level = rng.normal(0, 1, (12, 2)), rng.normal(0, 10, 12)
    a, b = (marks[patient] + rng.normal(0, 0.02, (240, 2))).T
    frame = pl.DataFrame({"a": a, "b": b, "y": level[patient]})
    groups = patient if by == "group" else np.arange(240)[::-1].copy()
    whole = Table(frame, NUMBERS, (Column("y", "number"),), groups)
    valid = groups % 4 == 3
    return prepared(take_rows(whole, np.flatnonzero(~valid)), take_rows(whole, np.flatnonzero(valid)), "regression")


def split_by(by, **sections):
    split = {"by": by, "column": "k"} if by in ("group", "time") else {"by": by}
    whole = config(**sections)
    return whole.model_copy(
        update={"dataset": whole.dataset.model_copy(update={"split": whole.dataset.split.model_copy(update=split)})}
    )


def test_rows_of_a_group_are_never_on_two_sides_of_a_fold():
    data, asked = patients("group"), split_by("group")
    folds = Folds.of(asked, data, "improve.folds", 3)
    assert len(folds.pooled_truth) == 240
    for held_out in folds.held_out:
        own = folds.inputs_without(held_out, asked).prepared.splits
        numbers = [set(part.groups) for part in (own.train, own.valid, own.test)]
        assert sum(map(len, numbers)) == len(set.union(*numbers)) == 12
        assert len(own.valid) == 40  # a quarter of the rows is 40 of 160: two patients


def test_a_fold_of_a_split_by_time_is_trained_on_the_past_alone():
    data, asked = patients("time"), split_by("time")
    folds = Folds.of(asked, data, "improve.folds", 3)
    assert len(folds.pooled_truth) == 180
    for held_out in folds.held_out:
        own = folds.inputs_without(held_out, asked).prepared.splits
        assert own.train.groups.max() < own.valid.groups.min()
        assert own.valid.groups.max() < own.test.groups.min()
        assert len(own.test) == 60


@pytest.mark.parametrize(("by", "honest"), [("group", True), ("random", False)])
def test_what_only_tells_a_group_apart_predicts_nothing_of_other_groups(by, honest):
    data = patients("group")
    if by == "random":
        splits = [replace(part, groups=None) for part in (data.splits.train, data.splits.valid)]
        data = prepared(*splits, "regression")
    learns = {"model": {"hidden": [24]}, "optimizer": {"name": "lbfgs"}}
    learns |= {"training": {"epochs": 20, "batch_size": "full"}}
    asked = split_by(by, evaluation={"folds": 3, "metrics": ["r2"]}, **learns)
    [score] = measure_folds(asked, data, Silent()).pooled
    assert score.value <= 0 if honest else score.value > 0.8


def test_too_few_groups_for_a_fold_are_refused():
    data, asked = patients("group"), split_by("group")
    folds = Folds.of(asked, data, "improve.folds", 12)
    everything = np.flatnonzero(folds.groups != 5)
    with pytest.raises(DataError, match=r"improve.folds: the rows that a fold leaves .* need 2 groups or more, got 1"):
        folds.inputs_without(everything, asked)
    with pytest.raises(ConfigError, match=r"improve.folds: 13 folds need at least 13 groups, got 12"):
        Folds.of(asked, data, "improve.folds", 13)


def test_leaving_one_out_is_that_of_the_normal_equation():
    """A linear network trained to its optimum; the row left out is predicted as least squares predicts it."""
    data = table(8)
    noisy = data.frame.with_columns(y=pl.col("y") + pl.Series(np.random.default_rng(3).normal(size=8)))
    whole = prepared(replace(data, rows=noisy), take_rows(data, np.arange(0)), "regression")
    lbfgs = {"optimizer": {"name": "lbfgs"}, "training": {"epochs": 30, "batch_size": "full"}}
    asked = {"evaluation": {"folds": "leave_one_out", "metrics": ["mae"]}, "loss": {"name": "mse"}, **lbfgs}
    found = measure_folds(config(**asked), whole, Silent())
    x, y = np.column_stack([noisy["a"], noisy["b"], np.ones(8)]), noisy["y"].to_numpy()
    others = [np.arange(8) != row for row in range(8)]
    theirs = [x[row] @ np.linalg.lstsq(x[rest], y[rest], rcond=None)[0] for row, rest in enumerate(others)]
    assert found.leaves_one_out
    assert found.spreads == ()
    assert found.pooled[0].value == pytest.approx(np.abs(y - theirs).mean(), rel=1e-4)


def test_mean_and_deviation_are_those_of_the_folds():
    data = prepared(table(40, "class"), table(10, "class", seed=1), "classification")
    asked = config("class", evaluation={"folds": 3, "repeats": 2, "metrics": ["accuracy", "log_loss"]})
    found = measure_folds(asked, data, Silent())
    assert found == measure_folds(asked, data, Silent())
    accuracy, loss = found.spreads
    assert len(loss.values) == 6
    assert [loss.mean, loss.sd] == pytest.approx([np.mean(loss.values), np.std(loss.values, ddof=1)])
    sizes = np.array([17, 17, 16])  # scikit-learn gives the first folds the rows that are over
    assert found.pooled[0].value == pytest.approx(np.average(accuracy.values[:3], weights=sizes))
    assert found.pooled[0].low < found.pooled[0].value < found.pooled[0].high


def test_a_class_that_a_fold_lacks_has_no_probability():
    own = classification(2)
    answers = with_all_classes(classification(3), replace(own, classes=("a", "c")), class_predictions([[0.3, 0.7]]))
    assert answers.values.tolist() == [2]
    assert answers.probabilities.tolist() == [[0.3, 0, 0.7]]
    assert np.isfinite(answers.scores).all()


def test_pooled_answers_stand_in_the_order_of_the_rows():
    pooled = pool([number_predictions([30, 10]), number_predictions([20])], [np.array([2, 0]), np.array([1])])
    assert pooled.values.ravel().tolist() == pooled.scores.ravel().tolist() == [10, 20, 30]
    assert pooled.probabilities is None


def test_pictures_are_joined_and_taken():
    def pictures(*labels):
        return Images(np.array(labels, np.uint8).reshape(-1, 1, 1), np.array(labels), ("a", "b", "c"))

    joined = join_rows(pictures(0, 1), pictures(2))
    assert joined.labels.tolist() == [0, 1, 2]
    assert take_rows(joined, np.array([2, 0])).pixels.ravel().tolist() == [2, 0]


def test_a_fold_that_diverges_is_told():
    data = prepared(table(40), table(10, seed=1), "regression")
    wild = {"optimizer": {"name": "sgd", "lr": 1e30}, "training": {"epochs": 20}, "evaluation": {"folds": 2}}
    with pytest.raises(DivergedError, match=r"evaluation.folds: a training \(seed 5\) diverged at step"):
        measure_folds(config(**wild), data, Silent())
