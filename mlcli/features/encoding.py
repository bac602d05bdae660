"""Category columns: their categories as codes, and the codes as ordinal values, target means or one-hot columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl
from numpy.typing import NDArray

from mlcli.config.sections.features import CalendarPart
from mlcli.config.sections.features import Encode as Encoding
from mlcli.data.tables.labels import by_value, like_known
from mlcli.errors import DataError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
# Encodings in the order in which category columns are grouped.
ENCODES = ("ordinal", "target", "one_hot", "embedding")
# Of cross-fitted target means.
FOLDS = 5
MISSING = "(missing)"
OTHER = "(other)"
MAX_RARE = 10_000


@dataclass(frozen=True)
class Vocabulary:
    """Category i of `kept` has code i; every other category has the reserved code len(kept).

    rare : training categories that are not kept, the most frequent 10,000
    with_other : whether training rows have the reserved code
    part : of a column of dates, the part that is a category
    Missing cells are the category "(missing)".
    """

    name: str
    encode: Encoding
    kept: tuple[str, ...]
    rare: tuple[str, ...] = ()
    with_other: bool = False
    part: CalendarPart | None = None

    @property
    def label(self) -> str:
        """Name of the features."""
        return f"{self.name}_{self.part}" if self.part else self.name

    @property
    def reserved(self) -> int:
        """The code of rare and unseen categories."""
        return len(self.kept)

    @property
    def size(self) -> int:
        """Number of codes, the reserved one included."""
        return len(self.kept) + 1

    @property
    def features(self) -> tuple[str, ...]:
        """The categories that have a one-hot column, in order."""
        return (*self.kept, OTHER) if self.with_other else self.kept

    @cached_property
    def _enum(self) -> pl.Enum:
        return pl.Enum(self.kept)

    @cached_property
    def _known(self) -> pl.Series:
        return pl.Series([*self.kept, *self.rare], dtype=pl.String)

    def codes(self, cells: pl.Series) -> np.ndarray:
        """Codes of a String column, uint32 (n,)."""
        categories = cells.fill_null(MISSING).cast(self._enum, strict=False)
        if categories.null_count():
            categories = self._categories(cells).cast(self._enum, strict=False)
        return categories.to_physical().cast(pl.UInt32).fill_null(self.reserved).to_numpy()

    def count_unseen(self, cells: pl.Series) -> int:
        """Cells whose category does not occur in the training rows."""
        return len(cells) - int(self._categories(cells).is_in(self._known.implode()).sum())

    def _categories(self, cells: pl.Series) -> pl.Series:
        """The cells, those of training categories as these are written."""
        known = [category for category in (*self.kept, *self.rare) if category != MISSING]
        return like_known(cells, known).fill_null(MISSING)


def fit_vocabulary(cells: pl.Series, encode: Encoding, max_categories: int) -> Vocabulary:
    """Keep the most frequent categories (ties by name), ordered by name."""
    counts = by_value(cells).fill_null(MISSING).rename("category").value_counts(name="rows")
    ranked = counts.sort(["rows", "category"], descending=[True, False])["category"]
    kept = tuple(ranked.head(max_categories).sort())
    rare = tuple(ranked.slice(max_categories, MAX_RARE))
    return Vocabulary(cells.name, encode, kept, rare, with_other=len(ranked) > max_categories)


def ordered_vocabulary(cells: pl.Series, order: tuple[str, ...]) -> Vocabulary:
    """Keep the given order; raises DataError for training categories that are not in it.

    Missing cells have the reserved code, unless the order lists "(missing)".
    """
    found = like_known(cells.unique().drop_nulls().sort(), order)
    unlisted = [category for category in found if category not in set(order)]
    if unlisted:
        shown = ", ".join(map(repr, unlisted[:5])) + (", …" if len(unlisted) > 5 else "")
        raise DataError(
            f"features.columns.{cells.name}.order: does not list {shown}, found in the training rows; "
            "list every category of the column"
        )
    has_missing = cells.null_count() > 0 and MISSING not in order
    return Vocabulary(cells.name, "ordinal", order, (MISSING,) if has_missing else (), with_other=has_missing)


@dataclass(frozen=True)
class Target:
    """The training target.

    y : class indices (n,) or numbers (n, t)
    """

    y: np.ndarray
    classification: bool

    @classmethod
    def of(cls, y: np.ndarray, *, classification: bool) -> Target:
        """From class indices of any shape, or numbers (n,) or (n, t)."""
        if classification:
            return cls(np.asarray(y, dtype=np.int64).reshape(-1), classification=True)
        return cls(np.asarray(y, dtype=np.float64).reshape(len(y), -1), classification=False)

    def as_numbers(self) -> np.ndarray:
        """float64 (n, t): numbers as they are, two classes as 0/1, K classes as K columns of 0/1."""
        if not self.classification:
            return self.y
        n_classes = int(self.y.max()) + 1
        if n_classes <= 2:
            return self.y.astype(np.float64)[:, None]
        flags: np.ndarray = np.eye(n_classes)[self.y]
        return flags


def cross_fitting_folds(n_rows: int, seed: int | None, groups: np.ndarray | None) -> np.ndarray:
    """The fold of each training row, int64 (n,): shuffled, as the rows may be in an order that has to do with them.

    seed   : None for row i in fold i % 5, as earlier versions had it
    groups : as `Table.groups` has them; rows of one group or time are in one fold, unless there is only one
    """
    if seed is None:
        return np.arange(n_rows) % FOLDS
    numbers = np.arange(n_rows)
    if groups is not None and n_rows and groups.min() < groups.max():
        numbers = np.unique(groups, return_inverse=True)[1]
    folds = np.random.default_rng(seed).permutation(int(numbers.max(initial=-1)) + 1) % FOLDS
    of_row: np.ndarray = folds[numbers]
    return of_row


def cross_fitted_means(codes: np.ndarray, size: int, y: np.ndarray, folds: np.ndarray) -> np.ndarray:
    """Smoothed target means of each code, float64 (6, size, t).

    Table f < 5 is fitted without the rows of fold f, so that no training row sees its own target;
    table 5 is fitted on all rows and serves every other row.
    """
    tables = [smoothed_means(codes[folds != fold], size, y[folds != fold]) for fold in range(FOLDS)]
    whole = smoothed_means(codes, size, y)
    # With fewer than two rows some folds leave nothing to fit on.
    usable = [table if (folds != fold).any() else whole for fold, table in enumerate(tables)]
    return np.stack([*usable, whole])


def smoothed_means(codes: np.ndarray, size: int, y: np.ndarray) -> np.ndarray:
    """Empirical-Bayes means of y (n, t) by code, float64 (size, t).

    Blends the mean of a category with that of all rows, by the variances within and between
    (Micci-Barreca, 2001, equations 5 and 6); codes without rows get the overall mean.
    """
    counts = np.bincount(codes, minlength=size).astype(np.float64)
    means = np.empty((size, y.shape[1]))
    for t, column in enumerate(y.T):
        overall, variance = (column.mean(), column.var()) if len(column) else (0.0, 0.0)
        own = np.bincount(codes, column, minlength=size) / np.maximum(counts, 1)
        within = np.bincount(codes, (column - own[codes]) ** 2, minlength=size) / np.maximum(counts, 1)
        evidence = variance * counts
        total = evidence + within
        trust = np.divide(evidence, total, out=np.zeros(size), where=total > 0)
        means[:, t] = trust * own + (1 - trust) * overall
    return means


class Encode:
    """Encodes the codes of category columns, which come grouped as in ENCODES.

    ordinal : float64 (codes of all ordinal columns,), the value of each code
    target : float64 (6, codes of all target-encoded columns, t), see `cross_fitted_means`
    """

    def __init__(self, vocabularies: Sequence[Vocabulary], ordinal: Floats, target: Floats) -> None:
        groups = grouped(vocabularies)
        self.counts = [len(groups[encode]) for encode in ENCODES]
        self.ordinal, self.target = ordinal, target
        self._ends = np.cumsum(self.counts)[:-1]
        # Where each column's codes start in the joint table of its encoding.
        self._starts = [np.cumsum([0, *(own.size for own in groups[encode])])[:-1, np.newaxis] for encode in ENCODES]
        self._place, self.n_one_hot = _places(groups["one_hot"])

    def __call__(self, codes: Ints, folds: Ints | None) -> tuple[Floats, Floats]:
        """Int64 codes (n, q), folds (n,) → ordinal and target values (n, s), one-hot columns (n, h).

        folds is None for rows that are not training rows.
        """
        return self.values(codes, folds), self.flags(codes)

    def values(self, codes: Ints, folds: Ints | None) -> Floats:
        """Ordinal values, then target means."""
        ordinal, target, _, _ = self._places_in_tables(codes)
        means = self.target[FOLDS if folds is None else folds, target].transpose(0, 2, 1)
        return np.concatenate([self.ordinal[ordinal], means.reshape(-1, len(codes))]).T

    def flags(self, codes: Ints) -> Floats:
        """One-hot columns."""
        _, _, one_hot, _ = self._places_in_tables(codes)
        # The reserved code of a column without an "(other)" feature lands in a last column, cut off.
        flags = np.zeros((self.n_one_hot + 1, len(codes)))
        flags[self._place[one_hot], np.arange(len(codes))] = 1.0
        return flags[:-1].T

    def _places_in_tables(self, codes: Ints) -> list[Ints]:
        """For each encoding, where the codes (n, q) are in the joint table of its columns: (columns, n)."""
        parts = np.split(codes.T, self._ends)
        return [part + start for part, start in zip(parts, self._starts, strict=True)]


def grouped(vocabularies: Sequence[Vocabulary]) -> dict[str, list[Vocabulary]]:
    """The vocabularies of each encoding."""
    return {encode: [own for own in vocabularies if own.encode == encode] for encode in ENCODES}


def fit_encode(
    vocabularies: Sequence[Vocabulary], codes: np.ndarray, target: Target | None, folds: np.ndarray | None
) -> Encode:
    """Fit the tables to training codes (n, q); folds are those of `cross_fitting_folds`."""
    columns = dict(zip((own.label for own in vocabularies), codes.T, strict=True))
    groups = grouped(vocabularies)
    ordinal = [_ordinal_values(columns[own.name], own) for own in groups["ordinal"]]
    y, means = np.empty((len(codes), 0)), []
    if groups["target"]:
        if target is None or folds is None:
            raise ValueError("encode: target needs the target and folds")
        y = target.as_numbers()
        means = [cross_fitted_means(columns[own.name], own.size, y, folds) for own in groups["target"]]
    return Encode(
        vocabularies,
        np.concatenate([np.empty(0), *ordinal]),
        np.concatenate([np.empty((FOLDS + 1, 0, y.shape[1])), *means], axis=1),
    )


def _ordinal_values(codes: np.ndarray, vocabulary: Vocabulary) -> np.ndarray:
    """The codes themselves; the reserved one counts as the mean code of the training rows."""
    known = codes[codes < vocabulary.reserved]
    return np.append(np.arange(vocabulary.reserved, dtype=np.float64), known.mean() if len(known) else 0.0)


def _places(vocabularies: Sequence[Vocabulary]) -> tuple[Ints, int]:
    """The one-hot column of every code of every column, and their number, which is the place of none."""
    widths = [len(own.features) for own in vocabularies]
    total = sum(widths)
    first = np.cumsum([0, *widths])
    places = [
        np.append(start + np.arange(own.reserved), start + own.reserved if own.with_other else total)
        for own, start in zip(vocabularies, first[:-1], strict=True)
    ]
    return np.concatenate([np.empty(0, dtype=np.int64), *places]), total
