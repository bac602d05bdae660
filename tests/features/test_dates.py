"""Dates against Python's own calendar."""

import math
from datetime import datetime, timedelta

import numpy as np
import pytest

from mlcli.config.sections.features import FeaturesConfig
from mlcli.errors import ArtefactError, DataError
from mlcli.features.fit import fit_features
from mlcli.features.fitted import FittedFeatures
from tests.features.feature_tables import table_of

DAYS = [datetime(1969, 12, 31), datetime(2000, 2, 29), datetime(2024, 12, 1), datetime(2023, 1, 1)]
TIMES = [day + timedelta(hours=7 * i, minutes=11 * i, seconds=i) for i, day in enumerate(DAYS)]
PLAIN = {"scale": "none", "select": {"variance": None}}


def fit(cells, **sections):
    return fit_features(table_of(cells), FeaturesConfig.model_validate(PLAIN | sections), 0)


def circle(share):
    return math.sin(2 * math.pi * share), math.cos(2 * math.pi * share)


def hours(moment):
    return moment.hour + moment.minute / 60 + moment.second / 3600


EXPECTED = {
    "year": lambda moment: (moment.year,),
    "month": lambda moment: (moment.month,),
    "day": lambda moment: (moment.day,),
    "day_of_year": lambda moment: (moment.timetuple().tm_yday,),
    "weekday": lambda moment: (moment.isoweekday(),),
    "hour": lambda moment: (hours(moment),),
    "elapsed": lambda moment: ((moment - datetime(1969, 12, 31)) / timedelta(days=1),),
    "year_cycle": lambda moment: circle((moment.timetuple().tm_yday - 1) / 365.2425),
    "month_cycle": lambda moment: circle((moment.month - 1) / 12),
    "weekday_cycle": lambda moment: circle(moment.weekday() / 7),
    "hour_cycle": lambda moment: circle(hours(moment) / 24),
}


@pytest.mark.parametrize("part", EXPECTED)
def test_parts_are_those_of_the_calendar(part):
    features = fit({"d": TIMES}, dates=[part])
    np.testing.assert_allclose(
        features.transform(table_of({"d": TIMES})), [EXPECTED[part](moment) for moment in TIMES], rtol=1e-6, atol=1e-6
    )


def test_parts_are_called_after_their_column_and_hours_need_times():
    days, times = fit({"d": DAYS}), fit({"d": TIMES}, dates=["hour_cycle", "hour"])
    assert days.layout.names == ("d_year", "d_month", "d_day", "d_weekday", "d_elapsed")
    assert times.layout.names == ("d_hour_sin", "d_hour_cos", "d_hour")
    assert fit({"d": DAYS}, columns={"d": {"dates": ["hour"]}}).layout.names == ("d_elapsed",)
    assert days.report.dated["d"].origin == "1969-12-31"
    assert set(days.columns_of_features.values()) == {"d"}


HOLIDAYS = {
    datetime(2023, 11, 23): ("11-23", "4th Thu of Nov"),
    datetime(2024, 5, 27): ("05-27", "4th Mon of May"),
    datetime(2024, 2, 29): ("02-29", "5th Thu of Feb"),
    datetime(2025, 1, 1): ("01-01", "1st Wed of Jan"),
    None: ("(missing)", "(missing)"),
}


def test_days_of_the_calendar_are_categories():
    days = table_of({"d": [*HOLIDAYS]})
    features = fit({"d": [*HOLIDAYS]}, dates=["nth_weekday", "month_day"], indicator=True)
    names = [f"d_{part}={value}" for part, i in (("month_day", 0), ("nth_weekday", 1)) for value in sorted(
        pair[i] for pair in HOLIDAYS.values())]  # fmt: skip
    assert features.layout.names == tuple(names)
    x = features.transform(days)
    assert [tuple(names[i] for i in row.nonzero()[0]) for row in x] == [
        (f"d_month_day={day}", f"d_nth_weekday={nth}") for day, nth in HOLIDAYS.values()
    ]
    assert set(features.columns_of_features.values()) == {"d"}
    again = FittedFeatures.from_state(*features.to_state())
    assert (again.transform(days) == x).all()
    # A day that no training row has is none of theirs, and no unseen category of a column.
    assert fit({"d": DAYS}, dates=["month_day"]).transform(table_of({"d": [datetime(2000, 7, 4)]})).sum() == 0


def test_a_missing_date_has_the_fill_of_each_part_and_one_indicator():
    features = fit({"d": [*DAYS[1:], None]}, dates=["year", "month"], impute="mean", indicator=True)
    assert features.layout.names == ("d_year", "d_month", "d_missing")
    expected = [(2000 + 2024 + 2023) / 3, (2 + 12 + 1) / 3, 1]
    np.testing.assert_allclose(features.transform(table_of({"d": [*DAYS[1:], None]}))[3], expected, rtol=1e-6)


def test_cycles_keep_their_size_unless_the_column_says_otherwise():
    scaled = fit({"d": TIMES}, scale="standard", dates=["year", "month_cycle"])
    assert set(scaled.report.scaled) == {"d_year"}
    own = fit({"d": TIMES}, dates=["year", "month_cycle"], columns={"d": {"scale": "minmax"}})
    assert set(own.report.scaled) == {"d_year", "d_month_sin", "d_month_cos"}


def test_differences_of_elapsed_days_are_differences_of_dates():
    later = [moment + timedelta(days=3 + i) for i, moment in enumerate(TIMES)]
    features = fit({"b": later, "a": TIMES}, derive={"between": "b_elapsed - a_elapsed"}, dates=["elapsed"])
    x = features.transform(table_of({"b": later, "a": TIMES}))
    np.testing.assert_allclose(x[:, 2], [3, 4, 5, 6], rtol=1e-6)


def test_formulas_take_parts():
    features = fit({"d": TIMES}, derive={"autumn": "d_month > 8"}, dates=["month"])
    assert features.transform(table_of({"d": TIMES}))[:, 1].tolist() == [1, 0, 1, 0]


@pytest.mark.parametrize(
    ("columns", "sections", "parts"),
    [
        ({"d": DAYS}, {"derive": {"a": "d * 2"}}, ["derive.a", "'d' holds dates", "d_year, d_month"]),
        ({"d": DAYS}, {"derive": {"d_year": "1"}}, ["derive.d_year", "exists already"]),
        ({"d": DAYS}, {"drop": ["d"]}, ["features.drop", "'d' holds dates", "dataset.drop"]),
        ({"d": DAYS, "d_year": [1.0] * 4}, {}, ["column 'd_year'", "computed from 'd'", "columns.d.dates"]),
        ({"d": DAYS}, {"columns": {"d": {"encode": "one_hot"}}}, ["columns.d.encode", "holds dates", "{d: category}"]),
        ({"d": DAYS, "d_month_day": ["a"] * 4}, {"dates": ["month_day"]}, ["'d_month_day'", "from 'd'", "d.dates"]),
        ({"x": [1.0, 2.0]}, {"columns": {"x": {"dates": ["year"]}}}, ["columns.x.dates", "holds numbers", "{x: date}"]),
        ({"c": ["a", "b"]}, {"columns": {"c": {"dates": ["year"]}}}, ["columns.c.dates", "categories", "%d/%m/%Y"]),
    ],
)
def test_settings_that_do_not_fit(columns, sections, parts):
    with pytest.raises(DataError) as caught:
        fit(columns, **sections)
    assert [part for part in parts if part not in str(caught.value)] == []


@pytest.mark.parametrize(
    "change", [{"origin": "yesterday"}, {"origin": "2024-1-1"}, {"parts": []}, {"parts": ["week"]}, {"name": "e"}]
)
def test_damaged_dates_are_refused(change):
    state, tensors = fit({"d": DAYS}).to_state()
    state["plan"]["dates"][0] |= change
    with pytest.raises(ArtefactError, match="fitted features"):
        FittedFeatures.from_state(state, tensors)


def test_rows_without_dates_are_refused():
    with pytest.raises(DataError, match="column 'd': dates were expected as in training, got String"):
        fit({"d": DAYS}).transform(table_of({"d": ["2024-01-31"]}))
