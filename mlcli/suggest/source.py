"""What is in a file or folder, by the readers that training uses: its layout, columns, arrays or images."""

from __future__ import annotations

import contextlib
import glob
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import polars as pl

from mlcli.config.sections.dataset import CsvConfig, ExcelConfig, ImagesConfig, JsonlConfig, ParquetConfig
from mlcli.config.sections.rows import NumberFormat
from mlcli.config.tree import Value
from mlcli.data.readers.compression import unpack
from mlcli.data.readers.csv import CsvSource, read_delimited
from mlcli.data.readers.csv_dialect import Dialect, EdgeError, kind_of_cell
from mlcli.data.readers.csv_header import first_records, usual_width
from mlcli.data.readers.encodings import find_encoding
from mlcli.data.readers.image_folders import SPLIT_OF_NAME, list_image_folders, split_folders
from mlcli.data.readers.images import inspect_image, read_images
from mlcli.data.readers.npz import list_arrays
from mlcli.data.readers.source import FileSource, formats_of, table_paths
from mlcli.data.readers.text_file import TextFile, open_text
from mlcli.data.selection import CellsConfig, select_cells
from mlcli.data.sources import source_of
from mlcli.data.tables.rows import Rows
from mlcli.data.tables.types import SplitName
from mlcli.errors import DataError
from mlcli.io.disk import resource_errors
from mlcli.io.paths import HTTPS, find_path
from mlcli.io.text import shown
from mlcli.suggest.cells import CellsFound, find_cells

DELIMITERS: tuple[str, ...] = CsvConfig.model_fields["delimiter"].type.words
_FILES: dict[str, Any] = {"csv": CsvConfig, "parquet": ParquetConfig, "jsonl": JsonlConfig, "excel": ExcelConfig}
# A part of a split, and the folder of these, as datasets are published.
_PART, _PARTS = re.compile(r"(\w+)-\d+-of-\d+(\.\w+)"), "data"
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
    notes      : on what was guessed, and what is not read
    renamed    : classes of the target whose words mark missing cells elsewhere, with their new names
    """

    keys: dict[str, Value]
    frame: pl.DataFrame
    raw: pl.DataFrame
    is_text: bool
    cells: CellsFound
    unreadable: dict[str, str]
    notes: tuple[str, ...] = ()
    renamed: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class ArraysFound:
    """Images, or a table whose columns have no names: the dataset section, the number of rows, and what was guessed."""

    keys: dict[str, Value]
    n_rows: int
    notes: tuple[str, ...] = ()


def find_source(path: str) -> TableFound | ArraysFound:
    """Inspect a file, a folder of pictures, or the files of one table; DataError where nothing can be trained on it."""
    is_name = not glob.has_magic(path) and not path.startswith((HTTPS, "http://"))
    if is_name and (folder := find_path(path)).is_dir():
        if _is_table(folder / _PARTS) and _splits_of(folder / _PARTS):
            return find_source(f"{path.rstrip('/')}/{_PARTS}")
        if not _is_table(folder):
            return _images(path)
        if splits := _splits_of(folder):
            return _split_table(path.rstrip("/"), splits)
    places = table_paths(path)
    match _kind_of_file(places[0]):
        case "npz" if len(places) > 1:
            raise DataError(f"{path}: {len(places)} files of arrays; name one of them")
        case "npz":
            return _arrays(path, places[0])
        case "parquet" | "jsonl" | "excel" as name:
            return _read_all({"name": name, "path": path})
    found = _delimited(path, places[0])
    return found if len(places) == 1 else _read_all(found.keys)


def _read_all(keys: dict[str, Value]) -> TableFound:
    """The rows of all files that `path` names, read as these keys of the dataset section say."""
    config = _FILES[str(keys["name"])].model_validate(keys | {"target": "unknown as yet"})
    source = cast("FileSource[Any]", source_of(config))
    return _table(keys, source.read_files(str(keys["path"])), str(keys.get("delimiter", ",")))


def _splits_of(folder: Path) -> dict[SplitName, str]:
    """Patterns of the files by split, where all are named train-00000-of-00002.parquet and so on; else empty."""
    found = [_PART.fullmatch(entry.name) for entry in folder.iterdir() if not entry.name.startswith((".", "_"))]
    names = {(match[1], match[2]) for match in found if match and match[1] in SPLIT_OF_NAME}
    patterns = {SPLIT_OF_NAME[name]: f"{name}-*{suffix}" for name, suffix in names}
    return patterns if None not in found and len(patterns) == len(names) and "train" in patterns else {}


def _split_table(folder: str, splits: Mapping[SplitName, str]) -> TableFound | ArraysFound:
    """The training rows, and as test rows those of test, or else of the validation split."""
    found = find_source(f"{folder}/{splits['train']}")
    test = splits.get("test", splits.get("valid"))
    if test is None or not isinstance(found, TableFound):
        return found
    notes = [f"{splits['train']} and {test} are splits: the rows of {test} are the test rows"]
    if "test" in splits and "valid" in splits:
        notes.append(f"{splits['valid']} is not read; validation rows are drawn from the training rows")
    return replace(found, keys=found.keys | {"test_path": f"{folder}/{test}"}, notes=(*found.notes, *notes))


def _is_table(folder: Path) -> bool:
    """Whether there are files of tables in it, and no folders as of pictures."""
    if not folder.is_dir():
        return False
    entries = [entry for entry in folder.iterdir() if not entry.name.startswith(".")]
    kinds = {kind for entry in entries if entry.is_file() for kind in formats_of(entry.suffixes)}
    return bool(kinds - {"npz"}) and not any(entry.is_dir() for entry in entries)


def _kind_of_file(place: Path) -> str | None:
    """The format that any of a file's suffixes names; None for one that is taken for delimited text."""
    kinds = formats_of(place.suffixes)
    return next((kind for kind in ("parquet", "jsonl", "excel", "npz") if kind in kinds), None)


def _delimited(path: str, place: Path) -> TableFound:
    CsvSource(CsvConfig(name="csv", path=str(place), target="unknown as yet")).require_memory()
    text, encoding, notes = _open(place)
    delimiter = find_delimiter(text)
    rows, dialect, found = _read(text, Dialect(delimiter))
    keys: dict[str, Value] = {"name": "csv", "path": path}
    values: dict[str, Value] = {"delimiter": dialect.delimiter, "encoding": encoding, "skip_rows": dialect.skip_rows}
    values |= {"skip_footer": dialect.skip_footer, "header": dialect.header}
    keys |= {key: value for key, value in values.items() if value != CsvConfig.model_fields[key].default}
    return _table(keys, rows.with_frame(rows.frame, *notes, *found), dialect.delimiter)


def _open(place: Path) -> tuple[TextFile, str, list[str]]:
    """The text, its encoding, and a note where that was guessed."""
    with resource_errors(place):
        found = find_encoding(unpack(place.read_bytes(), str(place)))
    text = open_text(place, found.name)
    if not found.words:
        return text, found.name, []
    words = ", ".join(map(shown, found.words))
    return text, found.name, [f"the encoding {found.name} is a guess: see whether these words are right: {words}"]


def _read(text: TextFile, dialect: Dialect) -> tuple[Rows, Dialect, list[str]]:
    """The rows without the lines that are none, the dialect that leaves these out, and a note on each."""
    notes: list[str] = []
    while True:
        try:
            return read_delimited(text, dialect), dialect, notes
        except EdgeError as error:
            if error.dialect == dialect:
                raise
            dialect = error.dialect
            notes.append(error.note)


def _table(keys: dict[str, Value], rows: Rows, delimiter: str) -> TableFound:
    cells = find_cells(rows.frame, delimiter, is_text=rows.is_text)
    if cells.decimal != ".":
        keys["decimal"] = cells.decimal
    read, unreadable = _read_columns(rows, cells)
    return TableFound(keys, pl.DataFrame(read), rows.frame, rows.is_text, cells, unreadable, rows.notes)


def _read_columns(rows: Rows, cells: CellsFound) -> tuple[list[pl.Series], dict[str, str]]:
    """Columns as numbers or text, as training will read them; and those that it would refuse, each with the reason.

    All at once, and in halves where one is refused.
    """
    names = rows.frame.columns
    try:
        numbers = {name: form or NumberFormat() for name, form in cells.numbers.items()}
        config = CellsConfig(cells.missing, {}, {}, cells.decimal, numbers=numbers)
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


def find_delimiter(text: TextFile) -> str:
    """The one by which the first lines are a table: of one width, below a header of text, with the most cells."""
    # A blank is the delimiter only where no other one fits.
    found = max(DELIMITERS, key=lambda mark: (*_fit(text, mark), mark != " "))
    return found if _fit(text, found)[-1] > 1 else ","


def _fit(text: TextFile, delimiter: str) -> tuple[bool, float, bool, bool, int]:
    """How well lines fit: all of one width; the share that is; no number or other delimiter in the first; width."""
    records = [cells for _, cells in first_records(text, delimiter) if cells]
    width = usual_width([(0, cells) for cells in records])
    table = [cells for cells in records if len(cells) == width]
    if width < 2:
        return False, 0.0, False, False, width
    named = all(kind_of_cell(cell) == "text" for cell in table[0])
    clean = not any(other in cell for cell in table[0] for other in DELIMITERS[1:-1] if other != delimiter)
    return len(table) == len(records), round(len(table) / len(records), 1), named, clean, width
