"""Suites of binary files: PngSuite (van Schaik), pygif's GIFs, and Apache's Parquet, beside what pyarrow reads."""

import configparser
import datetime
import decimal
import json
import math

import numpy as np
import polars as pl

from mlcli.data.readers.images import inspect_image, read_images
from mlcli.data.readers.parquet import read_parquet
from mlcli.data.tables.rows import BLANKS, as_cells
from mlcli.errors import DataError
from tests.truth.suites import REFUSED, Suite, judge

# A level of 255: the suite's and Pillow's rounding of 16 bits, and of transparency on white, may differ by so much.
LEVELS = 1
LARGE = "large_string_map.brotli"


class Pixels:
    """uint8 (height, width, 3), equal to others that differ by at most LEVELS."""

    def __init__(self, values):
        self.values = np.asarray(values, dtype=float)

    def __eq__(self, other):
        return self.values.shape == other.values.shape and np.abs(self.values - other.values).max() <= LEVELS

    __hash__ = None

    def __repr__(self):
        return f"pixels {self.values.shape} of mean {self.values.mean():.2f}"


def png_suite(folder):
    for path in sorted((folder / "png").glob("*.png")):
        if path.name.startswith("x"):
            yield judge("damaged", path.name, lambda path=path: read_pixels(path), REFUSED)
            continue
        height, width, _ = inspect_image(path)
        kind = "16 bits" if path.stem.endswith("16") else "up to 8 bits"
        yield judge(kind, path.name, lambda path=path: read_pixels(path), expected_pixels(folder, path, height, width))


def read_pixels(path):
    """As a config with color: rgb and the image's own size reads it."""
    height, width, _ = inspect_image(path)
    return Pixels(read_images([path], (height, width), "rgb")[0])


def expected_pixels(folder, path, height, width):
    """The suite's pixels from its JSON, on white; a level of 8 bits is 257 of 16."""
    eight = folder / "json" / f"{path.stem}_to8.json"
    values = json.loads((eight if eight.exists() else folder / "json" / f"{path.stem}.json").read_text())
    return on_white(np.asarray(values) / (257 if max(values) > 255 else 1), height, width)


def on_white(values, height, width):
    """Red, green, blue and alpha up to 255, as they look on a white ground."""
    rgba = np.reshape(values, (height, width, 4)).astype(float)
    alpha = rgba[..., 3:] / 255
    return Pixels(rgba[..., :3] * alpha + 255 * (1 - alpha))


def gif_suite(folder):
    for path in sorted((folder / "test-suite").glob("*.conf")):
        facts = configparser.ConfigParser()
        facts.read(path)
        frames = [name for name in facts["config"]["frames"].split(",") if name]
        expected = first_frame(path.parent / facts[frames[0]]["pixels"], facts["config"]) if frames else REFUSED
        kind = ("no picture", "one picture", "several")[min(len(frames), 2)]
        image = path.parent / facts["config"]["input"]
        yield judge(kind, image.name, lambda image=image: read_pixels(image), expected)


def first_frame(path, facts):
    """The suite's pixels, on white."""
    return on_white(np.frombuffer(path.read_bytes(), np.uint8), int(facts["height"]), int(facts["width"]))


def parquet_testing(folder):
    patterns = {"data/**/*.parquet": "files", "data/**/*.encrypted": "encrypted", "bad_data/*.parquet": "damaged"}
    for pattern, kind in patterns.items():
        for path in sorted(folder.glob(pattern)):
            if path.stem != LARGE:
                yield judge(kind, path.name, lambda path=path: read_columns(path), Expected.of(path))


def read_columns(path):
    """Cells by column, without those of lists, structures and bytes, which dataset.drop must leave out."""
    rows = read_parquet(path)
    kept = [name for name, kind in rows.frame.schema.items() if not kind.is_nested() and kind != pl.Binary]
    if not kept:
        raise DataError(f"{path}: no column of numbers, text, true/false or dates")
    return as_cells(rows.with_frame(rows.frame.select(kept)), {}).frame.to_dict(as_series=False)


class Expected:
    """The cells that pyarrow reads, by column."""

    def __init__(self, columns):
        self.columns = columns

    @classmethod
    def of(cls, path):
        """REFUSED where pyarrow reads nothing, such as pages whose checksum is wrong."""
        from pyarrow import ArrowException, parquet

        try:
            table = parquet.read_table(path, page_checksum_verification=True, coerce_int96_timestamp_unit="us")
            return cls({name: table[name].to_pylist() for name in table.column_names})
        except (ArrowException, OSError, ValueError, OverflowError):
            return REFUSED

    def __eq__(self, found):
        return set(found) <= set(self.columns) and all(
            len(cells) == len(self.columns[name]) and all(map(same_cell, cells, self.columns[name]))
            for name, cells in found.items()
        )

    __hash__ = None

    def __repr__(self):
        return repr({name: cells[:3] for name, cells in self.columns.items()})


def same_cell(found, expected):
    """Whether mlcli's cell, a number, text or null, says what Python's value says."""
    match expected:
        case None:
            return found is None
        case bool():
            return found == str(expected).lower()
        case int() | float() | decimal.Decimal() if math.isnan(expected):
            return found is None
        case int() | float() | decimal.Decimal():
            return found == float(expected)
        case datetime.datetime():
            return datetime.datetime.fromisoformat(found[:26]) == expected.replace(tzinfo=None)
        case datetime.date() | datetime.time():
            return found.startswith(expected.isoformat())
        case str():
            return found == expected.strip(BLANKS)
    return False


SUITES = (
    Suite(
        "png",
        "PngSuite",
        "lunapaint/pngsuite",
        "png",
        "Every image is read in colour at its own size and compared, on a white ground, with the suite's pixels as "
        f"another decoder wrote them; they may differ by {LEVELS} of 255. Damaged files must be refused.",
        "gray: the same pixels, converted by Pillow.",
        png_suite,
    ),
    Suite(
        "gif",
        "GIF test suite of pygif",
        "robert-ancell/pygif",
        "test-suite",
        "The first frame of every file is compared with the suite's, on a white ground, as with PngSuite; a file "
        "without a frame must be refused.",
        "further frames: mlcli refuses files of several.",
        gif_suite,
    ),
    Suite(
        "parquet",
        "Parquet's test files",
        "apache/parquet-testing",
        "data",
        "Every cell is compared with what pyarrow reads (`pip install pyarrow`), which also checks the pages' "
        "checksums. Columns of lists, structures and bytes, which mlcli refuses by name, are left out as with "
        "`dataset.drop`; a file with no other counts as refused. Where pyarrow reads nothing, neither may mlcli. "
        "Polars, which reads Parquet for mlcli, cannot check checksums.",
        f"the folders variant and shredded_variant: mlcli reads no nested columns. {LARGE}: two gigabytes of one.",
        parquet_testing,
    ),
)
