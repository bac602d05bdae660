"""The pace of a training is that of its own steps."""

from dataclasses import replace

import pytest

from mlcli.training import loop
from mlcli.training.loop import StepTiming, measure_step_time
from tests.training.contexts import make_context


def test_an_epoch_is_its_steps_and_its_end():
    context = make_context(training={"batch_size": 25})  # 60 rows: three steps
    assert StepTiming(step=2.0, closing=5.0).epoch(context) == 11.0


@pytest.mark.parametrize(
    ("seconds", "readings"), [(0.0, [100.0, 100.4, 150.0, 157.0]), (1.0, [100.0, 100.4, 100.8, 101.2, 150.0, 157.0])]
)
def test_steps_and_ends_are_timed_apart_and_the_first_not_at_all(seconds, readings):
    clock = iter(readings)
    found = measure_step_time(make_context(), seconds, clock.__next__)
    assert (found.step, found.closing) == (pytest.approx(0.4), pytest.approx(7.0))
    assert next(clock, None) is None


def test_more_validation_rows_than_are_scored_are_reckoned_in(monkeypatch):
    monkeypatch.setattr(loop, "SCORED", 5)
    sizes = []
    context = replace(make_context(), scorer=lambda outputs, y: sizes.append(len(y)) or {})
    clock = iter([0.0, 1.0, 2.0, 5.0])
    assert measure_step_time(context, 0.0, clock.__next__).closing == 3.0 * 20 / 5
    assert sizes == [5, 5]


@pytest.mark.parametrize("valid", [True, False])
@pytest.mark.parametrize("optimizer", ["adam", "lbfgs"])
def test_real_steps_are_taken(valid, optimizer):
    context = make_context(valid=valid, optimizer={"name": optimizer}, training={"batch_size": "full"})
    before = context.model.output.weight.clone()
    assert measure_step_time(context, 0.0).step > 0
    assert not before.equal(context.model.output.weight)
