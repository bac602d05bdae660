"""Fits features on the training rows of a table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from mlcli.config.sections.features import Encode, FeaturesConfig, Scale
from mlcli.data.tables.frames import Frame, frames_with
from mlcli.data.tables.inference import is_free_text, mean_words
from mlcli.data.tables.types import Table
from mlcli.errors import DataError, config_error
from mlcli.features.arithmetic import (
    Derive,
    Impute,
    TableArithmetic,
    find_edges,
    fit_statistic,
    join_edges,
    piece_variances,
)
from mlcli.features.column_plan import CategorySettings, ColumnPlan, NumberSettings, plan_columns
from mlcli.features.encoding import (
    ENCODES,
    Target,
    Vocabulary,
    cross_fitting_folds,
    fit_encode,
    fit_vocabulary,
    grouped,
    ordered_vocabulary,
)
from mlcli.features.readers import DateColumn, cells_of_each
from mlcli.features.report import Dated, Encoded, FeatureReport, Imputed, Scaled
from mlcli.features.scaling import ScaledColumn, fit_scaler, measure_column, variance_of
from mlcli.features.selection import FeatureSelection, by_variance, fit_selection
from mlcli.features.table import TableFeatures
from mlcli.features.table_plan import TablePlan
from mlcli.features.words import TextColumn

MAX_PIECES = 10_000
# Days of a year, and weekdays of the months by their place in these, are fewer.
MAX_DAYS = 500


@dataclass(frozen=True)
class _Number:
    """A number column fitted.

    statistic, n_missing : what replaces its missing cells, and how many there are
    span                 : least and greatest of the others
    indicator_variance   : None where it has no indicator
    edges, variances     : where it is cut into pieces, and their variances; empty where it is not
    """

    statistic: float
    n_missing: int
    span: tuple[float, float]
    indicator_variance: float | None
    edges: np.ndarray
    variances: list[float]
    scaled: ScaledColumn


@dataclass(frozen=True)
class _Assembled:
    """Features fitted up to scaling, with all of them kept, and what is needed to go on.

    variances : float64 (k,), before scaling
    numbers   : as the plan's number columns
    scales    : of each scaled feature
    """

    features: TableFeatures
    variances: np.ndarray
    numbers: list[_Number]
    scales: tuple[Scale, ...]


def fit_table(
    train: Table, config: FeaturesConfig, seed: int, target: Target | None
) -> tuple[TableFeatures, FeatureReport]:
    """Fit derive, impute, encode, scale, selection and extraction in turn."""
    if not train.features:
        raise DataError("the table has no feature columns; check dataset.drop and dataset.target")
    columns = plan_columns(train, config)
    vocabularies = _fit_vocabularies(train.rows, columns, config.max_categories)
    fold_seed = seed if any(own.encode == "target" for own in vocabularies) else None
    folds = None if fold_seed is None else cross_fitting_folds(len(train), fold_seed, train.groups)
    assembled = _assemble(train, columns, vocabularies, config, target, fold_seed, folds)
    whole = assembled.features
    varied = by_variance(assembled.variances, whole.names, config.select.variance, len(train))
    varied = varied.without(whole.names, whole.plan.features_of(config.drop))
    scaled = _select(whole, varied)
    selection = fit_selection(
        lambda: scaled.scaled_features(train.rows, folds), varied, whole.names, config, seed, target
    )
    features = _select(whole, selection)
    return features, _report(train, columns, assembled, features, selection)


def _fit_vocabularies(rows: Frame, columns: ColumnPlan, max_categories: int) -> tuple[Vocabulary, ...]:
    """The categories of every column, grouped by encoding."""

    def fit(cells: pl.Series, own: CategorySettings) -> Vocabulary:
        if not own.chosen and is_free_text(cells):
            raise _free_text(cells, own.encode)
        if own.order:
            return ordered_vocabulary(cells, own.order)
        fitted = fit_vocabulary(cells, own.encode, MAX_DAYS if own.part else max_categories)
        return replace(fitted, part=own.part)

    ranked = sorted(columns.categories.values(), key=lambda own: ENCODES.index(own.encode))
    cells = cells_of_each(rows, [own.column for own in ranked], [own.part for own in ranked])
    return tuple(fit(column, own) for column, own in zip(cells, ranked, strict=True))


def _cells_of(rows: Frame, vocabularies: Sequence[Vocabulary]) -> Iterator[pl.Series]:
    return cells_of_each(rows, [own.name for own in vocabularies], [own.part for own in vocabularies])


def _free_text(cells: pl.Series, encode: Encode) -> DataError:
    """An error, not a warning: each text's input would be 1 for one training row and 0 for every new row."""
    known, name = cells.drop_nulls(), cells.name
    return DataError(
        f"column '{name}': {known.n_unique():,} different texts in {len(known):,} training rows, of "
        f"{mean_words(known):.0f} words on average: free text, whose categories do not generalise to new rows; "
        f"leave it out (dataset.drop: [{name}]), count its words (features.columns: {{{name}: {{encode: hash}}}}), "
        f"or encode its categories explicitly ({{encode: {encode}}} there)"
    )


def _assemble(
    train: Table,
    columns: ColumnPlan,
    vocabularies: tuple[Vocabulary, ...],
    config: FeaturesConfig,
    target: Target | None,
    fold_seed: int | None,
    folds: np.ndarray | None,
) -> _Assembled:
    numbers = [_fit_number(column, own) for column, own in _number_columns(train.rows, columns)]
    cells = _cells_of(train.rows, vocabularies)
    codes = np.array([own.codes(column) for own, column in zip(vocabularies, cells, strict=True)], dtype=np.int64)
    codes = codes.reshape(len(vocabularies), len(train)).T
    encode = fit_encode(vocabularies, codes, target, folds)
    pieces = join_edges([own.edges for own in numbers])
    _check_pieces(pieces.at)
    settings = _scales(columns, vocabularies, encode.target.shape[2])
    scales = tuple(scale for _, scale in settings)
    coded = zip(np.ascontiguousarray(encode.values(codes, folds).T), scales[len(numbers) :], strict=True)
    scaled = [*(own.scaled for own in numbers), *(measure_column(column, scale) for column, scale in coded)]
    variances = np.concatenate(
        [
            np.array([own.variance for own in scaled]),
            _one_hot_variances(codes, vocabularies),
            np.array([own.indicator_variance for own in numbers if own.indicator_variance is not None]),
            np.array([variance for own in numbers for variance in own.variances]),
        ]
    )
    indicators = tuple(i for i, own in enumerate(numbers) if own.indicator_variance is not None)
    arithmetic = TableArithmetic(
        Derive(tuple(columns.raw), columns.derived),
        Impute(np.array([own.statistic for own in numbers], dtype=np.float64), indicators),
        encode,
        pieces,
        fit_scaler(scaled, len(train), config.clip, [name for name, _ in settings]),
        np.arange(len(variances)),
    )
    plan = _table_plan(train, columns, vocabularies, arithmetic)
    plan = replace(plan, fold_seed=fold_seed, spans=tuple(own.span for own in numbers))
    return _Assembled(TableFeatures(plan, arithmetic), variances, numbers, scales)


def _number_columns(rows: Frame, columns: ColumnPlan) -> Iterator[tuple[np.ndarray, NumberSettings]]:
    """Raw, then derived columns, float64 (n,) with NaN where missing: one at a time, as memory may not hold all."""
    derived = columns.derived

    def column(name: str) -> np.ndarray:
        if name in derived:
            return derived[name].evaluate({used: column(used) for used in derived[name].names})
        reader = readers[name]
        return _finite(reader.read(rows).column(reader.numbers.index(name)))

    readers = {name: reader for reader in columns.readers for name in reader.numbers}
    for reader, part in zip(columns.readers, frames_with(rows, [one.name for one in columns.readers]), strict=True):
        read = reader.read(part)
        for i, name in enumerate(reader.numbers):
            yield _finite(read.column(i)), columns.numbers[name]
    yield from ((column(name), columns.numbers[name]) for name in derived)


def _finite(numbers: pl.Series) -> np.ndarray:
    """The numbers, NaN where they are missing or not finite; of their own memory."""
    column = numbers.to_numpy(writable=True)
    column[~np.isfinite(column)] = np.nan
    return column


def _fit_number(column: np.ndarray, settings: NumberSettings) -> _Number:
    """Fits a column and fills its missing cells in place."""
    statistic, missing = fit_statistic(column, settings), np.isnan(column)
    n_missing = int(missing.sum())
    span = float(np.fmin.reduce(column)), float(np.fmax.reduce(column))
    indicator = variance_of(missing.astype(np.float64)) if settings.indicator and n_missing else None
    column[missing] = statistic  # one more copy of a long column may not fit
    edges = find_edges(column, settings.pieces)
    variances = piece_variances(column, edges)
    span = (statistic, statistic) if n_missing == len(column) else span
    return _Number(statistic, n_missing, span, indicator, edges, variances, measure_column(column, settings.scale))


def _scales(columns: ColumnPlan, vocabularies: Sequence[Vocabulary], n_targets: int) -> list[tuple[str, Scale]]:
    """The column and the scale of every feature that is scaled, in their order."""
    groups = grouped(vocabularies)
    numbers = [(name, columns.numbers[name].scale) for name in (*columns.raw, *columns.derived)]
    coded = [*groups["ordinal"], *(own for own in groups["target"] for _ in range(n_targets))]
    return [*numbers, *((own.name, columns.categories[own.name].scale) for own in coded)]


def _one_hot_variances(codes: np.ndarray, vocabularies: Sequence[Vocabulary]) -> np.ndarray:
    """Variance p(1 − p) of each one-hot column, from the share p of its category."""
    shares = [
        np.bincount(column, minlength=own.size)[: len(own.features)] / len(codes)
        for column, own in zip(codes.T, vocabularies, strict=True)
        if own.encode == "one_hot"
    ]
    p = np.concatenate([np.empty(0), *shares])
    variances: np.ndarray = p * (1 - p)
    return variances


def _check_pieces(at: Sequence[int]) -> None:
    if len(at) > MAX_PIECES:
        raise config_error(
            "features.pieces",
            f"{len(set(at)):,} number columns have {len(at):,} pieces, and at most {MAX_PIECES:,} are supported; "
            "use fewer, or name the columns: features.columns.NAME.pieces",
        )


def _table_plan(
    train: Table, columns: ColumnPlan, vocabularies: tuple[Vocabulary, ...], arithmetic: TableArithmetic
) -> TablePlan:
    return TablePlan(
        columns=train.features,
        derived={name: formula.text for name, formula in columns.derived.items()},
        vocabularies=vocabularies,
        indicators=arithmetic.impute.indicators,
        power=arithmetic.scale.power.at,
        quantile=arithmetic.scale.quantile.at,
        pieces=arithmetic.pieces.at,
        dates=tuple(reader for reader in columns.readers if isinstance(reader, DateColumn)),
        texts=tuple(reader for reader in columns.readers if isinstance(reader, TextColumn)),
    )


def _select(features: TableFeatures, selection: FeatureSelection) -> TableFeatures:
    arithmetic = replace(features.arithmetic, select=selection.keep, project=selection.project)
    return TableFeatures(features.plan, arithmetic)


def _report(
    train: Table, columns: ColumnPlan, assembled: _Assembled, features: TableFeatures, selection: FeatureSelection
) -> FeatureReport:
    plan, scaler, layout = features.plan, features.arithmetic.scale, features.layout
    names = (*plan.raw, *plan.derived)
    hashed = {number for own in plan.texts for number in own.numbers}
    numbers = zip(columns.numbers.items(), assembled.numbers, strict=True)
    cells = _cells_of(train.rows, plan.vocabularies)
    scaled = zip(features.names, assembled.scales, scaler.mean.tolist(), scaler.scale.tolist(), strict=False)
    return FeatureReport(
        rows=len(train),
        columns=tuple(column.name for column in train.features),
        features=layout.names,
        embedded=layout.embedded,
        derived=plan.derived,
        imputed={
            name: Imputed(own.n_missing, "constant" if own.n_missing == len(train) else settings.impute, own.statistic)
            for (name, settings), own in numbers
            if name not in hashed
        },
        encoded={
            own.label: Encoded(own.encode, own.kept, len(own.rare), column.null_count())
            for own, column in zip(plan.vocabularies, cells, strict=True)
        },
        pieces={names[i]: count for i, count in Counter(plan.pieces).items()},
        scaled={name: Scaled(kind, mean, scale) for name, kind, mean, scale in scaled if kind != "none"},
        hashed={own.name: own.buckets for own in plan.texts},
        dated={own.name: Dated(own.numbers, own.origin) for own in plan.dates},
        dropped=selection.dropped,
        explained_variance=selection.explained_variance,
    )
