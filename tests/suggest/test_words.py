"""Words that mark missing cells and are classes or codes in a table: what `init` writes, and that it trains so."""

import pytest

from mlcli.config.loading.load import parse_config
from mlcli.data.sources import read_source
from mlcli.suggest.source import find_source
from mlcli.suggest.suggest_config import suggest_config

COUNTRIES = ["NA", "ZA", "BW", "AO"] * 10


def table(tmp_path, **columns):
    rows = zip(*columns.values(), strict=True)
    text = "\n".join([",".join(columns), *(",".join(map(str, row)) for row in rows)])
    (tmp_path / "t.csv").write_text(text, encoding="utf-8")
    suggested = suggest_config(find_source(str(tmp_path / "t.csv")), "y", "# head")
    return suggested, read_source(parse_config(suggested.text, "t.yaml", "t").dataset)


@pytest.mark.parametrize(
    ("classes", "x", "expected"),
    [
        (["None"] * 20 + ["a"] * 10 + ["b"] * 10, range(40), {"None", "a", "b"}),
        (["None"] * 4 + ["a"] * 18 + ["b"] * 18, range(40), {"a", "b"}),  # rarer than a class: missing
        (["None"] * 4 + ["a"] * 18 + ["b"] * 18, [*range(39), ""], {"None", "a", "b"}),  # missing cells are empty
        (["NA"] * 4 + ["yes"] * 36, range(40), {"NA", "yes"}),  # without it there would be one class
        (["?"] * 20 + ["a"] * 10 + ["b"] * 10, range(40), {"a", "b"}),
        (["-"] * 20 + ["+"] * 20, [*range(38), "-", "-"], {"class -", "+"}),
        (["None"] * 20 + ["a"] * 20, [*range(38), "None", "None"], {"class None", "a"}),
    ],
)
def test_a_class_that_is_a_word_for_missing(tmp_path, classes, x, expected):
    _, read = table(tmp_path, x=x, kind=["p", "q"] * 20, y=classes)
    assert set(read.rows.frame["y"]) == expected
    assert len(read.rows) == sum(label in {name.removeprefix("class ") for name in expected} for label in classes)


@pytest.mark.parametrize(("x", "is_kept"), [(range(40), True), ([*range(38), "NA", "NA"], False)])
def test_a_country_called_na(tmp_path, x, is_kept):
    suggested, read = table(tmp_path, x=x, country=COUNTRIES, y=["a", "b"] * 20)
    assert ("NA" in set(read.rows.frame["country"])) is is_kept
    assert any("NA is a value of country" in line for line in suggested.summary) is is_kept
    assert any("country: 'NA' (10 cells)" in doubt.text for doubt in read.cleaning.doubts) is not is_kept


def test_what_is_left_out_is_named(tmp_path):
    suggested, _ = table(tmp_path, x=range(40), kind=["p", "q"] * 20, y=["?"] * 4 + ["a"] * 18 + ["b"] * 18)
    assert "4 rows have no target: '?' (4 cells)" in suggested.text


def test_classes_that_are_numbers_beside_missing_ones_are_kept_by_value(tmp_path):
    _, read = table(tmp_path, x=range(40), kind=["p", "q"] * 20, y=["0.0", "1.0"] * 18 + [""] * 4)
    assert (set(read.rows.frame["y"]), len(read.rows)) == ({"0", "1"}, 36)
