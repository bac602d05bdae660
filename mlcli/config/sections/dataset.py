"""The `dataset` section: where rows come from, how they are cleaned and split."""

from typing import Annotated, Literal, get_args

from pydantic import Field

from mlcli.config.sections.base import ColumnName, Count, ErrorHint, OpenShare, Positive, Section, Share

Cell = str | int | float | bool
PlaygroundClasses = Literal["circle", "xor", "gauss", "spiral"]
PlaygroundNumbers = Literal["plane", "multi_gauss"]
PlaygroundSet = Literal[PlaygroundClasses, PlaygroundNumbers]
BundledName = Literal["iris", "wine", "breast_cancer", "diabetes"]
MnistName = Literal["mnist", "fashion_mnist"]
Task = Literal["regression", "classification"]
DateFormat = Annotated[
    str,
    Field(pattern=r"^([^%]|%[YymdbBjHIMSpz]|\.%f)*%[YymdbBjHIMSpz]([^%]|%[YymdbBjHIMSpz]|\.%f)*$"),
    ErrorHint("how dates are written, such as %d/%m/%Y or %m/%d/%y %H:%M"),
]


class MissingConfig(Section):
    """What counts as a missing value and what is done with it in step 1."""

    values: tuple[str, ...] = Field(
        ("", "NA", "N/A", "NaN", "nan", "null", "NULL", "None", "?"),
        description="Cells read as missing, compared after trimming blanks. "
        "Change it when your file marks missing values otherwise, such as -999.",
    )
    drop_columns_over: Share = Field(
        1.0,
        description="Feature columns with more than this share of missing cells are dropped "
        "(1.0 keeps all but wholly empty ones). Lower it when sparse columns add noise.",
    )
    drop_rows: bool = Field(
        False,
        description="Drop rows with any missing feature instead of imputing them in step 2. "
        "Rows without a target are an error unless this is true.",
    )


class OutliersConfig(Section):
    """Outlier policy for number columns; bounds are fitted on training rows, and only they change."""

    name: Literal["none", "iqr", "zscore"] = Field(
        "none",
        description="Test: iqr marks values beyond threshold × interquartile range outside the "
        "quartiles; zscore marks values more than threshold standard deviations from the mean.",
    )
    threshold: Positive = Field(3.0, description="Width of the accepted band, in IQRs or standard deviations.")
    action: Literal["drop", "missing"] = Field(
        "drop", description="drop the training row, or make the cell missing so that step 2 imputes it."
    )


class SplitConfig(Section):
    """How rows are divided into training, validation and test."""

    test: OpenShare | Count = Field(
        0.2, description="Test rows: a share of all rows, or a whole number of rows. 0 keeps none."
    )
    valid: OpenShare | Count = Field(
        0.2,
        description="Validation rows: a share of all rows (of the training file, when the test rows "
        "are given apart), or a whole number of rows. 0 keeps none.",
    )
    by: Literal["auto", "random", "stratified", "group", "time", "given"] = Field(
        "auto",
        description="random; stratified keeps class shares; group keeps rows with the same value of "
        "`column` together; time puts the latest values of `column` in test; given reads "
        "train/valid/test from `column`. auto: stratified for classes, random for numbers.",
    )
    column: ColumnName | None = Field(
        None, description="The column that group, time and given look at. It is not a feature."
    )
    seed: int | None = Field(None, ge=0, description="Seed of the split; null uses the config's seed.")


class SourceConfig(Section):
    """Keys common to every source, and what they settle before any data is read."""

    split: SplitConfig = Field(SplitConfig.model_construct(), description="How rows are divided.")

    @property
    def known_task(self) -> Task | None:
        """The task; None where the data decides."""
        return None

    @property
    def target_names(self) -> tuple[str, ...]:
        """The target columns that the file names."""
        return ()

    @property
    def gives_test_rows(self) -> bool:
        """Whether the source has test rows of its own, so that split.test is not used."""
        return bool(getattr(self, "test_path", None) or getattr(self, "test_images", None))


class ImageConfig(SourceConfig):
    """Keys common to sources of images, which are classified and have no columns."""

    @property
    def known_task(self) -> Task:
        return "classification"


class TableConfig(SourceConfig):
    """Keys common to sources with named columns."""

    task: Literal["auto", "regression", "classification"] = Field(
        "auto",
        description="auto: text and at most 20 distinct whole numbers, each seen ten times on average, "
        "are classes; other numbers are regression.",
    )
    drop: tuple[ColumnName, ...] = Field((), description="Columns left out, such as row ids.")
    types: dict[ColumnName, Literal["number", "category", "boolean", "date"]] = Field(
        {},
        description="Column kinds that differ from what is inferred, such as a zip code (category). boolean: true and "
        "false, yes and no, t and f, or y and n; date: dates and times of ISO 8601. Both are told by themselves where "
        "all cells are such.",
    )
    dates: dict[ColumnName, DateFormat] = Field(
        {},
        description="How the dates of a column are written, where not as 2024-05-31 or 2024-05-31T12:30: %d day, "
        "%m month, %b its name, %Y year, %y its last two digits, %H:%M:%S time (%I and %p: of 12 hours), %z zone.",
    )
    keep: dict[ColumnName, tuple[Cell, ...]] = Field(
        {}, description="Keep only rows whose column has one of these values; dropped rows are counted."
    )
    replace: dict[ColumnName, dict[str, str]] = Field(
        {}, description="Cell texts to replace, column by column: {label: {'yes.': 'yes'}}."
    )
    missing: MissingConfig = Field(MissingConfig.model_construct(), description="Missing-value policy of step 1.")
    duplicates: Literal["keep", "drop"] = Field(
        "keep",
        description="drop removes rows equal to an earlier one in every column. They are counted either way.",
    )
    outliers: OutliersConfig = Field(OutliersConfig.model_construct(), description="Outlier policy for number columns.")

    @property
    def known_task(self) -> Task | None:
        return None if self.task == "auto" else self.task


class OwnTableConfig(TableConfig):
    """A table of the user's: which column is predicted must be said."""

    target: ColumnName | Annotated[tuple[ColumnName, ...], Field(min_length=1)] = Field(
        description="Column to predict, or several number columns for multi-output regression."
    )
    origin: str | None = Field(None, description="Where the data can be had; shown when the file is missing.")

    @property
    def known_task(self) -> Task | None:
        return super().known_task or ("regression" if len(self.target_names) > 1 else None)

    @property
    def target_names(self) -> tuple[str, ...]:
        return (self.target,) if isinstance(self.target, str) else self.target


class _File(OwnTableConfig):
    path: str = Field(min_length=1, description="File, relative to the working directory or else to the data folder.")
    test_path: str | None = Field(
        None, min_length=1, description="A file of test rows given apart; `split.test` is then not used."
    )


class CsvConfig(_File):
    """Delimited text with a header line."""

    name: Literal["csv"]
    delimiter: Literal[",", ";", "\t", "|", " "] = Field(",", description="Character between cells.")
    encoding: Literal["utf-8", "latin-1", "cp1252", "utf-16"] = Field("utf-8", description="Text encoding of the file.")
    decimal: Literal[".", ","] = Field(".", description="Decimal mark of numbers.")


class ParquetConfig(_File):
    """Apache Parquet."""

    name: Literal["parquet"]


class JsonlConfig(_File):
    """JSON lines: one flat object a line."""

    name: Literal["jsonl"]


class SqlConfig(OwnTableConfig):
    """The result of one query."""

    name: Literal["sql"]
    path: str | None = Field(None, min_length=1, description="SQLite file, opened read-only.")
    url: str | None = Field(
        None,
        min_length=1,
        description="SQLAlchemy URL of another database (needs the `sql` extra). ${NAME} is read from the "
        "environment, so that passwords stay out of the file.",
    )
    query: str = Field(min_length=1, description="SELECT statement whose columns are the table.")


class NpzConfig(OwnTableConfig):
    """NumPy archive of plain arrays: x (n, d) or (n, height, width[, channels]), y (n,)."""

    name: Literal["npz"]
    path: str = Field(min_length=1, description="File, relative to the working directory or the data folder.")
    test_path: str | None = Field(None, min_length=1, description="Archive of test rows given apart.")
    x: str = Field("x", description="Name of the feature array; columns are called x1, x2, …")
    y: str = Field("y", description="Name of the target array.")
    target: ColumnName = Field("y", description="Name given to the target column.")


class IdxConfig(ImageConfig):
    """Images and labels in the IDX format of MNIST, plain or gzipped."""

    name: Literal["idx"]
    images: str = Field(min_length=1, description="IDX file of unsigned bytes (n, height, width).")
    labels: str = Field(min_length=1, description="IDX file of labels (n,).")
    test_images: str | None = Field(None, min_length=1, description="IDX file of test images given apart.")
    test_labels: str | None = Field(None, min_length=1, description="IDX file of their labels.")


class ImagesConfig(ImageConfig):
    """A folder of pictures, one sub-folder per class."""

    name: Literal["images"]
    path: str = Field(min_length=1, description="Folder with one sub-folder per class.")
    test_path: str | None = Field(None, min_length=1, description="Folder of test pictures given apart.")
    size: tuple[Annotated[int, Field(ge=1, le=1024)], Annotated[int, Field(ge=1, le=1024)]] = Field(
        (28, 28), description="Height and width in pixels every picture is resized to."
    )
    color: Literal["gray", "rgb"] = Field("gray", description="One channel or three.")
    origin: str | None = Field(None, description="Where the data can be had; shown when the folder is missing.")


class Stl10Config(ImageConfig):
    """STL-10's binary files: train_X.bin, train_y.bin, test_X.bin, test_y.bin (96 × 96 × 3)."""

    name: Literal["stl10"]
    path: str = Field("stl10_binary", min_length=1, description="Folder with the four .bin files.")
    size: tuple[Annotated[int, Field(ge=1, le=96)], Annotated[int, Field(ge=1, le=96)]] = Field(
        (96, 96), description="Height and width in pixels every picture is resized to."
    )
    color: Literal["gray", "rgb"] = Field("rgb", description="One channel or three.")

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
        description="What to train on when the files are neither at hand nor downloadable: digits takes the "
        "bundled handwritten digits, with a loud notice and training settings for so few rows. null stops with exit 3.",
    )

    @property
    def gives_test_rows(self) -> bool:
        return True


class PlaygroundConfig(SourceConfig):
    """The generated two-input sets of the TensorFlow Playground; columns x1, x2 and label."""

    name: PlaygroundSet
    rows: Annotated[int, Field(ge=10, le=10_000_000)] | None = Field(
        None, description="Points drawn; null is the Playground's own 500 for classes, 1,200 for regression."
    )
    noise: Annotated[float, Field(ge=0.0, le=0.5)] = Field(
        0.0, description="The Playground's noise, as a share (0.5 is its 50 %)."
    )
    seed: int = Field(0, ge=0, description="Seed of the points, apart from the config's seed.")

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
