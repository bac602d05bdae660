"""Rows in a file are those that NumPy reads from it."""

import numpy as np
import pytest
import torch

from mlcli.errors import ArtefactError
from mlcli.io import row_file
from mlcli.io.row_file import RowFile, write_row_file

N, WIDTH = 103, 5


@pytest.fixture
def rows(tmp_path):
    """A file that was written in blocks of 17 rows, and what NumPy reads from it."""
    x = torch.arange(N * WIDTH, dtype=torch.float32).view(N, WIDTH)
    path = tmp_path / "rows.npy"
    write_row_file(path, N, WIDTH, x.split(17))
    return RowFile.open(path, WIDTH), np.load(path, allow_pickle=False)


def test_numpy_reads_what_was_written(rows):
    assert np.array_equal(rows[1], np.arange(N * WIDTH, dtype=np.float32).reshape(N, WIDTH))


@pytest.mark.parametrize(
    "part", [slice(None), slice(3, 20), slice(90, 200), slice(50, 50), slice(200, None), slice(None, None, 4)]
)
def test_slices(rows, part, monkeypatch):
    monkeypatch.setattr(row_file, "PORTION", 200)  # ten rows
    assert np.array_equal(rows[0][part].numpy(), rows[1][part])


@pytest.mark.parametrize(("n_rows", "bytes_taken"), [(0, 0), (100, 2000), (60_000, (32 << 20) + 4)])
def test_memory_for_many_rows_is_larger_than_what_the_c_library_keeps(rows, n_rows, bytes_taken):
    room = rows[0].room_for([(0, n_rows)])
    assert room.shape == (n_rows, WIDTH)
    assert room.untyped_storage().nbytes() == bytes_taken


def test_spans_portions_and_precision(rows, monkeypatch):
    monkeypatch.setattr(row_file, "PORTION", 200)
    file, array = rows
    assert np.array_equal(file.read([(5, 9), (0, 2), (102, 103)]), array[[5, 6, 7, 8, 0, 1, 102]])
    parts = [part.clone() for part in file.portions()]
    assert len(parts) == 11
    assert np.array_equal(torch.cat(parts), array)
    assert torch.equal(file.to(torch.device("cpu"), torch.bfloat16)[:7], torch.from_numpy(array[:7]).bfloat16())


@pytest.mark.parametrize(
    "places",
    [
        np.arange(20, 60),
        np.setdiff1d(np.arange(N), [3, 40, 41, 42, 99]),
        np.array([0, 50, 102]),
        np.array([7, 7, 3, 4, 5, 100, 0]),
        np.array([], dtype=np.int64),
    ],
    ids=["neighbours", "most", "few", "any order", "none"],
)
@pytest.mark.parametrize("gap", [0, 40, 10_000])
def test_selected_rows(rows, places, gap, monkeypatch):
    monkeypatch.setattr(row_file, "PORTION", 200)  # ten rows
    monkeypatch.setattr(row_file, "GAP", gap)
    file, array = rows
    some, expected = file.select(places), array[places]
    assert np.array_equal(some[:], expected)
    spans = [(2, 3), (0, 2)] if len(places) else []
    assert np.array_equal(some.read(spans), np.concatenate([expected[:0], *(expected[a:b] for a, b in spans)]))
    again = np.arange(len(places))[::-2]
    assert np.array_equal(some.select(again)[:], expected[again])


def test_a_file_is_split_and_joined(rows):
    file, array = rows
    first, second = file.split(40)
    assert np.array_equal(first[:], array[:40])
    assert np.array_equal(second.select(np.array([5, 2]))[:], array[[45, 42]])
    assert first.joined(second) == file
    with pytest.raises(ValueError, match="do not follow"):
        second.joined(first)


def test_another_file_is_refused(rows, tmp_path):
    file, _ = rows
    with pytest.raises(ArtefactError, match=r"expected float32 rows of 4"):
        RowFile.open(file.path, 4)
    (tmp_path / "text.npy").write_text("no array")
    with pytest.raises(ArtefactError, match="not an array of rows"):
        RowFile.open(tmp_path / "text.npy", 4)
    content = file.path.read_bytes()
    file.path.write_bytes(content[:-4])
    with pytest.raises(ArtefactError, match="expected float32 rows of 5"):
        RowFile.open(file.path, 5)
    with pytest.raises(ArtefactError, match="ends before its last row"):
        file[:]
