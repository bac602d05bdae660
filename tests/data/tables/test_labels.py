"""When two labels are the same one, and when they may be meant to be."""

import numpy as np
import polars as pl
import pytest

from mlcli.config.loading.load import parse_config
from mlcli.data.sources import read_source
from mlcli.data.tables.labels import by_value, find_label, like_known, near_duplicates
from mlcli.features.encoding import Vocabulary, fit_vocabulary, ordered_vocabulary

COMPOSED, DECOMPOSED = "caf\u00e9", "cafe\u0301"


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (["1", "+1", "1.0", "-2.50", "0", None], ["1", "1", "1", "-2.5", "0", None]),
        (["01", "1", "1.0"], ["01", "1", "1.0"]),  # a leading zero makes all of them text
        (["1", "1.0", "a"], ["1", "1.0", "a"]),
        (["9007199254740993", "9007199254740992.0"], ["9007199254740993", "9007199254740992"]),
        (["1e3", "1000"], ["1e3", "1000"]),
        ([None, None], [None, None]),
    ],
)
def test_numbers_are_compared_by_value(labels, expected):
    assert by_value(pl.Series(labels, dtype=pl.String)).to_list() == expected


@pytest.mark.parametrize(
    ("known", "labels", "expected"),
    [
        (["0", "1"], ["1.0", "+1", "0", "2.0", "01", None], ["1", "1", "0", "2.0", "01", None]),
        (["1", "1.0"], ["1.0", "1"], ["1.0", "1"]),
        (["01", "1"], ["1.0"], ["1.0"]),
        ([DECOMPOSED], [COMPOSED], [DECOMPOSED]),
        (["a", "A"], ["a", "A", "b"], ["a", "A", "b"]),
    ],
)
def test_new_labels_are_written_as_the_known_ones(known, labels, expected):
    assert like_known(pl.Series(labels, dtype=pl.String), known).to_list() == expected


@pytest.mark.parametrize(
    ("name", "expected"), [("1.0", "1"), (" 1 ", "1"), ("01", None), ("2", None), ("0", "0"), ("one", None)]
)
def test_a_name_means_a_label(name, expected):
    assert find_label(name, ["0", "1"]) == expected


def test_near_duplicates_are_grouped_the_most_frequent_first():
    labels = ["a", "a", "A", "b", "01", "1", "New York", "new  york", COMPOSED, DECOMPOSED, "-1", "x\u200b", "x"]
    groups = [sorted(dict(group)) for group in near_duplicates(pl.Series(labels))]
    assert sorted(groups) == sorted(
        [["A", "a"], ["01", "1"], ["New York", "new  york"], sorted([COMPOSED, DECOMPOSED]), ["x", "x\u200b"]]
    )
    assert near_duplicates(pl.Series(labels))[0] == [("a", 2), ("A", 1)]


@pytest.mark.parametrize("written", [["1", "2", "10"], ["1.0", "2.0", "10.0"]])
def test_categories_that_are_numbers_are_found_however_they_are_written(written):
    vocabulary = fit_vocabulary(pl.Series("c", written), "one_hot", 10)
    assert vocabulary.kept == ("1", "10", "2")
    new = pl.Series("c", ["1", "1.0", "+2", "10", "03", None])
    assert vocabulary.codes(new).tolist() == [0, 0, 2, 1, 3, 3]
    assert vocabulary.count_unseen(new) == 2
    ordered = ordered_vocabulary(pl.Series("c", written), ("1", "2", "10"))
    assert ordered.codes(new).tolist() == [0, 0, 1, 2, 3, 3]


def test_vocabularies_of_older_bundles_keep_their_categories():
    vocabulary = Vocabulary("c", "one_hot", ("1", "1.0", "2.0"))
    assert vocabulary.codes(pl.Series("c", ["1", "1.0", "2.0", "2"])).tolist() == [0, 1, 2, 2]


@pytest.fixture
def read(tmp_path):
    """Rows of a table of these classes, each ten times, and what is doubtful about them."""

    def read(classes, types="{}", test=()):
        for name, labels in (("t.csv", classes), ("test.csv", test)):
            lines = [f"{i},{label}" for i, label in enumerate(np.repeat(labels, 10))]
            (tmp_path / name).write_text("\n".join(["a,y", *lines]), encoding="utf-8")
        more = f", test_path: {tmp_path}/test.csv" if test else ""
        text = f"dataset: {{name: csv, path: {tmp_path}/t.csv, target: y, types: {types}{more}}}"
        return read_source(parse_config(text, "c.yaml", "c").dataset)

    return read


@pytest.mark.parametrize(
    ("classes", "types", "expected"),
    [
        (["1", "+1", "2", "2.0"], "{}", {"1", "2"}),
        (["1.0", "1", "2"], "{y: category}", {"1", "2"}),
        (["01", "1", "02"], "{}", {"01", "1", "02"}),
        (["a", " a ", "b"], "{}", {"a", "b"}),
        ([COMPOSED, DECOMPOSED, "tea"], "{}", {COMPOSED, "tea"}),
        (["a", "A", "b"], "{}", {"a", "A", "b"}),
    ],
)
def test_classes_of_a_table(read, classes, types, expected):
    assert set(read(classes, types).rows.frame["y"]) == expected


def test_near_duplicates_of_classes_are_told_with_what_to_write(read):
    (doubt,) = read(["a", "A", "A", "b"]).cleaning.doubts
    assert doubt.serious
    assert "'A' (20 rows) and 'a' (10 rows)" in doubt.text
    assert "dataset.replace: {y: {a: A}}" in doubt.text


def test_test_rows_are_written_as_the_training_rows(read):
    found = read(["1", "2"], "{y: category}", test=["1.0", "2"])
    assert set(found.test.frame["y"]) == {"1", "2"}
