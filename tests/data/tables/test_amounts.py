"""Numbers with thousands marks, currencies and units, by formats that are declared."""

# ruff: noqa: E501 (one row a line)

import polars as pl
import pytest

from mlcli.config.sections.rows import NumberFormat
from mlcli.data.tables.amounts import example_of, parse_amounts
from mlcli.data.tables.rows import Origin, Rows
from mlcli.errors import DataError

NARROW, THIN, HARD, MINUS = "\u202f", "\u2009", "\u00a0", "\u2212"

# A format's keys, and cells with the numbers that they are; None where a cell is refused.
FORMATS = {
    "plain": ({}, {"5": 5, "+5": 5, "-5": -5, f"{MINUS}5": -5, "(5)": -5, "5-": -5, "1.5E+03": 1500, ".5": 0.5, "5.": 5}),
    "not plain": ({}, {"1,5": None, "1 5": None, "0x1F": None, "inf": None, "5 kg": None, "(5": None, "-(5)": None, "": None}),
    "two signs": ({}, {"--5": None, "-5-": None, "+-5": None, "1-2": None}),
    "other digits": ({}, {"١٢٣": 123, "۴۵": 45, "１２．５": 12.5, "٣٫٥": 3.5}),
    "commas": ({"thousands": ","}, {"1,234": 1234, "12": 12, "1,234,567.5": 1234567.5, "1234": 1234, "(1,234)": -1234}),
    "Indian": ({"thousands": ","}, {"1,23,456": 123456, "12,34,56,789.5": 123456789.5, "1,23,45": None, "123,45,678": None}),
    "commas that group nothing": ({"thousands": ","}, {"1,2": None, "1,2345": None, "0,123": None, ",123": None, "1,,234": None}),
    "points": ({"thousands": ".", "decimal": ","}, {"1.234,5": 1234.5, "1.5": None, "1,5e3": 1500, "1.234": 1234}),
    "blanks": ({"thousands": " "}, {"1 234": 1234, f"12{NARROW}345": 12345, f"1{THIN}234{HARD}567": 1234567, "1 23": None}),
    "apostrophes": ({"thousands": "'"}, {"1'234": 1234, "12’345.5": 12345.5}),
    "underscores": ({"thousands": "_"}, {"1_000": 1000, "1__000": None}),
    "currency": (
        {"unit": "$", "thousands": ","},
        {"$1,234.50": 1234.5, "$ 5": 5, "-$5": -5, "$-5": -5, "($5)": -5, "$(5)": -5, "$5-": -5, "5 $": 5, "5": None, "€5": None},
    ),
    "code": ({"unit": "EUR", "decimal": ","}, {"EUR 5,5": 5.5, f"5{HARD}EUR": 5, "5,5- EUR": -5.5, "USD 5": None, "EUR": None}),
    "twice": ({"unit": "%"}, {"12.5 %": 12.5, "12.5%": 12.5, "５％": 5, "%5%": None, "5 %%": None}),
    "unit": ({"unit": "kg"}, {"75 kg": 75, "75kg": 75, "-7.5 kg": -7.5, "75 lb": None, "75 Kg": None, "75 kg net": None}),
    "unit with a digit": ({"unit": "m2"}, {"12 m2": 12, "2.5m2": 2.5, "12 m3": None}),
    "degrees": ({"unit": "°C"}, {"-5°C": -5, f"{MINUS}5 °C": -5, "5 °F": None}),
    "unit of two words": ({"unit": "sq ft"}, {"1200 sq ft": 1200, f"1200{HARD}sq{HARD}ft": 1200}),
}  # fmt: skip


def rows_of(cells):
    return Rows.read(pl.DataFrame({"a": pl.Series(cells, dtype=pl.String)}), Origin("t.csv"), is_text=True)


@pytest.mark.parametrize(("keys", "cells"), FORMATS.values(), ids=FORMATS)
def test_formats(keys, cells):
    form = NumberFormat(**keys)
    read = {cell: number for cell, number in cells.items() if number is not None}
    frame = parse_amounts(rows_of([*read, None]), {"a": form}, ".").frame
    assert frame["a"].to_list() == [*read.values(), None]
    for cell in cells.keys() - read.keys():
        with pytest.raises(DataError, match=r"t\.csv: row 2: column 'a': .* is not a number such as"):
            parse_amounts(rows_of([example_of(form, "."), cell]), {"a": form}, ".")


def test_another_unit_is_named_with_its_place():
    with pytest.raises(DataError) as error:
        parse_amounts(rows_of(["75 kg", "160 lb", "80 kg", "9 lb"]), {"a": NumberFormat(unit="kg")}, ".")
    assert str(error.value) == (
        "t.csv: row 2: column 'a': '160 lb' is not a number such as '1234.5 kg', as dataset.numbers.a says (2 of 4 cells "
        "are not, this one first); fix the cell, list it in dataset.missing.values, or correct dataset.numbers"
    )


def test_whole_numbers_that_would_change_are_refused():
    with pytest.raises(DataError, match=r"row 2: column 'a': '9007199254740993' is beyond 2\^53"):
        parse_amounts(rows_of(["1", "9,007,199,254,740,993"]), {"a": NumberFormat(thousands=",")}, ".")
    assert (
        parse_amounts(rows_of(["9,007,199,254,740,992"]), {"a": NumberFormat(thousands=",")}, ".").frame["a"][0]
        == 2**53
    )


def test_numbers_of_typed_sources_stay():
    rows = Rows.read(pl.DataFrame({"a": [1.5, 2.0]}), Origin("t.parquet"))
    assert parse_amounts(rows, {"a": NumberFormat(unit="kg")}, ".").frame["a"].to_list() == [1.5, 2.0]
