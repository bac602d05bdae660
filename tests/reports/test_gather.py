import numpy as np
import polars as pl
import pytest

from mlcli.config.sections.config import Config
from mlcli.data.notes import summarise_column
from mlcli.data.profile import profile_splits
from mlcli.data.quality.sample import DataFinding
from mlcli.data.tables.types import Column, Images, Splits, Table
from mlcli.models.task import Regression
from mlcli.reports.evaluation_page import describe_training, gather_facts
from mlcli.runs.manifest import RunManifest
from mlcli.training.state import EpochRecord
from tests.evaluation.examples import class_predictions, classification, number_predictions, regression
from tests.reports.test_gallery import subject

TABLE = Table(
    pl.DataFrame({"x": [1.0, 2.0, 2.0, None], "kind": ["a", "b", "b", "b"], "y": [0.5, 0.5, 0.5, 0.5]}),
    (Column("x", "number"), Column("kind", "category")),
    (Column("y", "number"),),
)
PROFILE = profile_splits(Splits(TABLE, TABLE.part(0, 0), TABLE.part(2, 2), "regression"), None, None)
PICTURES = Images(np.zeros((30, 8, 9), np.uint8), np.zeros(30, int), ("a", "b"))
FINDINGS = (DataFinding("shift", "prices rise", serious=False), DataFinding("duplicates", "rows repeat"))
CSV = {"name": "csv", "path": "/home/someone/houses.csv", "target": "y"}


def config(**sections):
    return Config.model_validate({"name": "houses", "dataset": CSV, **sections})


def manifest(**changes):
    fields = {"dataset": "csv", "n_parameters": 1234, "rows": {"train": 4, "valid": 0, "test": 2}, **changes}
    return RunManifest(
        seed=3, device="cpu", threads=2, precision="float32", config_fingerprint="c" * 64, data_fingerprint="d" * 64,
        timings={"train": 3.21}, created="2026-01-02T03:04:05.6+00:00", **fields,
    )  # fmt: skip


def classes(data, n=2):
    truth = np.zeros(len(data), int)
    return subject(classification(n), data, truth, lambda _: class_predictions(np.eye(n)[truth]))


def numbers(task, data, n_targets=1):
    truth = np.zeros((len(data), n_targets))
    return subject(task, data, truth, lambda _: number_predictions(truth))


@pytest.mark.parametrize(
    ("known", "sections", "changes", "sentence"),
    [
        (numbers(regression(), TABLE), {"model": {"hidden": []}}, {},
         "A linear model that predicts y1 from 2 columns of houses.csv."),
        (numbers(Regression(tuple("abcde"), (0.0,) * 5, (1.0,) * 5), TABLE, 5), {"model": {"hidden": [8]}}, {},
         "A multilayer perceptron with a hidden layer of 8 relu units that predicts a, b, c and 2 more from 2 columns "
         "of houses.csv."),
        (classes(PICTURES), {"model": {"hidden": [9, 8, 7], "activation": "tanh"}},
         {"dataset": "digits", "stand_in_for": "mnist"},
         "A multilayer perceptron with hidden layers of 9, 8 and 7 tanh units that classifies ‘a’ and ‘b’ from images "
         "of 8 × 9 pixels of digits, used in place of mnist."),
        (classes(TABLE, 4), {"model": {"hidden": []}}, {},
         "A linear model that predicts one of 4 classes from 2 columns of houses.csv."),
    ],
)  # fmt: skip
def test_a_run_in_a_sentence(known, sections, changes, sentence):
    assert describe_training(known, config(**sections), manifest(**changes)) == sentence


def test_columns_with_their_shape():
    x, kind, y = map(summarise_column, PROFILE["columns"])
    assert (x.missing, x.missing_share, x.distinct, x.summary) == (2, pytest.approx(2 / 6), 2, "1 to 2, median 2")
    assert (x.bars[0], x.bars[-1], sum(x.bars)) == (1, 2, 3)
    assert (kind.bars, kind.summary) == ((3, 1), "most often b")
    assert (y.role, y.bars, y.summary) == ("target", (), "0.5 to 0.5, median 0.5")


def test_columns_of_older_profiles_have_no_shape():
    old = {key: value for key, value in PROFILE["columns"][0].items() if key != "histogram"}
    assert summarise_column(old).bars == ()


def test_facts_of_a_run():
    history = [EpochRecord(epoch, epoch, 0.1, 1.0, 1.0, {}) for epoch in (1, 2, 3)]
    known = subject(
        regression(), TABLE, np.zeros((4, 1)), lambda _: number_predictions([0.0, 3.0, 1.0, 2.0]), history=history
    )
    facts = gather_facts("houses/001", known, config(), manifest(), PROFILE, FINDINGS, {})
    assert dict(facts.numbers) == {
        "training rows": "4", "test rows": "2", "input columns": "2", "parameters": "1,234", "epochs": "3, best: 1",
        "training time": "3.2 s",
    }  # fmt: skip
    assert [row.place for row in facts.mistakes.rows] == [1, 3, 2, 0]
    assert facts.mistakes.columns == ("x", "kind")
    assert facts.environment.items() >= {"seed": "3", "threads": "2", "created": "2026-01-02 03:04 UTC"}.items()
    assert facts.warnings == ("rows repeat",)
    assert facts.notes[:2] == ("prices rise", "2 feature columns: 1 of numbers, 1 of categories")
    assert (facts.config_name, facts.classes) == ("houses", None)
    assert "hidden:" in facts.config
