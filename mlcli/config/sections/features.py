"""The `features` section: step 2, fitted on training rows only."""

from typing import Annotated, Literal

from mlcli.config.sections.base import ColumnName, Constraint, Count, NonNegative, Positive, Section, key

# Keys are laid out by hand: default and meaning, when to change it, the course's word and an example.
# fmt: off

Impute = Literal["mean", "median", "constant"]
Scale = Literal["none", "standard", "minmax", "robust", "quantile", "power"]
DatePart = Literal[
    "year", "month", "day", "day_of_year", "weekday", "hour", "elapsed", "year_cycle", "month_cycle", "weekday_cycle",
    "hour_cycle", "month_day", "nth_weekday",
]
# Parts of dates that are categories.
CalendarPart = Literal["month_day", "nth_weekday"]
Encode = Literal["one_hot", "ordinal", "embedding", "target", "hash"]
DateParts = Annotated[tuple[DatePart, ...], Constraint(min_length=1)]

NUMBER_KEYS = ("impute", "fill_value", "indicator", "scale", "pieces")
CATEGORY_KEYS = ("encode", "order", "buckets")
# Encodings whose numbers are scaled.
SCALED_ENCODES = ("ordinal", "target")

MAX_BUCKETS = 1 << 14
Buckets = Annotated[int, Constraint(ge=2, le=MAX_BUCKETS)]
Pieces = Annotated[int, Constraint(ge=0, le=1000)]


class SelectConfig(Section):
    """Filters that keep the informative features; applied in the order listed here."""

    variance: NonNegative | None = key(
        0.0, "Drop features whose variance before scaling is at most this; null keeps all.",
        "Raise it to drop nearly constant columns.", term="variance threshold (umbral de varianza)", example=0.01)
    correlation: Annotated[float, Constraint(gt=0.0, le=1.0)] | None = key(
        None, "Of two features whose absolute Pearson correlation exceeds this, drop the later.",
        "Use it when many columns measure the same thing.", term="high-correlation filter (filtro de alta correlación)",
        example=0.95)
    k_best: Count | None = key(
        None, "Keep this many features with the highest F statistic against the target.",
        "Use it when there are many features for few rows.", example=20)
    rfe: Count | None = key(
        None, "Keep this many features by recursive elimination with a linear model.",
        "Like k_best, for features that help only in combination.",
        term="recursive elimination (eliminación recursiva)", example=10)


class PcaConfig(Section):
    """Principal components in place of the features."""

    name: Literal["pca"]
    components: Annotated[float, Constraint(gt=0.0, lt=1.0)] | Count = key(
        0.95, "Number of components, or the share of variance that they must keep.",
        "Lower it while the validation score does not fall.", example=0.9)
    whiten: bool = key(False, "Scale components to unit variance.", "Try it when components of small variance matter.")


class ColumnConfig(Section):
    """Exceptions for one column; null keeps the value of `features`."""

    impute: Impute | None = key(None, "As features.impute, for this column.")
    fill_value: float | None = key(None, "As features.fill_value, for this column.", example=-1)
    indicator: bool | None = key(None, "As features.indicator, for this column.")
    scale: Scale | None = key(None, "As features.scale, for this column.")
    pieces: Pieces | None = key(None, "As features.pieces, for this column.", example=32)
    encode: Encode | None = key(None, "As features.encode, for this column.")
    order: Annotated[tuple[str, ...], Constraint(min_length=2)] | None = key(
        None, "Categories from lowest to highest, for encode: ordinal.",
        term="ordered categories (categorías ordenadas)", example=["low", "mid", "high"])
    buckets: Buckets | None = key(None, "As features.buckets, for this column.", example=64)
    dates: DateParts | None = key(None, "As features.dates, for this column.", example=["month", "elapsed"])

    def idle_keys(self, kind: str, encode: str) -> list[str]:
        """The keys set here that have no effect on a column of this kind, whose categories are encoded so."""
        effective = {"category": CATEGORY_KEYS, "date": (*NUMBER_KEYS, "dates")}.get(kind, NUMBER_KEYS)
        if kind == "category" and encode in SCALED_ENCODES:
            effective = (*effective, "scale")
        return [key for key in type(self).model_fields if key not in effective and getattr(self, key) is not None]


class FeaturesConfig(Section):
    """How columns become the network's inputs."""

    derive: dict[ColumnName, str] = key(
        {},
        "New number columns by formula: + - * / % **, comparisons, sin cos tan exp log log1p sqrt abs min max. Parsed, "
        "never evaluated as code.",
        "Add what a domain expert would compute: ratios, squares, products.",
        term="a feature is an individually measurable property used to predict (característica)",
        example={"area": "width * length"})
    drop: tuple[ColumnName, ...] = key(
        (), "Number columns that are not inputs themselves; columns derived from them are.",
        "Drop a column when its logarithm, or a ratio of it, carries its information.", example=["width"])
    impute: Impute = key(
        "median", "What replaces missing numbers. Missing categories are a category of their own.",
        "mean for normally distributed columns; median is robust to outliers.", term="imputation (imputación)")
    fill_value: float = key(0.0, "The number used by impute: constant.", example=-1)
    indicator: bool = key(
        False, "Add a 0/1 column per number column with missing values. Use it when missingness is informative.")
    scale: Scale = key(
        "standard",
        "standard: mean 0, deviation 1; minmax: 0–1; robust: median and IQR; quantile: to a normal shape by ranks; "
        "power: Yeo-Johnson. Networks need inputs of comparable size.",
        "robust or quantile for skewed columns and outliers.", term="normalisation (normalización)")
    pieces: Pieces = key(
        0,
        "Piecewise linear encoding (Gorishniy et al., 2022): number columns are also split into about so many bins, at "
        "quantiles and at frequent values, and each bin is an input from 0 to 1. 16 to 64 help on most tables. 0 adds "
        "none.",
        "Try 32 when trees beat the network, such as when the target jumps at thresholds of a column.",
        term="discretisation (discretización)", example=32)
    clip: Positive | None = key(
        None, "Clip scaled numbers to ± this many scaled units. Use it against extreme outliers.", example=5)
    encode: Encode = key(
        "one_hot",
        "How categories become numbers: one_hot columns; ordinal codes; embedding, a vector learned by the network; "
        "target, the smoothed mean target of the category (cross-fitted over five shuffled folds, which keep whole the "
        "groups or times of dataset.split); hash, counts of hashed words, for free text, "
        "which needs an encoding set for its column or hash here.",
        "ordinal for ordered categories; embedding or target for columns with hundreds of categories; hash for free "
        "text.",
        term="ordered codes, or dummies (variables dummy, one-hot)")
    buckets: Buckets = key(
        256, "Number of inputs that encode: hash makes of a column; a hash assigns each word to one.",
        "More for many different words; fewer for few rows.", example=64)
    max_categories: Annotated[int, Constraint(ge=2, le=100_000)] = key(
        100, "Categories kept per column, the most frequent first; rarer ones share one code.",
        "Lower it where rare categories add noise.", example=20)
    dates: DateParts = key(
        ("year", "month", "day", "weekday", "hour", "elapsed"),
        "What dates become: year; month; day; day_of_year, from 1; weekday, from 1 for Monday; hour, where there are "
        "times of day; elapsed, days since the first date of the training rows in any column. year_cycle (of the day "
        "of the year), month_cycle, weekday_cycle and hour_cycle are a sine and a cosine each, so that December is "
        "close to January. month_day (12-25) and nth_weekday (4th Thu of Nov) are categories, one-hot, for what "
        "happens on holidays.",
        "Cycles when season, weekday or hour matters; elapsed when the data drifts over time; month_day and "
        "nth_weekday for several years of daily rows.",
        example=["month_cycle", "weekday", "elapsed"])
    select: SelectConfig = key(
        SelectConfig.model_construct(), "Feature selection.", term="feature selection (selección de características)")
    extract: PcaConfig | None = key(
        None, "Feature extraction: {name: pca, components: 0.95}.",
        "Use it with many correlated columns, or with images.", term="feature extraction: PCA (extracción)",
        example="pca")
    columns: dict[ColumnName, ColumnConfig] = key({}, "Per-column exceptions.", example={"age": {"scale": "robust"}})
