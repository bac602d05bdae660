"""Keys that several sources have: how rows are cleaned and split, and which columns are what."""

from typing import Annotated, Any, Literal

from mlcli.config.sections.base import (
    ColumnName,
    Constraint,
    Count,
    ErrorHint,
    OpenShare,
    Positive,
    Section,
    Share,
    key,
)

# Keys are laid out by hand: default and meaning, when to change it, the course's word and an example.
# fmt: off

Cell = str | int | float | bool
Task = Literal["regression", "classification"]
Thousands = Literal[",", ".", "'", " ", "_"]
DateFormat = Annotated[
    str,
    Constraint(pattern=r"^([^%]|%[YymdbBjaAHIMSpz]|\.%f)*%[YymdbBjaAHIMSpz]([^%]|%[YymdbBjaAHIMSpz]|\.%f)*$"),
    ErrorHint("how dates are written, such as %d/%m/%Y or %m/%d/%y %H:%M"),
]
ORIGIN: dict[str, Any] = {
    "when": "Set it when the file is not distributed with the config.", "example": "UCI, dataset 2"
}


class MissingConfig(Section):
    """What counts as a missing value and what is done with it in step 1."""

    values: tuple[str, ...] = key(
        ("", "NA", "N/A", "NaN", "nan", "null", "NULL", "None", "?"),
        "Cells read as missing, compared after trimming blanks. Change it when your file marks missing values "
        "in another way, such as -999.",
        example=["", "NA", "-999"])
    drop_columns_over: Share = key(
        1.0,
        "Feature columns with more than this share of missing cells are dropped (1.0 keeps all but wholly empty ones). "
        "Lower it when sparse columns add noise.",
        example=0.5)
    drop_rows: Literal["target"] | bool = key(
        False,
        "Drop rows without a target (target), or those with any missing feature, too (true), which are else imputed in "
        "step 2. With false, rows without a target are an error.",
        "Set target where some rows have no target.", example="target")


class NumberFormat(Section):
    """How the numbers of a column are written, where they are not plain, as in $1,234.50 or 75 kg.

    A number may have a sign in front, a minus behind, parentheses for a minus, and the digits of any script.
    """

    thousands: Thousands | None = key(
        None,
        "Mark between groups of digits: three digits, or in front of the last three, two (1,23,456). A blank is any "
        "blank, also a narrow or unbreakable one; ' is also ’. Numbers without marks are read as well.",
        "Set it where 1,234 is more than a thousand.", example=",")
    decimal: Literal[".", ","] | None = key(
        None, "Decimal mark; null is dataset.decimal, or a point.", "Set it where it differs from other columns'.",
        example=",")
    unit: Annotated[str, Constraint(pattern=r"^[^\s\d+\-.,'’_()]([^()]*[^\s()])?$")] | None = key(
        None,
        "Text in front of or behind every number, such as $, EUR, % or kg. A cell without it, or with another, is "
        "refused. 12.5 % is 12.5.",
        "Set it where cells have a currency or a unit.", example="kg")


class OutliersConfig(Section):
    """Outlier policy for number columns; bounds are fitted on the training rows, and only these change."""

    name: Literal["none", "iqr", "zscore"] = key(
        "none",
        "Test: iqr marks values beyond threshold × interquartile range outside the quartiles; zscore marks values more "
        "than threshold standard deviations from the mean.",
        "iqr is robust; zscore relies on the mean and the deviation, which outliers distort.")
    threshold: Positive = key(
        3.0, "Width of the accepted band, in IQRs or standard deviations.",
        "1.5 IQRs is the rule of box plots; 3 marks only extreme outliers.", example=1.5)
    action: Literal["drop", "missing"] = key(
        "drop", "drop the training row, or make the cell missing so that step 2 imputes it.",
        "missing keeps the other cells of the row.")


class SplitConfig(Section):
    """How rows are divided into training, validation and test."""

    test: OpenShare | Count = key(
        0.2, "Test rows: a share of all rows, or a whole number of rows. 0 keeps none.",
        "A few thousand rows are enough to measure a score to about one percentage point.")
    valid: OpenShare | Count = key(
        0.2,
        "Validation rows: a share of all rows (of the training file, when test rows have a file of their own), or a "
        "whole number of rows. 0 keeps none.",
        "Early stopping, the threshold and the search use these rows.")
    by: Literal["auto", "random", "stratified", "group", "time", "given"] = key(
        "auto",
        "random; stratified keeps class shares; group keeps rows with the same value of `column` together; time puts "
        "the latest values of `column` in test; given reads train/valid/test from `column`. auto: stratified for "
        "classes, random for numbers.",
        "group for several rows of one patient or shop; time when the future is predicted.", example="stratified")
    column: ColumnName | None = key(
        None, "The column that group, time and given use. It is not a feature.", example="patient_id")
    seed: int | None = key(
        None, "Seed of the split; null uses the config's seed.",
        "Set it to keep the same split while the config's seed changes.", ge=0, example=0)


class SourceConfig(Section):
    """Keys common to every source, and what they determine before any data is read."""

    split: SplitConfig = key(
        SplitConfig.model_construct(), "How rows are divided.",
        term="hold-out: training, validation and test rows (entrenamiento, validación, prueba)")

    @property
    def known_task(self) -> Task | None:
        """The task; None where the data decides."""
        return None

    @property
    def target_names(self) -> tuple[str, ...]:
        """The target columns that the file names."""
        return ()

    @property
    def weight_name(self) -> str | None:
        """The column of weights; None where all rows count alike."""
        return getattr(self, "weight", None)

    @property
    def gives_test_rows(self) -> bool:
        """Whether the source has test rows of its own, so that split.test is not used."""
        return bool(getattr(self, "test_path", None) or getattr(self, "test_images", None))


class ImageConfig(SourceConfig):
    """Keys common to sources of images, which are classified and have no columns."""

    keep: tuple[str | int, ...] = key(
        (), "Keep only images of these classes; empty keeps all.", "Two classes make a problem for one sigmoid unit.",
        example=[0, 1])

    @property
    def known_task(self) -> Task:
        return "classification"


class TableConfig(SourceConfig):
    """Keys common to sources with named columns."""

    task: Literal["auto", "regression", "classification"] = key(
        "auto",
        "auto: text, and at most 20 distinct whole numbers that occur ten times each on average, are classes; other "
        "numbers are regression.",
        "Codes such as 1 to 30 that name things are classes; ordered grades may be regression.",
        term="regression or classification (regresión, clasificación)")
    drop: tuple[ColumnName, ...] = key(
        (), "Columns left out, such as row ids.",
        "Drop ids, and columns whose values are not known at prediction time.", example=["person_id"])
    types: dict[ColumnName, Literal["number", "category", "boolean", "date"]] = key(
        {},
        "Column kinds that differ from what is inferred, such as a zip code (category). boolean: true and false, yes "
        "and no, t and f, or y and n; date: dates and times of ISO 8601. Both are inferred where all cells have such a "
        "form.",
        "Set category for codes written as numbers.", example={"zip_code": "category"})
    dates: dict[ColumnName, DateFormat] = key(
        {},
        "Format of a column's dates, where it is not 2024-05-31 or 2024-05-31T12:30: %d day, %m month, %b its name "
        "(English, Spanish, German, French, Portuguese or Italian, short or long), %Y year, %y its last two digits "
        "(1969 to 2068), %a weekday in English, %H:%M:%S time (%I and %p: of 12 hours), %z offset (dates become UTC). "
        "Without %d, the first day of the month.",
        "Set it when the day comes before the month.", example={"signed": "%d/%m/%Y"})
    numbers: dict[ColumnName, NumberFormat] = key(
        {},
        "Number columns whose cells have thousands marks, currencies or units, and how they are written: {price: "
        "{thousands: ',', unit: $}}. Every cell that is not missing must be written so; cells that are numbers already "
        "(JSON, Parquet, databases) stay as they are.",
        "Set it for amounts written for people.", example={"price": {"thousands": ",", "unit": "$"}})
    keep: dict[ColumnName, tuple[Cell, ...]] = key(
        {}, "Keep only rows whose column has one of these values; dropped rows are counted.",
        "Use it to train on a part of the table.", example={"country": ["ES", "PT"]})
    replace: dict[ColumnName, dict[str, str]] = key(
        {}, "Cell texts to replace, column by column: {label: {'yes.': 'yes'}}.",
        "Unify different spellings of the same value.", example={"city": {"Seville": "Sevilla"}})
    missing: MissingConfig = key(
        MissingConfig.model_construct(), "Missing-value policy of step 1.", term="missing values (valores perdidos)")
    duplicates: Literal["keep", "drop"] = key(
        "keep", "drop removes rows equal to an earlier one in every column. They are counted either way.",
        "Drop them when the same row was recorded twice, not when two cases happen to be equal.")
    outliers: OutliersConfig = key(
        OutliersConfig.model_construct(), "Outlier policy for number columns.",
        term="outliers by threshold or robust methods (valores atípicos)")

    @property
    def known_task(self) -> Task | None:
        return None if self.task == "auto" else self.task


class OwnTableConfig(TableConfig):
    """A table of the user's, whose target must be given."""

    target: ColumnName | Annotated[tuple[ColumnName, ...], Constraint(min_length=1)] = key(
        ..., "Column to predict, or several number columns for multi-output regression.",
        term="what is predicted: label or value (etiqueta, valor objetivo)", example="income")
    weight: ColumnName | None = key(
        None, "Number column that says how much each row counts in the cost and in every score: 0 or more, of any "
        "scale. A row of weight 2 is as good as two rows. It is not a feature, and rows to predict need not have it.",
        "Set it where rows stand for different numbers of cases, as in surveys, or where errors do not cost the same.",
        example="households")
    origin: str | None = key(None, "Where to get the data; shown when the file is missing.", **ORIGIN)

    @property
    def known_task(self) -> Task | None:
        return super().known_task or ("regression" if len(self.target_names) > 1 else None)

    @property
    def target_names(self) -> tuple[str, ...]:
        return (self.target,) if isinstance(self.target, str) else self.target
