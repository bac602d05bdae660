"""Keys that several sources have: how rows are cleaned and split, and which columns are what."""

from typing import Annotated, Literal

from pydantic import Field

from mlcli.config.sections.base import ColumnName, Count, ErrorHint, OpenShare, Positive, Section, Share, advice

Cell = str | int | float | bool
Task = Literal["regression", "classification"]
DateFormat = Annotated[
    str,
    Field(pattern=r"^([^%]|%[YymdbBjHIMSpz]|\.%f)*%[YymdbBjHIMSpz]([^%]|%[YymdbBjHIMSpz]|\.%f)*$"),
    ErrorHint("how dates are written, such as %d/%m/%Y or %m/%d/%y %H:%M"),
]
ORIGIN = advice("Set it when the file is not distributed with the config.", example="UCI, dataset 2")


class MissingConfig(Section):
    """What counts as a missing value and what is done with it in step 1."""

    values: tuple[str, ...] = Field(
        ("", "NA", "N/A", "NaN", "nan", "null", "NULL", "None", "?"),
        description="Cells read as missing, compared after trimming blanks. "
        "Change it when your file marks missing values otherwise, such as -999.",
        json_schema_extra=advice(example=["", "NA", "-999"]),
    )
    drop_columns_over: Share = Field(
        1.0,
        description="Feature columns with more than this share of missing cells are dropped "
        "(1.0 keeps all but wholly empty ones). Lower it when sparse columns add noise.",
        json_schema_extra=advice(example=0.5),
    )
    drop_rows: bool = Field(
        False,
        description="Drop rows with any missing feature instead of imputing them in step 2. "
        "Rows without a target are an error unless this is true.",
    )


class OutliersConfig(Section):
    """Outlier policy for number columns; bounds are fitted on the training rows, and only these change."""

    name: Literal["none", "iqr", "zscore"] = Field(
        "none",
        description="Test: iqr marks values beyond threshold × interquartile range outside the "
        "quartiles; zscore marks values more than threshold standard deviations from the mean.",
        json_schema_extra=advice("iqr is robust; zscore relies on the mean and the deviation, which outliers distort."),
    )
    threshold: Positive = Field(
        3.0,
        description="Width of the accepted band, in IQRs or standard deviations.",
        json_schema_extra=advice("1.5 IQRs is the rule of box plots; 3 marks only extreme outliers.", example=1.5),
    )
    action: Literal["drop", "missing"] = Field(
        "drop",
        description="drop the training row, or make the cell missing so that step 2 imputes it.",
        json_schema_extra=advice("missing keeps the other cells of the row."),
    )


class SplitConfig(Section):
    """How rows are divided into training, validation and test."""

    test: OpenShare | Count = Field(
        0.2,
        description="Test rows: a share of all rows, or a whole number of rows. 0 keeps none.",
        json_schema_extra=advice("A few thousand rows are enough to measure a score to about one percentage point."),
    )
    valid: OpenShare | Count = Field(
        0.2,
        description="Validation rows: a share of all rows (of the training file, when test rows have a file of their "
        "own), or a whole number of rows. 0 keeps none.",
        json_schema_extra=advice("Early stopping, the threshold and the search use these rows."),
    )
    by: Literal["auto", "random", "stratified", "group", "time", "given"] = Field(
        "auto",
        description="random; stratified keeps class shares; group keeps rows with the same value of "
        "`column` together; time puts the latest values of `column` in test; given reads "
        "train/valid/test from `column`. auto: stratified for classes, random for numbers.",
        json_schema_extra=advice(
            "group for several rows of one patient or shop; time when the future is predicted.",
            example="stratified",
        ),
    )
    column: ColumnName | None = Field(
        None,
        description="The column that group, time and given use. It is not a feature.",
        json_schema_extra=advice(example="patient_id"),
    )
    seed: int | None = Field(
        None,
        ge=0,
        description="Seed of the split; null uses the config's seed.",
        json_schema_extra=advice("Set it to keep the same split while the config's seed changes.", example=0),
    )


class SourceConfig(Section):
    """Keys common to every source, and what they settle before any data is read."""

    split: SplitConfig = Field(
        SplitConfig.model_construct(),
        description="How rows are divided.",
        json_schema_extra=advice(
            term="hold-out: training, validation and test rows (entrenamiento, validación, prueba)"
        ),
    )

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
        description="auto: text, and at most 20 distinct whole numbers that occur ten times each on average, are "
        "classes; other numbers are regression.",
        json_schema_extra=advice(
            "Codes such as 1 to 30 that name things are classes; ordered grades may be regression.",
            term="regression or classification (regresión, clasificación)",
        ),
    )
    drop: tuple[ColumnName, ...] = Field(
        (),
        description="Columns left out, such as row ids.",
        json_schema_extra=advice(
            "Drop ids, and columns whose values are not known at prediction time.", example=["person_id"]
        ),
    )
    types: dict[ColumnName, Literal["number", "category", "boolean", "date"]] = Field(
        {},
        description="Column kinds that differ from what is inferred, such as a zip code (category). boolean: true and "
        "false, yes and no, t and f, or y and n; date: dates and times of ISO 8601. Both are inferred "
        "where all cells have such a form.",
        json_schema_extra=advice("Set category for codes written as numbers.", example={"zip_code": "category"}),
    )
    dates: dict[ColumnName, DateFormat] = Field(
        {},
        description="Format of a column's dates, where it is not 2024-05-31 or 2024-05-31T12:30: %d day, %m month, %b "
        "its name, %Y year, %y its last two digits, %H:%M:%S time (%I and %p: of 12 hours), %z zone.",
        json_schema_extra=advice("Set it when the day comes before the month.", example={"signed": "%d/%m/%Y"}),
    )
    keep: dict[ColumnName, tuple[Cell, ...]] = Field(
        {},
        description="Keep only rows whose column has one of these values; dropped rows are counted.",
        json_schema_extra=advice("Use it to train on a part of the table.", example={"country": ["ES", "PT"]}),
    )
    replace: dict[ColumnName, dict[str, str]] = Field(
        {},
        description="Cell texts to replace, column by column: {label: {'yes.': 'yes'}}.",
        json_schema_extra=advice(
            "Unify different spellings of the same value.", example={"city": {"Sevilla ": "Sevilla"}}
        ),
    )
    missing: MissingConfig = Field(
        MissingConfig.model_construct(),
        description="Missing-value policy of step 1.",
        json_schema_extra=advice(term="missing values (valores perdidos)"),
    )
    duplicates: Literal["keep", "drop"] = Field(
        "keep",
        description="drop removes rows equal to an earlier one in every column. They are counted either way.",
        json_schema_extra=advice(
            "Drop them when the same row was recorded twice, not when two cases happen to be equal."
        ),
    )
    outliers: OutliersConfig = Field(
        OutliersConfig.model_construct(),
        description="Outlier policy for number columns.",
        json_schema_extra=advice(term="outliers by threshold or robust methods (valores atípicos)"),
    )

    @property
    def known_task(self) -> Task | None:
        return None if self.task == "auto" else self.task


class OwnTableConfig(TableConfig):
    """A table of the user's: which column is predicted must be said."""

    target: ColumnName | Annotated[tuple[ColumnName, ...], Field(min_length=1)] = Field(
        description="Column to predict, or several number columns for multi-output regression.",
        json_schema_extra=advice(term="what is predicted: label or value (etiqueta, valor objetivo)", example="income"),
    )
    origin: str | None = Field(
        None, description="Where to get the data; shown when the file is missing.", json_schema_extra=ORIGIN
    )

    @property
    def known_task(self) -> Task | None:
        return super().known_task or ("regression" if len(self.target_names) > 1 else None)

    @property
    def target_names(self) -> tuple[str, ...]:
        return (self.target,) if isinstance(self.target, str) else self.target
