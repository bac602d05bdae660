"""Rows to predict are read as the training rows were."""

import io
import sys
from datetime import date
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest
from pydantic import TypeAdapter

from mlcli.config.sections.dataset import DatasetConfig
from mlcli.data.prediction_input import parse_input
from mlcli.data.readers.csv import read_delimited
from mlcli.data.readers.csv_dialect import Dialect
from mlcli.data.readers.text_file import open_text
from mlcli.data.tables.types import Column, Schema
from mlcli.errors import DataError, UsageError

CSV = {"name": "csv", "path": "train.csv", "target": "y"}
SCHEMA = Schema((Column("size", "number"), Column("color", "category")))


def dataset(**options):
    return TypeAdapter(DatasetConfig).validate_python({**CSV, **options})


def read(path, text, *, config=None, format=None):
    path.write_text(text)
    return parse_input(str(path), SCHEMA, config or dataset(), format)


def test_columns_go_by_name_and_others_are_handed_back(tmp_path):
    incoming = read(tmp_path / "new.csv", "id,color,y,size\n007, red ,?,1.5\n008,?,p,\n")
    assert incoming.table.frame.to_dict(as_series=False) == {"size": [1.5, None], "color": ["red", None]}
    assert (incoming.table.features, incoming.table.targets) == (SCHEMA.columns, ())
    assert incoming.extra.to_dict(as_series=False) == {"id": ["007", "008"], "y": ["?", "p"]}


def test_options_of_the_training_file_hold(tmp_path):
    config = dataset(
        delimiter=";",
        decimal=",",
        encoding="latin-1",
        missing={"values": ["-"]},
        replace={"color": {"rot": "red"}, "y": {"a": "b"}},
        keep={"size": [1]},
    )
    path = tmp_path / "new.csv"
    path.write_bytes("size;color\n1,5;rot\n-;grün\n".encode("latin-1"))
    incoming = parse_input(str(path), SCHEMA, config)
    assert incoming.table.frame.to_dict(as_series=False) == {"size": [1.5, None], "color": ["red", "grün"]}


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252", "koi8-r", "utf-16"])
def test_utf8_is_read_as_such_and_told_where_the_training_file_had_another_encoding(tmp_path, encoding):
    path = tmp_path / "new.csv"
    path.write_bytes("size,color\n1,grün\n".encode())
    incoming = parse_input(str(path), SCHEMA, dataset(encoding=encoding))
    assert incoming.table.frame["color"].to_list() == ["grün"]
    assert incoming.notes == (
        f"{path} is UTF-8, unlike the training file, whose encoding is {encoding}; it is read as UTF-8",
    )


def test_numbers_are_written_as_in_the_training_file(tmp_path):
    config = dataset(numbers={"size": {"thousands": ".", "decimal": ","}})
    incoming = read(tmp_path / "new.csv", "size,color\n1.234,red\n12,red\n", config=config)
    assert incoming.table.frame["size"].to_list() == [1234.0, 12.0]
    with pytest.raises(DataError, match=r"new.csv:2: column 'size': '1.5' is not a number such as '1.234,5'"):
        read(tmp_path / "new.csv", "size,color\n1.5,red\n", config=config)
    incoming = read(tmp_path / "new.jsonl", '{"size": 1.5, "color": "red"}\n', config=config)
    assert incoming.table.frame["size"].to_list() == [1.5]


@pytest.mark.parametrize(
    "trained_on", [{"name": "sql", "path": "a.db", "query": "SELECT 1", "target": "y"}, {"name": "xor"}]
)
def test_csv_for_a_model_of_another_source(tmp_path, trained_on):
    config = TypeAdapter(DatasetConfig).validate_python(trained_on)
    assert read(tmp_path / "new.csv", "size,color\nNA,red\n", config=config).table.frame["size"].to_list() == [None]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("new.csv", "member\nyes\nF\n1\n\nperhaps\n"),
        ("new.jsonl", '{"member": true}\n{"member": false}\n{"member": true}\n{"member": null}\n{"member": null}\n'),
        ("new.jsonl", '{"member": "Y"}\n{"member": "n"}\n{"member": "TRUE"}\n{}\n{"member": "2"}\n'),
        ("new.jsonl", '{"member": 1}\n{"member": 0}\n{"member": 1.0}\n{}\n{"member": 2}\n'),
    ],
)
def test_truth_is_read_in_any_words(tmp_path, name, text):
    (tmp_path / name).write_text(text)
    incoming = parse_input(str(tmp_path / name), Schema((Column("member", "boolean"),)), dataset())
    assert incoming.table.frame["member"].to_list() == [True, False, True, None, None]
    assert incoming.invalid == ({} if "null" in text else {"member": 1})


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({}, "signed\n2024-02-01\n2024-02-01T10:30\n?\n"),
        ({"dates": {"signed": "%d/%m/%Y"}}, "signed\n1/2/2024\n01/02/2024\n?\n"),
    ],
)
def test_dates_are_read_as_they_were(tmp_path, options, text):
    (tmp_path / "new.csv").write_text(text)
    schema = Schema((Column("signed", "date"),))
    incoming = parse_input(str(tmp_path / "new.csv"), schema, dataset(**options))
    assert incoming.table.frame["signed"].dt.date().to_list() == [date(2024, 2, 1)] * 2 + [None]
    assert incoming.words["signed"][:2].to_list() == text.split()[1:3]
    pl.DataFrame({"signed": [date(2024, 2, 1)]}).write_parquet(tmp_path / "new.parquet")
    native = parse_input(str(tmp_path / "new.parquet"), schema, dataset(**options))
    assert native.table.frame["signed"].dt.date().to_list() == [date(2024, 2, 1)]
    (tmp_path / "bad.csv").write_text("signed\n2024/02/01\n")
    with pytest.raises(DataError, match=r"bad\.csv:2: column 'signed': '2024/02/01' is not a date .*model was trained"):
        parse_input(str(tmp_path / "bad.csv"), schema, dataset(**options))


def as_csv(frame, path):
    frame.write_csv(path)


def as_jsonl(frame, path):
    frame.write_ndjson(path)


def as_parquet(frame, path):
    frame.write_parquet(path)


WRITERS = {"csv": as_csv, "jsonl": as_jsonl, "parquet": as_parquet}


@pytest.mark.parametrize("piped", [False, True])
@pytest.mark.parametrize("name", WRITERS)
def test_formats(tmp_path, monkeypatch, name, piped):
    path = tmp_path / f"new.{name}"
    WRITERS[name](pl.DataFrame({"color": [1, 2], "size": [1, 2], "id": [8, 9]}), path)
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(path.read_bytes())))
    incoming = parse_input("-", SCHEMA, dataset(), name) if piped else parse_input(str(path), SCHEMA, dataset())
    assert incoming.table.frame.to_dict(as_series=False) == {"size": [1.0, 2.0], "color": ["1", "2"]}
    assert incoming.extra.columns == ["id"]


def test_stdin_is_csv_unless_told(monkeypatch):
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(b"size,color\n1,red\n")))
    assert len(parse_input("-", SCHEMA, dataset()).table) == 1


def test_npz(tmp_path):
    np.savez(tmp_path / "new.npz", pixels=np.array([[1, 2], [3, 4]], np.float32))
    config = TypeAdapter(DatasetConfig).validate_python({"name": "npz", "path": "t.npz", "x": "pixels"})
    schema = Schema((Column("x1", "number"), Column("x2", "number")))
    table = parse_input(str(tmp_path / "new.npz"), schema, config).table
    assert table.frame.rows() == [(1.0, 2.0), (3.0, 4.0)]


CELLS = [
    *(
        "1",
        "-1",
        "+1",
        "00012",
        "-0",
        "1.5",
        ".5",
        "5.",
        "0.30000000000000004",
        "1.0000000000000000222",
        "123456.789e3",
    ),
    *("1e5", "1E+5", "1e-5", "1e-400", "4.9e-324", "1.7976931348623157e308", "1e400", "-999", "-999.0"),
    *("9007199254740992", "9007199254740993", "-9007199254740993", "123456789012345678901234567890"),
    *(".", "-", "+", "--1", "e5", "1e", "1_000", "0x10", "1d5", "1f", "1;5", "1.5abc", "abc", "true", "True"),
    *("inf", "-inf", "Infinity", "nan", "NaN", "NA", "?"),
]


def result(path, text, config):
    """The bytes of the numbers, or what is refused."""
    try:
        return read(path, text, config=config).table.frame["size"].cast(pl.Float64).to_list()
    except DataError as error:
        return str(error)


@pytest.mark.parametrize("missing", [["NA", "?"], ["-999", ""], ["nan", "inf", "9007199254740993"]])
def test_numbers_parsed_at_once_are_those_parsed_from_text(tmp_path, missing):
    """A quote anywhere has every cell read as text; nothing else may change by it."""
    config, rows = dataset(missing={"values": missing}), "size,color,id\n2.5,red,7\n{},blue,8\n,green,9\n"
    for cell in CELLS:
        plain, quoted = (
            result(tmp_path / "new.csv", rows.format(cell).replace("id", id), config) for id in ("id", '"id"')
        )
        assert repr(plain) == repr(quoted), cell


@pytest.mark.parametrize(
    ("cells", "direct"),
    [(["1.5", ""], True), (["1.5", "NA"], False), (["1.5", " 2"], True), (["9007199254740992"], False)],
)
def test_numbers_are_parsed_at_once_where_that_is_plain(tmp_path, cells, direct):
    (tmp_path / "new.csv").write_text("\n".join(["size,color", *(f"{cell},7" for cell in cells)]))
    frame = read_delimited(open_text(tmp_path / "new.csv"), Dialect(","), ["size", "absent"]).frame
    assert frame.dtypes == [pl.Float64 if direct else pl.String, pl.String]


BAD = {
    "missing column": ("colour,size\nred,1\n", ["1 of the 2 columns", "'color' (did you mean 'colour'?)"]),
    "text in numbers": ("size,color\n1,red\nbig,red\n", ["new.csv:3: column 'size': 'big' is not a number", "trained"]),
    "infinite": ("size,color\ninf,red\n", ["new.csv:2: column 'size': 'inf' is not a number"]),
    "thousands": ('size,color\n"1,000",red\n', ["new.csv:2", "dataset.numbers.size for thousands marks"]),
    "ragged": ("size,color\n1\n", ["new.csv:2: 1 cell where the header has 2"]),
    "no rows": ("size,color\n", ["only a header line"]),
    "empty": ("", ["the file is empty"]),
    "wide": ("size,color\n9007199254740993,red\n", ["new.csv:2", "beyond 2^53"]),
}


@pytest.mark.parametrize(("text", "fragments"), BAD.values(), ids=BAD)
def test_refused(tmp_path, text, fragments):
    with pytest.raises(DataError) as caught:
        read(tmp_path / "new.csv", text)
    for fragment in fragments:
        assert fragment in str(caught.value)


def test_absent_file():
    with pytest.raises(DataError, match=r"nowhere\.csv: no such file"):
        parse_input("nowhere.csv", SCHEMA, dataset())


@pytest.mark.parametrize(("name", "format"), [("new.arff", None), ("new.csv", "xml")])
def test_unknown_formats(tmp_path, name, format):
    with pytest.raises(UsageError, match="csv, parquet, jsonl, npz"):
        read(tmp_path / name, "size,color\n1,red\n", format=format)


def test_a_model_of_pictures_takes_no_table():
    with pytest.raises(DataError, match="28 × 28"):
        parse_input("new.csv", Schema(image_shape=(28, 28)), dataset())


# Training files with lines that are no rows; new files with and without them.
LAYOUTS = {
    "as in training": ({"skip_rows": 2}, "#log 7\n\nsize,color\n1,red\n2,blue\n", []),
    "plain": ({"skip_rows": 2}, "size,color\n1,red\n2,blue\n", []),
    "a total": (
        {"skip_footer": 1},
        "size,color\n1,red\n2,blue\n1,red\n2,blue\nTotal,\n",
        ["'Total, ' seems to be a total or a note, not a row; it is not read, as in training"],
    ),
    "no total": ({"skip_footer": 1}, "size,color\n1,red\n2,blue\n", []),
    "units": (
        {"skip_rows": [2]},
        "size,color\nm2,\n1,red\n2,blue\n1,red\n2,blue\n",
        ["'m2, ', without a number where the rows have one"],
    ),
    "no units": ({"skip_rows": [2]}, "size,color\n1,red\n2,blue\n1,red\n2,blue\n", []),
    "names of a file without header": (
        {"header": False, "columns": ["size", "color", "y"]},
        "1,red\n2,blue\n",
        ["the file has no header; its columns are named by position"],
    ),
    "with the target": (
        {"header": False, "columns": ["size", "color", "y"]},
        "1,red,p\n2,blue,q\n",
        ["the file has no header"],
    ),
    "the target in the middle": (
        {"header": False, "columns": ["size", "y", "color"]},
        "1,red\n2,blue\n",
        ["no header"],
    ),
    "a header after all": ({"header": False, "columns": ["size", "color", "y"]}, "color,size\nred,1\nblue,2\n", []),
}


@pytest.mark.parametrize(("keys", "text", "notes"), LAYOUTS.values(), ids=LAYOUTS)
def test_new_files_may_have_the_lines_of_the_training_file_or_not(tmp_path, keys, text, notes):
    incoming = read(tmp_path / "new.csv", text, config=dataset(**keys))
    assert incoming.table.frame.head(2).to_dict(as_series=False) == {"size": [1.0, 2.0], "color": ["red", "blue"]}
    assert len(incoming.table) == text.count("red") + text.count("blue")
    assert len(incoming.notes) == len(notes)
    assert all(part in note for part, note in zip(notes, incoming.notes, strict=True))


NUMBERED = Schema((Column("x1", "number"), Column("x3", "category")))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("1,p,red\n2,q,blue\n", ""),
        ("1,red\n2,blue\n", "2 cells without a header, but 3 columns in training, of which the target is not the last"),
        ("1,p,red,7\n2,q,blue,8\n", ""),
    ],
)
def test_columns_without_names_go_by_position(tmp_path, text, said):
    (tmp_path / "new.csv").write_text(text)
    config = dataset(header=False, target="x2")
    if said:
        with pytest.raises(DataError, match=said):
            parse_input(str(tmp_path / "new.csv"), NUMBERED, config)
        return
    incoming = parse_input(str(tmp_path / "new.csv"), NUMBERED, config)
    assert incoming.table.frame.to_dict(as_series=False) == {"x1": [1.0, 2.0], "x3": ["red", "blue"]}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "1,red\n2,blue\n3,red\n4,blue\n",
            "looks like a row, not like column names: '1, red'; write the names as the first line: size",
        ),
        (
            "#log\nsize,color\n1,red\n2,blue\n",
            "'#log' above the table; expected the header. Line 2 seems to be the header",
        ),
        ("size,color\n1,red\n2,blue\n3,red\nTotal,\n", "seems to be a total or a note, not a row; delete it"),
    ],
)
def test_lines_that_training_did_not_have_are_refused(tmp_path, text, said):
    with pytest.raises(DataError, match=said):
        read(tmp_path / "new.csv", text)


def test_an_error_about_a_key_says_that_the_models_configuration_reads_new_rows(tmp_path):
    (tmp_path / "new.csv").write_text("a;b\n1;2\n")
    with pytest.raises(DataError, match=r"dataset\.delimiter: ';'.*New rows are read by the model's configuration"):
        parse_input(str(tmp_path / "new.csv"), SCHEMA, dataset())
