import pickle
import struct

import pytest
import torch

from mlcli.errors import ArtefactError, ResourceError
from mlcli.io.tensors import read_tensors, write_tensors

BASE = torch.arange(24, dtype=torch.float32).reshape(4, 6)


@pytest.mark.parametrize(
    "tensor",
    [
        torch.tensor(3.5),
        torch.tensor(7),
        torch.zeros(0),
        torch.zeros(0, 5),
        torch.tensor([float("nan"), float("inf"), -0.0, 5e-324], dtype=torch.float64),
        torch.randn(3, 4).bfloat16(),
        torch.randn(3, 4).half(),
        torch.tensor([True, False]),
        torch.arange(5, dtype=torch.uint8),
        BASE.T,
        BASE[1:, ::2],
        torch.nn.Parameter(torch.ones(2)),
    ],
    ids=lambda tensor: f"{tensor.dtype}{list(tensor.shape)}{'' if tensor.is_contiguous() else ' strided'}",
)
def test_every_bit_comes_back(tmp_path, tensor):
    write_tensors(tmp_path / "x", {"t": tensor})
    [(name, read)] = read_tensors(tmp_path / "x").items()
    assert (name, read.dtype, read.shape) == ("t", tensor.dtype, tensor.shape)
    expected = tensor.detach().contiguous()
    assert torch.equal(read.reshape(-1).view(torch.uint8), expected.reshape(-1).view(torch.uint8))


def test_tensors_that_share_memory(tmp_path):
    write_tensors(tmp_path / "x", {"a": BASE, "b": BASE, "row": BASE[2]})
    read = read_tensors(tmp_path / "x")
    assert torch.equal(read["row"], BASE[2])
    read["a"].zero_()
    assert torch.equal(read["b"], BASE)


def test_memory_starts_at_a_vector(tmp_path):
    write_tensors(tmp_path / "x", {f"t{i}": torch.zeros(i, dtype=torch.uint8) for i in range(1, 9)})
    assert all(tensor.data_ptr() % 64 == 0 for tensor in read_tensors(tmp_path / "x").values())


def test_an_existing_file_is_left_alone(tmp_path):
    (tmp_path / "x").write_text("mine")
    with pytest.raises(ResourceError):
        write_tensors(tmp_path / "x", {})
    assert (tmp_path / "x").read_text() == "mine"


def header(text, body=b""):
    return struct.pack("<Q", len(text)) + text + body


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\0" * 7,
        pickle.dumps({"weight": [1.0, 2.0]}),
        struct.pack("<Q", 2**63),
        struct.pack("<Q", 200 << 20) + b"{}",
        header(b"{"),
        header(b'{"t": {"dtype": "F32", "shape": [4], "data_offsets": [0, 4]}}', b"abcd"),
        header(b'{"t": {"dtype": "F32", "shape": [1], "data_offsets": [0, 9999]}}', b"abcd"),
        header(b'{"t": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}', b"abcd and more"),
        header(b'{"t": {"dtype": "object", "shape": [1], "data_offsets": [0, 4]}}', b"abcd"),
        header(b'{"t": {"dtype": "F32", "shape": [4611686018427387904, 4], "data_offsets": [0, 0]}}'),
        header(b'{"t": {"dtype": "F4", "shape": [2], "data_offsets": [0, 1]}}', b"a"),
        header(b'{"t": {"dtype": "F8_E8M0", "shape": [1], "data_offsets": [0, 1]}}', b"a"),
    ],
)
def test_other_files_are_refused(tmp_path, content):
    (tmp_path / "x").write_bytes(content)
    with pytest.raises(ArtefactError, match="x: not a safetensors file"):
        read_tensors(tmp_path / "x")
