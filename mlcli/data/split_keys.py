"""The column that a split by group, time or given looks at."""

import numpy as np
import polars as pl

from mlcli.errors import DataError

TRAIN, VALID, TEST = np.arange(3, dtype=np.int8)
_CODES = {"train": TRAIN, "valid": VALID, "test": TEST}


def given_splits(key: pl.Series, *, test_given: bool) -> np.ndarray:
    """int8 (n,): TRAIN, VALID or TEST as each row says; raises DataError for other names, or if no row is train."""
    _require_no_missing(key)
    names = key.cast(pl.String).str.strip_chars()
    allowed = [name for name in _CODES if name != "test" or not test_given]
    wrong = ~names.is_in(allowed)
    if wrong.any():
        also = " (the test rows come from dataset.test_path)" if test_given else ""
        raise DataError(
            f"dataset.split.column {key.name!r}: {wrong.sum():,} rows have another value than "
            f"{', '.join(allowed)}{also}, the first is {names.filter(wrong)[0]!r}; correct them with dataset.replace"
        )
    if not (names == "train").any():
        raise DataError(f"dataset.split.column {key.name!r}: none of {len(key):,} rows is marked train; mark some")
    return np.select([(names == name).to_numpy() for name in allowed], [_CODES[name] for name in allowed])


def group_codes(key: pl.Series) -> np.ndarray:
    """int64 (n,): the number of each row's group, in ascending order of the groups' values."""
    _require_no_missing(key)
    return key.cast(pl.String).rank("dense").to_numpy().astype(np.int64) - 1


def time_ranks(key: pl.Series) -> np.ndarray:
    """int64 (n,): 1 for the earliest, the same for equal times; raises DataError for what is not a time or number."""
    _require_no_missing(key)
    return _times(key).rank("dense").to_numpy().astype(np.int64)


def _times(key: pl.Series) -> pl.Series:
    if not isinstance(key.dtype, pl.String):  # numbers, or dates of a declared format
        return key
    numbers = key.cast(pl.Float64, strict=False)
    return numbers if not numbers.null_count() else _dates(key)


def _dates(key: pl.Series) -> pl.Series:
    """Year first only: whether 01/02 is in January or February cannot be told."""
    days = key.str.replace(r"^(\d{4}-\d{2})$", "$1-01")
    try:
        dates = days.str.to_datetime(strict=False)
    except pl.exceptions.PolarsError:
        dates = pl.Series([None] * len(key), dtype=pl.Datetime)
    wrong = dates.is_null() | ~days.str.contains(r"^\d{4}[-/]\d{2}[-/]\d{2}")
    if wrong.any():
        raise DataError(
            f"dataset.split.column {key.name!r}: {key.filter(wrong)[0]!r} is neither a number nor a date such as "
            f"2024-05-31 or 2024-05-31 12:30 ({wrong.sum():,} of {len(key):,} rows); write dates with the year first"
        )
    return dates


def _require_no_missing(key: pl.Series) -> None:
    missing = key.is_null() | key.is_nan() if key.dtype.is_float() else key.is_null()
    if missing.any():
        raise DataError(
            f"dataset.split.column {key.name!r}: missing in {missing.sum():,} of {len(key):,} rows; "
            "fill it in or remove those rows"
        )
