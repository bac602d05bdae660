"""Functions written with operators of float64, against NumPy's and SciPy's."""

import math

import numpy as np
import pytest
from scipy import special, stats

from mlcli.export import functions
from mlcli.export.formulas import write_formula
from mlcli.features.normal_scores import normal_score
from mlcli.features.scaling import measure_ranks
from mlcli.formulas.parse import parse_formula
from tests.export.graphs import compute

SPREAD = np.concatenate(
    [[0.0, 1e-300, 1e-17, 1e-9, 1e-5, 0.3, 0.999, 1.0, 1.5, 20.0, 700.0], np.geomspace(1e-8, 50, 40)]
)
BOTH_SIGNS = np.concatenate([SPREAD, -SPREAD])


def column(values):
    return np.asarray(values, dtype=np.float64).reshape(-1, 1)


@pytest.mark.parametrize(
    ("write", "expected", "x"),
    [
        (functions.log1p, np.log1p, np.append(BOTH_SIGNS[BOTH_SIGNS > -1], [1e16, 1e300, np.nan])),
        (functions.expm1, np.expm1, np.append(BOTH_SIGNS, [800.0, -1e300, np.nan])),
        (functions.cosine, np.cos, np.append(BOTH_SIGNS, [1e6, np.nan])),
        (functions.normal_deviate, special.ndtri, np.append(np.linspace(1e-7, 1 - 1e-7, 999), [1e-7, 0.075, 0.925])),
    ],
    ids=["log1p", "expm1", "cosine", "normal_deviate"],
)
def test_a_function(write, expected, x):
    with np.errstate(all="ignore"):
        np.testing.assert_allclose(compute(write, column(x))[:, 0], expected(x), rtol=4e-14, atol=2e-15)


@pytest.mark.parametrize("exponent", [-1.3, 0.0, 0.4, 1.0, 2.0, 3.1])
def test_yeo_johnson_is_scipys(exponent):
    x = BOTH_SIGNS[np.abs(BOTH_SIGNS) < 100]
    found = compute(lambda graph, name: functions.yeo_johnson(graph, name, np.array([exponent])), column(x))
    np.testing.assert_allclose(found[:, 0], stats.yeojohnson(x, exponent), rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("or_equal", [False, True])
@pytest.mark.parametrize("m", [1, 2, 3, 8, 1000])
def test_counts_are_those_of_searchsorted(m, or_equal):
    rng = np.random.default_rng(m)
    table = np.sort(rng.integers(-20, 20, (2, m)).astype(float), axis=1)
    x = np.concatenate([rng.integers(-22, 22, (50, 2)), [[np.inf, -np.inf], [-1e300, 1e300]]]).astype(float)
    found = compute(lambda graph, name: graph.cast(functions.count_below(graph, name, table, or_equal=or_equal), 11), x)
    side = "right" if or_equal else "left"
    expected = [np.searchsorted(own, x[:, i], side=side) for i, own in enumerate(table)]
    assert found.T.tolist() == [one.tolist() for one in expected]


@pytest.mark.parametrize("m", [1, 2, 5, 200])
def test_lines_are_those_of_interp(m):
    rng = np.random.default_rng(m)
    xs, ys = np.cumsum(rng.exponential(size=(2, m)), axis=1)
    x = np.concatenate([xs, [-5.0, xs[-1] + 9], rng.uniform(xs[0], xs[-1] + 1e-9, 50)])
    found = compute(lambda graph, name: functions.on_lines(graph, name, xs, ys), column(x))
    np.testing.assert_allclose(found[:, 0], np.interp(x, xs, ys), rtol=1e-12)


@pytest.mark.parametrize("has_shares", [True, False], ids=["shares", "an earlier version's"])
def test_normal_scores_by_ranks(has_shares):
    """Ties, ends and between."""
    from mlcli.export.features import write_normal_scores

    rng = np.random.default_rng(0)
    columns = np.stack([rng.integers(0, 5, 300).astype(float), rng.lognormal(size=300)])
    quantiles, shares = (part for part in np.split(np.stack([measure_ranks(own) for own in columns]), [1], axis=1))
    quantiles, shares = quantiles[:, 0], shares if has_shares else None
    x = np.concatenate([columns.T[:50], rng.uniform(-1, 6, (200, 2)), [[-1e300, 1e300]]])
    found = compute(lambda graph, name: write_normal_scores(graph, name, quantiles, shares), x)
    for i in range(2):
        own = None if shares is None else shares[i]
        expected = normal_score(x[:, i], quantiles[i], own)
        np.testing.assert_allclose(found[:, i], expected, rtol=1e-12, atol=1e-14)


A = np.array([-3.5, -1.0, -0.0, 0.0, 0.25, 1.0, 2.0, 7.5, 1e200, np.nan])
FORMULAS = {
    "a + b * 2 - 1": lambda a, b: a + b * 2 - 1,
    "a / b": lambda a, b: a / b,
    "a % b": lambda a, b: np.mod(a, b),
    "7 % b": lambda a, b: np.mod(7, b),
    "-a ** 2": lambda a, b: -(a**2),
    "a ** b": lambda a, b: a**b,
    "2 ** (a / 100)": lambda a, b: 2 ** (a / 100),
    "sin(a) + cos(b)": lambda a, b: np.sin(a) + np.cos(b),
    "tan(b)": lambda a, b: np.tan(b),
    "exp(a)": lambda a, b: np.exp(a),
    "log(a) * log1p(b)": lambda a, b: np.log(a) * np.log1p(b),
    "sqrt(abs(a))": lambda a, b: np.sqrt(np.abs(a)),
    "min(a, b, 0.5)": lambda a, b: np.minimum(np.minimum(a, b), 0.5),
    "max(a, 1, b)": lambda a, b: np.maximum(np.maximum(a, 1), b),
    **{
        f"a {sign} b": lambda a, b, sign=sign: np.where(
            np.isnan(a) | np.isnan(b), np.nan, eval(f"a {sign} b", {"a": a, "b": b}).astype(float)
        )
        for sign in ("<", "<=", ">", ">=", "==", "!=")
    },
    "(a < 1) * (b > 0.5) + 3": lambda a, b: np.where(np.isnan(a + b), np.nan, (a < 1) * (b > 0.5) + 3.0),
}


@pytest.mark.parametrize("text", FORMULAS)
def test_a_formula_is_numpys(text):
    a, b = (part.ravel() for part in np.meshgrid(A, A[~(np.abs(A) > 1e100)] if text == "tan(b)" else A))
    if "cos" in text or "sin" in text:
        a, b = (np.where(np.abs(own) < 1e100, own, 1.0) for own in (a, b))
    formula = parse_formula(text)
    with np.errstate(all="ignore"):
        expected = FORMULAS[text](a, b)
        expected = np.where(np.isfinite(expected), expected, math.nan)
    found = compute(
        lambda graph, *names: write_formula(graph, formula, dict(zip("ab", names, strict=True))), column(a), column(b)
    )
    np.testing.assert_allclose(found[:, 0], expected, rtol=1e-13, atol=1e-15)
