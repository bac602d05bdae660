"""How delimited text is written, told from its bytes."""

import gzip

import pytest

from mlcli.data.readers.encodings import find_encoding
from mlcli.data.readers.text_file import open_text
from mlcli.suggest.source import find_delimiter, find_source


@pytest.mark.parametrize(
    ("data", "encoding"),
    [
        (b"a,b\n1,2\n", "utf-8"),
        ("é,ñ\n".encode(), "utf-8"),
        (b"a,caf\xe9", "latin-1"),  # the last letter
        ("é,ñ\n".encode("latin-1"), "latin-1"),
        ("é,–\n".encode("cp1252"), "cp1252"),  # a dash, which latin-1 has not
        ("a\n".encode("utf-16"), "utf-16"),
    ],
)
def test_the_encoding(data, encoding):
    assert find_encoding(data).name == encoding


@pytest.mark.parametrize(
    ("text", "delimiter"),
    [
        ("a,b\n1,2\n", ","),
        ("a;b\n1,5;2,5\n", ";"),  # decimal commas are no delimiters
        ("a,x;b,y;c\n1;2;3\n4;5;6\n", ";"),
        ("a\tb\n1 2\t3 4\n", "\t"),
        ("a|b|c\n1|2|3\n", "|"),
        ("a b\n1 2\n", " "),
        ('"a, b";c\n"1, 2";3\n', ";"),
        ("one\n1\n2\n", ","),
        ('a,b\n"x;y;z",1\n"u;v;w",2\n', ","),
    ],
)
def test_the_delimiter(tmp_path, text, delimiter):
    path = tmp_path / "t.csv"
    path.write_text(text)
    assert find_delimiter(open_text(path)) == delimiter
    path.write_bytes(gzip.compress(text.encode()))
    assert find_delimiter(open_text(path)) == delimiter


def test_lines_that_are_no_rows_are_left_out_and_told(tmp_path):
    rows = [f"2024-01-{1 + i % 28:02};{i % 9},5;{i % 2}" for i in range(40)]
    lines = ["Messung", "", "Tag;Kraft;Wert", "TT.MM.;kN;", *rows, "Summe;180,5;", "", "Quelle: Café"]
    (tmp_path / "t.csv").write_bytes("\r\n".join(lines).encode("cp1252"))
    found = find_source(str(tmp_path / "t.csv"))
    keys = {key: found.keys.get(key) for key in ("delimiter", "encoding", "decimal", "skip_rows", "skip_footer")}
    assert keys == {
        "delimiter": ";", "encoding": "latin-1", "decimal": ",", "skip_rows": (1, 2, 4), "skip_footer": 3
    }  # fmt: skip
    assert (found.raw.height, found.raw.columns) == (40, ["Tag", "Kraft", "Wert"])
    told = "\n".join(found.notes)
    for part in ("'Café'", "t.csv:1: 'Messung'", "t.csv:4: 'TT.MM., kN, '", "t.csv:45: 'Summe, 180,5, '"):
        assert part in told
