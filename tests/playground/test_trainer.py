"""The training that is played: the loop's own, followed through changes."""

import numpy as np
import pytest
import torch

from mlcli.errors import DataError
from mlcli.playground.controls import apply_key
from mlcli.playground.state import PlayRequest, describe_played, start_play
from mlcli.playground.trainer import Trainer
from mlcli.reporter import Silent


def started(*sets, what="circle"):
    state = start_play(PlayRequest(what, sets=sets), Silent())
    return state, Trainer(state.config, state.columns)


def losses(trainer):
    return [record.train_loss for record in trainer.state.history]


def test_an_epoch_that_is_interrupted_at_every_step_is_the_same_epoch():
    _, whole = started("model.dropout=0.2")
    _, parts = started("model.dropout=0.2")
    for _ in range(3):
        assert whole.advance()
        calls = 0
        while not parts.advance(lambda: True):
            calls += 1
        assert calls == parts.context.steps_per_epoch
    assert losses(whole) == losses(parts)


def test_a_learning_rate_is_taken_up_on_the_way():
    state, trainer = started()
    trainer.advance()
    weights = trainer.context.model.output.weight.clone()
    trainer.follow(apply_key(state, "l").config)
    assert (trainer.epoch, trainer.context.lr, trainer.rates) == (1, 0.1, [(0, 0.03), (1, 0.1)])
    assert torch.equal(trainer.context.model.output.weight, weights)
    trainer.advance()
    assert trainer.record.lr == 0.1
    written = describe_played(trainer.config, trainer.epoch, trainer.rates)
    assert "# Played with mlcli play for 2 epochs, with a learning rate of 0.03, and 0.1 after epoch 1." in written


@pytest.mark.parametrize("key", ["a", "+", "n", "e", "b", "t", "r", "g", "d", "3", "o"])
def test_all_else_begins_anew(key):
    state, trainer = started()
    trainer.advance()
    trainer.follow(apply_key(state, key).config)
    assert (trainer.epoch, trainer.beginnings) == (0, 2)


def test_new_weights_keep_the_rows_and_new_data_the_weights():
    state, trainer = started()
    weights, places = trainer.context.model.output.weight.clone(), trainer.training.across
    trainer.follow(apply_key(state, "r").config)
    assert not torch.equal(trainer.context.model.output.weight, weights)
    assert np.array_equal(trainer.training.across, places)
    trainer.follow(apply_key(state, "g").config)
    assert torch.equal(trainer.context.model.output.weight, weights)
    assert not np.array_equal(trainer.training.across, places)


def test_what_the_data_does_not_allow_changes_nothing():
    state, trainer = started()
    trainer.advance()
    refused = state.edit({"features.drop": ["x1", "x2"]})
    with pytest.raises(DataError, match=r"features\.drop"):
        trainer.follow(refused.config)
    assert (trainer.config, trainer.epoch) == (state.config, 1)
    assert trainer.advance()


def test_divergence_is_noticed():
    state, trainer = started("optimizer.lr=1e30", "model.activation=relu")
    for _ in range(3):
        trainer.advance()
    assert trainer.diverged
    assert set(trainer.plane(4, 4).kinds.tolist()) == {-1}
    trainer.follow(apply_key(state, "L").config)
    assert (trainer.diverged, trainer.epoch, trainer.beginnings) == (False, 0, 2)


def test_the_plane_answers_at_its_places():
    """A linear network with known weights: the side of x1 + x2 = 0, from the top left."""
    _, trainer = started("model.hidden=[]", "features.scale=none", what="gauss")
    with torch.no_grad():
        trainer.context.model.output.weight.copy_(torch.tensor([[1.0, 1.0]]))
        trainer.context.model.output.bias.zero_()
    heatmap = trainer.plane(4, 2)  # x at -4.5, -1.5, 1.5, 4.5; y at 3, -3
    assert heatmap.kinds.tolist() == [0, 1, 1, 1, 0, 0, 0, 1]
    sums = np.array([-1.5, 1.5, 4.5, 7.5, -7.5, -4.5, -1.5, 1.5])
    assert np.allclose(heatmap.strengths, np.abs(np.tanh(sums / 2)), atol=1e-6)  # |2p − 1| of a sigmoid


def test_units_are_shown_by_sign_and_size():
    _, trainer = started("model.hidden=[1]", "model.activation=identity", "features.scale=none", what="gauss")
    with torch.no_grad():
        trainer.context.model.hidden[0].weight.copy_(torch.tensor([[2.0, 0.0]]))
        trainer.context.model.hidden[0].bias.zero_()
    inputs, units = trainer.neurons(4, 1)
    assert len(inputs) == 2
    assert units[0].kinds.tolist() == [0, 0, 1, 1]
    assert np.allclose(units[0].strengths, [1, 1 / 3, 1 / 3, 1])
