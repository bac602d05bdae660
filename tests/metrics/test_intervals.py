import numpy as np
import pytest
from sklearn.metrics import f1_score, matthews_corrcoef, r2_score

from mlcli.metrics import intervals
from mlcli.metrics.counts import confusion_matrix, f1, mcc, resample_counts
from mlcli.metrics.intervals import Resampler, percentile_interval, wilson_interval
from mlcli.metrics.measure import measure
from mlcli.metrics.residuals import error_columns, error_means, r2
from tests.evaluation.examples import class_predictions, classification, number_predictions, regression, sampled_classes


@pytest.mark.parametrize(
    ("share", "n", "low", "high"),
    [
        # Newcombe (1998), Statistics in Medicine 17, table I, method 3.
        (81 / 263, 263, 0.2553, 0.3662),
        (15 / 148, 148, 0.0624, 0.1605),
        (0 / 20, 20, 0.0, 0.1611),
        (1 / 29, 29, 0.0061, 0.1718),
    ],
)
def test_wilson_interval(share, n, low, high):
    assert wilson_interval(share, n, 0.95) == pytest.approx((low, high), abs=5e-5)


def test_resampled_means_have_the_standard_error_of_the_mean():
    column = np.random.default_rng(0).normal(3, 2, size=(500, 1))
    means = Resampler(0).means(column)
    assert means.shape == (1000, 1)
    assert means.mean() == pytest.approx(column.mean(), abs=0.02)
    assert means.std() == pytest.approx(column.std() / np.sqrt(500), rel=0.1)


def test_resampled_counts_have_the_spread_of_drawing_rows():
    truth, probabilities = sampled_classes(3, 200)
    predicted = probabilities.argmax(axis=1)
    counts = resample_counts(confusion_matrix(truth, predicted, 3), Resampler(0))
    assert (counts.support.sum(axis=1) == 200).all()
    assert (counts.predicted.sum(axis=1) == 200).all()
    rng = np.random.default_rng(1)
    rows = [rng.integers(200, size=200) for _ in range(300)]
    by_hand = [f1_score(truth[r], predicted[r], average="macro") for r in rows]
    assert f1(counts).mean() == pytest.approx(np.mean(by_hand), abs=0.01)
    assert f1(counts).std() == pytest.approx(np.std(by_hand), rel=0.15)
    by_hand = [matthews_corrcoef(truth[r], predicted[r]) for r in rows]
    assert mcc(counts).mean() == pytest.approx(np.mean(by_hand), abs=0.01)


def test_r2_of_resampled_means_is_r2_of_resampled_rows():
    rng = np.random.default_rng(2)
    truth = rng.normal(100, 3, size=(40, 1))
    guess = truth + rng.normal(size=truth.shape)
    rows = rng.integers(40, size=40)
    means = error_means(error_columns(truth, guess)[rows].mean(axis=0))
    assert float(r2(means)) == pytest.approx(r2_score(truth[rows], guess[rows]))


def test_portions_do_not_change_the_draws(monkeypatch):
    columns, cells = np.arange(12.0).reshape(6, 2), np.array([3, 5, 9])
    whole = Resampler(7).means(columns), np.concatenate(list(Resampler(7).counts(cells)))
    monkeypatch.setattr(intervals, "CHUNK", 64)
    assert (Resampler(7).means(columns) == whole[0]).all()
    assert (np.concatenate(list(Resampler(7).counts(cells))) == whole[1]).all()


@pytest.mark.parametrize(
    ("draws", "expected"),
    [
        (np.arange(1001) / 1000, (0.025, 0.975)),
        (np.concatenate([np.arange(1001) / 1000, [np.nan] * 1001]), (0.025, 0.975)),
        (np.concatenate([np.arange(1001) / 1000, [np.nan] * 1002]), None),
        (np.ones(100), None),
        (np.full(100, np.nan), None),
    ],
)
def test_percentile_interval(draws, expected):
    found = percentile_interval(draws, 0.95)
    assert found is None if expected is None else found == pytest.approx(expected)


def test_class_intervals_hold_their_score_and_repeat():
    truth, probabilities = sampled_classes(3, 300)
    arguments = (classification(3), truth, class_predictions(probabilities), "auto", 0.95)
    scores = measure(*arguments)
    with_interval = {score.name for score in scores if score.low is not None}
    expected = {"accuracy", "balanced_accuracy", "precision", "recall", "f1", "mcc", "log_loss", "brier"}
    assert with_interval == expected
    assert all(s.low < s.value < s.high and s.high - s.low < 0.25 for s in scores if s.name in expected)
    assert measure(*arguments) == scores
    assert measure(*arguments, seed=1) != scores


def test_number_intervals_match_the_normal_theory():
    rng = np.random.default_rng(3)
    error = rng.normal(size=(2000, 1))
    truth = rng.normal(10, 4, size=(2000, 1))
    scores = {s.name: s for s in measure(regression(), truth, number_predictions(truth + error), "auto", 0.95)}
    half = 1.96 * np.abs(error).std() / np.sqrt(2000)
    assert scores["mae"].low == pytest.approx(scores["mae"].value - half, abs=0.005)
    assert scores["mae"].high == pytest.approx(scores["mae"].value + half, abs=0.005)
    assert scores["rmse"].low == pytest.approx(np.sqrt(scores["mse"].low))
    assert [name for name, score in scores.items() if score.low is None] == ["median_ae", "max_error"]


def test_a_wider_confidence_gives_a_wider_interval():
    truth, probabilities = sampled_classes(2, 100)
    widths = []
    for confidence in (0.5, 0.95):
        scores = measure(classification(2), truth, class_predictions(probabilities), ("accuracy", "f1"), confidence)
        widths.append([score.high - score.low for score in scores])
    assert (np.array(widths[1]) > 1.5 * np.array(widths[0])).all()


def test_perfect_predictions_keep_an_honest_interval():
    truth = np.array([0, 1] * 15)
    scores = measure(classification(2), truth, class_predictions(np.eye(2)[truth]), ("accuracy", "f1"), 0.95)
    assert (scores[0].low, scores[0].high) == pytest.approx((0.8865, 1.0), abs=1e-4)
    assert (scores[1].value, scores[1].low) == (1.0, None)


def test_r2_is_undefined_where_a_resample_is_one_row_over_and_over():
    truth = np.random.default_rng(4).normal(100, 3, size=(49, 1))
    columns = error_columns(truth, truth + 1)
    means = np.array([columns[np.full(49, row)].mean(axis=0) for row in range(49)])
    assert np.isnan(r2(error_means(means))).all()
