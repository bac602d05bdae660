"""What a path holds, read with the readers that training will use, as far as it can be told without being asked."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import polars as pl

from mlcli.config.dataset import CsvConfig, ImagesConfig
from mlcli.config.tree import Value
from mlcli.data.csv_text import read_delimited
from mlcli.data.images import list_image_folders
from mlcli.data.incoming import SUFFIXES
from mlcli.data.inference import Decimal
from mlcli.data.jsonl import read_jsonl
from mlcli.data.memory import require_reading_memory
from mlcli.data.npz import list_arrays
from mlcli.data.parquet import read_parquet
from mlcli.data.paths import find_path
from mlcli.data.pictures import look_at
from mlcli.data.rows import Rows
from mlcli.data.selection import CellsConfig, select_cells
from mlcli.data.textfile import open_text
from mlcli.errors import DataError
from mlcli.start.cells import CellsFound, find_cells
from mlcli.start.layout import find_layout

_SPREADSHEETS = {".xls", ".xlsx", ".ods"}
_LOOKED_AT = 50
_LARGEST_SIDE, _SMALLEST_SIDE = 64, 8


@dataclass(frozen=True)
class TableFound:
    """A table.

    keys    : of the dataset section, so far as the file tells them
    frame   : Float64 and String columns, null where missing
    raw     : the same columns as they were written
    lost    : columns that cannot be read as they are, with the reason
    """

    keys: dict[str, Value]
    frame: pl.DataFrame
    raw: pl.DataFrame
    cells: CellsFound
    lost: dict[str, str]


@dataclass(frozen=True)
class ArraysFound:
    """Pictures, or a table of nameless columns: the dataset section, whose target goes without saying."""

    keys: dict[str, Value]
    n_rows: int


def find_source(path: str) -> TableFound | ArraysFound:
    """Look at a file or folder; raises DataError where it is none of a kind that can be trained on."""
    place = find_path(path)
    if place.is_dir():
        return _pictures(path)
    match _kind(place):
        case "npz":
            return _arrays(path, place)
        case "parquet":
            return _table({"name": "parquet", "path": path}, read_parquet(place), ",")
        case "jsonl":
            return _table({"name": "jsonl", "path": path}, read_jsonl(open_text(place)), ",")
        case _:
            return _delimited(path, place)


def _kind(place: Path) -> str:
    suffixes = {suffix.lower() for suffix in place.suffixes}
    if suffixes & _SPREADSHEETS:
        raise DataError(f"{place}: a spreadsheet; save the sheet as CSV")
    kinds = {SUFFIXES.get(suffix) for suffix in suffixes}
    return next((kind for kind in ("parquet", "jsonl", "npz") if kind in kinds), "csv")


def _delimited(path: str, place: Path) -> TableFound:
    require_reading_memory(CsvConfig(name="csv", path=path, target="unknown as yet"))
    layout = find_layout(place)
    rows = read_delimited(open_text(place, layout.encoding), layout.delimiter)
    keys: dict[str, Value] = {"name": "csv", "path": path}
    if layout.delimiter != ",":
        keys["delimiter"] = layout.delimiter
    if layout.encoding != "utf-8":
        keys["encoding"] = layout.encoding
    return _table(keys, rows, layout.delimiter)


def _table(keys: dict[str, Value], rows: Rows, delimiter: str) -> TableFound:
    cells = find_cells(rows.frame, delimiter) if rows.is_text else CellsFound(".", {})
    if cells.decimal != ".":
        keys["decimal"] = cells.decimal
    read: list[pl.Series] = []
    lost: dict[str, str] = {}
    for name in rows.frame.columns:
        try:
            read.append(read_column(rows, name, cells.missing, cells.decimal))
        except DataError as error:
            lost[name] = str(error)
    return TableFound(keys, pl.DataFrame(read), rows.frame, cells, lost)


def read_column(rows: Rows, name: str, missing: tuple[str, ...], decimal: Decimal) -> pl.Series:
    """One column as numbers or text, as training will read it. Raises DataError for cells that it would refuse."""
    return select_cells(rows, [name], CellsConfig(missing, {}, {}, decimal), {}, "", plain=[name]).rows.frame[name]


def _arrays(path: str, place: Path) -> ArraysFound:
    """Arrays x and y by name, or else the two arrays of an archive, whichever has more dimensions being x."""
    shapes = list_arrays(place)
    keys: dict[str, Value] = {"name": "npz", "path": path}
    if not {"x", "y"} <= shapes.keys():
        if len(shapes) != 2:
            raise DataError(
                f"{place}: holds {', '.join(shapes) or 'nothing'}; expected x (n, d) or pictures, and y (n,)"
            )
        y, x = sorted(shapes, key=lambda name: len(shapes[name]))
        keys |= {"x": x, "y": y}
    return ArraysFound(keys, shapes[str(keys.get("y", "y"))][0])


def _pictures(path: str) -> ArraysFound:
    """One size for all pictures: near the middle one's, but no larger than a small network can take in."""
    (files,) = list_image_folders(ImagesConfig(name="images", path=path))
    every = max(1, len(files.paths) // _LOOKED_AT)
    looks = [look_at(file) for file in files.paths[::every]]
    middle = sorted(looks, key=lambda look: look.height * look.width)[len(looks) // 2]
    shrink = max(1.0, max(middle.height, middle.width) / _LARGEST_SIDE)
    size = tuple(max(_SMALLEST_SIDE, round(side / shrink)) for side in (middle.height, middle.width))
    color = "rgb" if any(look.coloured for look in looks) else "gray"
    return ArraysFound({"name": "images", "path": path, "size": size, "color": color}, len(files.paths))
