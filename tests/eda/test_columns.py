import numpy as np
import pytest

from mlcli.data.tables.histogram import N_BINS, edges_of, places_in


def test_bins_are_those_of_numpy():
    values = np.random.default_rng(0).uniform(-1, 2, 500)
    edges = edges_of(values)
    counts, expected = np.histogram(values, N_BINS)
    np.testing.assert_allclose(edges, expected)
    assert np.bincount(places_in(edges, values)).tolist() == counts.tolist()


@pytest.mark.parametrize(
    ("low", "high", "n_bins", "width"),
    [
        *[(0, 1, 2, 1), (1, 16, 16, 1), (0, 23, 24, 1), (0, 24, 13, 2)],
        *[(17, 90, 15, 5), (0, 254, 17, 15), (0, 252, 23, 11)],  # 74, 255 and 253 numbers
    ],
)
def test_bins_of_whole_numbers_hold_equally_many(low, high, n_bins, width):
    edges = edges_of(np.arange(low, high + 1, dtype=float))
    assert edges[0] == low - 0.5
    assert edges[-1] > high
    assert set(np.diff(edges)) == {width}
    assert len(edges) == n_bins + 1


def test_few_far_cells_lie_beyond_and_are_counted_at_the_end():
    """Quartiles 250 and 750 of 0 to 1000 (steps of a half, so not whole), and a cell in a thousand far off."""
    values = np.append(np.linspace(0, 1000, 2001), [1e6, 2e6])
    edges = edges_of(values)
    assert edges[-1] == pytest.approx(750 + 3 * 500, rel=0.01)
    assert np.bincount(places_in(edges, values))[-1] == 2


def test_what_many_rows_hold_is_never_beyond():
    values = np.array([0.0] * 60 + [0.5, 1.5] * 10 + [100.25] * 20)
    assert edges_of(values)[-1] == 100.25


@pytest.mark.parametrize("values", [[], [3.0] * 4, [-1.7e308, -1.7e308, 1.7e308, 1.7e308]])
def test_without_a_finite_width_there_are_none(values):
    assert edges_of(np.array(values)) is None
