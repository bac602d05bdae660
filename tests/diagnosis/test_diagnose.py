"""Problems are planted in real trainings of tiny networks; a few curves are written down as histories."""

import itertools
import math

import pytest
import torch

from mlcli.config.loading.load import override_config
from mlcli.diagnosis.diagnose import diagnose, merge_patches
from mlcli.diagnosis.experiment import ChanceBaseline, measure_chance
from mlcli.diagnosis.recommendations import Finding
from mlcli.models.task import Classification, Regression
from mlcli.training.losses import build_loss
from tests.campaigns.diagnosis.page import OPPOSITE
from tests.diagnosis.evidence import FLAT, LABELS, LEARNED, MEMORISED, NUMBERS, RISING, make_evidence, names, probed

CPU = torch.device("cpu")


PLANTED = [
    ("learning_rate_too_low", ["optimizer.lr=1e-5"]),
    ("learning_rate_too_low", ["optimizer={name: sgd, lr: 1e-4}"]),
    ("learning_rate_too_high", ["optimizer.lr=10.0"]),
    ("learning_rate_too_high", ["optimizer={name: sgd, lr: 1e9}", "model.activation=relu"]),
    ("still_improving", ["training.epochs=10"]),
    ("underfitting", ["model.hidden=[]"]),
    ("underfitting", ["model.activation=identity"]),
    ("underfitting", ["model.init=zeros"]),
    ("underfitting", ["optimizer.l2=1.0"]),
    ("underfitting", ["model={hidden: [], output: step}", "optimizer={name: sgd}"]),
    ("overfitting", ["dataset.noise=0.5", "dataset.split.valid=0.5", "model.hidden=[64, 64]", "training.epochs=60"]),
    ("no_validation_rows", ["dataset.split.valid=0"]),
]


@pytest.mark.parametrize(("name", "sets"), PLANTED)
def test_a_planted_problem_is_the_one_found(make_config, trained_evidence, name, sets):
    assert names(trained_evidence(make_config(*sets))) == [name]


CLEAN = [
    [],
    ["dataset.name=circle", "training.epochs=80"],
    ["dataset.name=gauss", "model.hidden=[]"],
    ["dataset.name=plane"],
    ["dataset.name=plane", "optimizer={name: sgd, lr: 0.01}", "model.activation=relu"],
    ["training.early_stopping={patience: 5}", "training.epochs=100"],
    ["model.dropout=0.1", "training.epochs=80"],
    ["model={name: tabm, members: 4, hidden: [16], embedding: piecewise}", "training.epochs=40"],
    ["dataset.name=gauss", "optimizer={name: lbfgs}", "training.batch_size=full", "training.epochs=4"],
]


@pytest.mark.parametrize("sets", CLEAN)
def test_a_clean_training_has_no_findings(make_config, trained_evidence, sets):
    assert names(trained_evidence(make_config(*sets))) == []


def skill(evidence):
    return evidence.skill(evidence.valid) if evidence.valid else -math.inf


@pytest.mark.parametrize(("name", "sets"), [(name, sets) for name, sets in PLANTED if name != "no_validation_rows"])
def test_patch_does_no_harm(make_config, trained_evidence, name, sets):
    config = make_config(*sets)
    before = trained_evidence(config)
    after = trained_evidence(override_config(config, merge_patches(diagnose(before))))
    assert skill(after) > skill(before) - 0.02


@pytest.mark.parametrize("sets", [["optimizer.lr=1e-3"], ["optimizer.lr=10.0"], ["model.hidden=[]"]])
def test_patch_helps(make_config, trained_evidence, sets):
    config = make_config(*sets)
    before = trained_evidence(config)
    after = trained_evidence(override_config(config, merge_patches(diagnose(before))))
    assert 1 - skill(after) < 0.7 * (1 - skill(before))


@pytest.mark.parametrize(
    ("expected", "sets", "train", "valid", "changes"),
    [
        (["plateau"], [], FLAT, [], {}),
        ([], ["training.early_stopping={}"], FLAT, [], {}),
        ([], ["optimizer.schedule=cosine"], FLAT, [], {}),
        ([], [], LEARNED, [], {}),
        (["overfitting"], [], MEMORISED, RISING, {}),
        ([], ["training.early_stopping={}"], MEMORISED, RISING, {}),
        (["overfitting"], ["training.early_stopping={}"], LEARNED, [loss + 0.25 for loss in LEARNED], {}),
        (["learning_rate_too_high"], [], LEARNED, [], {"diverged": True}),
        (["learning_rate_too_high"], [], [0.5, 0.9] * 15, [], {}),
        (["learning_rate_too_high"], [], [5.8] * 28 + [5.0, 15631.0], [], {}),
        ([], [], [3.0, *LEARNED[1:]], [], {}),
        (["imbalance_ignored"], [], LEARNED, [], {"counts": (900, 100)}),
        ([], [], LEARNED, [], {"counts": (899, 100)}),
        ([], ["loss.class_weights=balanced"], LEARNED, [], {"counts": (900, 100)}),
        (["still_improving"], [], [1 - epoch / 31 for epoch in range(30)], [], {}),
        ([], ["training.epochs=60"], [1 - epoch / 31 for epoch in range(30)], [], {}),
        (["learning_rate_too_low"], [], [1.1 - 0.002 * epoch for epoch in range(30)], [], {}),
        (["underfitting"], [], [1.1 - 0.002 * epoch + 0.003 * (epoch % 2) for epoch in range(30)], [], {}),
        (["underfitting"], [], [0.9, *(1.3 - 0.005 * epoch for epoch in range(29))], [], {}),
        ([], [], [], [], {}),
        (["no_validation_rows"], [], [], [], {"n_valid": 0}),
        ([], [], [0.9], [], {"train": {"loss": 0.5}, "valid": {"loss": 0.5}}),
    ],
)
def test_shapes_of_histories(make_config, expected, sets, train, valid, changes):
    assert names(make_evidence(make_config(*sets), train, valid, **changes)) == expected


def test_every_finding_has_evidence_with_numbers_and_a_valid_patch(make_config, trained_evidence):
    found = {}
    for name, sets in PLANTED:
        config = make_config(*sets)
        for finding in diagnose(trained_evidence(config)):
            override_config(config, finding.patch)
            found[name] = finding
    for finding in found.values():
        assert finding.remedies
        assert finding.course_term
        assert finding.name == "no_validation_rows" or any(character.isdigit() for character in finding.evidence)
    assert len(found) == len({name for name, _ in PLANTED})


def test_underfitting_of_a_restrained_network_loosens_it_first(make_config, trained_evidence):
    (finding,) = diagnose(trained_evidence(make_config("optimizer.l2=1.0", "model.dropout=0.4")))
    assert finding.patch == {"model.dropout": 0.0, "optimizer.l2": 0.0}


def test_the_more_severe_finding_wins_when_patches_meet():
    grave = Finding("a", "", "", (), {"optimizer.lr": 0.1})
    slight = Finding("b", "", "", (), {"optimizer.lr": 0.2, "model.dropout": 0.3})
    assert merge_patches([grave, slight]) == {"optimizer.lr": 0.1, "model.dropout": 0.3}


def test_the_chance_loss_is_ln_k_and_less_with_class_frequencies(make_config):
    loss = make_config().loss
    counts, y = (3, 1, 4), torch.tensor([0, 0, 0, 1, 2, 2, 2, 2])
    task = Classification("y", ("a", "b", "c"), counts, "softmax", True)
    entropy = -sum(count / 8 * math.log(count / 8) for count in counts)
    chance = measure_chance(build_loss(loss, task, CPU), task, y)
    assert chance.uniform_loss == pytest.approx(math.log(3))
    assert chance.prior_loss == pytest.approx(entropy)
    pair = Classification("y", ("a", "b"), (3, 1), "sigmoid", True)
    chance = measure_chance(build_loss(loss, pair, CPU), pair, torch.tensor([[0.0], [0.0], [0.0], [1.0]]))
    assert chance.uniform_loss == pytest.approx(math.log(2))
    assert chance.prior_loss == pytest.approx(-0.75 * math.log(0.75) - 0.25 * math.log(0.25))


def test_the_chance_loss_of_the_mean_is_one(make_config):
    task = Regression(("y",), (0.0,), (1.0,))
    y = torch.tensor([[-1.0], [1.0], [1.0], [-1.0]])
    assert measure_chance(build_loss(make_config().loss, task, CPU), task, y) == ChanceBaseline(1.0, 1.0)


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
