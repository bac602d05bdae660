"""Rows of numbers in a file: written block by block, and read where they are needed, so that they never fill memory."""

from __future__ import annotations

import io
import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from mlcli.errors import ArtefactError
from mlcli.io import disk
from mlcli.io.memory import mapped_length

# Bytes read at a time where all rows are gone through.
PORTION = 8 << 20
# Bytes between two rows up to which they are read together.
GAP = 16 << 10
CPU = torch.device("cpu")
# Of a number.
BYTES = 4


def write_row_file(path: Path, n_rows: int, width: int, blocks: Iterable[np.ndarray]) -> None:
    """Write float32 blocks (·, width), n_rows together, one after another as one NumPy array."""
    header = io.BytesIO()
    described = {"descr": "<f4", "fortran_order": False, "shape": (n_rows, width)}
    np.lib.format.write_array_header_1_0(header, described)
    disk.touch(path)
    with disk.resource_errors(path), disk.open_end(path) as file:
        disk.write(file, header.getbuffer())
        for block in blocks:
            disk.write(file, np.ascontiguousarray(block, dtype="<f4").reshape(-1).view(np.uint8).data)


@dataclass(frozen=True)
class RowFile:
    """Float32 rows (n, width) in a NumPy file. A slice of them is a tensor in memory, on a device and in a precision.

    start  : byte at which the first row begins
    places : int64 (n,), which of the rows from there on these are; None for the first n
    """

    path: Path
    shape: tuple[int, int]
    start: int
    device: torch.device = CPU
    dtype: torch.dtype = torch.float32
    places: NDArray[np.int64] | None = None

    @classmethod
    def open(cls, path: Path, width: int) -> RowFile:
        """Raises ArtefactError for a file that is not of rows of this width."""
        with disk.resource_errors(path), path.open("rb") as file:
            try:
                np.lib.format.read_magic(file)
                shape, by_column, dtype = np.lib.format.read_array_header_1_0(file)
            except ValueError as error:
                raise ArtefactError(f"{path}: not an array of rows ({error}); delete it, it is made again") from error
            start = file.tell()
        fits = len(shape) == 2 and shape[1] == width and dtype == np.dtype("<f4") and not by_column
        if not fits or path.stat().st_size != start + BYTES * shape[0] * width:
            raise ArtefactError(f"{path}: holds {dtype} {shape}, expected float32 rows of {width}; delete it")
        return cls(path, (shape[0], width), start)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: slice) -> torch.Tensor:
        start, stop, step = rows.indices(len(self))
        if step == 1:
            return self.read([(start, max(start, stop))])
        each = max(1, PORTION // (BYTES * self.shape[1]) // step) * step
        parts = [self.read([(at, min(at + each, stop))])[::step] for at in range(start, stop, each)]
        return torch.cat(parts) if parts else self.read([(0, 0)])

    def to(self, device: torch.device, dtype: torch.dtype) -> RowFile:
        """The same rows, which are put on a device, in a precision, as they are read."""
        return replace(self, device=device, dtype=dtype)

    def split(self, n_first: int) -> tuple[RowFile, RowFile]:
        """The first rows of a file, and those that follow them."""
        n_rows, width = self.shape
        start = self.start + BYTES * width * n_first
        return replace(self, shape=(n_first, width)), replace(self, shape=(n_rows - n_first, width), start=start)

    def joined(self, following: RowFile) -> RowFile:
        """What `split` has split."""
        whole = replace(self, shape=(len(self) + len(following), self.shape[1]))
        if whole.split(len(self)) != (self, following):
            raise ValueError(f"{following.path}: its rows do not follow those of {self.path}")
        return whole

    def select(self, places: NDArray[np.int64]) -> RowFile:
        """The rows at these places, in this order; nothing is read."""
        places = places if self.places is None else self.places[places]
        return replace(self, shape=(len(places), self.shape[1]), places=places)

    def room_for(self, spans: Sequence[tuple[int, int]]) -> torch.Tensor:
        """Memory for the rows of spans (first, end), which goes back to the system with the tensor."""
        n_rows, width = sum(end - first for first, end in spans), self.shape[1]
        length = mapped_length(n_rows * width, self.dtype.itemsize)
        return torch.empty(length, dtype=self.dtype)[: n_rows * width].view(n_rows, width)

    def read(self, spans: Sequence[tuple[int, int]], room: torch.Tensor | None = None) -> torch.Tensor:
        """Rows of each span (first, end), one span after another; room : where they are put, of `room_for`."""
        out, at = self.room_for(spans) if room is None else room, 0
        with disk.resource_errors(self.path), self.path.open("rb", buffering=0) as file:
            for first, end in spans:
                part = out[at : at + end - first]
                rows = part if self.dtype == torch.float32 else torch.empty_like(part, dtype=torch.float32)
                if self.places is None:
                    self._fill(file, first, rows.numpy())
                else:
                    self._gather(file, self.places[first:end], rows.numpy())
                if rows is not part:  # converted span by span: a second copy of all rows may not fit
                    part.copy_(rows)
                at += end - first
        return out.to(self.device)

    def _fill(self, file: io.FileIO, first: int, rows: NDArray[np.float32]) -> None:
        """Read neighbours, from the row `first` on."""
        part = memoryview(rows.reshape(-1).view(np.uint8).data)
        file.seek(self.start + first * BYTES * self.shape[1])
        while len(part):
            if not (count := file.readinto(part)):
                raise ArtefactError(f"{self.path}: ends before its last row; delete its folder")
            part = part[count:]

    def _gather(self, file: io.FileIO, places: NDArray[np.int64], rows: NDArray[np.float32]) -> None:
        """Read the rows at some places: near ones with those between them, at most PORTION bytes at a time."""
        row_bytes = BYTES * max(1, self.shape[1])
        steps, blocks = np.diff(places), places // max(1, PORTION // row_bytes)
        far = (steps < 1) | (steps > 1 + GAP // row_bytes) | (np.diff(blocks) != 0)
        ends = [0, *(np.flatnonzero(far) + 1).tolist(), len(places)]
        for start, end in itertools.pairwise(ends) if len(places) else ():
            near = places[start:end]
            first, n_rows = int(near[0]), int(near[-1] - near[0]) + 1
            if n_rows == len(near):
                self._fill(file, first, rows[start:end])
            else:
                self._fill(file, first, between := np.empty((n_rows, self.shape[1]), dtype="<f4"))
                rows[start:end] = between[near - first]

    def portions(self, n_rows: int | None = None) -> Iterator[torch.Tensor]:
        """All rows in order, so many at a time, or PORTION of them; each part takes the memory of the one before.

        New memory for each would leave gaps of what was freed between what is kept. No rows are one part.
        """
        step = n_rows or max(1, PORTION // (BYTES * max(1, self.shape[1])))
        room = self.room_for([(0, min(step, len(self)))])
        for start in range(0, max(1, len(self)), step):
            end = min(start + step, len(self))
            yield self.read([(start, end)], room[: end - start])
