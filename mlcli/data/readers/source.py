"""The interface of data sources, and how the memory for reading it is estimated.

A new source is its config class in `config/sections/dataset.py`, a subclass of Source in a file of its own here, and
a line in `data/sources.py`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Generic, Literal, NamedTuple, TypeVar

from mlcli.config.sections.dataset import CsvConfig, ExcelConfig, JsonlConfig, ParquetConfig
from mlcli.config.sections.rows import SourceConfig
from mlcli.data.readers import compression
from mlcli.data.tables.rows import Rows
from mlcli.data.tables.staged import RowPortions, StagedRows, join_rows
from mlcli.errors import DataError
from mlcli.io.atomic import sha256_file
from mlcli.io.disk import free_space, resource_errors
from mlcli.io.memory import available_memory, require_memory, shown_size
from mlcli.io.paths import HTTPS, download_path, find_path, find_paths, prepared_dir
from mlcli.reporter import Reporter

if TYPE_CHECKING:
    from mlcli.data.tables.spill import Spill
    from mlcli.data.tables.types import SourceRead

Format = Literal["csv", "parquet", "jsonl", "npz", "excel"]
SUFFIXES: Mapping[str, Format] = {
    **dict.fromkeys((".csv", ".tsv", ".txt", ".data", ".test"), "csv"),
    **dict.fromkeys((".parquet", ".pq"), "parquet"),
    **dict.fromkeys((".jsonl", ".ndjson", ".json"), "jsonl"),
    ".npz": "npz",
    **dict.fromkeys((".xlsx", ".xlsm", ".xlsb", ".xls", ".ods"), "excel"),
}
_WORDS: Mapping[Format, str] = {
    "csv": "delimited text",
    "parquet": "Parquet",
    "jsonl": "JSON lines",
    "npz": "NumPy arrays",
    "excel": "a workbook",
}
ConfigT = TypeVar("ConfigT", bound=SourceConfig)
FileConfigT = TypeVar("FileConfigT", CsvConfig, ExcelConfig, JsonlConfig, ParquetConfig)

# Measured: the peak of step 1, over its cells, bytes of text or pixels.
CELL = 40
TEXT = 4
PIXEL = 3
# Bytes of a cell in the files of columns that memory does not hold: once as read, and once when rows are left out.
KEPT = 16

_SAMPLE = 1 << 16
_MAGIC = 8
_USUAL_SHARE = 0.15  # of the bytes of a table that end a cell
_REMEDY = "use fewer rows or columns, or a machine with more memory"


class MemoryNeed(NamedTuple):
    """Bytes of memory that reading takes.

    label : the file or set that is read
    basis : what the estimate rests on, such as "9 cells"
    disk  : bytes of the files that take the place of memory
    """

    label: str
    size: int
    basis: str
    disk: int = 0


class Source(ABC, Generic[ConfigT]):
    """A data source as it is configured."""

    spill: Spill | None = None

    def __init__(self, config: ConfigT) -> None:
        self.config = config

    @property
    def can_spill(self) -> bool:
        """Whether a table that memory does not hold is read column by column, once there is a `spill`."""
        return False

    @abstractmethod
    def read(self) -> SourceRead:
        """Read and clean all rows; raises DataError naming file, line and column of what does not fit."""

    def files(self) -> tuple[Path, ...] | None:
        """The files whose content decides what is read; None for a database on a server. Raises DataError."""
        return ()

    def content(self) -> Iterable[str] | None:
        """What changes with the content: the SHA-256 of each file; None where only the rows show it."""
        files = self.files()
        return None if files is None else map(sha256_file, files)

    def memory_needs(self) -> Iterable[MemoryNeed]:
        """Memory for reading, estimated from sizes and headers alone; empty where they do not say."""
        return ()

    def require_memory(self) -> None:
        """Raise ResourceError, before anything is read, where reading needs more memory than there is."""
        needs, remedy = list(self.memory_needs()), _REMEDY
        if self.can_spill:
            files = shown_size(sum(need.disk for need in needs))
            remedy += f", or free {files} of disk for files of its columns (MLCLI_PREPARED_DIR names another folder)"
        for label, size, basis, _ in needs:
            require_memory(size, f"{label}: reading {basis}", remedy)
        require_memory(sum(need.size for need in needs), f"reading {len(needs)} files", remedy)

    def fits_memory(self) -> bool:
        """Whether reading needs no more memory than there is."""
        available = available_memory()
        return available is None or sum(need.size for need in self.memory_needs()) <= available.size

    def fits_disk(self) -> bool:
        """Whether there is space for files that take the place of memory."""
        return sum(need.disk for need in self.memory_needs()) <= free_space(prepared_dir())

    def is_available(self) -> bool:
        """Whether its files are on this machine, or it needs none; a database on a server counts as available."""
        try:
            self.files()
        except DataError:
            return False
        return True

    def download_size(self) -> str | None:
        """What `fetch` would download, as title and size; None for nothing."""
        return None

    def fetch(self, reporter: Reporter) -> None:
        """Download what is missing; raises UnreachableError."""

    def regular_files(self) -> Iterator[Path]:
        """Those of `files` that exist and are files."""
        return (path for path in self.files() or () if path.is_file())


class FileSource(Source[FileConfigT]):
    """A table in one file or several, with test rows in others or none."""

    @abstractmethod
    def read_file(self, path: Path) -> Rows:
        """All rows of one file."""

    def portion_file(self, path: Path) -> RowPortions:
        """The same, some rows at a time."""
        raise NotImplementedError

    @property
    def can_spill(self) -> bool:
        return type(self).portion_file is not FileSource.portion_file

    def files(self) -> tuple[Path, ...]:
        paths = filter(None, (self.config.path, self.config.test_path))
        return tuple(one for path in paths for one in table_paths(path, self.config.origin))

    def download_size(self) -> str | None:
        return ", ".join(url for url, _ in self._addresses() if not download_path(url).exists()) or None

    def fetch(self, reporter: Reporter) -> None:
        from mlcli.io.network import download_once

        for url, sha256 in self._addresses():
            place = download_path(url)
            is_new = not place.exists()
            if not is_new and sha256 is None:
                continue
            found = download_once(url, place, sha256, reporter)
            if is_new:
                reporter.say(f"Downloaded {url} to {place}; SHA-256 {found}")

    def _addresses(self) -> Iterator[tuple[str, str | None]]:
        """The https addresses among its paths, with the SHA-256 that their file must have."""
        for path, sha256 in ((self.config.path, self.config.sha256), (self.config.test_path, None)):
            if path and path.startswith(HTTPS):
                yield path, sha256

    def read_files(self, path: str) -> Rows:
        """All rows of the file, or files, that a path names."""
        return join_rows(path, [self.read_file(one) for one in table_paths(path, self.config.origin)])

    def read(self) -> SourceRead:
        from mlcli.data.clean_tables import clean_tables  # rows to predict are not cleaned

        config, read = self.config, self.read_files if self.spill is None else self._stage_files
        test = read(config.test_path) if config.test_path else None
        return clean_tables(read(config.path), test, config.target_names, config)

    def _stage_files(self, path: str) -> StagedRows:
        """`read_files`, by way of files."""
        if self.spill is None:
            raise TypeError("there is no folder for the files")
        paths = table_paths(path, self.config.origin)
        return join_rows(path, [self.portion_file(one).stage(self.spill) for one in paths])


def formats_of(suffixes: Iterable[str]) -> list[Format]:
    """Those that suffixes name, in their order; others name none."""
    return [SUFFIXES[one] for one in map(str.lower, suffixes) if one in SUFFIXES]


def table_paths(path: str, origin: str | None = None) -> tuple[Path, ...]:
    """`find_paths`; raises DataError where their suffixes say that they are of several formats."""
    paths, first = find_paths(path, origin), dict[Format, Path]()
    for one in paths:
        for kind in formats_of(one.suffixes[-2:]):
            first.setdefault(kind, one)
    if len(paths) > 1 and len(first) > 1:
        (kind, one), (other_kind, other), *_ = first.items()
        pattern = one.parent / f"*{''.join(one.suffixes[-2:])}"
        raise DataError(
            f"{path}: {one.name} is {_WORDS[kind]} and {other.name} is {_WORDS[other_kind]}; the files of one table "
            f"have one format: name them by a pattern, such as {pattern}, or convert the others"
        )
    return paths


def find_files(origin: str | None, *paths: str | None) -> tuple[Path, ...]:
    """Where these files are; raises DataError for one that is absent or a folder.

    origin : where the data can be had, for the message
    """
    found = tuple(find_path(path, origin) for path in paths if path is not None)
    for path in found:
        if path.is_dir():
            raise DataError(f"{path}: a folder; name the file in it")
    return found


def text_need(path: Path, cell_ends: tuple[bytes, ...]) -> MemoryNeed:
    """By the number of cells that the start of the file has for its length; cell_ends: what ends a cell."""
    sample, size = first_bytes(path), unpacked_size(path)
    share = sum(map(sample.count, cell_ends)) / len(sample) if sample else _USUAL_SHARE
    n_cells = int(size * share)
    basis = f"{size:,} bytes of about {n_cells:,} cells"
    return MemoryNeed(str(path), CELL * n_cells + TEXT * size, basis, size + KEPT * n_cells)


def pixels_need(label: str, n_bytes: int) -> MemoryNeed:
    """By the bytes of pixels."""
    return MemoryNeed(label, PIXEL * n_bytes, f"{n_bytes:,} bytes of pixels", 2 * n_bytes)


def first_bytes(path: Path) -> bytes:
    """The first 64 KiB of a file, unpacked; fewer where it is damaged, which its reader reports."""
    with resource_errors(path), path.open("rb") as file:
        start = file.read(_SAMPLE)
    return compression.unpack_start(start, _SAMPLE)


def unpacked_size(path: Path) -> int:
    """Size in bytes, of a compressed file as far as it says."""
    size = path.stat().st_size
    with resource_errors(path), path.open("rb") as file:
        start = file.read(_MAGIC)
        file.seek(max(0, size - _MAGIC))
        return compression.unpacked_size(start, file.read(), size)
