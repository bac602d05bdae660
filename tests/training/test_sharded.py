"""Batches in shards: the gradients of the whole batch, and the same bits for any number of processes."""

import json
import os

import numpy as np
import pytest
import torch
import torch.distributed as dist

from mlcli.errors import ProcessesError
from mlcli.io.network import listen_on_loopback
from mlcli.training.processes import Processes
from mlcli.training.vector_sum import WHOLE, VectorSum, add_in_pairs
from tests.postgres import Cable
from tests.training.processes import CASES, train


@pytest.fixture(scope="module")
def trained(request, fork_server):
    """By number of processes, and how many of them share memory, what each of them prints."""
    found = {}
    for size, local in ((2, 1), (2, 2), (4, 1), (4, 4)) if request.config.getoption("--campaign") else ((2, 1), (2, 2)):
        descriptor, port = listen_on_loopback()
        os.close(descriptor)
        program = "from tests.training.processes import main\nmain('{}', '{}', '{}', '{}')"
        started = [
            fork_server.start(program=program.format(rank, size, port, local), variables={"GLOO_SOCKET_IFNAME": "lo"})
            for rank in range(size)
        ]
        ended = [process.end(300) for process in started]
        assert [code for code, _, _ in ended] == [0] * size, ended
        found[size, local] = [json.loads(out) for _, out, _ in ended]
    return found


@pytest.mark.parametrize("case", CASES)
def test_any_number_of_processes_leaves_the_same_bits(trained, case):
    torch.set_num_threads(1)
    assert {one[case] for ranks in trained.values() for one in ranks} == {train(case)}


def test_a_process_whose_weights_differ_in_one_bit_stops_all(trained):
    for (size, _), ranks in trained.items():
        assert len({one["differing"] for one in ranks}) == 1
        assert ("weights of process 1 differ" in ranks[0]["differing"]) or size == 2
        assert "differ from those of the others" in ranks[0]["differing"]


def test_a_process_that_is_cut_off_from_process_0_ends():
    """Its store cannot say so: it never answers."""
    descriptor, port = listen_on_loopback()
    server = dist.TCPStore("127.0.0.1", port, is_master=True, wait_for_workers=False, master_listen_fd=descriptor)
    cable = Cable(server.port)
    client = dist.TCPStore("127.0.0.1", cable.port, is_master=False)
    with cable.stalled(), pytest.raises(ProcessesError, match=r"process 0 does not answer\); the training stops$"):
        Processes(1, 2, client, stalled=0.4).receive()
    cable.close()


def test_without_room_for_shared_memory_no_file_is_taken_for_it(monkeypatch, tmp_path):
    """A file of the working folder that has the name of shared numbers stays as it is."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "numbers").write_text("a user's own")
    processes = Processes(1, 2, are_local=True)
    monkeypatch.setattr(processes, "share", lambda make: "")
    monkeypatch.setattr(processes, "largest", int)
    assert len(VectorSum(processes, WHOLE + 1, torch.zeros(1)).own) > WHOLE
    assert (tmp_path / "numbers").read_text() == "a user's own"


def test_pairs_are_added_in_the_tree_s_order():
    big, one = 2.0**24, 1.0  # in float32, big + 1 is big
    vectors = [torch.tensor([value]) for value in (big, one, one, -big)]
    assert add_in_pairs(vectors).item() == 1.0  # (big + 1) + (1 − big); one after the other it would be 0
    vectors = [torch.tensor([value]) for value in (big, -big, one, one)]
    assert add_in_pairs(vectors).item() == 2.0


@pytest.mark.parametrize("shards", [2, 8])
@pytest.mark.parametrize(
    "model", [{"hidden": [8]}, {"hidden": [8], "activation": "gelu"}, {"name": "tabm", "members": 3}], ids=str
)
def test_gradients_and_cost_are_those_of_the_whole_batch(make_context, model, shards):
    whole = make_context(model=model, training={"batch_size": 15})
    cut = make_context(model=model, training={"batch_size": 15, "shards": shards})
    found, expected = (
        context.gradients.compute_gradients(context.train.x[:15], context.train.y[:15], 3) for context in (cut, whole)
    )
    torch.testing.assert_close(found, expected)
    for ours, theirs in zip(cut.model.parameters(), whole.model.parameters(), strict=True):
        torch.testing.assert_close(ours.grad, theirs.grad, rtol=1e-4, atol=1e-6)


def test_each_shard_is_normalised_by_itself(make_context):
    """The running statistics move by a tenth towards the means over shards of each shard's mean and variance."""
    context = make_context(model={"hidden": [5], "norm": "batch"}, training={"batch_size": 12, "shards": 4})
    x, layer, norm = context.train.x[:12], context.model.hidden[0], context.model.hidden[1]
    inputs = layer(x).detach().numpy().astype(float)
    parts = np.split(inputs, 4)
    context.gradients.compute_gradients(x, context.train.y[:12], 0)
    mean = 0.1 * np.mean([part.mean(axis=0) for part in parts], axis=0)
    variance = 0.9 + 0.1 * np.mean([part.var(axis=0, ddof=1) for part in parts], axis=0)
    np.testing.assert_allclose(norm.running_mean, mean, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(norm.running_var, variance, rtol=1e-5)
    assert norm.num_batches_tracked.item() == 1


def test_each_shard_draws_its_own_dropout(make_context):
    """With equal rows in both shards, equal masks would give the gradient of one of them."""
    context = make_context(model={"hidden": [64], "dropout": 0.5}, training={"batch_size": 16, "shards": 2})
    x, y = context.train.x[:8].repeat(2, 1), context.train.y[:8].repeat(2, 1)
    both = context.gradients.compute_gradients(x, y, 1)
    alone = make_context(model={"hidden": [64], "dropout": 0.5}, training={"batch_size": 16, "shards": 2})
    half = alone.gradients._gradients.compute_gradients(x[:8], y[:8], 1)
    assert both.item() != half.item()
    again = context.gradients.compute_gradients(x, y, 1)
    assert both.item() == again.item()


def test_rows_too_few_for_two_in_each_shard_join_the_step_before(make_context):
    steps = {
        shards: make_context(
            n=57, model={"norm": "batch"}, training={"batch_size": 10, "shards": shards}
        ).steps_per_epoch
        for shards in (1, 4)
    }
    assert steps == {1: 6, 4: 5}  # 57 = 5 · 10 + 7, and 4 shards need 8
