"""The `dataset` section: where rows come from, a class a source."""

from typing import Annotated, Literal, get_args

from pydantic import Field

from mlcli.config.sections.base import ColumnName, advice
from mlcli.config.sections.rows import (
    ORIGIN,
    ImageConfig,
    OwnTableConfig,
    SourceConfig,
    TableConfig,
    Task,
)

PlaygroundClasses = Literal["circle", "xor", "gauss", "spiral"]
PlaygroundNumbers = Literal["plane", "multi_gauss"]
PlaygroundSet = Literal[PlaygroundClasses, PlaygroundNumbers]
BundledName = Literal["iris", "wine", "breast_cancer", "diabetes"]
MnistName = Literal["mnist", "fashion_mnist"]
_TEST_PATH = advice("Use it when others report scores on the same test rows.", example="people_test.csv")
_SIZE = advice(
    "Smaller images train faster; larger ones keep more detail.", term="the dimension (dimensión)", example=[32, 32]
)
_COLOR = advice("Use rgb when colour distinguishes the classes.")


class _File(OwnTableConfig):
    path: str = Field(
        min_length=1,
        description="File, relative to the working directory or else to the data folder.",
        json_schema_extra=advice(example="people.csv"),
    )
    test_path: str | None = Field(
        None,
        min_length=1,
        description="A separate file of test rows; `split.test` is then not used.",
        json_schema_extra=_TEST_PATH,
    )


class CsvConfig(_File):
    """Delimited text with a header line."""

    name: Literal["csv"]
    delimiter: Literal[",", ";", "\t", "|", " "] = Field(
        ",",
        description="Character between cells.",
        json_schema_extra=advice("Spreadsheets with European settings often write ;."),
    )
    encoding: Literal["utf-8", "latin-1", "cp1252", "utf-16"] = Field(
        "utf-8",
        description="Text encoding of the file.",
        json_schema_extra=advice("Older Windows programs write cp1252."),
    )
    decimal: Literal[".", ","] = Field(
        ".",
        description="Decimal mark of numbers.",
        json_schema_extra=advice("Set it where 3,5 means three and a half."),
    )


class ParquetConfig(_File):
    """Apache Parquet."""

    name: Literal["parquet"]


class JsonlConfig(_File):
    """JSON lines: one flat object a line."""

    name: Literal["jsonl"]


class SqlConfig(OwnTableConfig):
    """The result of one query."""

    name: Literal["sql"]
    path: str | None = Field(
        None, min_length=1, description="SQLite file, opened read-only.", json_schema_extra=advice(example="people.db")
    )
    url: str | None = Field(
        None,
        min_length=1,
        description="SQLAlchemy URL of another database (needs the `sql` extra). ${NAME} is read from the "
        "environment, so that passwords stay out of the file.",
        json_schema_extra=advice(example="postgresql://me:${PASSWORD}@server/shop"),
    )
    query: str = Field(
        min_length=1,
        description="SELECT statement whose columns are the table.",
        json_schema_extra=advice(example="SELECT age, city, income FROM people"),
    )


class NpzConfig(OwnTableConfig):
    """NumPy archive of plain arrays: x (n, d) or (n, height, width[, channels]), y (n,)."""

    name: Literal["npz"]
    path: str = Field(
        min_length=1,
        description="File, relative to the working directory or the data folder.",
        json_schema_extra=advice(example="people.npz"),
    )
    test_path: str | None = Field(
        None, min_length=1, description="A separate archive of test rows.", json_schema_extra=_TEST_PATH
    )
    x: str = Field("x", description="Name of the feature array; columns are called x1, x2, …")
    y: str = Field("y", description="Name of the target array.")
    target: ColumnName = Field(
        "y", description="Name given to the target column.", json_schema_extra=advice(example="price")
    )


class IdxConfig(ImageConfig):
    """Images and labels in the IDX format of MNIST, plain or gzipped."""

    name: Literal["idx"]
    images: str = Field(
        min_length=1,
        description="IDX file of unsigned bytes (n, height, width).",
        json_schema_extra=advice(example="train-images-idx3-ubyte.gz"),
    )
    labels: str = Field(
        min_length=1,
        description="IDX file of labels (n,).",
        json_schema_extra=advice(example="train-labels-idx1-ubyte.gz"),
    )
    test_images: str | None = Field(
        None,
        min_length=1,
        description="A separate IDX file of test images.",
        json_schema_extra=advice(example="t10k-images-idx3-ubyte.gz"),
    )
    test_labels: str | None = Field(
        None,
        min_length=1,
        description="IDX file of their labels.",
        json_schema_extra=advice(example="t10k-labels-idx1-ubyte.gz"),
    )


class ImagesConfig(ImageConfig):
    """A folder of images, one sub-folder per class."""

    name: Literal["images"]
    path: str = Field(
        min_length=1, description="Folder with one sub-folder per class.", json_schema_extra=advice(example="pictures")
    )
    test_path: str | None = Field(
        None, min_length=1, description="A separate folder of test images.", json_schema_extra=_TEST_PATH
    )
    size: tuple[Annotated[int, Field(ge=1, le=1024)], Annotated[int, Field(ge=1, le=1024)]] = Field(
        (28, 28), description="Height and width in pixels every image is resized to.", json_schema_extra=_SIZE
    )
    color: Literal["gray", "rgb"] = Field("gray", description="One channel or three.", json_schema_extra=_COLOR)
    origin: str | None = Field(
        None, description="Where to get the data; shown when the folder is missing.", json_schema_extra=ORIGIN
    )


class Stl10Config(ImageConfig):
    """STL-10's binary files: train_X.bin, train_y.bin, test_X.bin, test_y.bin (96 × 96 × 3)."""

    name: Literal["stl10"]
    path: str = Field("stl10_binary", min_length=1, description="Folder with the four .bin files.")
    size: tuple[Annotated[int, Field(ge=1, le=96)], Annotated[int, Field(ge=1, le=96)]] = Field(
        (96, 96), description="Height and width in pixels every image is resized to.", json_schema_extra=_SIZE
    )
    color: Literal["gray", "rgb"] = Field("rgb", description="One channel or three.", json_schema_extra=_COLOR)

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
    offline: Literal["digits"] | None = Field(
        None,
        description="Data used when the files are neither present nor downloadable: digits is the bundled set of "
        "handwritten digits, with a notice and training settings for so few rows. null stops with exit 3.",
        json_schema_extra=advice("Set it when training must work without a network."),
    )

    @property
    def gives_test_rows(self) -> bool:
        return True


class PlaygroundConfig(SourceConfig):
    """The generated two-input sets of the TensorFlow Playground; columns x1, x2 and label."""

    name: PlaygroundSet
    rows: Annotated[int, Field(ge=10, le=10_000_000)] | None = Field(
        None,
        description="Number of points; null is the Playground's own 500 for classes, 1,200 for regression.",
        json_schema_extra=advice("More rows reduce the effect of noise.", example=1000),
    )
    noise: Annotated[float, Field(ge=0.0, le=0.5)] = Field(
        0.0,
        description="Noise as a share (0.5 is the Playground's 50 %).",
        json_schema_extra=advice("Raise it to see overfitting.", example=0.25),
    )
    seed: int = Field(0, ge=0, description="Seed of the points, independent of the config's seed.")

    @property
    def known_task(self) -> Task:
        return "regression" if self.name in get_args(PlaygroundNumbers) else "classification"


DatasetConfig = Annotated[
    CsvConfig
    | ParquetConfig
    | JsonlConfig
    | SqlConfig
    | NpzConfig
    | IdxConfig
    | ImagesConfig
    | Stl10Config
    | BundledConfig
    | DigitsConfig
    | MnistConfig
    | PlaygroundConfig,
    Field(discriminator="name"),
]
