"""Train/validation/test split: a pure function of rows, configuration and seed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import polars as pl

from mlcli.config.sections.rows import SplitConfig
from mlcli.data.tables.frames import SelectedRows
from mlcli.data.tables.spill import Spill
from mlcli.data.tables.types import Dataset, Images, Table
from mlcli.errors import DataError
from mlcli.io.text import counted

TRAIN, VALID, TEST = np.arange(3, dtype=np.int8)
_CODES = {"train": TRAIN, "valid": VALID, "test": TEST}


@dataclass(frozen=True)
class SplitIndices:
    """Row numbers of each split, ascending; every row is in exactly one.

    train, valid, test : int64 (n,)
    groups : as `Table` has them, of all rows
    """

    train: np.ndarray
    valid: np.ndarray
    test: np.ndarray
    groups: np.ndarray | None = None


class _Sizes(NamedTuple):
    test: int
    valid: int


def effective_seed(config: SplitConfig, seed: int) -> int:
    """The split's own seed where it has one, else the config's."""
    return seed if config.seed is None else config.seed


def split_rows(
    n_rows: int,
    config: SplitConfig,
    seed: int,
    classes: np.ndarray | None,
    key: pl.Series | None,
    *,
    test_given: bool,
) -> SplitIndices:
    """Divide n_rows as `config` says.

    classes : (n_rows,) the class of each row; None for regression
    key : (n_rows,) values of `config.column`, for group, time and given
    test_given : the test rows come from a source of their own, so none is taken from these

    Shares are of all rows and exact to a row (by groups and times: as nearly as whole ones allow; given: not
    used). The test rows do not depend on the share of validation rows. Raises DataError when rows,
    classes, groups or times are too few.
    """
    groups: np.ndarray | None = None
    rng = np.random.default_rng(effective_seed(config, seed))
    by = config.by if config.by != "auto" else "random" if classes is None else "stratified"
    sizes = _Sizes(0, 0) if by == "given" else _sizes(n_rows, config, test_given=test_given)
    match by:
        case "given":
            codes = _given_splits(_require_key(key, by), test_given=test_given)
        case "stratified":
            if classes is None:
                raise DataError(
                    "dataset.split.by: stratified keeps class shares, but the target is a number; "
                    "use random, group or time"
                )
            codes = _stratified(classes, sizes, rng)
        case "group":
            groups = _numbered(_require_key(key, by).cast(pl.String))
            codes = _by_groups(groups, sizes, rng)
        case "time":
            groups = _numbered(_times(_require_key(key, by)))
            codes = _by_times(groups, sizes)
        case _:
            codes = _latest_last(rng.permutation(n_rows), sizes)
    train, valid, test = (np.flatnonzero(codes == code) for code in (TRAIN, VALID, TEST))
    return SplitIndices(train, valid, test, groups)


def moved_borders(config: SplitConfig, n_rows: int, n_valid: int, n_test: int, *, test_given: bool) -> str | None:
    """What a split by time had to change so that rows of one time stay together; None where the sizes are exact."""
    if config.by != "time" or (asked := _sizes(n_rows, config, test_given=test_given)) == (n_test, n_valid):
        return None
    return (
        f"rows of one time stay together, so the split by time has {n_valid:,} validation and {n_test:,} test rows "
        f"in place of {asked.valid:,} and {asked.test:,}"
    )


def dependent_groups(config: SplitConfig, rows: Dataset) -> np.ndarray | None:
    """The groups of a split by group, whose rows are not independent of each other; None for other splits."""
    return rows.groups if config.by == "group" and isinstance(rows, Table) else None


def take_rows(rows: Dataset, indices: np.ndarray, spill: Spill | None = None) -> Dataset:
    """The rows at these places, in this order; spill : for a table that memory does not hold.

    Of rows that `join_rows` leaves in files, none is read.
    """
    if isinstance(rows, Table) and isinstance(rows.rows, SelectedRows):
        return rows.with_rows(rows.rows.at(indices), indices)
    if isinstance(rows, Table):
        return rows.with_rows(rows.frame[indices] if spill is None else spill.at(rows.frame, indices), indices)
    labels = None if rows.labels is None else rows.labels[indices]
    pixels = rows.pixels[indices] if spill is None else spill.pixels_at(rows.pixels, indices)
    return Images(pixels, labels, rows.class_names)


def take_splits(
    rows: Dataset, places: Sequence[np.ndarray], spill: Spill | None = None, *, consume: bool = False
) -> list[Dataset]:
    """The rows of several parts.

    consume : columns of a table in memory leave it as their parts are taken, so that memory never holds it twice; it
              is empty afterwards
    """
    if not isinstance(rows, Table) or spill is not None:
        return [take_rows(rows, own, spill) for own in places]
    frame, numbers = rows.frame, [pl.Series(own, dtype=pl.UInt32) for own in places]
    taken: list[list[pl.Series]] = [[] for _ in places]
    for name in frame.columns:
        column = (frame.drop_in_place(name) if consume else frame[name]).rechunk()
        for part, own in zip(taken, numbers, strict=True):
            part.append(column.gather(own))
    return [rows.with_rows(pl.DataFrame(part), own) for part, own in zip(taken, places, strict=True)]


def join_rows(first: Dataset, second: Dataset, *, in_memory: bool = True) -> Dataset:
    """The rows of two splits of one dataset, those of the first before those of the second.

    in_memory : else rows of a table that are in files stay there
    """
    if isinstance(first, Table) and isinstance(second, Table):
        files = [part.rows for part in (first, second) if isinstance(part.rows, pl.LazyFrame)]
        to_read = not in_memory and len(files) == 2
        both = SelectedRows.of(files) if to_read else pl.concat([first.frame, second.frame])
        groups, weights = _joined(first.groups, second.groups), _joined(first.weights, second.weights)
        return replace(first, rows=both, groups=groups, weights=weights)
    if isinstance(first, Images) and isinstance(second, Images) and first.labels is not None:
        labels = first.labels if second.labels is None else np.concatenate([first.labels, second.labels])
        return Images(np.concatenate([first.pixels, second.pixels]), labels, first.class_names)
    raise TypeError("only splits of one dataset can be joined")


def _joined(first: np.ndarray | None, second: np.ndarray | None) -> np.ndarray | None:
    """None where one of the two has none."""
    return None if first is None or second is None else np.concatenate([first, second])


def _sizes(n_rows: int, config: SplitConfig, *, test_given: bool) -> _Sizes:
    sizes = _Sizes(0 if test_given else _count(config.test, n_rows), _count(config.valid, n_rows))
    if sizes.test + sizes.valid >= n_rows:
        raise DataError(
            f"dataset.split: of {n_rows:,} rows, {sizes.test:,} for test and {sizes.valid:,} for validation leave none "
            "for training; lower dataset.split.test or dataset.split.valid, or give more rows"
        )
    return sizes


def _count(amount: float, n_rows: int) -> int:
    """A share rounds to the nearest row, but never to none."""
    if isinstance(amount, int) or amount == 0:
        return int(amount)
    return max(1, int(amount * n_rows + 0.5))


def _latest_last(order: np.ndarray, sizes: _Sizes) -> np.ndarray:
    """The last rows of `order` are test, those before them validation."""
    codes = np.full(len(order), TRAIN)
    codes[order[len(order) - sizes.test - sizes.valid :]] = VALID
    codes[order[len(order) - sizes.test :]] = TEST
    return codes


def _stratified(classes: np.ndarray, sizes: _Sizes, rng: np.random.Generator) -> np.ndarray:
    """Class shares are kept; every class has at least one training row."""
    order = rng.permutation(len(classes))
    _, labels, counts = np.unique(classes, return_inverse=True, return_counts=True)
    test = _allot(counts, counts - 1, sizes.test, rng)
    valid = _allot(counts, counts - 1 - test, sizes.valid, rng)

    by_class = order[np.argsort(labels[order], kind="stable")]
    first = np.cumsum(counts) - counts
    position = np.arange(len(classes)) - np.repeat(first, counts)
    in_test = position < np.repeat(test, counts)
    in_valid = position < np.repeat(test + valid, counts)
    codes = np.empty(len(classes), dtype=np.int8)
    codes[by_class] = np.where(in_test, TEST, np.where(in_valid, VALID, TRAIN))
    return codes


def _allot(counts: np.ndarray, most: np.ndarray, n: int, rng: np.random.Generator) -> np.ndarray:
    """Divide n rows in proportion to counts, by largest remainder, ties at random; up to `most` each."""
    quota: np.ndarray = counts * (n / counts.sum())
    allotted: np.ndarray = np.minimum(np.floor(quota).astype(np.int64), most)
    while (missing := n - int(allotted.sum())) > 0:
        open_classes = np.flatnonzero(allotted < most)
        if not len(open_classes):
            raise DataError(
                f"dataset.split: {len(counts)} classes in {counts.sum():,} rows are too many for a stratified split "
                "that leaves a row of each for training; set dataset.split.by: random, or give more rows"
            )
        shortfall = (quota - allotted)[open_classes]
        order = open_classes[np.lexsort((rng.random(len(open_classes)), -shortfall))]
        allotted[order[:missing]] += 1
    return allotted


def _by_groups(groups: np.ndarray, sizes: _Sizes, rng: np.random.Generator) -> np.ndarray:
    counts = np.bincount(groups)
    if len(counts) <= (sizes.test > 0) + (sizes.valid > 0):
        raise _too_few(len(counts), "groups", sizes)
    free = rng.permutation(len(counts))
    test = _fill(free, counts, sizes.test, len(free) - 1 - (sizes.valid > 0))
    free = free[~np.isin(free, test)]
    valid = _fill(free, counts, sizes.valid, len(free) - 1)
    codes = np.full(len(counts), TRAIN)
    codes[test], codes[valid] = TEST, VALID
    by_row: np.ndarray = codes[groups]
    return by_row


def _too_few(n: int, what: str, sizes: _Sizes) -> DataError:
    """Fewer groups or times than parts that need one."""
    keys = [f"dataset.split.{name}" for name, size in (("test", sizes.test), ("valid", sizes.valid)) if size]
    return DataError(
        f"dataset.split: training and {' and '.join(keys)} need {len(keys) + 1} {what} or more, got {n}; "
        f"set {(' and ' if n == 1 else ' or ').join(keys)} to 0, or split by another column"
    )


def _numbered(values: pl.Series) -> np.ndarray:
    """Equal values by one number, in ascending order from 0: int64 (n,)."""
    return values.rank("dense").to_numpy().astype(np.int64) - 1


def _by_times(times: np.ndarray, sizes: _Sizes) -> np.ndarray:
    """The latest rows are test, those before them validation; rows of one time are on one side of a border."""
    n_rows = len(times)
    borders = time_borders(times, (n_rows - sizes.test - sizes.valid, n_rows - sizes.test))
    if borders is None:
        raise _too_few(len(np.unique(times)), "different times", sizes)
    first_valid, first_test = borders
    return np.where(times >= first_test, TEST, np.where(times >= first_valid, VALID, TRAIN))


def time_borders(times: np.ndarray, wanted: Sequence[int]) -> list[int] | None:
    """The first time after each border; None where there are too few times for a part to have rows.

    times  : int64 (n,), as `Table.groups` has them
    wanted : how many of the earliest rows are before each border, ascending; the change of time nearest to it is taken
    """
    counts = np.bincount(times)
    present = np.flatnonzero(counts)
    before, last = np.append(0, counts[present].cumsum()), len(present)
    found = {len(times): int(present[-1]) + 1}
    places = sorted({*wanted} - {len(times)})
    for least, rows in reversed([*enumerate(places, start=1)]):
        if least >= last:
            return None
        last = least + int(np.abs(before[least:last] - rows).argmin())
        found[rows] = int(present[last])
    return [found[rows] for rows in wanted]


def _fill(groups: np.ndarray, counts: np.ndarray, wanted: int, most: int) -> np.ndarray:
    """At most `most` groups in their order, each added when it brings the rows nearer to `wanted`; at least one."""
    taken: list[int] = []
    missing = wanted
    for group, size in zip(groups.tolist(), counts[groups].tolist(), strict=True):
        if len(taken) < most and abs(missing - size) < abs(missing):
            taken.append(group)
            missing -= size
    if wanted and not taken and len(groups):
        taken = [int(groups[counts[groups].argmin()])]
    return np.array(taken, dtype=np.int64)


def _require_key(key: pl.Series | None, by: str) -> pl.Series:
    """The column that decides the split; raises DataError where there is none, or a value is missing."""
    if key is None:
        raise DataError(
            f"dataset.split.by: {by} needs dataset.split.column, the name of a column of the table; images and "
            "generated sets have no such column, split them by random or stratified"
        )
    missing = key.is_null() | key.is_nan() if key.dtype.is_float() else key.is_null()
    if missing.any():
        raise DataError(
            f"dataset.split.column {key.name!r}: missing in {missing.sum():,} of {len(key):,} rows; "
            "fill it in or remove those rows"
        )
    return key


def _given_splits(key: pl.Series, *, test_given: bool) -> np.ndarray:
    """int8 (n,): TRAIN, VALID or TEST as each row says; raises DataError for other names, or if no row is train."""
    names = key.cast(pl.String).str.strip_chars()
    allowed = [name for name in _CODES if name != "test" or not test_given]
    wrong = ~names.is_in(allowed)
    if wrong.any():
        also = " (the test rows come from dataset.test_path)" if test_given else ""
        raise DataError(
            f"dataset.split.column {key.name!r}: {counted(int(wrong.sum()), 'row has', 'rows have')} another value "
            f"than {', '.join(allowed)}{also}, the first is {names.filter(wrong)[0]!r}; correct them with "
            "dataset.replace"
        )
    if not (names == "train").any():
        raise DataError(f"dataset.split.column {key.name!r}: none of {len(key):,} rows is marked train; mark some")
    return np.select([(names == name).to_numpy() for name in allowed], [_CODES[name] for name in allowed])


def _times(key: pl.Series) -> pl.Series:
    """The values in order of time; raises DataError for what is neither a time nor a number."""
    if not isinstance(key.dtype, pl.String):  # numbers, or dates of a declared format
        return key
    numbers = key.cast(pl.Float64, strict=False)
    return numbers if not numbers.null_count() else _dates(key)


def _dates(key: pl.Series) -> pl.Series:
    """Year first only: 01/02 is ambiguous."""
    days = key.str.replace(r"^(\d{4}-\d{2})$", "$1-01")
    try:
        dates = days.str.to_datetime(strict=False)
    except pl.exceptions.PolarsError:
        dates = pl.Series([None] * len(key), dtype=pl.Datetime)
    has_form = days.str.contains(r"^\d{4}[-/]\d{2}[-/]\d{2}")
    wrong = dates.is_null() | ~has_form
    if not wrong.any():
        return dates
    what, remedy = (
        "is neither a number nor a date such as 2024-05-31 or 2024-05-31 12:30",
        f"write dates with the year first, or their form in dataset.dates: {{{key.name}: '%d/%m/%Y'}}",
    )
    if has_form.all() and not wrong.all():
        what = f"is no date of the form of {key.filter(~wrong)[0]!r}"
        remedy = "correct it, and write a time zone in all rows or in none"
    rows = f"{wrong.sum():,} of {len(key):,} rows"
    raise DataError(f"dataset.split.column {key.name!r}: {key.filter(wrong)[0]!r} {what} ({rows}); {remedy}")
