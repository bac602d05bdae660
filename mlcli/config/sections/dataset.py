"""The `dataset` section: where rows come from, a class a source."""

from typing import Annotated, Any, Literal, get_args

from mlcli.config.sections.base import ColumnName, Constraint, Count, ErrorHint, key
from mlcli.config.sections.rows import ORIGIN, ImageConfig, OwnTableConfig, SourceConfig, TableConfig, Task

# Keys are laid out by hand: default and meaning, when to change it, the course's word and an example.
# fmt: off

PlaygroundClasses = Literal["circle", "xor", "gauss", "spiral"]
PlaygroundNumbers = Literal["plane", "multi_gauss"]
PlaygroundSet = Literal[PlaygroundClasses, PlaygroundNumbers]
BundledName = Literal["iris", "wine", "breast_cancer", "diabetes"]
MnistName = Literal["mnist", "fashion_mnist"]
_TEST_PATH: dict[str, Any] = {
    "when": "Use it when others report scores on the same test rows.", "example": "people_test.csv"
}
_SIZE: dict[str, Any] = {
    "when": "Smaller images train faster; larger ones keep more detail.",
    "term": "the dimension (dimensión)",
    "example": [32, 32],
}
_COLOR: dict[str, Any] = {"when": "Use rgb when colour distinguishes the classes."}


class _File(OwnTableConfig):
    path: str = key(
        ..., "File, relative to the working directory or else to the data folder; or several that are one table: a "
        "pattern such as sales/*.csv, or a folder of files. An https:// address is downloaded once.", min_length=1,
        example="people.csv")
    test_path: str | None = key(
        None, "A separate file of test rows, or several; `split.test` is then not used.", min_length=1, **_TEST_PATH)
    sha256: Annotated[str, Constraint(pattern=r"^[0-9a-fA-F]{64}$"), ErrorHint("64 hexadecimal digits")] | None = key(
        None, "SHA-256 of the file that `path: https://…` names; another one is refused.",
        "`init` sets it, so that the rows are the same wherever the configuration is used.", example="0" * 64)


class CsvConfig(_File):
    """Delimited text."""

    name: Literal["csv"]
    delimiter: Literal[",", ";", "\t", "|", " "] = key(
        ",", "Character between cells.", "Spreadsheets with European settings often write ;.")
    encoding: Annotated[
        str, Constraint(min_length=1), ErrorHint("an encoding such as utf-8, cp1252, utf-16 or gbk")
    ] = key(
        "utf-8", "Text encoding of the file, by any name that Python knows.", "Older Windows programs write cp1252.",
        example="cp1252")
    decimal: Literal[".", ","] = key(".", "Decimal mark of numbers.", "Set it where 3,5 means three and a half.")
    skip_rows: Annotated[int, Constraint(ge=0)] | tuple[Count, ...] = key(
        0, "Lines that are not read: how many at the top, or a list of line numbers from 1.",
        "Set it where titles, device lines or units stand above or below the header.", example=[2])
    skip_footer: Annotated[int, Constraint(ge=0)] | None = key(
        None, "Lines at the end that are not read. null refuses a last line that is a total or a note; 0 reads it.",
        "Set it where totals, notes or sources stand below the table.", example=1)
    header: bool | None = key(
        None, "Whether the first line has the names of the columns; false names them x1, x2, …, or as `columns` says. "
        "null takes it for names, but refuses one that looks like a row.",
        "Set false for a file without a header, true where numbers are names.", example=False)
    columns: tuple[ColumnName, ...] = key(
        (), "Names of the columns of a file without a header.", "Names are easier to read than x1, x2.",
        example=["size", "rooms", "price"])


class ParquetConfig(_File):
    """Apache Parquet."""

    name: Literal["parquet"]


class ExcelConfig(_File):
    """A sheet of an Excel or OpenDocument workbook: .xlsx, .xlsm, .xlsb, .xls, .ods (needs the `files` extra)."""

    name: Literal["excel"]
    sheet: Annotated[int, Constraint(ge=1)] | Annotated[str, Constraint(min_length=1)] | None = key(
        None, "Name of the sheet, or its number from 1. null takes the first one of two rows or more, and says so.",
        "Set it where the workbook has several sheets.", example="2024")
    header_row: Count | None = key(
        None, "Row of the sheet, from 1, with the names of the columns; null takes the first row that has "
        "cells in half of the columns.",
        "Set it where titles stand above the table.", example=3)


class JsonlConfig(_File):
    """JSON lines: one flat object a line."""

    name: Literal["jsonl"]


class SqlConfig(OwnTableConfig):
    """The result of one query."""

    name: Literal["sql"]
    path: str | None = key(None, "SQLite file, opened read-only.", min_length=1, example="people.db")
    url: str | None = key(
        None,
        "SQLAlchemy URL of another database (needs the extra mlcli[postgres] for PostgreSQL, or mlcli[sql] and a "
        "driver). ${NAME} is read from the environment, so that passwords stay out of the file.",
        min_length=1, example="postgresql://me:${PASSWORD}@server/shop")
    query: str = key(
        ..., "One SELECT statement whose columns are the table. A server gives rows in the same order each time where "
        "it ends with ORDER BY and a column without repeated values.", min_length=1,
        example="SELECT age, city, income FROM people ORDER BY id")


class NpzConfig(OwnTableConfig):
    """NumPy archive of plain arrays: x (n, d) or (n, height, width[, channels]), y (n,)."""

    name: Literal["npz"]
    path: str = key(
        ..., "File, relative to the working directory or the data folder.", min_length=1, example="people.npz")
    test_path: str | None = key(None, "A separate archive of test rows.", min_length=1, **_TEST_PATH)
    x: str = key("x", "Name of the feature array; columns are called x1, x2, …")
    y: str = key("y", "Name of the target array.")
    target: ColumnName = key("y", "Name given to the target column.", example="price")


class IdxConfig(ImageConfig):
    """Images and labels in the IDX format of MNIST, plain or gzipped."""

    name: Literal["idx"]
    images: str = key(
        ..., "IDX file of unsigned bytes (n, height, width).", min_length=1, example="train-images-idx3-ubyte.gz")
    labels: str = key(..., "IDX file of labels (n,).", min_length=1, example="train-labels-idx1-ubyte.gz")
    test_images: str | None = key(
        None, "A separate IDX file of test images.", min_length=1, example="t10k-images-idx3-ubyte.gz")
    test_labels: str | None = key(None, "IDX file of their labels.", min_length=1, example="t10k-labels-idx1-ubyte.gz")


class ImagesConfig(ImageConfig):
    """A folder of images, one sub-folder per class."""

    name: Literal["images"]
    path: str = key(..., "Folder with one sub-folder per class.", min_length=1, example="pictures")
    test_path: str | None = key(None, "A separate folder of test images.", min_length=1, **_TEST_PATH)
    size: tuple[Annotated[int, Constraint(ge=1, le=1024)], Annotated[int, Constraint(ge=1, le=1024)]] = key(
        (28, 28), "Height and width in pixels every image is resized to.", **_SIZE)
    color: Literal["gray", "rgb"] = key("gray", "One channel or three.", **_COLOR)
    origin: str | None = key(None, "Where to get the data; shown when the folder is missing.", **ORIGIN)


class Stl10Config(ImageConfig):
    """STL-10's binary files: train_X.bin, train_y.bin, test_X.bin, test_y.bin (96 × 96 × 3)."""

    name: Literal["stl10"]
    path: str = key("stl10_binary", "Folder with the four .bin files.", min_length=1)
    size: tuple[Annotated[int, Constraint(ge=1, le=96)], Annotated[int, Constraint(ge=1, le=96)]] = key(
        (96, 96), "Height and width in pixels every image is resized to.", **_SIZE)
    color: Literal["gray", "rgb"] = key("rgb", "One channel or three.", **_COLOR)

    @property
    def gives_test_rows(self) -> bool:
        return True


class BundledConfig(TableConfig):
    """Tables that come with scikit-learn; nothing is downloaded."""

    name: BundledName

    @property
    def known_task(self) -> Task | None:
        return super().known_task or ("regression" if self.name == "diabetes" else "classification")


class DigitsConfig(ImageConfig):
    """1,797 handwritten digits of 8 × 8 pixels (0–16) that come with scikit-learn."""

    name: Literal["digits"]


class MnistConfig(ImageConfig):
    """70,000 digits (mnist) or garments (fashion_mnist) of 28 × 28 pixels; test rows are given.

    Found in the data folder, plain or gzipped, or else downloaded and checked.
    """

    name: MnistName
    offline: Literal["digits"] | None = key(
        None,
        "Data used when the files are neither present nor downloadable: digits is the bundled set of handwritten "
        "digits, with a notice and training settings for so few rows. null stops with exit 3.",
        "Set it when training must work without a network.")

    @property
    def gives_test_rows(self) -> bool:
        return True


class PlaygroundConfig(SourceConfig):
    """The generated two-input sets of the TensorFlow Playground; columns x1, x2 and label."""

    name: PlaygroundSet
    rows: Annotated[int, Constraint(ge=10, le=10_000_000)] | None = key(
        None, "Number of points; null is the Playground's own 500 for classes, 1,200 for regression.",
        "More rows reduce the effect of noise.", example=1000)
    noise: Annotated[float, Constraint(ge=0.0, le=0.5)] = key(
        0.0, "Noise as a share (0.5 is the Playground's 50 %).", "Raise it to see overfitting.", example=0.25)
    seed: int = key(0, "Seed of the points, independent of the config's seed.", ge=0)

    @property
    def known_task(self) -> Task:
        return "regression" if self.name in get_args(PlaygroundNumbers) else "classification"


DatasetConfig = (
    CsvConfig | ParquetConfig | ExcelConfig | JsonlConfig | SqlConfig | NpzConfig | IdxConfig | ImagesConfig
    | Stl10Config | BundledConfig | DigitsConfig | MnistConfig | PlaygroundConfig
)
