"""Delimited text is read cell for cell, or refused; csv of the standard library is the judge."""

import csv
import gzip
import io

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mlcli.data.readers import csv_layout
from mlcli.data.readers.csv import read_delimited
from mlcli.data.readers.csv_dialect import Dialect
from mlcli.data.readers.text_file import open_text, read_text
from mlcli.data.tables.rows import BLANKS
from mlcli.errors import DataError

ACCEPTED = {
    "plain": (b"a,b\n1,2\n3,4\n", [("1", "2"), ("3", "4")]),
    "no last line end": (b"a,b\n1,2\n3,4", [("1", "2"), ("3", "4")]),
    "CRLF": (b"a,b\r\n1,2\r\n3,4\r\n", [("1", "2"), ("3", "4")]),
    "mixed line ends": (b"a,b\r\n1,2\n3,4\r\n", [("1", "2"), ("3", "4")]),
    "blank lines at the end": (b"a,b\n1,2\n\n\r\n\n", [("1", "2")]),
    "byte order mark": (b"\xef\xbb\xbfa,b\n1,2\n", [("1", "2")]),
    "gzip": (gzip.compress(b"a,b\n1,2\n"), [("1", "2")]),
    "empty cells": (b"a,b\n,\n1,\n", [("", ""), ("1", "")]),
    "empty last cell": (b"a,b\n1,2\n3,", [("1", "2"), ("3", "")]),
    "quoted": (b'a,b\n"x,y","z"\n', [("x,y", "z")]),
    "doubled quotes": (b'a,b\n"5"" pipe",""""\n', [('5" pipe', '"')]),
    "quoted empty": (b'a,b\n"",""\n', [("", "")]),
    "line ends in a cell": (b'a,b\n"x\ny","z\r\nw"\r\n', [("x\ny", "z\r\nw")]),
    "padded": (b"a, b\n 1 ,\t2 \n", [("1", "2")]),
    "padded with no-break spaces": ("a,b\n1\u00a0,\u00a02\n".encode(), [("1", "2")]),
    "padded quotes": (b'a, "b"\n "x, y" ,1\n2,\t"z" \r\n', [("x, y", "1"), ("2", "z")]),
    "blanks inside": (b'a,b\n"  x y ",z\n', [("x y", "z")]),
    "two carriage returns before a line end": (b"a,b\r\r\n1,2\r\r\n", [("1", "2")]),
    "carriage return in quotes": (b'a,b\n"1\r2",3\n', [("1\r2", "3")]),
    "hash is no comment": (b"a,b\n#1,2\n", [("#1", "2")]),
    "unicode": ("a,ñ\n日本,😀\n".encode(), [("日本", "😀")]),
}


@pytest.mark.parametrize(("data", "rows"), ACCEPTED.values(), ids=ACCEPTED)
@pytest.mark.parametrize("piped", [True, False])
def test_accepted(tmp_path, data, rows, piped):
    path = tmp_path / "t.csv"
    path.write_bytes(data)
    text = read_text(data, "stdin") if piped else open_text(path)
    assert cells(read_delimited(text, Dialect(","))) == rows


def cells(rows):
    return [tuple(cell or "" for cell in row) for row in rows.frame.rows()]


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252", "utf-16", "utf-8"])
def test_encodings(tmp_path, encoding):
    path = tmp_path / "t.csv"
    path.write_bytes("name;ä\ncafé;1\n".encode(encoding))
    rows = read_delimited(open_text(path, encoding), Dialect(";"))
    assert rows.frame.columns == ["name", "ä"]
    assert cells(rows) == [("café", "1")]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|", " "])
def test_delimiters(delimiter):
    data = delimiter.join("ab") + "\n" + delimiter.join(["1", '"x y"']) + "\n"
    assert cells(read_delimited(read_text(data.encode(), "t"), Dialect(delimiter))) == [("1", "x y")]


def test_one_column_keeps_blank_lines_as_missing_cells():
    rows = read_delimited(read_text(b"a\n1\n\n2\n\n", "t"), Dialect(","))
    assert cells(rows) == [("1",), ("",), ("2",)]
    assert rows.place(2) == "t:4"


CELL = st.text(st.characters(codec="utf-8", exclude_characters="\0") | st.sampled_from('",;\n\r\t a1'), max_size=6)


@pytest.fixture(params=[3, 5])
def small_blocks(monkeypatch, request):
    """Every boundary between blocks of bytes is met."""
    monkeypatch.setattr(csv_layout, "BLOCK", request.param)


@st.composite
def tables(draw):
    width = draw(st.integers(1, 4))
    return draw(st.lists(st.lists(CELL, min_size=width, max_size=width), min_size=1, max_size=6))


@pytest.mark.usefixtures("small_blocks")
@settings(max_examples=75, deadline=None)
@given(
    table=tables(),
    delimiter=st.sampled_from(",;\t|"),
    line_end=st.sampled_from(["\n", "\r\n"]),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
)
def test_what_is_written_is_read(table, delimiter, line_end, quoting):
    file = io.StringIO(newline="")
    if any("\r" in cell for row in table for cell in row):
        quoting = csv.QUOTE_ALL  # csv leaves a carriage return alone unquoted
    writer = csv.writer(file, delimiter=delimiter, lineterminator=line_end, quoting=quoting)
    writer.writerows([[f"c{i}" for i in range(len(table[0]))], *table])
    text = file.getvalue()
    rows = read_delimited(read_text(text.encode(), "t"), Dialect(delimiter, header=True, skip_footer=0))
    assert cells(rows) == [tuple(cell.strip(BLANKS) for cell in row) for row in table]
    assert [rows.place(i) for i in range(len(rows))] == [f"t:{line}" for line in first_lines(text, delimiter)]


def first_lines(text, delimiter):
    """The line on which every record below the header begins, as csv counts them."""
    reader = csv.reader(io.StringIO(text, newline="\n"), delimiter=delimiter)
    ends = [reader.line_num for _ in reader]
    return [end + 1 for end in ends[:-1]]


@pytest.mark.usefixtures("small_blocks")
@settings(max_examples=200, deadline=None)
@given(st.text(st.sampled_from('a1",\n'), max_size=24))
@example(',,"\n"')
def test_any_text_is_refused_or_read_as_csv_reads_it(body):
    text = f"p,q\n{body}"
    try:
        rows = read_delimited(read_text(text.encode(), "t"), Dialect(","))
    except DataError:
        return
    records = list(csv.reader(io.StringIO(text.rstrip("\n"), newline="\n"), strict=True))
    stripped = [tuple(cell.strip(BLANKS) for cell in record) for record in records[1:]]
    width = 2 if all(record[2:] == ("",) for record in stripped) else None  # each row ends in the delimiter
    assert cells(rows) == [record[:width] for record in stripped]


def test_a_table_of_several_blocks(tmp_path):
    """Quoted line ends all over a file that is parsed by several threads."""
    path = tmp_path / "t.csv"
    table = [(str(i), f'say "{i}",\nthen' if i % 3 else "plain", str(i * i)) for i in range(60_000)]
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([("a", "b", "c"), *table])
    rows = read_delimited(open_text(path), Dialect(","))
    assert rows.frame.rows() == table
    assert rows.place(59_999) == f"{path}:{2 + 59_999 + sum(1 for i in range(59_999) if i % 3)}"


@pytest.mark.parametrize("as_written", [None, set()], ids=["all text", "numbers read as such"])
@pytest.mark.parametrize(
    ("index", "kept"),
    [
        ("0 1 2 3", False),
        ("7 3 12 5", False),
        ("Ada Bo Cy Di", False),
        ("1 2 2 3", True),
        ("1.5 2.5 3.5 4.5", True),
        ("2024-01-01 2024-01-02 2024-01-03 2024-01-04", True),
        ("3 , 4 5", True),
    ],
)
def test_a_column_without_a_name_that_names_the_rows_is_left_out(index, kept, as_written):
    lines = [",a,y", *(f"{cell.strip(',')},{i * i},p" for i, cell in enumerate(index.split()))]
    text = read_text("\n".join(lines).encode(), "t.csv")
    if kept:
        with pytest.raises(DataError, match="column 1 of 3 has no name"):
            read_delimited(text, Dialect(), as_written=as_written)
        return
    rows = read_delimited(text, Dialect(), as_written=as_written)
    assert rows.frame.columns == ["a", "y"]
    assert "names the rows, as the index of a data frame does" in rows.notes[0]
