"""Formats that the cells of a text column show."""

import polars as pl
import pytest

from mlcli.data.tables.dates import as_dates
from mlcli.data.tables.recognition import HEXADECIMAL, read_texts

# Cells, and the keys of every format that reads them all: several where they are ambiguous.
NUMBERS = {
    "plain": (["1", "2.5", "-3e5", "+4"], [None]),
    "currency": (["$1,234.50", "$12"], [{"thousands": ",", "unit": "$"}]),
    "code in front": (["USD 1,234.50"], [{"thousands": ",", "unit": "USD"}]),
    "code behind": (["1.234,50 EUR"], [{"thousands": ".", "decimal": ",", "unit": "EUR"}]),
    "thousands or decimals": (["1,234", "56,789"], [{"thousands": ","}, {"decimal": ","}]),
    "points of a currency": (["1.234 €", "5 €"], [{"thousands": ".", "decimal": ",", "unit": "€"}, {"unit": "€"}]),
    "two groups": (["1,234,567", "1,234"], [{"thousands": ","}]),
    "Indian": (["1,23,456", "7,890"], [{"thousands": ","}]),
    "decimals": (["1,5", "1,234"], [{"decimal": ","}]),
    "no group begins with 0": (["0,123", "0,456"], [{"decimal": ","}]),
    "exponent": (["1,5e3", "2,25e1"], [{"decimal": ","}]),
    "blank": (["1 234", "12\u202f345", "1\u00a0234\u2009567"], [{"thousands": " "}]),
    "apostrophe": (["1'234", "12’345"], [{"thousands": "'"}]),
    "underscore": (["1_000"], [{"thousands": "_"}]),
    "percent": (["12.5 %", "3%"], [{"unit": "%"}]),
    "degrees": (["-5°C", "12 °C"], [{"unit": "°C"}]),
    "unit with a digit": (["12 m2", "3.5 m2"], [{"unit": "m2"}]),
    "parentheses": (["(1,234.5)", "6"], [{"thousands": ","}]),
    "minus behind": (["12.5-", "7"], [{}]),
    "minus sign": (["\u22125", "7"], [{}]),
    "other digits": (["١٢٣", "٤"], [{}]),
}
DATES = {
    "ISO": (["2024-01-05", "2024-01-05 10:30"], [None]),
    "day first": (["31/12/2021", "01/02/2021"], ["%d/%m/%Y"]),
    "month first": (["12/31/2021", "1/2/2021"], ["%m/%d/%Y"]),
    "either first": (["01/02/2021", "03/04/2021"], ["%d/%m/%Y", "%m/%d/%Y"]),
    "points": (["31.12.21", "1.2.22"], ["%d.%m.%y"]),
    "year first": (["2024/01/31", "2024/2/1"], ["%Y/%m/%d"]),
    "years of two digits first": (["85-03-12", "99-12-31"], ["%y-%m-%d"]),
    "few years": (["24-01-05", "23-02-17", "24-03-29", "23-04-30"], ["%d-%m-%y", "%y-%m-%d"]),
    "few days": (["05-01-24", "07-02-24", "11-03-23"], ["%d-%m-%y", "%m-%d-%y"]),
    "Oracle": (["05-JAN-24", "17-DEC-23"], ["%d-%b-%y"]),
    "SAS": (["05JAN2024"], ["%d%b%Y"]),
    "American": (["Jan 5, 2024", "January 15th, 2024", "Feb. 1, 2024"], ["%b %d, %Y"]),
    "German": (["5. Januar 2024", "31. März 2024"], ["%d. %b %Y"]),
    "Spanish": (["5 de enero de 2024", "16 de septiembre de 2024"], ["%d de %b de %Y"]),
    "weekday": (["Fri, 05 Jan 2024 10:00"], ["%A, %d %b %Y %H:%M"]),
    "twelve hours": (["31/01/2024 1:30 PM", "01/02/2024 12:05 a.m."], ["%d/%m/%Y %I:%M %p"]),
    "fraction": (["31/01/2024 10:00:01.5"], ["%d/%m/%Y %H:%M:%S.%f"]),
    "offset": (["31/01/2024 10:00 +01:00"], ["%d/%m/%Y %H:%M %z"]),
    "months": (["2024-01", "2024-12"], ["%Y-%m"]),
    "named months": (["Jan-24", "Dec-23"], ["%b-%y"]),
}
NEITHER = {
    "words": ["a", "b"],
    "letter in front": ["A1", "A2"],
    "ranges": ["1-2", "10-17"],
    "addresses": ["192.168.1.1", "10.0.0.1"],
    "versions": ["1.2.3", "1.10.0"],
    "times": ["13:45", "09:10"],
    "quarters": ["2024-Q1", "2024-Q2"],
    "seasons": ["2020/21", "2021/22"],
    "rooms": ["Room 12", "Room 13"],
    "mostly text": ["5", "a", "b"],
    "long texts": ["12 " + "very " * 20 + "long words"],
}


def read(cells, decimal="."):
    return dict(read_texts(pl.DataFrame({"a": cells}), ["a"], decimal)).get("a")


def keys_of(form):
    return form if form is None else {key: value for key, value in form.model_dump().items() if value is not None}


@pytest.mark.parametrize(("cells", "formats"), NUMBERS.values(), ids=NUMBERS)
def test_numbers(cells, formats):
    reading = read([*cells, None])
    assert (reading.kind, reading.n_fits, reading.n_cells) == ("number", len(cells), len(cells))
    assert [keys_of(form) for form in reading.formats] == formats


@pytest.mark.parametrize(("cells", "formats"), DATES.values(), ids=DATES)
def test_dates(cells, formats):
    reading = read([*cells, None])
    assert (reading.kind, list(reading.formats)) == ("date", formats)
    assert reading.n_fits == len(cells)
    assert not as_dates(pl.Series(cells), formats[0]).has_nulls()


@pytest.mark.parametrize("cells", NEITHER.values(), ids=NEITHER)
def test_neither(cells):
    assert read(cells) is None


def test_the_decimal_mark_of_the_file_needs_no_format():
    assert read(["1,5", "2"], ",").formats == (None,)
    assert [keys_of(form) for form in read(["1.234", "5.678"], ",").formats] == [{"thousands": "."}, {"decimal": "."}]


def test_cells_that_do_not_fit_are_counted():
    reading = read(["$5", "$5", "$6", "-", "-", None, "n/a"])
    assert (reading.n_fits, reading.n_cells) == (3, 6)
    assert reading.others.rows() == [("-", 2), ("n/a", 1)]
    assert reading.example == "$5"


@pytest.mark.parametrize(
    ("cells", "found"),
    [
        (["75 kg", "80 kg", "160 lb"], ("kg", "lb")),
        (["75 kg", "80 kg", "75"], ("kg", "")),
        (["1.2M", "3M", "200K"], ("M", "K")),
        (["$5 each", "$6 each"], ("$ … each",)),
        (["0x1F", "0xA0"], (HEXADECIMAL,)),
        (["20/10/2011", "10/20/2011", "01/02/2011"], ("20/10/2011", "10/20/2011")),
        (["2024-01-31", "31/01/2024"], None),
    ],
)
def test_cells_of_several_forms_have_no_one_format(cells, found):
    reading = read(cells)
    if found is None:  # one of them reads half
        assert (reading.formats, reading.n_fits) == ((None, "%d/%m/%Y"), 1)
    else:
        assert (reading.formats, reading.found) == ((), found)
