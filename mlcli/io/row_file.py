"""Rows of numbers in a file: written block by block, and read where they are needed, so that they never fill memory."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from mlcli.errors import ArtefactError
from mlcli.io import disk

# Bytes read at a time where all rows are gone through.
PORTION = 8 << 20
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

    start : byte at which the first row begins
    """

    path: Path
    shape: tuple[int, int]
    start: int
    device: torch.device = CPU
    dtype: torch.dtype = torch.float32

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

    def read(self, spans: Sequence[tuple[int, int]]) -> torch.Tensor:
        """Rows of each span (first, end), one span after another."""
        out = np.empty((sum(end - first for first, end in spans), self.shape[1]), dtype="<f4")
        at, row_bytes = 0, BYTES * self.shape[1]
        with disk.resource_errors(self.path), self.path.open("rb", buffering=0) as file:
            for first, end in spans:
                part = memoryview(out[at : at + end - first].reshape(-1).view(np.uint8).data)
                file.seek(self.start + first * row_bytes)
                while len(part):
                    if not (count := file.readinto(part)):
                        raise ArtefactError(f"{self.path}: ends before its last row; delete its folder")
                    part = part[count:]
                at += end - first
        return torch.from_numpy(out).to(self.device, self.dtype)

    def portions(self) -> Iterator[torch.Tensor]:
        """All rows in order."""
        step = max(1, PORTION // (BYTES * self.shape[1]))
        return (self[start : start + step] for start in range(0, len(self), step))
