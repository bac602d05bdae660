"""The `features` section: step 2, fitted on training rows only."""

from typing import Annotated, Literal

from pydantic import Field

from mlcli.config.sections.base import ColumnName, Count, NonNegative, Positive, Section

Impute = Literal["mean", "median", "constant"]
Scale = Literal["none", "standard", "minmax", "robust", "quantile", "power"]
DatePart = Literal["year", "month", "day", "weekday", "hour", "elapsed", "month_cycle", "weekday_cycle", "hour_cycle"]
Encode = Literal["one_hot", "ordinal", "embedding", "target", "hash"]
DateParts = Annotated[tuple[DatePart, ...], Field(min_length=1)]

MAX_BUCKETS = 1 << 14
Buckets = Annotated[int, Field(ge=2, le=MAX_BUCKETS)]
Pieces = Annotated[int, Field(ge=0, le=1000)]


class SelectConfig(Section):
    """Filters that keep the informative features; applied in the order listed here."""

    variance: NonNegative | None = Field(
        0.0, description="Drop features whose variance before scaling is at most this; null keeps all."
    )
    correlation: Annotated[float, Field(gt=0.0, le=1.0)] | None = Field(
        None, description="Of two features whose absolute Pearson correlation exceeds this, drop the later."
    )
    k_best: Count | None = Field(
        None, description="Keep this many features with the highest F statistic against the target."
    )
    rfe: Count | None = Field(None, description="Keep this many features by recursive elimination with a linear model.")


class PcaConfig(Section):
    """Principal components in place of the features."""

    name: Literal["pca"]
    components: Annotated[float, Field(gt=0.0, lt=1.0)] | Count = Field(
        0.95, description="How many components, or the share of variance they must keep."
    )
    whiten: bool = Field(False, description="Scale components to unit variance.")


class ColumnConfig(Section):
    """Exceptions for one column; null keeps what the section says."""

    impute: Impute | None = Field(None, description="As features.impute, for this column.")
    fill_value: float | None = Field(None, description="As features.fill_value, for this column.")
    indicator: bool | None = Field(None, description="As features.indicator, for this column.")
    scale: Scale | None = Field(None, description="As features.scale, for this column.")
    pieces: Pieces | None = Field(None, description="As features.pieces, for this column.")
    encode: Encode | None = Field(None, description="As features.encode, for this column.")
    order: Annotated[tuple[str, ...], Field(min_length=2)] | None = Field(
        None, description="Categories from lowest to highest, for encode: ordinal."
    )
    buckets: Buckets | None = Field(None, description="As features.buckets, for this column.")
    dates: DateParts | None = Field(None, description="As features.dates, for this column.")


class FeaturesConfig(Section):
    """How columns become the network's inputs."""

    derive: dict[ColumnName, str] = Field(
        {},
        description="New number columns by formula: + - * / % **, comparisons, "
        "sin cos tan exp log log1p sqrt abs min max. Parsed, never evaluated as code.",
    )
    drop: tuple[ColumnName, ...] = Field(
        (), description="Number columns that are no inputs themselves; what is derived from them is."
    )
    impute: Impute = Field(
        "median", description="What replaces missing numbers. Missing categories are a category of their own."
    )
    fill_value: float = Field(0.0, description="The number used by impute: constant.")
    indicator: bool = Field(
        False,
        description="Add a 0/1 column per number column with missing values. Use it when absence informs.",
    )
    scale: Scale = Field(
        "standard",
        description="standard: mean 0, deviation 1; minmax: 0–1; robust: median and IQR; quantile: to a normal "
        "shape by ranks; power: Yeo-Johnson. Networks need inputs of comparable size.",
    )
    pieces: Pieces = Field(
        0,
        description="Number columns also enter cut into about so many pieces, at quantiles and at values that many "
        "rows share: how far a number has come through each, from 0 to 1. A network then bends where the data does; "
        "16 to 64 help on most tables. 0 cuts none.",
    )
    clip: Positive | None = Field(
        None, description="Limit scaled numbers to ± this many scaled units. Use it against far outliers."
    )
    encode: Encode = Field(
        "one_hot",
        description="How categories become numbers: one_hot columns; ordinal codes; embedding, a vector learned "
        "by the network; target, the smoothed mean target of the category (cross-fitted); hash, counts of "
        "the words, for free text, which is refused otherwise unless its column asks for another by name.",
    )
    buckets: Buckets = Field(
        256, description="Numbers that encode: hash makes of a column: words are dealt out to them by a hash."
    )
    max_categories: Annotated[int, Field(ge=2, le=100_000)] = Field(
        100, description="Categories kept per column, the most frequent first; rarer ones share one code."
    )
    dates: DateParts = Field(
        ("year", "month", "day", "weekday", "hour", "elapsed"),
        description="The numbers that dates become: year; month; day; weekday, from 1 for Monday; hour, where there "
        "are times of day; elapsed, days since the first date of the training rows in any column. month_cycle, "
        "weekday_cycle and hour_cycle are a sine and a cosine each, by which December lies beside January.",
    )
    select: SelectConfig = Field(SelectConfig.model_construct(), description="Feature selection.")
    extract: PcaConfig | None = Field(None, description="Feature extraction: {name: pca, components: 0.95}.")
    columns: dict[ColumnName, ColumnConfig] = Field({}, description="Per-column exceptions.")
