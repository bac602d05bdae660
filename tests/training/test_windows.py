"""Rows from a file come once an epoch, in an order that is a function of the seed, and train as this order does."""

import pytest
import torch

from mlcli.io.row_file import RowFile, write_row_file
from mlcli.training import windows
from mlcli.training.datasets import FileDataset
from mlcli.training.loop import new_state, optimizer_step, row_order, take_batch, train_model
from mlcli.training.snapshot import restore_snapshot, take_snapshot
from mlcli.training.windows import WindowedOrder, WindowPlan
from tests.training.contexts import make_context
from tests.training.test_loop import KeepSnapshot, StopAt, states_equal


@pytest.fixture
def numbered(tmp_path):
    """Makes rows of which each is its own number, and so is its target."""

    def make(n):
        x = torch.arange(n, dtype=torch.float32).unsqueeze(1)
        write_row_file(tmp_path / f"{n}.npy", n, 1, [x])
        return FileDataset(RowFile.open(tmp_path / f"{n}.npy", 1), x.clone())

    return make


def whole(order, n, batch):
    return torch.cat([order.take(start, min(start + batch, n)).x for start in range(0, n, batch)]).view(-1)


@pytest.mark.parametrize(
    ("n", "block", "window"), [(100, 5, 20), (103, 5, 20), (7, 5, 20), (20, 5, 20), (21, 5, 20), (3, 1, 1)]
)
def test_every_row_comes_once_and_with_its_target(numbered, n, block, window):
    rows, plan = numbered(n), WindowPlan(n, block, window)
    order = whole(WindowedOrder(rows, plan, 1), n, 3)
    assert order.sort().values.tolist() == [*range(n)]
    part = WindowedOrder(rows, plan, 1).take(0, min(n, 50))
    assert torch.equal(part.x, part.y)
    # Another start, and another size, give the same order.
    assert torch.equal(whole(WindowedOrder(rows, plan, 1), n, 8), order)
    assert torch.equal(WindowedOrder(rows, plan, 1).take(n // 2, n).x.view(-1), order[n // 2 :])
    assert whole(WindowedOrder(rows, plan, None), n, 3).tolist() == [*range(n)]


def test_windows_are_blocks_of_neighbours_from_everywhere(numbered):
    rows, plan = numbered(1000), WindowPlan(1000, 10, 100)
    first, second = (whole(WindowedOrder(rows, plan, seed), 1000, 100).view(10, 100) for seed in (1, 2))
    for window in first:
        blocks = (window // 10).unique()
        assert len(blocks) == 10
        assert (window.sort().values.view(10, 10) // 10 == blocks.sort().values.unsqueeze(1)).all()
        assert not torch.equal(window, window.sort().values)
    assert not torch.equal(first, second)
    # Ten of a hundred blocks at random: their mean is 495 ± 290 / √10 without the finite correction.
    assert (first.mean(dim=1) - 499.5).abs().max() < 4 * 290 / 10**0.5


@pytest.mark.parametrize(
    ("width", "batch_size", "block", "rows"),
    [
        (12, 512, 4096, 32 * 2**20 // 48 // 4096 * 4096),
        (10_000, 512, 64, 4096),
        (10_000, 16, 13, 832),
        (10**7, 1, 1, 8),
    ],
)
def test_windows_have_a_size_in_bytes_and_some_batches(width, batch_size, block, rows):
    plan = WindowPlan.of(10**6, width, batch_size)
    assert (plan.block, plan.window) == (block, rows)


@pytest.fixture
def on_disk(tmp_path, monkeypatch):
    """Makes a context whose rows are in files, in windows of 16 rows."""
    monkeypatch.setattr(WindowPlan, "of", classmethod(lambda cls, n_rows, width, batch_size: cls(n_rows, 4, 16)))

    def make(**sections):
        def filed(name, rows):
            path = tmp_path / f"{name}.npy"
            path.unlink(missing_ok=True)
            write_row_file(path, *rows.x.shape, [rows.x])
            return FileDataset(RowFile.open(path, rows.x.shape[1]), rows.y)

        return make_context("regression", filed=filed, **sections)

    return make


@pytest.mark.parametrize("batch_size", [7, 16, 60])
def test_training_is_that_of_the_same_rows_in_this_order(on_disk, batch_size):
    training = {"epochs": 2, "batch_size": batch_size, "keep": "last"}
    context = on_disk(training=training)
    in_memory = make_context("regression", training=training)
    orders = [row_order(context, epoch) for epoch in range(2)]
    for order in orders:
        got = [take_batch(context, order, step) for step in range(context.steps_per_epoch)]
        assert torch.equal(torch.cat([b.x for b in got]).sort(dim=0).values, in_memory.train.x.sort(dim=0).values)
    trained = train_model(context, new_state(context))
    # By hand: each batch of the file's order is the only one of an epoch in memory.
    state = new_state(in_memory)
    for order in orders:
        state.batch = 0
        for step in range(context.steps_per_epoch):
            optimizer_step(in_memory, state, take_batch(context, order, step))
    assert states_equal(in_memory.model.state_dict(), trained.state.best)


@pytest.mark.parametrize("steps", [1, 3, 9, 12])
def test_resumed_in_any_step_it_ends_with_the_same_weights(on_disk, steps):
    training = {"epochs": 3, "batch_size": 7}
    straight = train_model(context := on_disk(training=training), new_state(context))
    keeper = KeepSnapshot()
    train_model(context := on_disk(training=training), new_state(context), [keeper], interrupted=StopAt(steps))
    resumed = train_model(context := on_disk(training=training), restore_snapshot(context, keeper.snapshot))
    assert states_equal(straight.state.best, resumed.state.best)
    assert straight.state.history == resumed.state.history
    assert take_snapshot(context, resumed.state).progress["history"]


def test_validation_rows_are_scored_from_their_file(on_disk):
    training = {"epochs": 1, "batch_size": 60}  # one step: the order does not matter
    from_disk = train_model(context := on_disk(training=training), new_state(context)).state.history
    in_memory = train_model(context := make_context("regression", training=training), new_state(context)).state.history
    assert from_disk == in_memory


def test_the_next_window_is_read_while_one_is_trained_on(numbered):
    order = WindowedOrder(numbered(100), WindowPlan(100, 5, 20), 1)
    order.take(0, 3)
    assert sorted(order._read) == [0, 1]
    order.take(38, 43)
    assert sorted(order._read) == [2, 3]
    assert windows.WINDOW * 2 == 64 << 20
