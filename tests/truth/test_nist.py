"""A few of NIST's sets in every run, typed in or made as NIST made them; `python -m tests.truth nist` has them all."""

import numpy as np
import pytest

from tests.conftest import clear_settings
from tests.truth.nist import Anova, Regression, Univariate, digits, fit

LONGLEY = """
60323 83.0 234289 2356 1590 107608 1947
61122 88.5 259426 2325 1456 108632 1948
60171 88.2 258054 3682 1616 109773 1949
61187 89.5 284599 3351 1650 110929 1950
63221 96.2 328975 2099 3099 112075 1951
63639 98.1 346999 1932 3594 113270 1952
64989 99.0 365385 1870 3547 115094 1953
63761 100.0 363112 3578 3350 116219 1954
66019 101.2 397469 2904 3048 117388 1955
67857 104.6 419180 2822 2857 118734 1956
68169 108.4 442769 2936 2798 120445 1957
66513 110.8 444546 4681 2637 121950 1958
68655 112.6 482704 3813 2552 123366 1959
69564 114.2 502601 3931 2514 125368 1960
69331 115.7 518173 4806 2572 127852 1961
70551 116.9 554894 4007 2827 130081 1962
"""
LONGLEY_BETA = (
    -3482258.63459582, 15.0618722713733, -0.0358191792925910, -2.02022980381683, -1.03322686717359, -0.0511041056535807,
    1829.15146461355,
)  # fmt: skip


def longley():
    rows = np.array([line.split() for line in LONGLEY.split("\n") if line], dtype=float)
    return Regression("Longley", LONGLEY_BETA, 304.854073561965, rows[:, 0], rows[:, 1:])


def no_intercept():
    x = np.array([[4.0], [5.0], [6.0]])
    return Regression("NoInt2", (0.0, 0.727272727272727), 0.369274472937998, np.array([3.0, 4.0, 4.0]), x)


def wampler():
    """y is a polynomial of fifth degree without error."""
    beta, x = (1.0, 0.1, 0.01, 0.001, 0.0001, 0.00001), np.arange(21.0)[:, np.newaxis]
    return Regression("Wampler2", beta, 0.0, np.round(x ** range(6) @ beta, 5), x)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    clear_settings(monkeypatch)


# Digits that training in float32 reaches here, less one for another processor.
@pytest.mark.parametrize(
    ("make", "whitened", "least"),
    [(longley, False, 3), (longley, True, 4), (no_intercept, False, 5), (wampler, True, 2.5)],
)
@pytest.mark.usefixtures("folder")
def test_certified_coefficients(make, whitened, least):
    assert min(fit(make(), whitened).coefficients) >= least


def alternating(middle):
    """NIST's constructed columns: a number, then 0.1 less and more by turns."""
    return tuple(f"{middle + step:.1f}" for step in (0.0, *(-0.1, 0.1) * 500))


@pytest.mark.parametrize(
    ("univariate", "least"),
    [
        (Univariate("NumAcc1", 10000002, 1, ("10000001", "10000003", "10000002")), 15),
        (Univariate("NumAcc2", 1.2, 0.1, alternating(1.2)), 14),
        (Univariate("NumAcc4", 10000000.2, 0.1, alternating(10000000.2)), 8),
    ],
)
@pytest.mark.usefixtures("folder")
def test_certified_means_and_deviations(univariate, least):
    for mean, deviation in univariate.describe():
        assert mean >= 14
        assert deviation >= least


@pytest.mark.parametrize(("leading", "least"), [(1, 13), (1_000_000, 9)])
@pytest.mark.usefixtures("folder")
def test_certified_analysis_of_variance(leading, least):
    middles = [leading + tenths / 10 for tenths in (4, 3, 5, 3, 5, 3, 5, 3, 5)]
    groups = tuple(alternating(middle)[:21] for middle in middles)
    assert Anova("SmLs", (8, 1.68), (180, 1.8), groups).describe() >= least


@pytest.mark.parametrize(
    ("found", "certified", "right"), [(1.0, 1.0, 15), (1.001, 1.0, 3), (2.0, 1.0, 0), (1e-4, 0.0, 4), (np.nan, 1.0, 0)]
)
def test_digits(found, certified, right):
    assert digits(found, certified) == pytest.approx(right, abs=1e-9)
