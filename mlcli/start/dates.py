"""In which format a column's dates are written."""

from __future__ import annotations

from itertools import product

import polars as pl

from mlcli.data.dates import as_dates

_DAYS = ("%Y-%m-%d", "%d-%m-%Y", "%m-%d-%Y", "%d-%m-%y", "%m-%d-%y")
_CLOCKS = ("", " %H:%M", " %H:%M:%S", "T%H:%M", "T%H:%M:%S")
# Other than ISO's; a year of two digits is not read where four may stand.
_FORMATS = tuple(day.replace("-", mark) + clock for day, mark, clock in product(_DAYS, "-/.", _CLOCKS))
_LIKE_A_DATE = r"^\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}([ T]\d{1,2}:\d{2}|$)"


def date_formats(known: pl.Series) -> tuple[str | None, ...]:
    """Every format in which all of these texts are dates, ISO's being None; day and month may be open to doubt."""
    if not len(known) or not known.str.contains(_LIKE_A_DATE).all():
        return ()
    if not as_dates(known).null_count():
        return (None,)
    return tuple(form for form in _FORMATS if not as_dates(known, form).null_count())
