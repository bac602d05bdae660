"""What the results of probes are named, written down as evidence; and that no two findings advise opposites."""

import itertools
from dataclasses import replace

import numpy as np
import pytest

from mlcli.diagnosis.diagnose import diagnose
from mlcli.diagnosis.evidence import ForestFacts, LabelFacts, NetworkFacts, ProbeResults
from mlcli.diagnosis.probes import compare_with_linear, share_of_worst
from tests.campaigns.diagnosis import OPPOSITE
from tests.diagnosis.test_diagnose import FLAT, LEARNED, MEMORISED, RISING, make_evidence

NETWORK = NetworkFacts((0.1, 0.1), (), (), (), 0.8)


def forest_of(truth, predicted):
    return ForestFacts(np.arange(len(truth)), np.asarray(truth, float), np.asarray(predicted, float))


NUMBERS = forest_of([[0.0], [1.0], [2.0]], [[0.1], [1.0], [1.9]])
BLIND = forest_of([[0.0], [1.0], [2.0]], [[1.0], [1.0], [1.0]])


def probed(config, train=LEARNED, valid=(), *, losses=None, **changes):
    """Evidence whose probes have no symptom but the given ones; losses: on the training and validation rows."""
    facts = {"forest": NUMBERS, "labels": None, "curve": None, "valid_counts": (), "valid_deviation": 0.0}
    other = {name: changes.pop(name) for name in ("counts", "classes") if name in changes}
    probes = ProbeResults(None, NETWORK, NETWORK, {"x": 1.0}, {"x": 0.1}, **{**facts, **changes})
    scores = {} if losses is None else dict(zip(("train", "valid"), ({"loss": loss} for loss in losses), strict=True))
    return replace(make_evidence(config, train, valid), probes=probes, **scores, **other)


def names(evidence):
    return [finding.name for finding in diagnose(evidence)]


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


@pytest.mark.parametrize(
    ("found", "sets", "linear", "network"),
    [
        (["worse_than_linear"], [], 0.9, 0.5),
        (["worse_than_linear"], [], 0.9, -3.0),
        ([], [], 0.9, 0.85),  # the difference is small
        ([], [], 0.5, 0.39),  # 0.61 of the error is no 1.3 times 0.5
        ([], [], -0.5, -4.0),  # neither is better than chance
        ([], ["model.hidden=[]"], 0.9, 0.5),  # it is one itself
        ([], ["loss={name: quantile, q: 0.9}"], 0.9, 0.5),  # a linear model of the mean says nothing
    ],
)
def test_worse_than_a_linear_model(make_config, found, sets, linear, network):
    config = make_config("dataset.name=plane", *sets)
    assert names(probed(config, linear=linear, network=network)) == found


def test_a_linear_model_that_is_better_is_named_beside_overfitting(make_config):
    evidence = probed(make_config(), MEMORISED, RISING, linear=0.9, network=0.3)
    assert names(evidence) == ["worse_than_linear", "overfitting"]
    patches = [finding.patch for finding in diagnose(evidence)]
    assert patches[0] == patches[1]
    assert "a linear model" in diagnose(evidence)[0].remedies[1]


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


LABELS = forest_of(np.eye(2)[[0, 1, 0, 1]], [[0.7, 0.3], [0.3, 0.7], [0.7, 0.3], [0.3, 0.7]])


@pytest.mark.parametrize(
    ("named", "error_rate", "n_confident", "all_errors"),
    [
        (True, 0.20, 300, 0.24),  # a fifth of the labels of classes that do not overlap
        (True, 0.15, 100, 0.20),
        (False, 0.09, 178, 0.18),  # the Titanic's passengers
        (False, 0.09, 750, 0.18),
        (False, 0.16, 300, 0.36),  # grades of wines, and of diabetes
        (False, 0.02, 750, 0.02),
        (False, 0.20, 10, 0.20),  # too few to be sure
    ],
)
def test_wrong_labels_are_as_frequent_among_confident_predictions(
    make_config, named, error_rate, n_confident, all_errors
):
    facts = LabelFacts(error_rate, n_confident, all_errors, (7, 3))
    evidence = probed(make_config(), counts=(60, 60), classes=("a", "b"), forest=LABELS, labels=facts)
    assert names(evidence) == ["label_noise"] * named
    for finding in diagnose(evidence):
        assert "as rows of the file, the first of which is 1: 7, 3)" in finding.evidence


def test_the_share_of_the_worst_rows():
    assert share_of_worst([1.0] * 99 + [99.0]) == pytest.approx(0.5)
    assert share_of_worst([1.0] * 149 + [51.0, 100.0]) == pytest.approx(151 / 300)  # two of 151
    assert share_of_worst([1.0] * 49) == 0.0
    assert share_of_worst([0.0] * 100) == 0.0


def test_a_linear_model_of_a_plane_is_perfect_and_an_untrained_network_is_not(make_experiment):
    experiment = make_experiment("dataset={name: plane, rows: 240, noise: 0.0, split: {test: 0, valid: 0.25}}")
    context = experiment.context()
    linear, network = compare_with_linear(experiment, context)
    parts = (experiment.train.x, experiment.train.y, experiment.valid.x, experiment.valid.y)
    x, y, asked, truth = (part.double().numpy() for part in parts)
    centred, mean = x - x.mean(axis=0), y.mean(axis=0)
    weights = np.linalg.solve(centred.T @ centred + np.eye(2), centred.T @ (y - mean))  # ridge regression, α = 1
    error = truth - mean - (asked - x.mean(axis=0)) @ weights
    assert linear == pytest.approx(1 - np.square(error).sum() / np.square(truth - truth.mean()).sum(), rel=1e-6)
    assert linear > 0.99 > 0.5 > network


def test_no_two_findings_advise_opposites(make_config):
    curves = [(FLAT, FLAT), (LEARNED, LEARNED), (MEMORISED, RISING), ([0.9] * 30, [1.5] * 30), (LEARNED[:4], FLAT[:4])]
    losses = [(0.1, 0.1), (0.1, 1.2), (0.9, 0.9), (0.7, 1.4)]
    shares, linears = [(0.1, 0.1), (0.1, 0.7)], [(0.0, 0.0), (0.9, 0.2)]
    classes = [{}, {"counts": (60, 60), "classes": ("a", "b")}, {"counts": (1000, 9), "classes": ("a", "b")}]
    for (train, valid), loss, share, (linear, network), more in itertools.product(
        curves, losses, shares, linears, classes
    ):
        forest = LABELS if more else NUMBERS
        evidence = probed(
            make_config(), train, valid, losses=loss, worst_share=share, linear=linear, network=network,
            forest=forest, **more,
        )  # fmt: skip
        found = {*names(evidence)}
        assert not [pair for pair in OPPOSITE if {*pair} <= found], found
