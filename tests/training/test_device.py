"""Device, precision and threads, by what a step has to multiply and what the machine can."""

import pytest
import torch

from mlcli.errors import ConfigError
from mlcli.training.device import BFLOAT16_FROM, ONE_THREAD_BELOW, choose_device, choose_precision, choose_threads

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
    monkeypatch.setattr("mlcli.training.device.cpu_capabilities", lambda: capabilities)
    assert choose_precision("auto", CPU, BFLOAT16_FROM) is expected


def test_a_tiny_network_gets_one_thread():
    assert choose_threads(ONE_THREAD_BELOW - 1) == 1
    assert choose_threads(ONE_THREAD_BELOW) == torch.get_num_threads()


def test_a_device_that_is_not_there_is_refused_with_those_that_are(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert choose_device("cuda:1") == torch.device("cuda:1")
    with pytest.raises(ConfigError, match=r"cuda:2 is not available to this torch; available: cpu, cuda"):
        choose_device("cuda:2")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert choose_device("auto") == CPU
    with pytest.raises(ConfigError, match="cuda is not available"):
        choose_device("cuda")
