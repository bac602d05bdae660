"""Several files as one table: their order, their places in messages, and what they must have in common."""

import polars as pl
import pytest

from mlcli.config.sections.dataset import CsvConfig, JsonlConfig, ParquetConfig
from mlcli.data.sources import source_of
from mlcli.errors import DataError, ResourceError
from mlcli.io import memory
from mlcli.io.paths import find_paths
from mlcli.suggest.source import find_source


def write(folder, **files):
    folder.mkdir(exist_ok=True)
    for name, content in files.items():
        (folder / f"{name}.csv").write_text(content)


def rows_of(path, config=CsvConfig, name="csv"):
    return source_of(config(name=name, path=str(path), target="y")).read_files(str(path))


@pytest.fixture
def parts(tmp_path):
    write(
        tmp_path / "parts", p10="x,y\n5,a\n", p2="x,y\n3,b\n4,a\n", p1="y,x\na,1\nb,2\n", _notes="z\n", p1b="x,y\n9,b\n"
    )
    return tmp_path / "parts"


def test_a_pattern_and_a_folder_name_the_files_in_the_order_of_their_numbers(parts):
    for path in (parts, parts / "*.csv"):
        assert [one.name for one in find_paths(str(path))] == ["p1.csv", "p1b.csv", "p2.csv", "p10.csv"]
    assert [one.name for one in find_paths(str(parts / "p?.csv"))] == ["p1.csv", "p2.csv"]
    write(parts / "7", may="", b="", february="")
    assert [one.stem for one in find_paths(str(parts / "7"))] == ["b", "february", "may"]


def test_a_name_with_brackets_that_is_there_is_no_pattern(tmp_path):
    (tmp_path / "t[1].csv").write_text("x,y\n1,a\n")
    assert [one.name for one in find_paths(str(tmp_path / "t[1].csv"))] == ["t[1].csv"]


def test_rows_keep_the_file_and_line_that_they_come_from(parts):
    rows = rows_of(parts / "p?.csv")
    assert rows.frame.rows() == [("a", "1"), ("b", "2"), ("b", "3"), ("a", "4")]
    assert rows.place(3) == f"{parts}/p2.csv:3"
    assert rows.notes == (f"{parts}/p?.csv: 2 files with 4 rows in all",)


def test_types_are_joined_where_nothing_is_lost(tmp_path):
    pl.DataFrame({"x": [1, 2], "y": ["a", "b"]}).write_parquet(tmp_path / "a.parquet")
    pl.DataFrame({"x": [0.5], "y": ["a"]}).write_parquet(tmp_path / "b.parquet")
    assert rows_of(tmp_path, ParquetConfig, "parquet").frame["x"].to_list() == [1.0, 2.0, 0.5]
    pl.DataFrame({"x": ["one"], "y": ["a"]}).write_parquet(tmp_path / "c.parquet")
    with pytest.raises(DataError, match=r"column 'x' differs in type \(.*String in .*c.parquet"):
        rows_of(tmp_path, ParquetConfig, "parquet")


def test_a_rounded_number_is_found_in_its_own_file(tmp_path):
    (tmp_path / "a.jsonl").write_text('{"x": 1.5, "y": "a"}\n')
    (tmp_path / "b.jsonl").write_text('{"x": 0.5, "y": "a"}\n{"x": 9007199254740993, "y": "b"}\n')
    config = JsonlConfig(name="jsonl", path=f"{tmp_path}/*.jsonl", target="y")
    with pytest.raises(DataError, match=r"b\.jsonl:2: column 'x': '9007199254740993' is beyond 2\^53"):
        source_of(config).read()


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("none/*.csv", "no file matches"),
        ("empty", "a folder without files"),
        ("other", r"column 'x' is in .*a\.csv and not in .*b\.csv; the files of one table have the same columns"),
    ],
)
def test_what_is_no_table_is_refused(tmp_path, path, message):
    (tmp_path / "empty").mkdir()
    write(tmp_path / "other", a="x,y\n1,a\n", b="z,y\n1,a\n")
    with pytest.raises(DataError, match=message):
        rows_of(tmp_path / path)


def test_memory_is_asked_for_all_files_together(parts, monkeypatch):
    source = source_of(CsvConfig(name="csv", path=str(parts), target="y"))
    most = max(need.size for need in source.memory_needs())
    monkeypatch.setattr(memory, "available_memory", lambda: memory.Available(most, "a test"))
    with pytest.raises(ResourceError, match="reading 4 files"):
        source.require_memory()


def test_init_and_train_take_them(workspace, mlcli):
    for part in range(3):
        rows = "".join(f"{i},{i % 7},{'ab'[i % 2]}\n" for i in range(20 * part, 20 * part + 20))
        write(workspace / "sales", **{f"m{part}": f"x,z,y\n{rows}"})
    done = mlcli("init", "sales", "--target", "y")
    assert (done.code, "sales: 3 files with 60 rows in all" in done.err) == (0, True)
    assert mlcli("train", "-q", "-S", "training.epochs=1", "-S", "training.ensemble=1").code == 0
    before = mlcli("prepare", "mlcli.yaml", "--json").json
    write(workspace / "sales", m3="x,z,y\n61,5,a\n")
    assert mlcli("prepare", "mlcli.yaml", "--json").json != before


@pytest.mark.parametrize("name", ["csv", "parquet"])
def test_files_of_several_formats_are_named_with_a_pattern_for_those_of_one(tmp_path, name):
    write(tmp_path, a="x,y\n1,a\n")
    (tmp_path / "b.parquet").write_bytes(b"")
    said = r"a\.csv is delimited text and b\.parquet is Parquet; .* such as .*/\*\.csv, or convert the others"
    for path in (tmp_path, tmp_path / "*"):
        with pytest.raises(DataError, match=said):
            rows_of(path, {"csv": CsvConfig, "parquet": ParquetConfig}[name], name)
        with pytest.raises(DataError, match=said):
            find_source(str(path))
