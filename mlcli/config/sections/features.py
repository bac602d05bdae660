"""The `features` section: step 2, fitted on training rows only."""

from typing import Annotated, Literal

from pydantic import Field

from mlcli.config.sections.base import ColumnName, Count, NonNegative, Positive, Section, advice

Impute = Literal["mean", "median", "constant"]
Scale = Literal["none", "standard", "minmax", "robust", "quantile", "power"]
DatePart = Literal["year", "month", "day", "weekday", "hour", "elapsed", "month_cycle", "weekday_cycle", "hour_cycle"]
Encode = Literal["one_hot", "ordinal", "embedding", "target", "hash"]
DateParts = Annotated[tuple[DatePart, ...], Field(min_length=1)]

NUMBER_KEYS = ("impute", "fill_value", "indicator", "scale", "pieces")
CATEGORY_KEYS = ("encode", "order", "buckets")
# Encodings whose numbers are scaled.
SCALED_ENCODES = ("ordinal", "target")

MAX_BUCKETS = 1 << 14
Buckets = Annotated[int, Field(ge=2, le=MAX_BUCKETS)]
Pieces = Annotated[int, Field(ge=0, le=1000)]


class SelectConfig(Section):
    """Filters that keep the informative features; applied in the order listed here."""

    variance: NonNegative | None = Field(
        0.0,
        description="Drop features whose variance before scaling is at most this; null keeps all.",
        json_schema_extra=advice(
            "Raise it to drop nearly constant columns.", term="variance threshold (umbral de varianza)", example=0.01
        ),
    )
    correlation: Annotated[float, Field(gt=0.0, le=1.0)] | None = Field(
        None,
        description="Of two features whose absolute Pearson correlation exceeds this, drop the later.",
        json_schema_extra=advice(
            "Use it when many columns measure the same thing.",
            term="high-correlation filter (filtro de alta correlación)",
            example=0.95,
        ),
    )
    k_best: Count | None = Field(
        None,
        description="Keep this many features with the highest F statistic against the target.",
        json_schema_extra=advice("Use it when there are many features for few rows.", example=20),
    )
    rfe: Count | None = Field(
        None,
        description="Keep this many features by recursive elimination with a linear model.",
        json_schema_extra=advice(
            "Like k_best, for features that help only in combination.",
            term="recursive elimination (eliminación recursiva)",
            example=10,
        ),
    )


class PcaConfig(Section):
    """Principal components in place of the features."""

    name: Literal["pca"]
    components: Annotated[float, Field(gt=0.0, lt=1.0)] | Count = Field(
        0.95,
        description="Number of components, or the share of variance that they must keep.",
        json_schema_extra=advice("Lower it as long as the validation score holds.", example=0.9),
    )
    whiten: bool = Field(
        False,
        description="Scale components to unit variance.",
        json_schema_extra=advice("Try it when components of small variance matter."),
    )


class ColumnConfig(Section):
    """Exceptions for one column; null keeps what the section says."""

    impute: Impute | None = Field(None, description="As features.impute, for this column.")
    fill_value: float | None = Field(
        None, description="As features.fill_value, for this column.", json_schema_extra=advice(example=-1)
    )
    indicator: bool | None = Field(None, description="As features.indicator, for this column.")
    scale: Scale | None = Field(None, description="As features.scale, for this column.")
    pieces: Pieces | None = Field(
        None, description="As features.pieces, for this column.", json_schema_extra=advice(example=32)
    )
    encode: Encode | None = Field(None, description="As features.encode, for this column.")
    order: Annotated[tuple[str, ...], Field(min_length=2)] | None = Field(
        None,
        description="Categories from lowest to highest, for encode: ordinal.",
        json_schema_extra=advice(term="ordered categories (categorías ordenadas)", example=["low", "mid", "high"]),
    )
    buckets: Buckets | None = Field(
        None, description="As features.buckets, for this column.", json_schema_extra=advice(example=64)
    )
    dates: DateParts | None = Field(
        None, description="As features.dates, for this column.", json_schema_extra=advice(example=["month", "elapsed"])
    )

    def idle_keys(self, kind: str, encode: str) -> list[str]:
        """The keys set here that have no effect on a column of this kind, whose categories are encoded so."""
        effective = {"category": CATEGORY_KEYS, "date": (*NUMBER_KEYS, "dates")}.get(kind, NUMBER_KEYS)
        if kind == "category" and encode in SCALED_ENCODES:
            effective = (*effective, "scale")
        return [key for key in type(self).model_fields if key not in effective and getattr(self, key) is not None]


class FeaturesConfig(Section):
    """How columns become the network's inputs."""

    derive: dict[ColumnName, str] = Field(
        {},
        description="New number columns by formula: + - * / % **, comparisons, "
        "sin cos tan exp log log1p sqrt abs min max. Parsed, never evaluated as code.",
        json_schema_extra=advice(
            "Add what a domain expert would compute: ratios, squares, products.",
            term="a feature is an individually measurable property used to predict (característica)",
            example={"area": "width * length"},
        ),
    )
    drop: tuple[ColumnName, ...] = Field(
        (),
        description="Number columns that are not inputs themselves; columns derived from them are.",
        json_schema_extra=advice(
            "Drop a column when its logarithm, or a ratio of it, carries its information.", example=["width"]
        ),
    )
    impute: Impute = Field(
        "median",
        description="What replaces missing numbers. Missing categories are a category of their own.",
        json_schema_extra=advice(
            "mean for normally distributed columns; median is robust to outliers.", term="imputation (imputación)"
        ),
    )
    fill_value: float = Field(
        0.0, description="The number used by impute: constant.", json_schema_extra=advice(example=-1)
    )
    indicator: bool = Field(
        False,
        description="Add a 0/1 column per number column with missing values. Use it when missingness is informative.",
    )
    scale: Scale = Field(
        "standard",
        description="standard: mean 0, deviation 1; minmax: 0–1; robust: median and IQR; quantile: to a normal "
        "shape by ranks; power: Yeo-Johnson. Networks need inputs of comparable size.",
        json_schema_extra=advice(
            "robust or quantile for skewed columns and outliers.", term="normalisation (normalización)"
        ),
    )
    pieces: Pieces = Field(
        0,
        description="Piecewise linear encoding (Gorishniy et al., 2022): number columns are also split into about so "
        "many bins, at quantiles and at frequent values, and each bin is an input from 0 to 1. 16 to 64 "
        "help on most tables. 0 adds none.",
        json_schema_extra=advice(
            "Try 32 when trees beat the network, such as when the target jumps at thresholds of a column.",
            term="discretisation (discretización)",
            example=32,
        ),
    )
    clip: Positive | None = Field(
        None,
        description="Clip scaled numbers to ± this many scaled units. Use it against extreme outliers.",
        json_schema_extra=advice(example=5),
    )
    encode: Encode = Field(
        "one_hot",
        description="How categories become numbers: one_hot columns; ordinal codes; embedding, a vector learned by the"
        " network; target, the smoothed mean target of the category (cross-fitted); hash, counts of hashed"
        " words, for free text, which needs an encoding set for its column or hash here.",
        json_schema_extra=advice(
            "ordinal for ordered categories; embedding or target for columns with hundreds of categories; hash"
            " for free text.",
            term="ordered codes, or dummies (variables dummy, one-hot)",
        ),
    )
    buckets: Buckets = Field(
        256,
        description="Number of inputs that encode: hash makes of a column; a hash assigns each word to one.",
        json_schema_extra=advice("More for many different words; fewer for few rows.", example=64),
    )
    max_categories: Annotated[int, Field(ge=2, le=100_000)] = Field(
        100,
        description="Categories kept per column, the most frequent first; rarer ones share one code.",
        json_schema_extra=advice("Lower it where rare categories add noise.", example=20),
    )
    dates: DateParts = Field(
        ("year", "month", "day", "weekday", "hour", "elapsed"),
        description="The numbers that dates become: year; month; day; weekday, from 1 for Monday; hour, where there "
        "are times of day; elapsed, days since the first date of the training rows in any column. "
        "month_cycle, weekday_cycle and hour_cycle are a sine and a cosine each, so that December is close"
        " to January.",
        json_schema_extra=advice(
            "Cycles when season, weekday or hour matters; elapsed when the data drifts over time.",
            example=["month_cycle", "weekday", "elapsed"],
        ),
    )
    select: SelectConfig = Field(
        SelectConfig.model_construct(),
        description="Feature selection.",
        json_schema_extra=advice(term="feature selection (selección de características)"),
    )
    extract: PcaConfig | None = Field(
        None,
        description="Feature extraction: {name: pca, components: 0.95}.",
        json_schema_extra=advice(
            "Use it with many correlated columns, or with images.",
            term="feature extraction: PCA (extracción)",
            example="pca",
        ),
    )
    columns: dict[ColumnName, ColumnConfig] = Field(
        {}, description="Per-column exceptions.", json_schema_extra=advice(example={"age": {"scale": "robust"}})
    )
