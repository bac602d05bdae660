"""Underfitting and overfitting beside what a forest and a linear model reach on the same rows."""

from dataclasses import replace

import pytest

from mlcli.diagnosis.diagnose import diagnose
from tests.diagnosis.evidence import BLIND, LEARNED, MEMORISED, NETWORK, RISING, names, probed


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


@pytest.mark.parametrize(
    ("found", "network", "linear"),
    [
        (["overfitting"], 0.45, 0.4),  # a linear model is as good
        (["overfitting"], 0.55, 0.5),
        ([], 0.65, 0.5),  # what is learned beyond it holds for other rows
    ],
)
def test_a_gap_is_overfitting_where_a_simpler_model_is_as_good(make_config, found, network, linear):
    evidence = probed(make_config(), losses=(0.1, 0.5), forest=BLIND, network=network, linear=linear)
    assert names(evidence) == found
    without_probes = replace(evidence, probes=None)
    assert names(without_probes) == ["overfitting"]


@pytest.mark.parametrize(("found", "regularised"), [(["overfitting"], 0.45), ([], 0.5), ([], 0.6)])
def test_a_gap_is_overfitting_where_a_regularised_training_is_better(make_config, found, regularised):
    evidence = probed(make_config(), losses=(0.1, 0.5), forest=BLIND, regularised=regularised)
    assert names(evidence) == found
    for finding in diagnose(evidence):
        assert finding.evidence.endswith("; trained with optimizer.l2: 0.003, it is 0.45 on these")


def test_a_validation_loss_that_rises_is_overfitting_however_good_the_network_is(make_config):
    assert names(probed(make_config(), MEMORISED, RISING, forest=BLIND, network=0.9)) == ["overfitting"]


@pytest.mark.parametrize(
    ("found", "patch", "trained"),
    [("underfitting", {"optimizer.l2": 0.0}, 0.6), ("worse_than_linear", {"model.dropout": 0.2}, 0.95)],
)
def test_a_linear_model_ahead_on_training_rows_asks_for_less_regularisation(make_config, found, patch, trained):
    config = make_config("dataset.name=plane", "optimizer.l2=0.5", "training.early_stopping={}")
    facts = replace(NETWORK, skill=trained)
    (finding,) = diagnose(probed(config, LEARNED, trained=facts, network=0.58, linear=0.81))
    assert (finding.name, finding.patch) == (found, patch)
