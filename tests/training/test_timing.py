"""The pace of a training is that of its own steps."""

import pytest

from mlcli.training import timing as pace
from mlcli.training.timing import StepTiming, measure_step_time
from tests.training.contexts import make_context


def test_an_epoch_is_its_steps_and_its_end():
    context = make_context(training={"batch_size": 25})  # 60 rows: three steps
    assert StepTiming(step=2.0, closing=5.0).epoch(context) == 11.0


@pytest.mark.parametrize(("seconds", "steps"), [(0.0, 1), (1.0, 3)])
def test_steps_and_ends_are_timed_apart_and_the_first_not_at_all(monkeypatch, seconds, steps):
    now, calls = [0.0], []

    def takes(name, first, later):
        def act(*arguments):
            now[0] += later if name in calls else first
            calls.append(name)

        return act

    monkeypatch.setattr(pace, "optimizer_step", takes("step", 100.0, 0.4))
    monkeypatch.setattr(pace, "close_epoch", takes("end", 50.0, 7.0))
    monkeypatch.setattr(pace.time, "perf_counter", lambda: now[0])
    found = measure_step_time(make_context(), seconds)
    assert (found.step, found.closing) == (pytest.approx(0.4), pytest.approx(7.0))
    assert calls.count("step") == 1 + steps


def test_more_validation_rows_than_are_scored_are_reckoned_in(monkeypatch):
    monkeypatch.setattr(pace, "SCORED", 5)
    sizes = []
    monkeypatch.setattr(pace, "close_epoch", lambda context, state, callbacks: sizes.append(len(context.valid)))
    monkeypatch.setattr(pace, "_mean_time", lambda context, action, seconds: (action(), 3.0)[1])
    assert measure_step_time(make_context(), 0.0).closing == 3.0 * 20 / 5
    assert sizes == [5]


@pytest.mark.parametrize("valid", [True, False])
@pytest.mark.parametrize("optimizer", ["adam", "lbfgs"])
def test_real_steps_are_taken(valid, optimizer):
    context = make_context(valid=valid, optimizer={"name": optimizer}, training={"batch_size": "full"})
    before = context.model.output.weight.clone()
    assert measure_step_time(context, 0.0).step > 0
    assert not before.equal(context.model.output.weight)
