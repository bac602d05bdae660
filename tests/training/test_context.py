"""Batch size, learning rate, device, precision and threads of a context."""

import math

import pytest
import torch

from mlcli.config.sections.config import Config
from mlcli.errors import ConfigError
from mlcli.training.context import (
    BFLOAT16_FROM,
    ONE_THREAD_BELOW,
    choose_batch_size,
    choose_device,
    choose_precision,
    choose_threads,
    rate_for_batch,
)


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


CPU, CUDA = torch.device("cpu"), torch.device("cuda")


@pytest.mark.parametrize(
    ("name", "device", "multiply_adds", "capability", "expected"),
    [
        ("float32", CUDA, BFLOAT16_FROM, (9, 0), torch.float32),
        ("bfloat16", CPU, 1, (0, 0), torch.bfloat16),
        ("auto", CUDA, BFLOAT16_FROM, (8, 0), torch.bfloat16),
        ("auto", CUDA, BFLOAT16_FROM, (7, 5), torch.float32),
        ("auto", CUDA, BFLOAT16_FROM - 1, (8, 0), torch.float32),
        ("auto", torch.device("mps"), BFLOAT16_FROM, (9, 0), torch.float32),
    ],
)
def test_precision(monkeypatch, name, device, multiply_adds, capability, expected):
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
    assert choose_precision(name, device, multiply_adds) is expected


@pytest.mark.parametrize(
    ("capabilities", "expected"),
    [
        ({}, torch.float32),
        ({"avx512_f": True}, torch.float32),
        ({"amx_bf16": True}, torch.bfloat16),
        ({"amx_bf16": False, "avx512_bf16": True}, torch.bfloat16),
    ],
)
def test_precision_of_a_processor(monkeypatch, capabilities, expected):
    monkeypatch.setattr("mlcli.training.context.cpu_capabilities", lambda: capabilities)
    assert choose_precision("auto", CPU, BFLOAT16_FROM) is expected


def test_a_tiny_network_gets_one_thread():
    assert choose_threads(ONE_THREAD_BELOW - 1) == 1
    assert choose_threads(ONE_THREAD_BELOW) == torch.get_num_threads()


def test_a_device_that_is_not_there_is_refused_with_those_that_are(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert choose_device("cuda:1") == torch.device("cuda:1")
    with pytest.raises(ConfigError, match=r"cuda:2 is not available to torch; available: cpu, cuda"):
        choose_device("cuda:2")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert choose_device("auto") == CPU
    with pytest.raises(ConfigError, match="cuda is not available"):
        choose_device("cuda")
