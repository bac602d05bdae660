"""What the rows show: outliers, rare and missing classes, leaks, signal, wrong labels."""

import numpy as np
import pytest

from mlcli.diagnosis.diagnose import diagnose
from mlcli.diagnosis.evidence import LabelFacts
from tests.diagnosis.evidence import BLIND, FLAT, LABELS, LEARNED, forest_of, names, probed


@pytest.mark.parametrize(
    ("found", "share", "losses", "more"),
    [
        (["outliers"], (0.1, 0.6), (0.1, 1.0), {}),
        (["outliers"], (0.6, 0.1), (0.9, 0.1), {}),
        (["outliers"], (0.1, 0.5), (0.3, 0.3), {}),
        ([], (0.1, 0.49), (0.1, 0.15), {}),  # not most of the loss
        ([], (0.6, 0.6), (0.1, 0.1), {}),  # of a loss that is small
        (["outliers"], (0.6, 0.6), (0.9, 0.9), {"forest": BLIND}),  # and no lack of signal
        (["overfitting"], (0.1, 0.1), (0.1, 1.0), {}),
    ],
)
def test_outliers_have_most_of_a_loss_that_is_not_small(make_config, found, share, losses, more):
    assert names(probed(make_config(), losses=losses, worst_share=share, **more)) == found


def test_outliers_are_said_with_their_share(make_config):
    (finding,) = diagnose(probed(make_config(), losses=(0.36, 7.4), worst_share=(0.1, 0.62)))
    assert finding.evidence == (
        "1% of the validation rows have 62% of their loss; it is 0.36 on the training rows and 7.4 on the validation "
        "rows"
    )
    assert finding.patch == {"loss": {"name": "huber"}}


RARE = (2885, 5)


def rare_forest(n, separated):
    """Probabilities of n rows of which five are rare; separated: theirs are the highest, but low."""
    rare = np.arange(n) < 5
    p = np.where(rare, 0.3, 0.01) if separated else np.random.default_rng(0).random(n) / 100
    return forest_of(np.stack([~rare, rare], axis=1), np.stack([1 - p, p], axis=1))


@pytest.mark.parametrize("separated", [True, False])
def test_a_rare_class_is_named_before_a_lack_of_signal(make_config, separated):
    evidence = probed(
        make_config(), FLAT, counts=RARE, classes=("fair", "fraud"), forest=rare_forest(2890, separated), losses=(2, 2)
    )
    assert names(evidence)[0] == "imbalance_ignored"
    assert "no_signal" not in names(evidence)  # five rows cannot show that there is none


def test_the_ranking_of_a_class_is_the_share_of_pairs_in_order():
    truth = np.eye(2)[[0, 1, 0, 1, 0]]
    p = np.array([0.1, 0.4, 0.35, 0.8, 0.4])
    pairs = [(p[i] > p[j]) + 0.5 * (p[i] == p[j]) for i in (1, 3) for j in (0, 2, 4)]
    ranking, deviation = forest_of(truth, np.stack([1 - p, p], axis=1)).ranking(1)
    assert ranking == pytest.approx(np.mean(pairs))
    assert deviation == pytest.approx(np.sqrt(6 / (12 * 2 * 3)))
    assert forest_of(truth[[0, 2]], truth[[0, 2]]).ranking(1) == (0.5, 0.5)


@pytest.mark.parametrize(
    ("named", "error_rate", "n_distinct", "all_errors"),
    [
        (True, 0.20, 300, 0.24),  # a fifth of the labels of classes that do not overlap
        (True, 0.15, 100, 0.20),
        (False, 0.09, 178, 0.18),  # the Titanic's passengers
        (False, 0.09, 750, 0.18),
        (False, 0.16, 300, 0.36),  # grades of wines, and of diabetes
        (False, 0.02, 750, 0.02),
        (False, 0.20, 10, 0.20),  # too few to be sure, also where many rows are copies of few
    ],
)
def test_wrong_labels_are_as_frequent_among_confident_predictions(
    make_config, named, error_rate, n_distinct, all_errors
):
    facts = LabelFacts(error_rate, 750, n_distinct, all_errors, (7, 3))
    evidence = probed(make_config(), counts=(60, 60), classes=("a", "b"), forest=LABELS, labels=facts)
    assert names(evidence) == ["label_noise"] * named
    for finding in diagnose(evidence):
        assert "as rows of the file, the first of which is 1: 7, 3)" in finding.evidence


def test_suspects_of_folders_of_images_are_files(make_config):
    facts = LabelFacts(0.2, 300, 300, 0.24, (2, 1), ("dog/1.png", "cat/1.png"))
    (finding,) = diagnose(probed(make_config(), counts=(60, 60), classes=("a", "b"), forest=LABELS, labels=facts))
    assert "(suspects, files: dog/1.png, cat/1.png)" in finding.evidence


@pytest.mark.parametrize(
    ("leaks", "skills"),
    [
        (True, {"code": 0.96, "x": 0.5}),
        (True, {"code": 0.998, "x": 0.92}),  # a fortieth of the error
        (False, {"length": 0.95, "width": 0.93}),  # iris
        (False, {"x1": 0.999, "x2": 0.98}),  # classes that are far apart
        (False, {"code": 0.94, "x": 0.1}),
    ],
)
def test_a_leak_leads_clearly(make_config, leaks, skills):
    assert names(probed(make_config(), skills=skills)) == ["target_leaked"] * leaks


@pytest.mark.parametrize(("n_valid", "found"), [(200, ["no_signal"]), (40, [])])
def test_the_mean_of_other_rows_is_no_signal(make_config, n_valid, found):
    """A validation loss below chance beside a skill below 0: the validation rows are closer to the mean than others."""
    evidence = probed(make_config(), LEARNED, losses=(0.84, 0.84), forest=BLIND, network=-0.1, n_valid=n_valid)
    assert [name for name in names(evidence) if name == "no_signal"] == found


@pytest.mark.parametrize(
    ("counts", "said"),
    [((9, 0), "class 'b' has none"), ((9, 0, 0), "class 'b' and 1 other class has none"),
     ((9, 0, 0, 0), "class 'b' and 2 other classes has none")],
)  # fmt: skip
def test_classes_without_validation_rows(make_config, counts, said):
    classes = ("a", "b", "c", "d")[: len(counts)]
    (finding,) = diagnose(probed(make_config(), counts=(50,) * len(counts), classes=classes, valid_counts=counts))
    assert finding.evidence == f"{said} of the 9 validation rows"
