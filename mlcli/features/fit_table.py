"""Fits features on the training rows of a table."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterator

import numpy as np
import polars as pl
import torch

from mlcli.config.sections.features import Encode, FeaturesConfig, Scale
from mlcli.data.tables.cells import is_free_text, mean_words
from mlcli.data.tables.frames import Frame
from mlcli.data.tables.types import Table
from mlcli.errors import DataError, config_error
from mlcli.features.arithmetic import (
    Derive,
    Impute,
    PiecewiseLinearEncoding,
    TableArithmetic,
    find_edges,
    fit_fill,
    join_edges,
    variances_of,
)
from mlcli.features.column_plan import CategorySettings, ColumnPlan, NumberSettings, plan_columns
from mlcli.features.dates import DateColumn
from mlcli.features.encoding import ENCODES, Target, fit_encode, folds_of, grouped
from mlcli.features.fitted import FittedFeatures
from mlcli.features.report import Dated, Encoded, FeatureReport, Imputed, Scaled
from mlcli.features.rows import Vocabulary, cells_of, fit_vocabulary, ordered_vocabulary
from mlcli.features.scaling import ScaledColumn, join_columns, measure_column
from mlcli.features.selection import FeatureSelection, by_variance, fit_selection, without
from mlcli.features.table import TableFeatures, TablePlan
from mlcli.features.text import TextColumn

MOST_PIECES = 10_000


@dataclasses.dataclass(frozen=True)
class _Assembled:
    """Features fitted up to scaling, with all of them kept, and what is needed to go on.

    variances : float64 (k,), before scaling
    missing : missing training cells of each number column
    kinds : the scale of each scaled feature
    """

    features: TableFeatures
    variances: np.ndarray
    missing: np.ndarray
    kinds: tuple[Scale, ...]


def fit_table(train: Table, config: FeaturesConfig, seed: int, goal: Target | None) -> FittedFeatures:
    """Fit derive, impute, encode, scale, selection and extraction in turn."""
    if not train.features:
        raise DataError("the table has no feature columns; check dataset.drop and dataset.target")
    columns = plan_columns(train, config)
    vocabularies = _fit_vocabularies(train.rows, columns, config.max_categories)
    assembled = _fit_assembly(train, columns, vocabularies, config, goal)
    names = assembled.features.names
    varied = by_variance(assembled.variances, names, config.select.variance, len(train))
    varied = without(varied, names, assembled.features.plan.features_of(config.drop))
    scaled = _keep(assembled.features, FeatureSelection(varied.keep, varied.dropped))
    narrowing = fit_selection(lambda: scaled.refined(train.rows, training=True), varied, names, config, seed, goal)
    features = _keep(assembled.features, narrowing)
    return FittedFeatures.of(features, _report(train, columns, assembled, features, narrowing))


def _fit_vocabularies(rows: Frame, columns: ColumnPlan, max_categories: int) -> tuple[Vocabulary, ...]:
    """The categories of every column, grouped by encoding."""

    def fit(name: str, own: CategorySettings) -> Vocabulary:
        cells = cells_of(rows, name)
        if not own.chosen and is_free_text(cells):
            raise _free_text(cells, own.encode)
        return ordered_vocabulary(cells, own.order) if own.order else fit_vocabulary(cells, own.encode, max_categories)

    ranked = sorted(columns.categories.items(), key=lambda item: ENCODES.index(item[1].encode))
    return tuple(fit(name, own) for name, own in ranked)


def _free_text(cells: pl.Series, encode: Encode) -> DataError:
    """Refused, not warned of: each text's input would be on for one training row and for no new row."""
    known, name = cells.drop_nulls(), cells.name
    return DataError(
        f"column '{name}': {known.n_unique():,} different texts in {len(known):,} training rows, of "
        f"{mean_words(known):.0f} words on average: free text, whose categories tell nothing of new rows; leave it out "
        f"(dataset.drop: [{name}]), count its words (features.columns: {{{name}: {{encode: hash}}}}), or ask for its "
        f"categories all the same ({{encode: {encode}}} there)"
    )


def _fit_assembly(
    train: Table, columns: ColumnPlan, vocabularies: tuple[Vocabulary, ...], config: FeaturesConfig, goal: Target | None
) -> _Assembled:
    numbers = [_fit_number(column, own) for column, own in _each_number(train.rows, columns)]
    codes = np.array([own.codes(cells_of(train.rows, own.name)) for own in vocabularies], dtype=np.int64)
    codes = codes.reshape(len(vocabularies), len(train)).T
    encode = fit_encode(vocabularies, codes, goal)
    values = encode.values(torch.from_numpy(codes), torch.from_numpy(folds_of(0, len(train))))
    kinds = _kinds(columns, vocabularies, encode.target.shape[2])
    coded = [_fit_scaled(*own) for own in zip(values.T.contiguous().numpy(), kinds[len(numbers) :], strict=True)]
    features = [*(own.feature for own in numbers), *coded]
    scale = join_columns([own.scale for own in features], len(train), config.clip)
    marks = [(i, own.marks) for i, own in enumerate(numbers) if own.marks is not None]
    impute = Impute(torch.tensor([own.fill for own in numbers], dtype=torch.float64), [i for i, _ in marks])
    pieces = join_edges([own.edges for own in numbers])
    _require_few(pieces)
    plan = TablePlan(
        columns=train.features,
        derived={own.name: own.formula.text for own in columns.derived},
        vocabularies=vocabularies,
        indicators=impute.indicators,
        power=scale.power.at,
        quantile=scale.quantile.at,
        pieces=pieces.at,
        dates=tuple(reader for reader in columns.readers if isinstance(reader, DateColumn)),
        texts=tuple(reader for reader in columns.readers if isinstance(reader, TextColumn)),
    )
    variances = np.concatenate(
        [
            np.array([own.variance for own in features]),
            _flag_variances(codes, vocabularies),
            np.array([variance for _, variance in marks]),
            np.array([variance for own in numbers for variance in own.pieces]),
        ]
    )
    derive = Derive(columns.raw, columns.derived)
    arithmetic = TableArithmetic(derive, impute, encode, pieces, scale, torch.arange(len(variances)))
    return _Assembled(TableFeatures(plan, arithmetic), variances, np.array([own.missing for own in numbers]), kinds)


def _require_few(pieces: PiecewiseLinearEncoding) -> None:
    if len(pieces.at) > MOST_PIECES:
        raise config_error(
            "features.pieces",
            f"cuts {len(set(pieces.at)):,} number columns into {len(pieces.at):,} pieces, and {MOST_PIECES:,} are the "
            "most; use fewer, or name the columns: features.columns.NAME.pieces",
        )


@dataclasses.dataclass(frozen=True)
class _Feature:
    """A column to be scaled: its variance before, and what its scale takes."""

    variance: float
    scale: ScaledColumn


@dataclasses.dataclass(frozen=True)
class _Number:
    """A number column.

    fill, missing : what fills its missing cells, and how many there are
    marks         : its indicator's variance if it has one
    edges, pieces : where it is cut into pieces, and their variances; empty where it is not
    """

    fill: float
    missing: int
    marks: float | None
    edges: np.ndarray
    pieces: list[float]
    feature: _Feature


def _each_number(rows: Frame, columns: ColumnPlan) -> Iterator[tuple[np.ndarray, NumberSettings]]:
    """Raw, then derived columns, float64 (n,) with NaN where missing: one at a time, for all of them may not fit."""
    derived = {own.name: own.formula for own in columns.derived}

    def column(name: str) -> torch.Tensor:
        if name in derived:
            return derived[name].evaluate({used: column(used) for used in derived[name].names})
        reader = next(reader for reader in columns.readers if name in reader.numbers)
        return _finite(reader.read(rows).column(reader.numbers.index(name)))

    for reader in columns.readers:
        read = reader.read(rows)
        for i, name in enumerate(reader.numbers):
            yield _finite(read.column(i)).numpy(), columns.numbers[name]
    yield from ((column(name).numpy(), columns.numbers[name]) for name in derived)


def _finite(numbers: pl.Series) -> torch.Tensor:
    """The numbers, NaN where they are missing or not finite; of their own memory."""
    column = torch.from_numpy(numbers.to_numpy(writable=True))
    return column.masked_fill_(~column.isfinite(), torch.nan)


def _fit_number(column: np.ndarray, settings: NumberSettings) -> _Number:
    """Takes the column, which is filled."""
    fill, missing = fit_fill(column, settings), np.isnan(column)
    n_missing = int(missing.sum())
    marks = _variance(missing.astype(np.float64)) if settings.indicator and n_missing else None
    column[missing] = fill  # in place: one more copy is what a long column leaves no room for
    edges = find_edges(column, settings.pieces)
    return _Number(fill, n_missing, marks, edges, variances_of(column, edges), _fit_scaled(column, settings.scale))


def _fit_scaled(column: np.ndarray, kind: Scale) -> _Feature:
    return _Feature(_variance(column), measure_column(column, kind))


def _derived(columns: ColumnPlan) -> tuple[str, ...]:
    return tuple(own.name for own in columns.derived)


def _kinds(columns: ColumnPlan, vocabularies: tuple[Vocabulary, ...], n_targets: int) -> tuple[Scale, ...]:
    """The scale of every feature that is scaled, in their order."""
    groups = grouped(vocabularies)
    numbers = [columns.numbers[name].scale for name in (*columns.raw, *_derived(columns))]
    ordinal = [columns.categories[own.name].scale for own in groups["ordinal"]]
    means = [columns.categories[own.name].scale for own in groups["target"] for _ in range(n_targets)]
    return (*numbers, *ordinal, *means)


@np.errstate(over="ignore", invalid="ignore")
def _variance(column: np.ndarray) -> float:
    """Variance (ddof 0); exactly 0 for a constant, whatever rounding says."""
    return 0.0 if column.min() == column.max() else float(column.var())


def _flag_variances(codes: np.ndarray, vocabularies: tuple[Vocabulary, ...]) -> np.ndarray:
    """Variance p(1 − p) of each one-hot column, from the share p of its category."""
    shares = [
        np.bincount(column, minlength=own.size)[: len(own.features)] / len(codes)
        for column, own in zip(codes.T, vocabularies, strict=True)
        if own.encode == "one_hot"
    ]
    p = np.concatenate([np.empty(0), *shares])
    variances: np.ndarray = p * (1 - p)
    return variances


def _keep(features: TableFeatures, narrowing: FeatureSelection) -> TableFeatures:
    whole = features.arithmetic
    arithmetic = TableArithmetic(
        whole.derive,
        whole.impute,
        whole.encode,
        whole.pieces,
        whole.scale,
        torch.from_numpy(narrowing.keep),
        narrowing.project,
    )
    return TableFeatures(features.plan, arithmetic)


def _report(
    train: Table, columns: ColumnPlan, assembled: _Assembled, features: TableFeatures, narrowing: FeatureSelection
) -> FeatureReport:
    plan, scale, layout = features.plan, features.arithmetic.scale, features.layout
    names = (*plan.raw, *plan.derived)
    hashed = {number for own in plan.texts for number in own.numbers}
    fills = zip(columns.numbers.items(), assembled.missing, features.arithmetic.impute.fill.tolist(), strict=True)
    lines = zip(features.names, assembled.kinds, scale.centre.tolist(), scale.spread.tolist(), strict=False)
    return FeatureReport(
        rows=len(train),
        columns=tuple(column.name for column in train.features),
        features=layout.names,
        embedded=layout.embedded,
        derived=plan.derived,
        imputed={
            name: Imputed(int(missing), "constant" if missing == len(train) else own.impute, fill)
            for (name, own), missing, fill in fills
            if name not in hashed
        },
        encoded={
            own.name: Encoded(own.encode, own.kept, len(own.rare), cells_of(train.rows, own.name).null_count())
            for own in plan.vocabularies
        },
        pieces={names[i]: count for i, count in Counter(plan.pieces).items()},
        scaled={name: Scaled(kind, centre, spread) for name, kind, centre, spread in lines if kind != "none"},
        hashed={own.name: own.buckets for own in plan.texts},
        dated={own.name: Dated(own.numbers, own.origin) for own in plan.dates},
        dropped=narrowing.dropped,
        explained_variance=narrowing.explained_variance,
    )
