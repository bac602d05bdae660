"""What is in a file or folder, by the readers that training uses: its layout, columns, arrays or images."""

from __future__ import annotations

import codecs
import contextlib
import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import polars as pl

from mlcli.config.sections.dataset import CsvConfig, ImagesConfig
from mlcli.config.tree import Value
from mlcli.data.prediction_input import SUFFIXES
from mlcli.data.readers.csv import CsvSource, read_delimited
from mlcli.data.readers.image_folders import list_image_folders, split_folders
from mlcli.data.readers.images import inspect_image, read_images
from mlcli.data.readers.jsonl import read_jsonl
from mlcli.data.readers.npz import list_arrays
from mlcli.data.readers.parquet import read_parquet
from mlcli.data.readers.text_file import GZIP, open_text, unpack_start
from mlcli.data.selection import CellsConfig, select_cells
from mlcli.data.tables.rows import Rows
from mlcli.errors import DataError
from mlcli.io.disk import resource_errors
from mlcli.io.paths import find_path
from mlcli.suggest.columns import CellsFound, find_cells

Encoding = Literal["utf-8", "latin-1", "cp1252", "utf-16"]

DELIMITERS: tuple[str, ...] = get_args(CsvConfig.model_fields["delimiter"].annotation)
SAMPLE_LINES = 200
_SAMPLE = 1 << 20
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_SPREADSHEETS = {".xls", ".xlsx", ".ods"}
_LOOKED_AT = 50
_LARGEST_SIDE, _SMALLEST_SIDE = 64, 8


@dataclass(frozen=True)
class TableFound:
    """A table.

    keys       : of the dataset section, as far as the file shows them
    frame      : Float64 and String columns, null where missing
    raw        : the same columns as they are written
    is_text    : the source has no types
    unreadable : columns that training would refuse, with the reason
    """

    keys: dict[str, Value]
    frame: pl.DataFrame
    raw: pl.DataFrame
    is_text: bool
    cells: CellsFound
    unreadable: dict[str, str]


@dataclass(frozen=True)
class ArraysFound:
    """Images, or a table whose columns have no names: the dataset section, the number of rows, and what was guessed."""

    keys: dict[str, Value]
    n_rows: int
    notes: tuple[str, ...] = ()


def find_source(path: str) -> TableFound | ArraysFound:
    """Inspect a file or folder; raises DataError where nothing can be trained on it."""
    place = find_path(path)
    if place.is_dir():
        return _images(path)
    suffixes = {suffix.lower() for suffix in place.suffixes}
    if suffixes & _SPREADSHEETS:
        raise DataError(f"{place}: a spreadsheet; save the sheet as CSV")
    kinds = {SUFFIXES.get(suffix) for suffix in suffixes}
    if "parquet" in kinds:
        return _table({"name": "parquet", "path": path}, read_parquet(place), ",")
    if "jsonl" in kinds:
        return _table({"name": "jsonl", "path": path}, read_jsonl(open_text(place)), ",")
    return _arrays(path, place) if "npz" in kinds else _delimited(path, place)


def _delimited(path: str, place: Path) -> TableFound:
    CsvSource(CsvConfig(name="csv", path=path, target="unknown as yet")).require_memory()
    layout = find_layout(place)
    rows = read_delimited(open_text(place, layout.encoding), layout.delimiter)
    keys: dict[str, Value] = {"name": "csv", "path": path}
    if layout.delimiter != ",":
        keys["delimiter"] = layout.delimiter
    if layout.encoding != "utf-8":
        keys["encoding"] = layout.encoding
    return _table(keys, rows, layout.delimiter)


def _table(keys: dict[str, Value], rows: Rows, delimiter: str) -> TableFound:
    cells = find_cells(rows.frame, delimiter, is_text=rows.is_text)
    if cells.decimal != ".":
        keys["decimal"] = cells.decimal
    read, unreadable = _read_columns(rows, cells)
    return TableFound(keys, pl.DataFrame(read), rows.frame, rows.is_text, cells, unreadable)


def _read_columns(rows: Rows, cells: CellsFound) -> tuple[list[pl.Series], dict[str, str]]:
    """Columns as numbers or text, as training will read them; and those that it would refuse, each with the reason.

    All at once, and in halves where one is refused.
    """
    names = rows.frame.columns
    try:
        config = CellsConfig(cells.missing, {}, {}, cells.decimal, numbers=cells.numbers)
        return select_cells(rows, names, config, {}, "", plain=set(names)).rows.frame.get_columns(), {}
    except DataError as error:
        if len(names) == 1:
            return [], {names[0]: str(error)}
    middle = len(names) // 2
    halves = (rows.with_frame(rows.frame.select(part)) for part in (names[:middle], names[middle:]))
    (read, refused), (others, also) = (_read_columns(half, cells) for half in halves)
    return read + others, refused | also


def _arrays(path: str, place: Path) -> ArraysFound:
    """Arrays x and y by name, or else the two arrays of an archive, whichever has more dimensions being x."""
    shapes = list_arrays(place)
    keys: dict[str, Value] = {"name": "npz", "path": path}
    if not {"x", "y"} <= shapes.keys():
        if len(shapes) != 2:
            raise DataError(f"{place}: arrays {', '.join(shapes) or 'none'}; expected x (n, d) or images, and y (n,)")
        y, x = sorted(shapes, key=lambda name: len(shapes[name]))
        keys |= {"x": x, "y": y}
    return ArraysFound(keys, shapes[str(keys.get("y", "y"))][0])


def _images(path: str) -> ArraysFound:
    """Images in one size: near that of the median image, with sides of at most _LARGEST_SIDE.

    Where the sub-folders are splits, the test images are those of test, or else of the validation folder.
    """
    keys: dict[str, Value] = {"name": "images", "path": path}
    splits = split_folders(find_path(path))
    notes: list[str] = []
    if train := splits.pop("train", None):
        keys["path"] = f"{path.rstrip('/')}/{train.name}"
        if test := splits.pop("test", None) or splits.pop("valid", None):
            keys["test_path"] = f"{path.rstrip('/')}/{test.name}"
            notes.append(f"{train.name} and {test.name} are splits: the images of {test.name} are the test images.")
        notes += [f"{rest}: not read; to train on its images, move them to {train}." for rest in splits.values()]
    files, *_ = list_image_folders(ImagesConfig.model_validate(keys | {"size": (1, 1)}))
    every = max(1, len(files.paths) // _LOOKED_AT)
    facts = []
    for file in files.paths[::every]:
        with contextlib.suppress(DataError):
            facts.append(inspect_image(file))
    if not facts:
        read_images(files.paths, (_SMALLEST_SIDE, _SMALLEST_SIDE), "gray")
    height, width, _ = sorted(facts, key=lambda one: one[0] * one[1])[len(facts) // 2]
    shrink = max(1.0, max(height, width) / _LARGEST_SIDE)
    keys["size"] = tuple(max(_SMALLEST_SIDE, round(side / shrink)) for side in (height, width))
    keys["color"] = "rgb" if any(is_colored for _, _, is_colored in facts) else "gray"
    return ArraysFound(keys, len(files.paths), tuple(notes))


@dataclass(frozen=True)
class TextLayout:
    """Values of dataset.encoding and dataset.delimiter."""

    encoding: Encoding
    delimiter: str


def find_layout(path: Path) -> TextLayout:
    """The layout by which the file's first lines have as many cells as its header, and the most of them."""
    with resource_errors(path):
        whole = path.read_bytes()
    if whole.startswith(GZIP):
        whole = unpack_start(whole, _SAMPLE)
    start = whole[:_SAMPLE]
    encoding = find_encoding(whole)
    lines = start.decode(encoding, errors="replace").removeprefix("\ufeff").splitlines()
    # The last line of a sample may be cut; a blank is the delimiter only where no other one fits.
    sample = lines[: min(SAMPLE_LINES, max(1, len(lines) - (len(start) < len(whole))))]
    found = max(DELIMITERS, key=lambda mark: (*_fit(sample, mark), mark != " "))
    return TextLayout(encoding, found if _fit(sample, found)[1] > 1 else ",")


def find_encoding(data: bytes) -> Encoding:
    """UTF-8 or UTF-16 where it is valid; else cp1252, or latin-1 where cp1252 is not needed or has a byte undefined."""
    if data.startswith(_UTF16):
        return "utf-16"
    if _decodes(data, "utf-8"):
        return "utf-8"
    windows = any(0x80 <= byte <= 0x9F for byte in set(data))
    return "cp1252" if windows and _decodes(data, "cp1252") else "latin-1"


def _decodes(data: bytes, encoding: str) -> bool:
    """Whether data, which may end within a character, is text in this encoding."""
    try:
        codecs.getincrementaldecoder(encoding)().decode(data)
    except UnicodeDecodeError:
        return False
    return True


def _fit(lines: list[str], delimiter: str) -> tuple[bool, int]:
    """Whether every line has as many cells as the first, and how many that are."""
    try:
        widths = [len(cells) for cells in csv.reader(lines, delimiter=delimiter, skipinitialspace=delimiter != " ")]
    except csv.Error:
        return False, 0
    width = widths[0] if widths else 0
    return width > 1 and all(one in (0, width) for one in widths), width
