"""TabM and embeddings of numbers, against the packages `tabm` and `rtdl_num_embeddings` of their authors."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from mlcli.config.sections.model import MlpConfig, TabmConfig
from mlcli.features.blocks import BLOCK
from mlcli.features.state import FeatureLayout
from mlcli.models.embeddings import Piecewise, embed_numbers
from mlcli.models.inference import combine_outputs
from mlcli.models.networks import ROWS_OF_BINS, build_model, count_parameters
from tests.models.builders import build_network, layout_of, task_of
from tests.models.test_inference import assert_rows_stand_alone

PIECEWISE = {"name": "piecewise", "bins": 6, "width": 5}
PERIODIC = {"name": "periodic", "frequencies": 7, "sigma": 0.5, "width": 5}
EMBEDDINGS = [{"name": "none"}, PIECEWISE, PERIODIC]


def tabm(embedding=None, members=4, **config):
    return TabmConfig.model_validate(
        {"name": "tabm", "members": members, "hidden": [9, 8], "embedding": embedding or {"name": "none"}, **config}
    )


def rows(n, d, seed=0):
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed))


def shaken(model, x):
    """Fitted, with no number that is 0 or 1."""
    model.fit(x)
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.rand(parameter.shape, generator=generator))
    return model.eval()


def reference(ours, embedding):
    """The authors' network with the weights of ours, in float64."""
    package = pytest.importorskip("tabm", reason="the package tabm is not installed (pip install .[test])")
    embeddings = pytest.importorskip("rtdl_num_embeddings")
    numbers = None
    if embedding is PIECEWISE:
        edges = [
            torch.cat([low[slope > 0][:-1], last]) if len(low) else low for low, slope, last in edges_of(ours.numbers)
        ]
        numbers = embeddings.PiecewiseLinearEmbeddings(edges, 5, activation=False, version="B")
        numbers.linear0.weight.data = ours.numbers.weight[:, -1].detach().clone()
        numbers.linear0.bias.data = ours.numbers.bias.detach().clone()
        numbers.linear.weight.data = ours.numbers.weight[:, :-1].detach().clone()
    elif embedding is PERIODIC:
        numbers = embeddings.PeriodicEmbeddings(3, 5, n_frequencies=7, frequency_init_scale=0.5, lite=True)
        numbers.periodic.weight.data = ours.numbers.weight.detach().clone()
        numbers.linear.load_state_dict(ours.numbers.linear.state_dict())
    theirs = package.TabM.make(
        n_num_features=3,
        d_out=2,
        num_embeddings=numbers,
        n_blocks=2,
        d_block=8,
        dropout=0.0,
        k=4,
        arch_type="tabm-mini",
    )
    theirs.backbone.affine.weight.data = ours.scale.detach().clone()
    for block, own in zip(theirs.backbone.blocks, (ours.hidden[0], ours.hidden[2]), strict=True):
        block[0].load_state_dict(own.state_dict())
    theirs.output.weight.data = ours.output.weight.detach().view(4, 2, 8).transpose(1, 2).clone()
    theirs.output.bias.data = ours.output.bias.detach().view(4, 2).clone()
    return theirs.double()


def edges_of(numbers):
    """Lower edges, slopes and the highest edge of each column's pieces."""
    for low, slope in zip(numbers.low[:, :-1].double(), numbers.slope[:, :-1].double(), strict=True):
        yield torch.cat([low, low[-1:]]), torch.cat([slope, slope[-1:]]), low[-1:] + 1 / slope[-1:]


@pytest.mark.parametrize("embedding", EMBEDDINGS, ids=lambda e: e["name"])
def test_outputs_and_gradients_are_those_of_the_authors(embedding):
    x, y = 1.5 * rows(40, 3), rows(40, 2, 1)
    ours = shaken(build_network(tabm(embedding, hidden=[8, 8], dropout=0.0), 3, (), 2, 0), rows(200, 3, 2)).double()
    theirs = reference(ours, embedding)
    x, y = x.double(), y.double()
    expected = theirs(x)  # (n, members, outputs)
    torch.testing.assert_close(ours.member_outputs(x).view(40, 4, 2), expected, rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(ours(x), expected.mean(dim=1), rtol=1e-6, atol=1e-6)
    functional.mse_loss(ours.member_outputs(x), y.repeat_interleave(4, 0)).backward()
    functional.mse_loss(expected.flatten(0, 1), y.repeat_interleave(4, 0)).backward()
    pairs = [
        (ours.scale.grad, theirs.backbone.affine.weight.grad),
        (ours.hidden[0].weight.grad, theirs.backbone.blocks[0][0].weight.grad),
        (ours.hidden[2].bias.grad, theirs.backbone.blocks[1][0].bias.grad),
        (ours.output.weight.grad.view(4, 2, 8).transpose(1, 2), theirs.output.weight.grad),
    ]
    if embedding is PIECEWISE:
        pairs.append((ours.numbers.weight.grad[:, :-1], theirs.num_module.linear.weight.grad))
        pairs.append((ours.numbers.weight.grad[:, -1], theirs.num_module.linear0.weight.grad))
    for mine, his in pairs:
        torch.testing.assert_close(mine, his, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(("output", "n_outputs"), [("identity", 2), ("step", 1), ("sigmoid", 1), ("softmax", 3)])
def test_predictions_are_the_mean_of_the_members(output, n_outputs):
    model = build_network(tabm(), 3, (), n_outputs, 0, output).eval()
    x = rows(20, 3)
    members = model.member_outputs(x).view(20, 4, n_outputs).transpose(0, 1)
    np.testing.assert_array_equal(model(x), combine_outputs(members.detach().numpy(), output))
    task = task_of(n_outputs, output)
    if task.kind == "classification" and task.has_probabilities:
        each = np.stack([task.decode(own).probabilities for own in members.detach()])
        np.testing.assert_allclose(task.decode(model(x).detach()).probabilities, each.mean(axis=0), rtol=1e-5)


def test_scales_start_as_signs_or_one_normal_number_for_each_column():
    layout = FeatureLayout(("age", "sex=F", "sex=M", "pay"), (5,), ("town",), numbers=(0, 3))
    plain = build_model(tabm(members=64), layout, task_of(1), 0).scale
    assert set(plain.unique().tolist()) == {-1.0, 1.0}
    assert abs(plain[:, 0].mean()) < 0.4
    assert torch.equal(plain[:, 1], plain[:, 2])  # of one column
    model = build_model(tabm(PIECEWISE, members=64), layout, task_of(1), 0)
    assert model.n_inputs == 5 + 5 + 2 + 4
    starts = (0, 5, 10, 12)  # age, pay, sex, town
    columns = [model.scale[:, a:b] for a, b in zip(starts, (5, 10, 12, 16), strict=True)]
    assert all(torch.equal(column, column[:, :1].expand_as(column)) for column in columns)
    firsts = model.scale[:, list(starts)]
    assert firsts.std().item() == pytest.approx(1, abs=0.15)
    assert len(firsts.unique()) == firsts.numel()


@pytest.mark.parametrize("embedding", EMBEDDINGS, ids=lambda e: e["name"])
@pytest.mark.parametrize("config", [tabm, lambda embedding: MlpConfig(hidden=(9, 8), embedding=embedding)])
def test_parameters_are_counted(config, embedding):
    own = config(embedding)
    model = build_network(own, 3, (7,), 2, 0)
    inputs = {"none": 3, "piecewise": 15, "periodic": 15}[embedding["name"]] + 5
    tables = 35 + {"none": 0, "piecewise": 3 * 8 * 5, "periodic": 21 + 14 * 5 + 5}[embedding["name"]]
    members = 4 if own.name == "tabm" else 1
    scales = 4 * inputs if own.name == "tabm" else 0
    expected = tables + scales + (inputs + 1) * 9 + 10 * 8 + members * 9 * 2
    assert sum(p.numel() for p in model.parameters()) == expected
    assert count_parameters(own, layout_of(3, (7,)), task_of(2)) == expected


@pytest.mark.parametrize("embedding", EMBEDDINGS, ids=lambda e: e["name"])
@pytest.mark.parametrize(("output", "n_outputs"), [("identity", 1), ("softmax", 5)])
@pytest.mark.parametrize("norm", ["none", "layer"])
def test_rows_stand_alone(embedding, output, n_outputs, norm):
    """A row's prediction is the same to the bit, whatever the other rows are."""
    x = torch.cat([rows(700, 6), torch.randint(0, 5, (700, 1))], dim=1)
    config = tabm(embedding, hidden=[37, 11], norm=norm, members=5)
    model = shaken(build_network(config, 6, (5,), n_outputs, 0, output), x)
    assert_rows_stand_alone(model, x)
    with torch.inference_mode():
        own = model.fitted().outputs(x.numpy())
        np.testing.assert_allclose(own, model.double()(x.double()), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("embedding", EMBEDDINGS, ids=lambda e: e["name"])
def test_rows_of_an_mlp_with_embedded_numbers_stand_alone(embedding):
    model = build_network(MlpConfig(hidden=(21,), embedding=embedding), 11, (), 2, 0)
    assert_rows_stand_alone(shaken(model, rows(300, 11)), rows(700, 11))


def test_pieces_are_between_quantiles_and_their_ends_go_on():
    numbers = embed_numbers(tabm({"name": "piecewise", "bins": 4, "width": 1}).embedding, 1)
    numbers.initialise()
    numbers.fit(torch.arange(101.0)[torch.randperm(101)].unsqueeze(1))
    with torch.no_grad():
        numbers.weight.copy_(torch.tensor([1.0, 10.0, 100.0, 1000.0, 0.0]).view(1, 5, 1))
        numbers.bias.fill_(0.5)
    edges = [0.0, 25.0, 50.0, 75.0, 100.0]
    values = [0.0, 1.0, 11.0, 111.0, 1111.0]
    x = torch.tensor([0.0, 10.0, 25.0, 30.0, 62.5, 99.0, 100.0])
    expected = np.interp(x, edges, values) + 0.5
    np.testing.assert_allclose(numbers(x.unsqueeze(1)).squeeze(1).detach(), expected, rtol=1e-6)
    outside = numbers(torch.tensor([[-50.0], [150.0]])).squeeze(1).tolist()
    assert outside == pytest.approx([0.5 - 2.0, 0.5 + 1111.0 + 2000.0])  # the lines of the first and the last piece


@pytest.mark.parametrize("column", [[1.0] * 40, [0.0, 1.0] * 20], ids=["constant", "two values"])
def test_a_column_without_three_values_has_its_line_alone(column):
    numbers = embed_numbers(tabm(PIECEWISE).embedding, 1)
    numbers.initialise()
    x = torch.tensor(column).unsqueeze(1)
    numbers.fit(x)
    torch.nn.init.ones_(numbers.weight)
    assert torch.equal(numbers(x).detach(), x.expand(-1, 5) + numbers.bias.detach())


def test_a_column_of_few_values_has_fewer_pieces():
    numbers = embed_numbers(tabm(PIECEWISE).embedding, 1)
    numbers.fit(torch.tensor([0.0, 1.0, 2.0, 4.0] * 10).unsqueeze(1))
    assert numbers.low[0].tolist() == [0.0, 1.0, 0.0, 0.0, 0.0, 2.0, 0.0]
    assert numbers.slope[0].tolist() == [1.0, 1.0, 0.0, 0.0, 0.0, 0.5, 1.0]


def test_bins_are_fitted_on_a_bounded_sample():
    network = build_network(tabm(PIECEWISE), 1, (), 1, 0)
    network.fit(torch.linspace(0, 1, 3 * ROWS_OF_BINS).unsqueeze(1))
    np.testing.assert_allclose(network.numbers.low[0, :-1], np.arange(6) / 6, atol=1e-4)


def test_wide_rows_are_taken_in_small_portions():
    narrow, wide = (build_network(tabm(PERIODIC), d, (), 1, 0) for d in (10, 3000))
    assert narrow.row_size == 4 * (10 * 5 + 17) + 5 * 10 * 7
    assert narrow.fitted().rows_at_once > 8 * wide.fitted().rows_at_once >= 8 * BLOCK
    assert build_network(MlpConfig(), 10, (), 1, 0).row_size == 0


def test_at_the_start_pieces_have_no_weight():
    numbers = embed_numbers(tabm(PIECEWISE).embedding, 2)
    assert isinstance(numbers, Piecewise)
    numbers.initialise()
    numbers.fit(rows(100, 2))
    x = rows(9, 2)
    expected = x.unsqueeze(2) * numbers.weight[:, -1] + numbers.bias
    torch.testing.assert_close(numbers(x), expected.flatten(1))


def test_frequencies_are_cut_off_at_three_deviations():
    numbers = embed_numbers(tabm({**PERIODIC, "frequencies": 500}).embedding, 4)
    numbers.initialise()
    assert numbers.weight.std().item() == pytest.approx(0.5, rel=0.06)
    assert numbers.weight.abs().max() <= 1.5
