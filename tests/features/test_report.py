"""Step 2 in sentences."""

import pytest

from mlcli.features.report import Dated, Dropped, Encoded, FeatureReport, Imputed, Scaled, feature_notes

PARTS = Dated(("day_year", "day_elapsed"), "2020-01-31")


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ({}, []),
        ({"dated": {"day": PARTS}}, ["dates of day became day_year, day_elapsed, in days since 2020-01-31"]),
        ({"dated": {"day": Dated(("day_year",), "2020-01-31")}}, ["dates of day became day_year"]),
        ({"hashed": {"note": 1024}}, ["counted the words of note in 1,024 buckets"]),
        ({"derived": {"ab": "a * b"}}, ["derived ab = a * b"]),
        (
            {"imputed": {"a": Imputed(1200, "median", 1 / 3), "b": Imputed(0, "mean", 2.0)}},
            ["imputed 1,200 missing a with the median, 0.333333"],
        ),
        (
            {
                "dated": {"day": PARTS},
                "imputed": {"day_year": Imputed(3, "mean", 2020.5), "day_elapsed": Imputed(3, "mean", 9.0)},
            },
            [
                "dates of day became day_year, day_elapsed, in days since 2020-01-31",
                "imputed 3 missing day, each number with its mean",
            ],
        ),
        (
            {"encoded": {"a": Encoded("one_hot", ("x", "y"), 3, 0), "b": Encoded("target", ("u",), 0, 1)}},
            ["encoded a as one_hot: 2 categories, 3 rare ones share a code", "encoded b as target: 1 category"],
        ),
        (
            {
                "scaled": {
                    name: Scaled(scale, 0.0, 1.0)
                    for name, scale in zip("abc", ["robust", "none", "robust"], strict=True)
                }
            },
            ["scaled 2 columns: robust"],
        ),
        ({"pieces": {"a": 1000, "b": 8}}, ["cut 2 number columns into 1,008 pieces"]),
        (
            {"dropped": (*(Dropped(name, "variance", 0.0) for name in "abcdef"), Dropped("g", "drop", 0.0))},
            ["dropped by select.variance: a, b, c, d, e, f", "dropped by features.drop: g"],
        ),
        (
            {"dropped": tuple(Dropped(name, "k_best", 0.0) for name in "abcdefgh")},
            ["dropped by select.k_best: a, b, c, d, e, f and 2 more"],
        ),
        ({"explained_variance": (0.5, 0.25)}, ["2 principal components keep 75.0% of the variance"]),
    ],
)
def test_notes(steps, expected):
    assert list(feature_notes(FeatureReport(100, ("a",), ("a",), **steps))) == expected
