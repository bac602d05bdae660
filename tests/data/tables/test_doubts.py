"""What is refused, and what is warned of, where cells look like something else than what they would be read as."""

# ruff: noqa: E501 (one row a line)

import itertools

import polars as pl
import pytest
from pydantic import TypeAdapter

from mlcli.config.sections.dataset import DatasetConfig
from mlcli.data.sources import read_source
from mlcli.errors import DataError

CONFIG = TypeAdapter(DatasetConfig)
AMOUNTS = [f"${i},{i:03}.50" for i in range(11, 41)]
NUMBERS = [str(i) for i in range(30)]
OR_CATEGORY = "or declare dataset.types: {a: category}"


def read(tmp_path, cells, **options):
    """A CSV file with the cells as column a, repeated to 40 rows or more, and a number y."""
    rows = list(itertools.islice(itertools.cycle(cells), max(40, len(cells))))
    path = tmp_path / "t.csv"
    path.write_text("a,x,y\n" + "".join(f'"{cell}",{i % 7},{i}.5\n' for i, cell in enumerate(rows)), encoding="utf-8")
    return read_source(CONFIG.validate_python({"name": "csv", "path": str(path), "target": "y", **options}))


# Cells; and parts of the message, which begins with the line of the cell that it names.
REFUSED = {
    "amounts": (AMOUNTS, "2: column 'a': '$11,011.50' looks like a number", "write dataset.numbers: {a: {thousands: ',', unit: $}}, or"),
    "percent": (["12.5%", "7%"], "2: column 'a': '12.5%' looks", "{a: {unit: '%'}}"),
    "decimal comma": (["1,5", "12,25"], "'12,25' looks", "{a: {decimal: ','}} (dataset.decimal for all columns)"),
    "thousands or decimals": (["1,234", "5,678"], "ambiguous", "{thousands: ','}} for 1234, or dataset.numbers: {a: {decimal: ','}}", "for 1.234"),
    "several units": (["75 kg", "160 lb"], "several units ('kg' and 'lb')", "dataset.numbers.a.unit"),
    "hexadecimal": (["0x1F", "0xA0"], "2: column 'a': '0x1F' is a hexadecimal number"),
    "signs": ([f"~{i}" for i in range(40)], "2: column 'a': '~10' looks like a number with other signs; write plain numbers"),
    "numbers in quotes": ([f"'{i}.5'" for i in range(40)], "looks like a number with other signs"),
    "mixed fractions": ([f"{i} 1/4" for i in range(40)], "looks like a number with other signs"),
    "nearly amounts": ([*AMOUNTS, "free"], "32: column 'a': 'free' is not a number such as '$11,011.50'", "while 39 of 40 cells are", "write dataset.numbers"),
    "nearly numbers": ([*NUMBERS, "x", "x", "z"], "32: column 'a': 'x' is not a number, while 37 of 40 cells are (not: 'x' in 2, 'z' in 1)"),
    "day first": (["31/12/2021", "01/02/2021"], "2: column 'a': '31/12/2021' looks like a date", "dataset.dates: {a: '%d/%m/%Y'}"),
    "day or month first": (["01/02/2021", "03/04/2021"], "ambiguous", "{a: '%d/%m/%Y'}, or dataset.dates: {a: '%m/%d/%Y'}"),
    "day and month first": (["1/2/2021", "20/10/2011", "10/20/2011"], "3: column 'a': '20/10/2011' is day first and '10/20/2011' month first"),
    "two forms": (["2024-01-31", "31.01.2024", "Jan 31, 2024"], "'2024-01-31' and '31.01.2024' are dates of two forms"),
    "no date": (["2024-01-31", "2024-02-01", "0000-00-00"], "4: column 'a': '0000-00-00' is not a date", "dataset.missing.values"),
    "offsets in some": (["2024-01-31T10:00Z", "2024-01-31T10:00"], "3: column 'a': '2024-01-31T10:00' has no offset from UTC"),
}  # fmt: skip


@pytest.mark.parametrize(("cells", "parts"), [(cells, parts) for cells, *parts in REFUSED.values()], ids=REFUSED)
def test_refused(tmp_path, cells, parts):
    with pytest.raises(DataError) as error:
        read(tmp_path, cells)
    assert str(error.value).startswith(f"{tmp_path / 't.csv'}:")
    for part in parts:
        assert part in str(error.value)
    if "offset" not in str(error.value):
        assert OR_CATEGORY in str(error.value)
        found = read(tmp_path, cells, types={"a": "category"})
        assert (found.cleaning.columns[0].kind, found.cleaning.doubts) == ("category", ())


WARNED = {
    "mostly numbers": ([*NUMBERS[:9], "4+", "4+", "4+"], True, "'4+' is not a number, while 31 of 40 cells are (not: '4+' in 9); fix the cells"),
    "letters behind": (["10A", "11B", "12A"], True, "several units ('A' and 'B')"),
    "plural units": (["1 star", "2 stars"], True, "several units ('star' and 'stars')"),
    "times": ([f"{i % 24:02}:{i:02}" for i in range(40)], True, "looks like a time; write it as a number, such as hours or seconds"),
    "other dates": ([f"2024-W{i:02}" for i in range(40)], False, "has 40 distinct texts such as '2024-W00', which are read as categories"),
    "months": (["2024-01", "2024-02"], True, "write dataset.dates: {a: '%Y-%m'}"),
    "codes": (["01234", "98765"], True, "20 cells such as '01234', read as numbers"),
    "phone numbers": (["+34600123456", "+34600123457"], True, "such as '+34600123456'"),
    "short codes": (["01", "12"], False, "such as '01'"),
    "compact dates": (["20240105", "20231231"], True, "look like dates, such as 20231231; write dataset.dates: {a: '%Y%m%d'}"),
    "spreadsheet": ([str(44197 + 3 * i) for i in range(40)], False, "as spreadsheets store 2021-01-01 to 2021-04-28"),
    "far date": (["2024-01-31", "2024-02-01", "9999-12-31"], True, "is '9999-12-31' in 13 cells"),
    "early date": (["2024-01-31", "2024-02-01", "1900-01-01"], True, "is '1900-01-01' in 13 cells"),
}  # fmt: skip


@pytest.mark.parametrize(("cells", "serious", "part"), WARNED.values(), ids=WARNED)
def test_warned(tmp_path, cells, serious, part):
    (doubt,) = read(tmp_path, cells).cleaning.doubts
    assert (doubt.column, doubt.serious) == ("a", serious)
    assert doubt.text.startswith("column 'a'")
    assert part in doubt.text


@pytest.mark.parametrize(
    "cells", [["a", "b"], ["1-2", "3-4"], NUMBERS, ["2024-01-31"], ["20240199", "20240101"], ["45000", "45005"]]
)
def test_usual(tmp_path, cells):
    assert read(tmp_path, cells).cleaning.doubts == ()


@pytest.mark.parametrize(("cell", "serious"), [("31/12/68", True), ("31/12/39", False)])
def test_the_century_of_years_of_two_digits_is_said(tmp_path, cell, serious):
    doubt = read(tmp_path, ["31/12/24", "31/12/99", cell], dates={"a": "%d/%m/%y"}).cleaning.doubts[-1]
    assert "1969 to 2068" in doubt.text
    assert doubt.serious == serious


def test_a_target_is_looked_at_too(tmp_path):
    with pytest.raises(DataError, match=r"column 'a': '\$11,011.50' looks like a number"):
        read(tmp_path, AMOUNTS, target="a")
    with pytest.raises(DataError, match="column 'a': 'x' is not a number, while"):
        read(tmp_path, [*NUMBERS, "x", *"pqrst"], target="a")
    assert read(tmp_path, AMOUNTS, target="a", task="classification").task == "classification"


def test_numbers_as_text_in_typed_sources(tmp_path):
    frame = pl.DataFrame({"many": NUMBERS, "few": ["1", "2", "3"] * 10, "zip": ["01234", "98765"] * 15, "y": range(30)})
    frame.write_parquet(tmp_path / "t.parquet")
    config = {"name": "parquet", "path": str(tmp_path / "t.parquet"), "target": "y"}
    with pytest.raises(
        DataError, match=r"row 11: column 'many': '10' is a number as text.* dataset.types: {many: number}, or"
    ):
        read_source(CONFIG.validate_python(config))
    found = read_source(CONFIG.validate_python({**config, "types": {"many": "number"}}))
    assert [doubt.column for doubt in found.cleaning.doubts] == ["few"]
    found = read_source(CONFIG.validate_python({**config, "numbers": {"many": {}, "few": {}}, "drop": ["zip"]}))
    assert found.rows.frame["many"].to_list() == [float(i) for i in range(30)]


def test_all_columns_are_named_at_once(tmp_path):
    frame = pl.DataFrame({**dict.fromkeys("abcde", AMOUNTS), "y": range(30)})
    frame.write_csv(tmp_path / "t.csv")
    with pytest.raises(DataError) as error:
        read_source(CONFIG.validate_python({"name": "csv", "path": str(tmp_path / "t.csv"), "target": "y"}))
    assert all(f"column '{name}'" in str(error.value) for name in "abc")
    assert str(error.value).endswith("; the same of 2 more columns")
