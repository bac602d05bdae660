"""--verbose in every step: on stderr, with numbers of the run that are worked out by hand."""

import json

import pytest

FAST = ("-S", "training.epochs=2", "-S", "evaluation.baselines=none")
# iris: 150 rows, of which a fifth each is for validation and test; a 4-16-3 network.
TOLD = {
    "prepare": ("configs/iris.yaml",), "features": ("configs/iris.yaml",), "train": ("configs/iris.yaml", *FAST),
    "evaluate": (), "predict": ("--output", "-"),
}  # fmt: skip
SAID = {
    "prepare": ("Step 1, data preparation (preparación de datos)", "90 (60%) training rows fit the weights"),
    "features": ("Step 2, feature engineering", "features.scale is standard: mean 0, deviation 1."),
    "train": (
        "Step 1, ", "Step 2, ", "Step 3, modelling (modelado)", "(4 + 1) · 16 + (16 + 1) · 3 = 131",
        "mini-batches of 16 rows → 6 steps an epoch", "cross_entropy: −ln of the true class's probability",
    ),
    "evaluate": (
        "Step 4, performance measurement", "30 test rows: they were used neither to fit nor to choose anything",
        "accuracy: share of",
    ),
    "predict": ("Inference (inferencia)", "the most probable one is predicted"),
}  # fmt: skip


def test_each_step_is_explained_beside_what_it_prints(workspace, mlcli):
    for command, arguments in TOLD.items():
        told, untold = mlcli(command, *arguments, "--verbose"), mlcli(command, *arguments)
        assert told.code == untold.code == 0
        for text in SAID[command]:
            assert text in told.err, command
            assert text not in untold.err, command
        assert told.out == untold.out


def test_the_diagnosis_and_the_search_are_explained(workspace, mlcli):
    told = mlcli("improve", "configs/iris.yaml", "--trials", "2", "--verbose", *FAST)
    assert told.code == 0
    assert told.err.index("Step 5, improving performance") < told.err.index("Checks before")
    assert told.err.index("improve.sampler is tpe: learns") < told.err.index("trial 2/2")


def test_json_stays_alone_on_stdout_and_quiet_stays_quiet(workspace, mlcli):
    told = mlcli("features", "configs/iris.yaml", "--verbose", "--json")
    assert json.loads(told.out)["inputs"] == 4
    assert "Step 2, " in told.err
    assert mlcli("features", "configs/iris.yaml", "--verbose", "--quiet").err == ""


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ("houses", ("mse: mean squared error", "all rows → 1 step an epoch")),
        ("logistic", ("bce: binary cross-entropy (two classes)", "30-1 units")),
        ("perceptron", ("perceptron: max(0, −y·z), Rosenblatt's rule",)),
        ("digits", ("Dimension (dimensión): 64 inputs of the network per row",)),
    ],
)
def test_other_systems(workspace, mlcli, config, expected):
    told = mlcli("train", f"configs/{config}.yaml", "-S", "training.epochs=1", "--verbose")
    assert told.code == 0
    for text in expected:
        assert text in told.err
