"""An ensemble answers with the mean of its members' answers: probabilities, or numbers."""

import numpy as np
import pytest
import torch

from mlcli.models.networks import Ensemble, combine_outputs


def logits(*shape):
    return torch.from_numpy(np.random.default_rng(0).normal(0, 3, shape)).float()


def test_probabilities_of_classes_are_averaged():
    outputs = logits(4, 50, 3)
    each = np.exp(outputs.numpy().astype(float))
    mean = (each / each.sum(axis=2, keepdims=True)).mean(axis=0)
    np.testing.assert_allclose(combine_outputs(outputs, "softmax").double().softmax(1).numpy(), mean, rtol=1e-5)


def test_probabilities_of_two_classes_are_averaged():
    outputs = logits(4, 50, 1)
    mean = (1 / (1 + np.exp(-outputs.numpy().astype(float)))).mean(axis=0)
    np.testing.assert_allclose(combine_outputs(outputs, "sigmoid").double().sigmoid().numpy(), mean, rtol=1e-5)


@pytest.mark.parametrize("output", ["identity", "step"])
def test_numbers_and_scores_are_averaged(output):
    outputs = logits(4, 50, 2)
    mean = outputs.numpy().mean(axis=0)
    np.testing.assert_allclose(combine_outputs(outputs, output).numpy(), mean, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("output", ["sigmoid", "softmax"])
def test_members_that_are_sure_leave_no_infinity(output):
    sure = torch.tensor([[[200.0, -200.0]], [[200.0, -200.0]]])
    assert combine_outputs(sure, output).isfinite().all()


@pytest.mark.parametrize("output", ["identity", "sigmoid", "softmax", "step"])
def test_one_member_answers_for_itself(output):
    torch.manual_seed(0)
    member, x = torch.nn.Linear(3, 2), torch.randn(20, 3)
    alone = torch.log_softmax(member(x), 1) if output == "softmax" else member(x)
    torch.testing.assert_close(Ensemble([member], output)(x), alone, rtol=1e-5, atol=1e-5)
