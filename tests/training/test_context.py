"""The rules of batch_size: auto, worked out by hand."""

import math

import pytest

from mlcli.config.sections.config import Config
from mlcli.training.context import choose_batch_size, rate_for_batch


@pytest.mark.parametrize(
    ("configured", "n_rows", "n_parameters", "expected"),
    [
        ("full", 150, 100, 150),
        (32, 150, 100, 32),
        (32, 20, 100, 20),
        ("auto", 10, 100, 10),
        ("auto", 150, 100, 16),  # a fiftieth is 3
        ("auto", 1_600, 100, 32),
        ("auto", 60_000, 407_050, 512),  # 2²⁸ / 407,050 is 659, the fiftieth 1,200
        ("auto", 1_000_000, 73_729, 4096),  # 2²⁸ / 73,729 is 3,641
        ("auto", 1_000_000, 100, 8192),
        ("auto", 1_000_000, 10**9, 16),
    ],
)
def test_rows_a_step(configured, n_rows, n_parameters, expected):
    assert choose_batch_size(configured, n_rows, n_parameters) == expected


@pytest.mark.parametrize(
    ("optimizer", "batch_size", "rows", "factor"),
    [
        ("adam", "auto", 128, 2.0),
        ("sgd", "auto", 16, math.sqrt(0.5)),
        ("adam", "auto", 32, 1.0),
        ("adam", 128, 128, 1.0),
        ("adam", "full", 128, 1.0),
        ("adadelta", "auto", 128, 1.0),
    ],
)
def test_the_rate_follows_an_automatic_size_alone(optimizer, batch_size, rows, factor):
    config = Config.model_validate(
        {
            "name": "x",
            "dataset": {"name": "iris"},
            "optimizer": {"name": optimizer},
            "training": {"batch_size": batch_size},
        }
    )
    found = rate_for_batch(config.optimizer, config.training, rows)
    assert found == pytest.approx(config.optimizer.lr * factor, rel=1e-12)
