"""Lines of delimited text that are no rows: refused with the keys that leave them out, and left out by these keys."""

import csv
import io
import random

import pytest

from mlcli.data.readers.csv import read_delimited
from mlcli.data.readers.csv_dialect import Dialect, EdgeError
from mlcli.data.readers.text_file import read_text
from mlcli.errors import DataError

NAMES = ["day", "temp", "wind", "kind"]
HEADER = ",".join(NAMES)


def rows(n=30):
    rng = random.Random(1)
    return [
        f"2024-01-{1 + i % 28:02},{rng.uniform(0, 40):.2f},{rng.uniform(0, 9):.1f},{rng.choice(['red', 'blue'])}"
        for i in range(n)
    ]


def flat(n=30, seed=2):
    rng = random.Random(seed)
    return [f"{rng.uniform(4, 8):.1f},{rng.uniform(2, 4):.1f},{rng.choice(['setosa', 'virginica'])}" for _ in range(n)]


def text(*lines):
    return read_text(("\n".join(lines) + "\n").encode(), "t.csv")


# What is written; the place and the keys that the error must name, after which the rest is read as csv reads it.
EDGES = {
    "device lines": (["#Logger 7", "#Serial: 12345, Unit: degC", "", HEADER, *rows()], 1, {"skip_rows": 3}),
    "pairs of keys and values": (["Serial,12345", "Start,2024-01-01", HEADER, *rows()], 1, {"skip_rows": 2}),
    "pairs above two columns": (
        ["serial,12345", "start,2024-01-01", "t,load", *(f"{i},{i * i}.5" for i in range(9))],
        1,
        {"skip_rows": 2},
    ),
    "a title of one cell": (["Monthly report,,,", HEADER, *rows()], 1, {"skip_rows": 1}),
    "a title and empty cells": (["Monthly report,,,", ",,,", HEADER, *rows()], 1, {"skip_rows": 2}),
    "a title above two columns": (["Report", "t,load", *(f"{i},{i * i}.5" for i in range(9))], 1, {"skip_rows": 1}),
    "blank lines": (["", "", HEADER, *rows()], 1, {"skip_rows": 2}),
    "units": ([HEADER, "yyyy,degC,m/s,", *rows()], 2, {"skip_rows": (2,)}),
    "units and processing": ([HEADER, "TS,Deg C,m/s,", ",Avg,Smp,", *rows()], 2, {"skip_rows": (2, 3)}),
    "a ruler": ([HEADER, "----+-----+----+----", *rows()], 2, {"skip_rows": (2,)}),
    "a blank line below the header": ([HEADER, "", *rows()], 2, {"skip_rows": (2,)}),
    "the header once more": ([HEADER, *rows(9), HEADER, *rows(9)], 11, {"skip_rows": (11,)}),
    "a total among dates": ([HEADER, *rows(), "Total,,,12345.6"], 32, {"skip_footer": 1}),
    "a ruler above a total": ([HEADER, *rows(), "---,---,---,---", "1,2,3,4"], 32, {"skip_footer": 2}),
    "a total in German": ([HEADER, *rows(), "Summe:,612.1,99,"], 32, {"skip_footer": 1}),
    "a total with a number": ([HEADER, *rows(), "Total (n=30),100,9.5,"], 32, {"skip_footer": 1}),
    "three statistics": ([HEADER, *rows(), "Sum,600,90,", "Mean,20,4,", "Std,3,1,"], 32, {"skip_footer": 3}),
    "a total of fewer cells": ([HEADER, *rows(), "Total,1234.5"], 32, {"skip_footer": 1}),
    "notes": ([HEADER, *rows(), "", "Source: Ministry of Things", "* provisional"], 32, {"skip_footer": 3}),
    "a note in the first cell": ([HEADER, *rows(), "Source: Ministry of Things,,,"], 32, {"skip_footer": 1}),
    "empty cells": ([HEADER, *rows(), ",,,", ",,,"], 32, {"skip_footer": 2}),
    "sums without a label": (
        ["n,amount", *(f"{i},{2 * i}.5" for i in range(1, 13)), f"{sum(range(1, 13))},162.0"],
        14,
        {"skip_footer": 1},
    ),
    "a sum beside names": (
        ["who,amount,kind", *(f"{a}{b},3,u" for a in "ABCD" for b in "xyz"), "Total,36,u"],
        14,
        {"skip_footer": 1},
    ),
    "a total larger than all": (
        ["who,amount,kind", *(f"{a}{b},3,u" for a in "ABCD" for b in "xyz"), "Total,50,u"],
        14,
        {"skip_footer": 1},
    ),
    "no header": (flat(), 1, {"header": False}),
    "no header, a missing cell": (["5.1,NA,setosa", *flat()], 1, {"header": False}),
    "no header, whole numbers": ([f"{i % 7},{i % 5},{i % 3}" for i in range(3, 30)], 1, {"header": False}),
    "no header, letters": ([f"{'pxs'[i % 3]},{'tn'[i % 2]}" for i in range(20)], 1, {"header": False}),
    "no header, years of birth": (
        ["Ada,1915,1952", *(f"B{chr(97 + i)},19{10 + i},19{60 + i}" for i in range(9))],
        1,
        {"header": False},
    ),
    "comments above rows": (["# a device", *flat()], 1, {"skip_rows": 1, "header": False}),
}


@pytest.mark.parametrize(("lines", "line", "keys"), EDGES.values(), ids=EDGES)
def test_lines_that_are_no_rows(lines, line, keys):
    with pytest.raises(EdgeError) as caught:
        read_delimited(text(*lines), Dialect())
    assert str(caught.value).startswith(f"t.csv:{line}: ")
    for key in keys:
        assert f"dataset.{key}: " in str(caught.value)
    assert caught.value.dialect == Dialect(**keys)
    found = read_delimited(text(*lines), Dialect(**keys))
    skipped = Dialect(**keys).skipped
    kept = [line for number, line in enumerate(lines, 1) if number not in skipped]
    kept = kept[: len(kept) - keys.get("skip_footer", 0)]
    expected = list(csv.reader(io.StringIO("\n".join(kept))))
    names = [f"x{at}" for at in range(1, len(expected[0]) + 1)] if "header" in keys else expected.pop(0)
    assert found.frame.columns == names
    assert [[cell or "" for cell in row] for row in found.frame.rows()] == expected
    last = max(number for number, line in enumerate(lines, 1) if line == kept[-1])
    assert found.place(len(found) - 1) == f"t.csv:{last}"


# Tables that are as they should be, with the notes that they give.
WHOLE = {
    "a category called total": (["cat,amount,y", *(f"{['food', 'total'][i % 2]},{i},u" for i in range(20))], ""),
    "the category last": (["cat,amount,y", *(f"{['food', 'total'][i % 2]},{i % 7},u" for i in range(20))], ""),
    "a first name": (["name,age,y", *(f"A{chr(97 + i)},{20 + i},u" for i in range(12)), "Max,33,u"], ""),
    "perhaps a total": (
        ["name,age,y", *(f"A{chr(97 + i)},{20 + i},u" for i in range(12)), "Total,28,u"],
        "line 14, 'Total, 28, u', is read as a row; if it is a total, set dataset.skip_footer: 1",
    ),
    "years": (["country,2019,2020,2021", *(f"C{chr(97 + i)},{i * 7},{i * 5},{i}" for i in range(12))], ""),
    "one year": (["country,2019", *(f"C{chr(97 + i)},{i * 7}" for i in range(12))], ""),
    "days": (["country,1/22/20,1/23/20", *(f"C{chr(97 + i)},{i * 7},{i * 5}" for i in range(12))], ""),
    "ages": (["region,0-14,15-64,65+", *(f"R{chr(97 + i)},{i * 7},{i * 5},{i}" for i in range(12))], ""),
    "numbered columns": (
        ["0,1,2,y", *(f"{i}.5,{i * i}.1,{7 - i}.2,{'uv'[i % 2]}" for i in range(12))],
        "numbers as names: '0, 1, 2'",
    ),
    "wavelengths": (
        [",".join([*(f"{1100.5 + 2.3 * i:.1f}" for i in range(9)), "y"]), *(f"0.{i}," * 9 + "1" for i in range(9))],
        "with numbers as names: '1100.5, ",
    ),
    "xor": (["x1,x2", "0,0", "0,1", "1,0", "1,1"], ""),
    "text in the first of few rows": (["a,b", "x,1", "2,y", "3,z"], ""),
    "a delimiter behind each row": (["a,b,y", *(f"{i},{i * 2},{i % 3}," for i in range(9))], "a column is not read"),
    "delimiters behind all lines": (
        ["a,b,y,,", *(f"{i},{i * 2},{i % 3},," for i in range(9))],
        "2 columns are not read",
    ),
    "Excel's first line": (
        ["sep=;", "a;b;y", *(f"{i};{i * 2};{i % 3}" for i in range(9))],
        "line 1, 'sep=;', gives the delimiter",
    ),
}


@pytest.mark.parametrize(("lines", "note"), WHOLE.values(), ids=WHOLE)
def test_tables_that_are_as_they_should_be(lines, note):
    found = read_delimited(text(*lines), Dialect())
    assert len(found) == len(lines) - 1 - lines[0].startswith("sep")
    assert found.frame.width == len(
        next(line for line in lines if "sep" not in line).replace(";", ",").rstrip(",").split(",")
    )
    assert note in "\n".join(found.notes)
    assert bool(note) == bool(found.notes)


@pytest.mark.parametrize("keys", [{"header": True}, {"skip_footer": 0}, {"header": True, "skip_rows": (3,)}])
def test_what_a_config_says_is_not_doubted(keys):
    lines = flat(9) if "header" in keys else [HEADER, *rows(9), "Total,,,50"]
    assert len(read_delimited(text(*lines), Dialect(**keys))) == len(lines) - 1 - len(Dialect(**keys).skipped)


RAGGED = {
    "a delimiter behind one row": (
        ["a,b,y", "1,2,3", "1,2,3,", "1,2,3"],
        "t.csv:3: 4 cells where the header has 3; the line ends in ','",
    ),
    "a decimal comma": (["a,b,y", "1.5,2,3", "1,2,3", "3,14,2,3"], "is 3,14 one number?"),
    "row names": (
        ["a,b", *(f"r{i},{i},{i}" for i in range(9))],
        "t.csv:2: 3 cells where the header has 2, as in all rows; write a name",
    ),
    "JSON": (['{"a": 1, "y": 2}', '{"a": 2, "y": 3}'], "t.csv: is JSON, not delimited text"),
    "another delimiter": (
        ["a;b;y", "1,5;2;3", "1,5;2;3"],
        "t.csv:1: one column only, called 'a;b;y'; set dataset.delimiter: ';'",
    ),
}


@pytest.mark.parametrize(("lines", "said"), RAGGED.values(), ids=RAGGED)
def test_causes_are_named(lines, said):
    with pytest.raises(DataError) as caught:
        read_delimited(text(*lines), Dialect())
    assert said in str(caught.value)


def test_names_of_a_file_without_header():
    found = read_delimited(text(*flat(5)), Dialect(header=False, columns=("length", "width", "kind")))
    assert (found.frame.columns, len(found), found.place(4)) == (["length", "width", "kind"], 5, "t.csv:5")
    with pytest.raises(DataError, match=r"t.csv:1: 3 cells where 2 are expected"):
        read_delimited(text(*flat(5)), Dialect(header=False, columns=("length", "width")))


def test_a_title_above_rows_that_end_in_the_delimiter():
    lines = ["Report,2024,,", "a,b,y,", *(f"{i},{i}.5,{i % 7}.1," for i in range(9))]
    with pytest.raises(EdgeError, match=r"^t\.csv:1: .*dataset\.skip_rows: 1"):
        read_delimited(text(*lines), Dialect())
    assert read_delimited(text(*lines), Dialect(skip_rows=1)).frame.columns == ["a", "b", "y"]
