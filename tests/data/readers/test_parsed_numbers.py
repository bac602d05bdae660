"""Columns of a CSV file that are parsed as numbers at once are those that text would become."""

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal
from pydantic import TypeAdapter

from mlcli.config.sections.dataset import DatasetConfig
from mlcli.data.prepare import prepare_dataset
from mlcli.data.readers import csv
from mlcli.data.readers.csv_dialect import Dialect
from mlcli.data.readers.csv_layout import CsvLayout
from mlcli.data.readers.text_file import open_text
from mlcli.reporter import SILENT

CONFIGS = TypeAdapter(DatasetConfig)
N = 60
COLUMNS = {
    "x": [f"{value:.3f}" for value in np.random.default_rng(0).normal(size=N)],
    "code": ["007" if i == 50 else f"{100 + i}" for i in range(N)],
    "plus": ["+4" if i == 40 else f"{i % 7}" for i in range(N)],
    "late": ["" if i % 9 == 0 else "NA" if i == 55 else f"{i}" for i in range(N)],
    "zero": ["0.0" if i == 3 else f"{1000 + i % 40}.5" for i in range(N)],
    "word": [f"{'ab'[i % 2]} {i % 3}" for i in range(N)],
    "e": [f"{i}e{i % 3}" for i in range(N)],
    "y": [f"{i % 90}.5" for i in range(N)],
}


def write(path, columns):
    path.write_text("\n".join([",".join(columns), *map(",".join, zip(*columns.values(), strict=True))]) + "\n")


def read_frame(path):
    return csv.read_delimited(open_text(path), Dialect(), as_written=()).frame


def prepared(monkeypatch, tmp_path, place, **keys):
    monkeypatch.setenv("MLCLI_PREPARED_DIR", str(tmp_path / place))
    return prepare_dataset(CONFIGS.validate_python({"name": "csv", "path": "t.csv", "target": "y", **keys}), 0, SILENT)


@pytest.mark.parametrize(
    ("left_out", "keys"),
    [
        ("", {}),
        ("late", {}),
        ("late", {"types": {"plus": "category", "zero": "number"}, "missing": {"values": ["", "1003.5"]}}),
        ("late", {"replace": {"zero": {"0.0": ""}}, "keep": {"plus": ["1", "2"]}}),
    ],
)
def test_parsed_at_once_or_from_text(tmp_path, monkeypatch, left_out, keys):
    monkeypatch.chdir(tmp_path)
    names = [name for name in COLUMNS if name != left_out]
    (tmp_path / "t.csv").write_text(
        "\n".join([",".join(names), *map(",".join, zip(*map(COLUMNS.get, names), strict=True))]) + "\n"
    )
    parsed = prepared(monkeypatch, tmp_path, "parsed", **keys)
    monkeypatch.setattr(csv.Cells, "likely_numbers", lambda self, as_written: [])
    text = prepared(monkeypatch, tmp_path, "text", **keys)
    assert parsed.profile == text.profile
    assert parsed.fingerprint == text.fingerprint
    for split in ("train", "valid", "test"):
        assert_frame_equal(parsed.splits[split].frame, text.splits[split].frame)


def test_numbers_are_guessed_from_the_first_cells_unless_a_cell_is_a_code(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "t.csv", COLUMNS)
    found = []
    guess = csv.Cells.likely_numbers
    monkeypatch.setattr(csv.Cells, "likely_numbers", lambda *own: found.append(guess(*own)) or found[-1])
    prepared(monkeypatch, tmp_path, "here", types={"e": "category"})
    assert found == [["x", "zero", "y"]]


@pytest.mark.parametrize(
    ("changed", "line_end", "is_filled"),
    [
        ({}, "\n", True),
        ({"late": ["" if i % 9 == 0 else f"{i}" for i in range(N)]}, "\r\n", True),
        ({"y": [f"{i}" if i < 50 else "none" for i in range(N)]}, "\n", False),
        ({"y": [f"{i}" if i < 50 else "1e16" for i in range(N)]}, "\n", False),  # its text is needed
    ],
)
def test_a_large_text_fills_arrays_portion_by_portion_with_what_is_parsed_at_once(
    tmp_path, monkeypatch, changed, line_end, is_filled
):
    columns = {name: cells for name, cells in COLUMNS.items() if name in ("x", "word", "e", "y")} | changed
    lines = [",".join(columns), *map(",".join, zip(*columns.values(), strict=True))]
    (tmp_path / "t.csv").write_bytes(line_end.join([*lines, ""]).encode())
    monkeypatch.setattr(csv, "BLOCK", 100)  # the first cells are those of some rows
    whole = read_frame(tmp_path / "t.csv")
    monkeypatch.setattr(csv, "LARGE", 1)
    monkeypatch.setattr(csv, "FILLED", 200)
    filled = read_frame(tmp_path / "t.csv")
    assert_frame_equal(filled, whole)
    assert filled["x"].dtype == (pl.Float64 if is_filled else pl.String)
    assert filled["x"].to_list() == ([float(cell) for cell in columns["x"]] if is_filled else columns["x"])
    if is_filled and "late" in columns:
        assert filled["late"].to_list() == [float(cell) if cell else None for cell in columns["late"]]


@pytest.mark.parametrize("size", [1, 7, 60, 10_000])
def test_portions_are_whole_lines(tmp_path, size):
    (tmp_path / "t.csv").write_text("a,b\n" + "".join(f"{i},{i * i}\n" for i in range(30)))
    text = open_text(tmp_path / "t.csv")
    parts = [bytes(text.buffer[a:b]).decode() for a, b in CsvLayout.of(text, ",").portions(size)]
    assert "\n".join(parts).splitlines() == [f"{i},{i * i}" for i in range(30)]
    assert all(len(part) >= size for part in parts[:-1])
