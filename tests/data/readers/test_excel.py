"""Sheets of workbooks: cells as text of a delimited file would have them, and refusals that say what to do."""

import datetime
import io
import zipfile

import openpyxl
import pytest

from mlcli.data.readers.compression import unpacked_limit
from mlcli.data.readers.excel import read_sheet
from mlcli.errors import DataError

DAY = datetime.date(2024, 3, 1)
ROWS = [
    ["age", "when", "at", "moment", "member", "share", "town"],
    [31, DAY, datetime.time(12, 30), datetime.datetime(2024, 3, 2, 10, 20, 30), True, 0.1, " Rome "],
    [2.5, None, None, None, False, 1e-7, "#N/A"],
]  # fmt: skip


def workbook(**sheets):
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    return book


def saved(book):
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


def archive(content):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        file.writestr("META-INF/manifest.xml", "<manifest/>")
        file.writestr("content.xml", content)
    return buffer.getvalue()


def test_cells_are_text_as_in_a_delimited_file():
    rows = read_sheet(saved(workbook(People=ROWS)), None, None, "t.xlsx")
    assert rows.is_text
    assert rows.frame.columns == ROWS[0]
    assert rows.frame.rows() == [
        ("31", "2024-03-01", "12:30:00", "2024-03-02 10:20:30", "true", "0.1", "Rome"),
        ("2.5", None, None, None, "false", "1e-07", None),
    ]
    assert rows.place(1) == "t.xlsx [People]:3"


def test_titles_and_empty_rows_are_no_rows():
    table = [["Sales of 2024"], [], ["x", "y", "z"], [1, "a", "c"], [], [2, "b", "d"]]
    rows = read_sheet(saved(workbook(Notes=[["see Data"]], Data=table)), None, None, "t.xlsx")
    assert rows.frame.rows() == [("1", "a", "c"), ("2", "b", "d")]
    assert rows.place(1) == "t.xlsx [Data]:6"
    assert rows.notes == (
        "t.xlsx: sheet 'Data' is read, not Notes",
        "the names of the columns are those of row 3; what stands above is not read",
        "1 empty row is not read",
    )


def test_the_index_of_a_data_frame_is_left_out():
    """As pandas writes it, when some rows were chosen."""
    rows = read_sheet(saved(workbook(Data=[[None, "x", "y"], [7, 1, "a"], [3, 2, "b"]])), None, None, "t.xlsx")
    assert rows.frame.rows() == [("1", "a"), ("2", "b")]
    assert "names the rows, as the index of a data frame does" in rows.notes[0]


def test_merged_cells_are_told():
    book = workbook(Data=[["x", "y"], [1, "a"], [2, None], [3, "b"]])
    book["Data"].merge_cells("B2:B3")
    rows = read_sheet(saved(book), "Data", 1, "t.xlsx")
    assert rows.frame["y"].to_list() == ["a", None, "b"]
    assert "1 merged cell has a value in the first of the cells that they cover" in rows.notes[0]
    assert "row 2" in rows.notes[0]


@pytest.mark.parametrize(
    ("sheet", "header_row", "message"),
    [
        ("Peeple", None, "no sheet 'Peeple'; did you mean 'People'?"),
        (3, None, r"has 1 sheets? \(People\), not 3"),
        (None, 9, "row 9 is empty, expected the names of the columns"),
        (None, 3, "no rows below the names of the columns in row 3"),
        (None, 2, r"column 2 of 7|column \d of \d has no name|both called"),
    ],
)
def test_what_is_not_there_is_refused(sheet, header_row, message):
    rows = [*ROWS[:2], [2.5]] if header_row != 2 else [ROWS[0], [1, None, 2], [3, 4, 5]]
    with pytest.raises(DataError, match=message):
        read_sheet(saved(workbook(People=rows)), sheet, header_row, "t.xlsx")


ODS = """<?xml version="1.0"?>
<office:document-content xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0"
 xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0"
 xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0">
<office:body><office:spreadsheet><table:table table:name="S">
<table:table-row><table:table-cell office:value-type="string"><text:p>x</text:p></table:table-cell>
<table:table-cell office:value-type="string"><text:p>when</text:p></table:table-cell></table:table-row>
<table:table-row><table:table-cell office:value-type="float" office:value="1.5"><text:p>1,5</text:p></table:table-cell>
<table:table-cell office:value-type="date" office:date-value="2024-03-01"><text:p>1.3.24</text:p></table:table-cell>
</table:table-row></table:table></office:spreadsheet></office:body></office:document-content>""".replace(">\n<", "><")


def test_an_opendocument_sheet():
    data = archive(ODS)
    assert read_sheet(data, None, None, "t.ods").frame.rows() == [("1.5", "2024-03-01")]


LAUGHS = "".join(f'<!ENTITY l{i} "{f"&l{i - 1};" * 10 if i else "lol"}">' for i in range(9))


WITH_ENTITIES = ODS.replace("?>", f"?><!DOCTYPE x [{LAUGHS}]>", 1).replace("<text:p>x<", "<text:p>&l8;<")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: b"x,y\n1,2\n", "not a readable workbook"),
        (lambda: b"PK\x03\x04 and nothing else", "not a readable workbook"),
        (lambda: archive(bytes(unpacked_limit(1) + 1)), "compressed bytes unpack to more than"),
        (lambda: archive(WITH_ENTITIES), "t.ods"),
    ],
    ids=["text", "cut", "bomb", "entities"],
)  # fmt: skip
def test_hostile_and_broken_workbooks_are_refused(make, message):
    data = make()
    with pytest.raises(DataError, match=message):
        read_sheet(data, None, None, "t.ods")


def test_init_train_and_predict_take_a_workbook(workspace, mlcli):
    rows = [["x", "when", "y"], *([i, datetime.date(2024, 1, 1 + i % 28), "ab"[i % 2]] for i in range(60))]
    (workspace / "t.xlsx").write_bytes(saved(workbook(Data=rows)))
    assert mlcli("init", "t.xlsx", "--target", "y").code == 0
    assert "name: excel" in (workspace / "mlcli.yaml").read_text()
    assert mlcli("train", "-q", "-S", "training.epochs=1", "-S", "training.ensemble=1").code == 0
    (workspace / "new.csv").write_text("x,when\n3,2024-01-04\n")
    (workspace / "new.xlsx").write_bytes(saved(workbook(Any=[["x", "when"], [3, datetime.date(2024, 1, 4)]])))
    assert mlcli("predict", "new.xlsx", "-q").out == mlcli("predict", "new.csv", "-q").out
