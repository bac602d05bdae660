import threading
from typing import get_args

import pytest
import torch

from mlcli.config.sections.model import Activation, MlpConfig
from mlcli.models.inference import InferenceModel, map_alone, rows_per_block, single_thread
from tests.models.builders import build_network

N = 700


@pytest.fixture(params=[1, 2, 3])
def threads(request):
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


def network(d, hidden, n_outputs, cardinalities=(), **config):
    """A network whose every number matters: no weight, bias or running statistic is 0 or 1."""
    model = build_network(MlpConfig(hidden=hidden, **config), d, cardinalities, n_outputs, seed=0)
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for tensor in model.state_dict().values():
            if tensor.is_floating_point():
                tensor.add_(0.1 * torch.rand(tensor.shape, generator=generator))
    return model


def assert_rows_stand_alone(model, x):
    """Whatever part of the rows goes in, in whatever order, each comes out the same to the bit."""
    inference = InferenceModel(model)
    together = inference.outputs(x)[: len(x)]
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(2))
    assert torch.equal(inference.outputs(x[order])[: len(x)], together[order])
    for start, count in [(0, 1), (1, 1), (len(x) - 1, 1), (5, 3), (63, 2), (17, 200), (1, len(x) - 1)]:
        part = x[start : start + count]
        assert torch.equal(inference.outputs(part)[: len(part)], together[start : start + count]), (start, count)


# Widths that leave vectors half full, on both sides of the sizes at which libraries change their ways.
@pytest.mark.parametrize(
    ("d", "hidden", "n_outputs"),
    [(1, (), 1), (3, (), 7), (11, (), 10), (37, (11,), 3), (2, (3, 3), 1), (13, (64, 33), 1), (100, (37, 5), 7)],
)
def test_small_networks(threads, d, hidden, n_outputs):
    assert_rows_stand_alone(network(d, hidden, n_outputs, activation="mish"), torch.randn(3 * N, d))


def test_mnist(threads):
    assert_rows_stand_alone(network(784, (512,), 10), torch.rand(N, 784))


@pytest.mark.parametrize("hidden", [(1001, 1003), (1537,)])
def test_wide(threads, hidden):
    assert_rows_stand_alone(network(5, hidden, 2, activation="gelu", norm="layer"), torch.randn(N, 5))


@pytest.mark.parametrize("activation", get_args(Activation))
def test_every_activation(activation):
    assert_rows_stand_alone(network(7, (37, 11), 3, activation=activation), torch.randn(N, 7) * 3)


@pytest.mark.parametrize("norm", ["batch", "layer"])
def test_norms_dropout_and_embeddings(norm):
    x = torch.cat([torch.randn(N, 3), torch.randint(0, 5, (N, 1)), torch.randint(0, 90, (N, 1))], dim=1)
    assert_rows_stand_alone(network(3, (21,), 2, (5, 90), norm=norm, dropout=0.5), x)


@pytest.mark.parametrize("hidden", [(), (5,), (33, 17)])
def test_agrees_with_the_network_itself(hidden):
    model, x = network(6, hidden, 3, norm="batch").eval(), torch.randn(N, 6)
    expected = model.double()(x.double())
    torch.testing.assert_close(InferenceModel(model).outputs(x)[:N].double(), expected, rtol=1e-5, atol=1e-5)


def test_the_number_of_threads_does_not_matter():
    model, x = network(50, (1001,), 3, activation="tanh"), torch.randn(N, 50)
    before = torch.get_num_threads()
    results = []
    for threads in (1, 2, 5):
        torch.set_num_threads(threads)
        results.append(InferenceModel(model).outputs(x))
    torch.set_num_threads(before)
    assert torch.equal(results[0], results[1])
    assert torch.equal(results[0], results[2])


def test_the_network_itself_is_left_as_it_was():
    model = network(5, (3,), 1, dropout=0.5).train()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    InferenceModel(model).outputs(torch.randn(3, 5))
    assert model.training
    assert all(parameter.requires_grad for parameter in model.parameters())
    assert model.state_dict().keys() == before.keys()
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())


def test_no_rows():
    assert InferenceModel(network(4, (3,), 2)).outputs(torch.zeros(0, 4))[:0].shape == (0, 2)


@pytest.mark.parametrize(
    ("d", "hidden", "expected"),
    [(1, (), 1024), (10, (64, 32), 1024), (100, (200,), 704), (784, (512,), 64), (784, (2000, 2000), 64)],
)
def test_block_size_keeps_a_lone_row_cheap(d, hidden, expected):
    model = network(d, hidden, 10)
    assert rows_per_block(model) == expected


def test_items_are_shared_out_to_threads_of_one_thread_each(threads):
    """No item is begun before as many are under way as there are threads, and each sees one thread of torch."""
    together = threading.Barrier(threads)

    def work(item):
        together.wait(timeout=60)
        return torch.tensor([item, torch.get_num_threads(), threading.get_ident()])

    found = torch.stack(map_alone(work, range(2 * threads)))
    assert found[:, 0].tolist() == list(range(2 * threads))
    assert found[:, 1].tolist() == [1] * (2 * threads)
    assert len(set(found[:, 2].tolist())) == threads
    assert torch.get_num_threads() == threads


def test_single_thread_gives_the_threads_back():
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        with single_thread():
            assert torch.get_num_threads() == 1
        assert torch.get_num_threads() == 3
        with pytest.raises(ZeroDivisionError), single_thread():
            _ = 1 / 0
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)
