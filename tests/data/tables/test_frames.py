"""Rows in a file are those in memory, however few are read at a time."""

from datetime import datetime, timedelta

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from mlcli.config.sections.features import FeaturesConfig
from mlcli.data.tables.frames import SelectedRows, portion_of, portions, rows_at
from mlcli.data.tables.types import Column, Table
from mlcli.errors import ArtefactError
from mlcli.features.fit import fit_features

N_ROWS = 1000
FEATURES = (Column("a", "number"), Column("c", "category"), Column("d", "date"))
DATES = ("month", "hour", "month_day", "nth_weekday")
FRAME = pl.DataFrame(
    {
        "a": [None if i % 7 == 0 else i**1.5 for i in range(N_ROWS)],
        "c": [None if i % 11 == 0 else "pqrs"[i % 4] for i in range(N_ROWS)],
        "d": [None if i % 13 == 0 else datetime(2024, 1, 1) + timedelta(hours=5 * i) for i in range(N_ROWS)],
    }
)


@pytest.fixture(params=[96, 250, 4096])
def stored(tmp_path, monkeypatch, request):
    """The frame in a file, whose groups of rows are not the portions read."""
    monkeypatch.setattr("mlcli.data.tables.frames.PORTION", request.param)
    FRAME.write_parquet(tmp_path / "t.parquet", row_group_size=300)
    return Table(pl.scan_parquet(tmp_path / "t.parquet"), FEATURES, ())


def test_all_rows_and_parts(stored):
    assert len(stored) == N_ROWS
    assert_frame_equal(stored.frame, FRAME)
    assert_frame_equal(stored.part(290, 320).frame, FRAME[290:610])
    assert len(stored.part(990, 320)) == 10


def test_portions_follow_each_other(stored):
    parts = list(portions(stored.rows))
    assert [first for first, _ in parts] == [sum(part.height for _, part in parts[:i]) for i in range(len(parts))]
    assert_frame_equal(pl.concat(part for _, part in parts), FRAME)


@pytest.mark.parametrize("places", [[5, 999, 0, 5, 250, 251, 96], [7], []])
def test_rows_at_places(stored, places):
    places = np.array(places, dtype=np.int64)
    for rows in (FRAME, stored.rows):
        assert_frame_equal(rows_at(rows, places), FRAME[places])


@pytest.mark.parametrize("rows", [FRAME, FRAME.lazy()])
def test_no_rows_are_one_portion(rows):
    ((first, part),) = portions(rows.clear())
    assert (first, part.height, part.columns) == (0, 0, ["a", "c", "d"])


@pytest.mark.parametrize("encode", ["one_hot", "target"])
def test_features_are_the_same_to_the_bit(stored, encode):
    y, config = np.sin(np.arange(N_ROWS)), FeaturesConfig(encode=encode, indicator=True, dates=DATES)
    from_memory, from_file = (fit_features(table, config, 0, y) for table in (Table(FRAME, FEATURES, ()), stored))
    assert from_file.report == from_memory.report
    memory = Table(FRAME, FEATURES, ())
    assert np.array_equal(from_file.transform(stored), from_memory.transform(memory))
    assert np.array_equal(from_file.transform_training(stored), from_memory.transform_training(memory))
    assert from_file.unseen(stored) == {}


@pytest.fixture
def selected(stored):
    """The frame twice, of which some rows of each are selected, and the same rows in memory."""
    both, places = pl.concat([FRAME, FRAME]), np.flatnonzero(np.arange(2 * N_ROWS) % 7 % 3 == 1)
    return SelectedRows.of([stored.rows, stored.rows]).at(places), both[places]


def test_selected_rows_of_files_are_those_of_a_frame(selected):
    rows, frame = selected
    assert_frame_equal(rows.collect(), frame)
    assert_frame_equal(pl.concat(part for _, part in portions(rows)), frame)
    assert_frame_equal(rows.slice(270, 40).select("c").collect(), frame[270:310].select("c"))
    assert rows.slice(frame.height, 5).collect().shape == (0, 3)


@pytest.mark.parametrize("places", [[3, 400, 5, 5, 399], [], [570, 0]])
def test_selected_rows_may_be_in_any_order(selected, places):
    rows, frame = selected
    places = np.array(places, dtype=np.int64)
    assert_frame_equal(rows.at(places).collect(), frame[places])
    assert_frame_equal(rows_at(rows, places), frame[places])


def test_features_of_selected_rows_are_the_same_to_the_bit(selected):
    tables = [Table(rows, FEATURES, ()) for rows in selected]
    y, config = np.sin(np.arange(len(tables[0]))), FeaturesConfig(encode="target", indicator=True, dates=DATES)
    from_files, from_memory = (fit_features(table, config, 0, y) for table in tables)
    assert from_files.report == from_memory.report
    assert np.array_equal(from_files.transform_training(tables[0]), from_memory.transform_training(tables[1]))


def test_a_file_that_is_gone(stored, tmp_path):
    (tmp_path / "t.parquet").unlink()
    with pytest.raises(ArtefactError, match="prepare the data again"):
        _ = stored.frame


@pytest.mark.parametrize(("width", "rows"), [(1, 65_536), (32, 65_536), (128, 16_384), (100_000, 1024)])
def test_portions_of_wide_tables_have_fewer_rows(width, rows):
    assert portion_of(width) == rows
