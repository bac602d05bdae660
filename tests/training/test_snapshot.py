"""A snapshot's numbers are checked before a run goes on from them."""

from dataclasses import replace

import pytest

from mlcli.errors import ArtefactError
from mlcli.training.loop import new_state, train_model
from mlcli.training.snapshot import SCALARS, restore_snapshot, take_snapshot


@pytest.mark.parametrize("value", [[1], "1", True], ids=repr)
@pytest.mark.parametrize("name", SCALARS)
def test_what_is_no_number_is_refused(make_context, name, value):
    context = make_context(training={"epochs": 2, "batch_size": 16})
    state = new_state(context)
    train_model(context, state)
    snapshot = take_snapshot(context, state)
    forged = replace(snapshot, progress={**snapshot.progress, name: value})
    with pytest.raises(ArtefactError, match=f"{name} is .*, not a number"):
        restore_snapshot(make_context(training={"epochs": 2, "batch_size": 16}), forged)
    assert restore_snapshot(make_context(training={"epochs": 2, "batch_size": 16}), snapshot).epoch == 2
