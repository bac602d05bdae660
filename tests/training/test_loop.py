"""The loop's contracts: it learns, stops, resumes bit for bit, and estimates its own time."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from mlcli.errors import ArtefactError, DataError
from mlcli.metrics.catalog import higher_is_better, names_for
from mlcli.training import loop
from mlcli.training.callbacks import Callback, EarlyStopping
from mlcli.training.context import SCORING_BATCH
from mlcli.training.loop import (
    StepTiming,
    mean_loss,
    measure_step_time,
    new_state,
    outputs_of,
    row_order,
    score,
    take_batch,
    train_model,
)
from mlcli.training.snapshot import restore_snapshot, take_snapshot
from mlcli.training.state import derive_seed

OPTIMIZERS = ["sgd", "adagrad", "adadelta", "rmsprop", "adam", "adamw", "adamax", "nadam", "radam", "muon", "lbfgs"]
CLASS_LOSSES = ["auto", "bce", "cross_entropy", "focal", "hinge", "perceptron"]
REGRESSION_LOSSES = ["auto", "mse", "mae", "huber", "quantile"]


def batch_for(optimizer):
    return "full" if optimizer == "lbfgs" else 16


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_every_optimizer_lowers_the_loss(make_context, optimizer):
    context = make_context(optimizer={"name": optimizer}, training={"epochs": 5, "batch_size": batch_for(optimizer)})
    before, _ = score(context, context.train)
    train_model(context, new_state(context))
    after, _ = score(context, context.train)
    assert after < before


@pytest.mark.parametrize(
    ("kind", "loss"),
    [("classification", name) for name in CLASS_LOSSES]
    + [("regression", name) for name in REGRESSION_LOSSES]
    + [("counts", "poisson")],
)
def test_every_loss_is_lowered(make_context, kind, loss):
    context = make_context(kind, loss={"name": loss}, model={"hidden": []}, training={"epochs": 20, "batch_size": 8})
    before, _ = score(context, context.train)
    train_model(context, new_state(context))
    after, _ = score(context, context.train)
    assert after < before


@pytest.mark.parametrize(
    ("n", "batch_size", "model", "sizes"),
    [
        (17, 16, {"norm": "batch"}, [17]),
        (33, 16, {"norm": "batch"}, [16, 17]),
        (34, 16, {"norm": "batch"}, [16, 16, 2]),
        (3, 2, {"norm": "batch"}, [3]),
        (49, "auto", {"norm": "batch"}, [16, 16, 17]),
        (33, 16, {"norm": "layer"}, [16, 16, 1]),
        (33, 16, {"norm": "batch", "hidden": []}, [16, 16, 1]),
    ],
)
def test_a_single_row_left_over_joins_the_step_before_it_where_batches_are_normalised(
    make_context, n, batch_size, model, sizes
):
    context = make_context("regression", n=n, model=model, training={"epochs": 2, "batch_size": batch_size})
    order = row_order(context, 0)
    batches = [take_batch(context, order, step).x for step in range(context.steps_per_epoch)]
    assert [len(x) for x in batches] == sizes
    assert torch.equal(torch.cat(batches).sort(dim=0).values, context.train.x.sort(dim=0).values)
    trained = train_model(context, new_state(context))
    losses = trained.state.losses.double()
    assert trained.state.history[-1].train_loss == pytest.approx(np.average(losses, weights=sizes))


def test_one_row_cannot_be_normalised(make_context):
    with pytest.raises(DataError, match=r"model\.norm: batch needs 2 training rows or more, got 1"):
        make_context("regression", n=1, model={"norm": "batch"})


def states_equal(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


class StopAt:
    """Interrupts after the given number of steps."""

    def __init__(self, steps):
        self.steps = steps

    def __call__(self):
        self.steps -= 1
        return self.steps <= 0


class KeepSnapshot(Callback):
    """Takes the snapshot that a run would save when it ends."""

    def on_train_end(self, context, state, stopped):
        self.snapshot = take_snapshot(context, state)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("steps", [1, 4, 7, 8, 9])
def test_resume_equals_never_interrupted(make_context, optimizer, steps):
    sections = {
        "optimizer": {"name": optimizer, "l1": 0.001, "schedule": {"name": "cosine", "warmup": 0.2}},
        "model": {"hidden": [6], "dropout": 0.3, "norm": "batch", "max_norm": 2.0},
        "training": {"epochs": 10 if optimizer == "lbfgs" else 3, "batch_size": batch_for(optimizer)},
        "n": 65,  # 64 and one
    }
    whole = make_context(**sections)
    expected = train_model(whole, new_state(whole))

    first = make_context(**sections)
    keeper = KeepSnapshot()
    assert train_model(first, new_state(first), [keeper], interrupted=StopAt(steps)).stopped == "interrupted"
    second = make_context(**sections)
    resumed = train_model(second, restore_snapshot(second, keeper.snapshot))

    assert resumed.state.history == expected.state.history
    assert states_equal(resumed.model.state_dict(), expected.model.state_dict())
    assert states_equal(resumed.state.best, expected.state.best)


@pytest.mark.parametrize("embedding", ["none", "piecewise", "periodic"])
@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
@pytest.mark.parametrize("kind", ["tabm", "mlp"])
def test_resume_with_embedded_numbers(make_context, kind, optimizer, embedding):
    """From any step, with averaged weights; and a second whole training is equal to the bit."""
    members = {"members": 3} if kind == "tabm" else {}
    sections = {
        "model": {"name": kind, "hidden": [6], "dropout": 0.3, "embedding": {"name": embedding}, **members},
        "optimizer": {"name": optimizer, "l2": 0.01},
        "training": {"epochs": 3, "batch_size": 16, "average": 0.9, "clip_norm": 1.0},
    }
    whole, again = make_context(**sections), make_context(**sections)
    expected, repeated = train_model(whole, new_state(whole)), train_model(again, new_state(again))
    assert states_equal(repeated.model.state_dict(), expected.model.state_dict())
    first, second, keeper = make_context(**sections), make_context(**sections), KeepSnapshot()
    train_model(first, new_state(first), [keeper], interrupted=StopAt(5))
    resumed = train_model(second, restore_snapshot(second, keeper.snapshot))
    assert resumed.state.history == expected.state.history
    assert states_equal(resumed.model.state_dict(), expected.model.state_dict())
    assert expected.state.history[-1].train_loss < expected.state.history[0].train_loss


def test_epochs_extended_on_resume_equal_one_longer_run(make_context):
    def sections(epochs):
        return {"model": {"hidden": [6], "dropout": 0.3}, "training": {"epochs": epochs, "batch_size": 16}}

    whole, first, second = make_context(**sections(6)), make_context(**sections(3)), make_context(**sections(6))
    expected = train_model(whole, new_state(whole))
    keeper = KeepSnapshot()
    train_model(first, new_state(first), [keeper])
    resumed = train_model(second, restore_snapshot(second, keeper.snapshot))
    assert resumed.state.history == expected.state.history
    assert states_equal(resumed.model.state_dict(), expected.model.state_dict())


@pytest.mark.parametrize(
    ("sections", "said"),
    [
        (
            {"optimizer": {"name": "adam", "lr": 0.03}},
            r"config\.yaml has changed since: optimizer\.lr was 0\.01, is 0\.03",
        ),
        ({"seed": 1}, "seed was 0, is 1"),
        ({"training": {"epochs": 3, "batch_size": 16, "clip_norm": 1.0}}, r"training\.clip_norm was None, is 1\.0"),
    ],
)
def test_another_configuration_is_not_resumed(make_context, sections, said):
    before = {"optimizer": {"name": "adam", "lr": 0.01}, "training": {"epochs": 1, "batch_size": 16}}
    context, keeper = make_context(**before), KeepSnapshot()
    train_model(context, new_state(context), [keeper])
    with pytest.raises(ArtefactError, match=said):
        restore_snapshot(make_context(**before | sections), keeper.snapshot)
    progress = keeper.snapshot.progress
    for key in ("optimizer.schedule", "training.precision"):  # as in checkpoints of versions without these keys
        del progress["config"][key]
    restore_snapshot(make_context(**before), keeper.snapshot)
    del progress["config"]  # as in checkpoints of earlier versions
    restore_snapshot(make_context(**before | sections), keeper.snapshot)


def test_a_snapshot_does_not_change_as_training_goes_on(make_context):
    context = make_context(training={"epochs": 2, "batch_size": 16})
    state = new_state(context)
    train_model(context, state, interrupted=StopAt(2))
    snapshot = take_snapshot(context, state)
    frozen = {name: tensor.clone() for name, tensor in snapshot.model.items()}
    moments = snapshot.optimizer["state"][0]["exp_avg"].clone()
    train_model(context, state)
    assert states_equal(snapshot.model, frozen)
    assert torch.equal(snapshot.optimizer["state"][0]["exp_avg"], moments)


def test_training_neither_uses_nor_changes_the_global_generator(make_context):
    sections = {"model": {"hidden": [4], "dropout": 0.5}, "training": {"epochs": 2, "batch_size": 16}}
    torch.manual_seed(1)
    first = make_context(**sections)
    train_model(first, new_state(first))
    torch.manual_seed(999)
    second = make_context(**sections)
    train_model(second, new_state(second))
    assert states_equal(first.model.state_dict(), second.model.state_dict())


def test_row_order_is_a_permutation_that_changes_every_epoch(make_context):
    context = make_context(training={"batch_size": 16})
    first, second = row_order(context, 0), row_order(context, 1)
    assert sorted(first.tolist()) == list(range(60))
    assert first.tolist() != second.tolist()
    assert first.tolist() == row_order(context, 0).tolist()


def test_epoch_loss_weighs_a_smaller_last_batch_by_its_rows(make_context):
    context = make_context(training={"batch_size": 25})
    state = new_state(context)
    state.losses[:] = torch.tensor([1.0, 2.0, 5.0])
    state.batch = 3
    assert mean_loss(context, state) == pytest.approx((25 * 1 + 25 * 2 + 10 * 5) / 60)


def test_early_stopping_keeps_the_best_weights(make_context):
    # Absolute error with a large rate bounces around its minimum for ever.
    context = make_context(
        "regression",
        model={"hidden": []},
        loss={"name": "mae"},
        optimizer={"name": "sgd", "lr": 0.3},
        training={"epochs": 500, "batch_size": 4, "early_stopping": {"patience": 5}},
    )
    trained = train_model(context, new_state(context), stop_rules=[EarlyStopping(5)])
    losses = [record.valid_loss for record in trained.state.history]
    assert trained.stopped == "early"
    assert trained.state.best_epoch == losses.index(min(losses)) + 1
    assert trained.state.epoch == trained.state.best_epoch + 5
    assert score(context, context.valid)[0] == pytest.approx(min(losses), rel=1e-6)


WATCHED = {
    "classification": [name for name in names_for("classification") if not name.startswith("top_")],
    "regression": [name for name in names_for("regression") if name != "poisson_deviance"],
    "quantile": ["pinball"],
    "counts": ["poisson_deviance", "rmse"],
}
LOSS_OF = {"classification": "auto", "regression": "mae", "quantile": "quantile", "counts": "poisson"}


@pytest.mark.parametrize(("kind", "metric"), [(kind, name) for kind, names in WATCHED.items() for name in names])
def test_any_metric_chooses_the_best_weights(make_context, kind, metric):
    context = make_context(
        "regression" if kind == "quantile" else kind,
        optimizer={"name": "sgd", "lr": 0.5},
        model={"hidden": []},
        loss={"name": LOSS_OF[kind]},
        training={"epochs": 6, "batch_size": 8, "early_stopping": {"metric": metric}},
    )
    trained = train_model(context, new_state(context))
    scores = [record.valid_metrics.get(metric, math.nan) for record in trained.state.history]
    best = np.nanmax(scores) if higher_is_better(metric) else np.nanmin(scores)
    assert trained.state.best_epoch == scores.index(best) + 1
    assert score(context, context.valid)[1][metric] == pytest.approx(best, rel=1e-6)


def test_the_last_weights_are_kept_where_asked(make_context):
    sections = {"model": {"hidden": []}, "optimizer": {"name": "sgd", "lr": 3.0}, "loss": {"name": "mae"}}
    own = {}
    for keep in ("best", "last"):
        context = make_context("regression", **sections, training={"epochs": 5, "batch_size": 8, "keep": keep})
        trained = train_model(context, new_state(context))
        losses = [record.valid_loss for record in trained.state.history]
        own[keep] = trained.state.best_epoch
        assert score(context, context.valid)[0] == pytest.approx(losses[own[keep] - 1], rel=1e-6)
    assert own["best"] == losses.index(min(losses)) + 1 < 5
    assert own["last"] == 5


def test_an_undefined_metric_is_left_out_and_never_the_best(make_context):
    context = make_context(training={"epochs": 4, "batch_size": 16, "early_stopping": {"metric": "precision"}})
    some_positive = context.scorer
    rows = iter([{}, {"accuracy": 1.0}, {"precision": 0.2}, {}])
    trained = train_model(replace(context, scorer=lambda outputs, y, weights: next(rows)), new_state(context))
    assert [record.valid_metrics for record in trained.state.history] == [{}, {"accuracy": 1.0}, {"precision": 0.2}, {}]
    assert (trained.state.best_epoch, trained.state.best_score) == (3, 0.2)
    assert "precision" in some_positive(torch.ones(2, 1), torch.tensor([[1.0], [0.0]]))
    assert "precision" not in some_positive(-torch.ones(2, 1), torch.tensor([[1.0], [0.0]]))


def test_resume_equals_never_interrupted_with_watched_metrics(make_context):
    sections = {
        "optimizer": {"name": "adam", "schedule": {"name": "plateau", "metric": "mcc", "patience": 1}},
        "training": {"epochs": 8, "batch_size": 16, "early_stopping": {"metric": "roc_auc", "patience": 3}},
    }
    whole, first, second = (make_context(**sections) for _ in range(3))
    expected = train_model(whole, new_state(whole))
    assert len({record.lr for record in expected.state.history}) > 1
    keeper = KeepSnapshot()
    train_model(first, new_state(first), [keeper], interrupted=StopAt(14))
    resumed = train_model(second, restore_snapshot(second, keeper.snapshot))
    assert resumed.state.history == expected.state.history
    assert states_equal(resumed.model.state_dict(), expected.model.state_dict())


def test_divergence_names_its_first_step_and_keeps_the_best(make_context):
    context = make_context(
        "regression", optimizer={"name": "sgd", "lr": 1e12}, training={"epochs": 50, "batch_size": 8}
    )
    trained = train_model(context, new_state(context))
    assert trained.stopped == "diverged"
    assert 1 < trained.diverged_step <= trained.state.step
    position = trained.diverged_step - 1 - trained.state.epoch * context.steps_per_epoch
    assert not math.isfinite(trained.state.losses[position])
    assert torch.isfinite(trained.state.losses[:position]).all()


def test_callbacks_see_every_epoch_and_change_nothing(make_context):
    class Collector(Callback):
        epochs = ()

        def on_epoch_end(self, context, state, record):
            self.epochs = (*self.epochs, record.epoch)

    watched, alone = (make_context(training={"epochs": 4, "batch_size": 16}) for _ in range(2))
    collector = Collector()
    train_model(watched, new_state(watched), [collector])
    train_model(alone, new_state(alone))
    assert collector.epochs == (1, 2, 3, 4)
    assert states_equal(watched.model.state_dict(), alone.model.state_dict())


def test_an_interruption_from_a_callback_ends_the_training_before_the_next_step(make_context, monkeypatch):
    monkeypatch.setattr("mlcli.training.loop.TICK_SECONDS", 0)
    steps = []

    class RecordsSteps(Callback):
        def on_batch_end(self, context, state):
            steps.append(state.step)

    context = make_context(training={"epochs": 3, "batch_size": 16})
    state = new_state(context)
    assert train_model(context, state, [RecordsSteps()], interrupted=lambda: bool(steps)).stopped == "interrupted"
    assert state.step == 1


def test_clip_norm_bounds_the_step(make_context):
    context = make_context(
        optimizer={"name": "sgd", "lr": 1.0}, training={"epochs": 1, "batch_size": "full", "clip_norm": 1e-3}
    )
    before = torch.cat([p.detach().flatten().clone() for p in context.model.parameters()])
    train_model(context, new_state(context))
    after = torch.cat([p.detach().flatten() for p in context.model.parameters()])
    assert (after - before).norm().item() == pytest.approx(1e-3, rel=1e-3)


def test_max_norm_bounds_every_unit(make_context):
    context = make_context(
        model={"hidden": [8], "max_norm": 0.5}, optimizer={"name": "sgd", "lr": 1.0}, training={"epochs": 3}
    )
    train_model(context, new_state(context))
    for weight in (p for p in context.model.parameters() if p.ndim == 2):
        assert weight.norm(dim=1).max().item() <= 0.5 + 1e-5


def test_seeds_of_neighbouring_counters_differ():
    assert len({derive_seed(seed, counter) for seed in range(20) for counter in range(200)}) == 4000


def test_an_epoch_is_its_steps_and_its_end(make_context):
    context = make_context(training={"batch_size": 25})  # 60 rows: three steps
    assert StepTiming(step=2.0, closing=5.0).epoch(context) == 11.0


@pytest.mark.parametrize(
    ("seconds", "readings"), [(0.0, [100.0, 100.4, 150.0, 157.0]), (1.0, [100.0, 100.4, 100.8, 101.2, 150.0, 157.0])]
)
def test_steps_and_ends_are_timed_apart_and_the_first_not_at_all(make_context, seconds, readings):
    clock = iter(readings)
    found = measure_step_time(make_context(), seconds, clock.__next__)
    assert (found.step, found.closing) == (pytest.approx(0.4), pytest.approx(7.0))
    assert next(clock, None) is None


def test_more_validation_rows_than_are_scored_are_reckoned_in(make_context, monkeypatch):
    monkeypatch.setattr(loop, "SCORED", 5)
    sizes = []
    context = replace(make_context(), scorer=lambda outputs, y, weights: sizes.append(len(y)) or {})
    clock = iter([0.0, 1.0, 2.0, 5.0])
    assert measure_step_time(context, 0.0, clock.__next__).closing == 3.0 * 20 / 5
    assert sizes == [5, 5]


@pytest.mark.parametrize("valid", [True, False])
@pytest.mark.parametrize("optimizer", ["adam", "lbfgs"])
def test_real_steps_are_taken(make_context, valid, optimizer):
    context = make_context(valid=valid, optimizer={"name": optimizer}, training={"batch_size": "full"})
    before = context.model.output.weight.clone()
    assert measure_step_time(context, 0.0).step > 0
    assert not before.equal(context.model.output.weight)


@pytest.mark.parametrize("n_rows", [1, SCORING_BATCH, SCORING_BATCH + 1, 2 * SCORING_BATCH + 7])
def test_outputs_of_many_rows_are_those_of_the_network(make_context, n_rows):
    context = make_context(model={"hidden": [8], "dropout": 0.5})
    x = torch.randn(n_rows, 4, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        expected = context.model.eval()(x)
    torch.testing.assert_close(outputs_of(context, x), expected)
