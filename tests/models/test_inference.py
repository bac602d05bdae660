"""Inference in NumPy: the network's own outputs, each row by itself, on any number of threads."""

import threading
from typing import get_args

import numpy as np
import pytest
import torch
from threadpoolctl import threadpool_info

from mlcli.config.sections.model import Activation, MlpConfig
from mlcli.io import threads as io_threads
from mlcli.io.threads import map_alone, single_thread, thread_count, use_threads
from mlcli.models.inference import FittedEnsemble
from tests.models.builders import build_network

N = 700


@pytest.fixture(params=[1, 2, 3])
def threads(request, monkeypatch):
    monkeypatch.setattr(io_threads, "_chosen", [request.param])
    return request.param


def network(d, hidden, n_outputs, cardinalities=(), **config):
    """A network whose every number matters: no weight, bias or running statistic is 0 or 1."""
    model = build_network(MlpConfig(hidden=hidden, **config), d, cardinalities, n_outputs, seed=0)
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for tensor in model.state_dict().values():
            if tensor.is_floating_point():
                tensor.add_(0.1 * torch.rand(tensor.shape, generator=generator))
    return model.eval()


def draw(n, d, scale=1.0):
    return np.random.default_rng(3).normal(0, scale, (n, d)).astype(np.float32)


def assert_rows_stand_alone(model, x):
    """Whatever part of the rows goes in, in whatever order, each comes out the same to the bit."""
    inference, x = model.fitted(), np.asarray(x)
    together = inference.outputs(x)
    order = np.random.default_rng(2).permutation(len(x))
    assert np.array_equal(inference.outputs(x[order]), together[order])
    for start, count in [(0, 1), (1, 1), (len(x) - 1, 1), (5, 3), (63, 2), (17, 200), (1, len(x) - 1)]:
        part = x[start : start + count]
        assert np.array_equal(inference.outputs(part), together[start : start + count]), (start, count)


# Widths that leave vectors half full, on both sides of the sizes at which libraries change their ways.
@pytest.mark.parametrize(
    ("d", "hidden", "n_outputs"),
    [(1, (), 1), (3, (), 7), (11, (), 10), (37, (11,), 3), (2, (3, 3), 1), (13, (64, 33), 1), (100, (37, 5), 7)],
)
def test_small_networks(threads, d, hidden, n_outputs):
    assert_rows_stand_alone(network(d, hidden, n_outputs, activation="mish"), draw(3 * N, d))


def test_mnist(threads):
    assert_rows_stand_alone(network(784, (512,), 10), draw(N, 784))


@pytest.mark.parametrize("hidden", [(1001, 1003), (1537,)])
def test_wide(threads, hidden):
    assert_rows_stand_alone(network(5, hidden, 2, activation="gelu", norm="layer"), draw(N, 5))


@pytest.mark.parametrize("activation", get_args(Activation))
def test_every_activation(activation):
    model, x = network(7, (37, 11), 3, activation=activation), draw(N, 7, 3.0)
    assert_rows_stand_alone(model, x)
    with torch.inference_mode():
        expected = model.double()(torch.from_numpy(x).double())
    np.testing.assert_allclose(network(7, (37, 11), 3, activation=activation).fitted().outputs(x), expected, 1e-4, 2e-5)


@pytest.mark.parametrize("activation", sorted({*get_args(Activation)} - {"step"}))
def test_activations_of_extreme_numbers(activation):
    """Where exp overflows and where everything saturates."""
    model = network(1, (1,), 1, activation=activation)
    x = np.array([[-1e30], [-200.0], [-88.0], [-20.0], [0.0], [1e-30], [20.0], [88.0], [200.0], [1e30]], np.float32)
    with torch.inference_mode():
        expected = model(torch.from_numpy(x))
    np.testing.assert_allclose(model.fitted().outputs(x), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("norm", ["batch", "layer"])
def test_norms_dropout_and_embeddings(norm):
    rng = np.random.default_rng(0)
    x = np.concatenate([draw(N, 3), rng.integers(0, 5, (N, 1)), rng.integers(0, 90, (N, 1))], axis=1).astype(np.float32)
    model = network(3, (21,), 2, (5, 90), norm=norm, dropout=0.5)
    assert_rows_stand_alone(model, x)
    with torch.inference_mode():
        expected = model(torch.from_numpy(x))
    np.testing.assert_allclose(model.fitted().outputs(x), expected, rtol=1e-4, atol=1e-5)


def test_the_number_of_threads_does_not_matter(monkeypatch):
    model, x = network(50, (1001,), 3, activation="tanh").fitted(), draw(N, 50)
    results = []
    for count in (1, 2, 5):
        monkeypatch.setattr(io_threads, "_chosen", [count])
        results.append(model.outputs(x))
    assert np.array_equal(results[0], results[1])
    assert np.array_equal(results[0], results[2])


def test_the_weights_and_the_rows_are_left_as_they_were():
    model, x = network(5, (3,), 1, dropout=0.5, norm="batch").train(), draw(3, 5)
    before, rows = {name: tensor.clone() for name, tensor in model.state_dict().items()}, x.copy()
    model.fitted().outputs(x)
    assert model.training
    assert np.array_equal(x, rows)
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())


@pytest.mark.parametrize("members", [1, 2])
def test_no_rows(members):
    each = [network(4, (3,), 2).fitted()] * members
    assert FittedEnsemble(each, "identity").outputs(np.zeros((0, 4), np.float32)).shape == (0, 2)


def test_items_are_shared_out_to_threads_of_one_thread_each(threads):
    """No item is begun before as many are under way as there are threads, and each sees one thread of BLAS."""
    together = threading.Barrier(threads)

    def work(item):
        together.wait(timeout=60)
        return item, blas_threads(), threading.get_ident()

    before = blas_threads()
    found = map_alone(work, range(2 * threads))
    assert [item for item, _, _ in found] == list(range(2 * threads))
    assert all(counts <= {1} for _, counts, _ in found)
    assert len({thread for _, _, thread in found}) == threads
    assert blas_threads() == before


def blas_threads():
    """Threads of NumPy's matrix products, of each library."""
    return {one["num_threads"] for one in threadpool_info() if "numpy" in one["filepath"] and one["user_api"] == "blas"}


def test_single_thread_gives_the_threads_back():
    before = blas_threads()
    with single_thread(), single_thread():
        assert blas_threads() <= {1}
    assert blas_threads() == before
    with pytest.raises(ZeroDivisionError), single_thread():
        _ = 1 / 0
    assert blas_threads() == before


def test_threads_are_those_set_or_those_of_the_environment(monkeypatch):
    monkeypatch.setattr(io_threads, "_chosen", [])
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    assert thread_count() == 7
    use_threads(3)
    assert thread_count() == 3
