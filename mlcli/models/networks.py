"""Networks: the multilayer perceptron, linear without hidden layers; and TabM."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import torch
from torch import Tensor, nn

from mlcli.config.sections.model import Activation, ModelConfig, TabmConfig
from mlcli.features.state import FeatureLayout
from mlcli.io.row_file import RowFile
from mlcli.models.embeddings import NumberEmbedding, embed_categories, embed_numbers
from mlcli.models.inference import FittedNetwork, combine_outputs
from mlcli.models.initialisation import HE_FAMILY, initialiser
from mlcli.models.task import FittedTask, Output, output_of
from mlcli.models.weights import embedding_width

# Training rows, evenly spaced, that the bins of numbers are quantiles of.
ROWS_OF_BINS = 100_000


class StepFunction(nn.Module):
    """1 where the input is positive, else 0 (McCulloch and Pitts, 1943).

    Its derivative is zero everywhere, so the backward pass uses the sigmoid's instead (the straight-through
    estimator of Bengio et al., 2013).
    """

    def forward(self, x: Tensor) -> Tensor:
        soft = torch.sigmoid(x)
        return soft + ((x > 0).to(x.dtype) - soft).detach()


ACTIVATIONS: dict[Activation, Callable[[], nn.Module]] = {
    "identity": nn.Identity,
    "step": StepFunction,
    "sigmoid": nn.Sigmoid,
    "tanh": nn.Tanh,
    "relu": nn.ReLU,
    "leaky_relu": nn.LeakyReLU,  # of slope 0.01
    "elu": nn.ELU,
    "selu": nn.SELU,
    "celu": nn.CELU,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "mish": nn.Mish,
    "softplus": nn.Softplus,
    "softsign": nn.Softsign,
    "hard_tanh": nn.Hardtanh,
    "hard_sigmoid": nn.Hardsigmoid,
    "hard_swish": nn.Hardswish,
    "relu6": nn.ReLU6,
}


class Network(nn.Module):
    """Embedded inputs and hidden layers, Linear → norm → activation → dropout each: what all networks have.

    Input  : float32 (n, layout.width); the last columns hold category codes
    Output : float32 (n, n_outputs), before any sigmoid or softmax (logits for classes)

    Weights are set by `initialise`.
    n_members : networks of which it consists
    unit      : of the outputs, by which members are combined
    n_inputs  : of the first layer
    """

    n_members = 1
    unit: Output = "identity"
    output: nn.Linear | Heads
    _numbers: Tensor
    _others: Tensor

    def __init__(self, config: ModelConfig, layout: FeatureLayout) -> None:
        super().__init__()
        self.config, self.layout = config, layout
        self.n_numeric = layout.n_numeric
        self.numbers = embed_numbers(config.embedding, len(layout.numbers))
        self.embeddings = embed_categories(layout.cardinalities)
        self.chunks = _chunks(self.numbers, layout)
        self.n_inputs = sum(self.chunks)
        if self.numbers is not None:
            others = sorted({*range(layout.n_numeric)}.difference(layout.numbers))
            for name, at in (("_numbers", layout.numbers), ("_others", others)):
                with torch.device("cpu"):
                    self.register_buffer(name, torch.tensor(at, dtype=torch.int64), persistent=False)
        blocks = (_hidden_layer(config, n_in, n) for n_in, n in itertools.pairwise([self.n_inputs, *config.hidden]))
        self.hidden = nn.Sequential(*(layer for block in blocks for layer in block))

    @property
    def is_embedded(self) -> bool:
        """Whether inputs pass through learned vectors before the first layer."""
        return self.numbers is not None or len(self.embeddings) > 0

    @property
    def row_size(self) -> int:
        """Numbers that a row takes in the memory of a step; 0 for a plain MLP, where they are few."""
        if self.numbers is None and self.n_members == 1:
            return 0
        units = sum(layer.out_features for layer in self.hidden if isinstance(layer, nn.Linear))
        terms = 0 if self.numbers is None else self.numbers.n_terms
        return self.n_members * (self.n_inputs + units) + terms

    def fitted(self) -> FittedNetwork:
        """The network with its present weights, in their memory where they are on the CPU, for inference."""
        weights = {name: tensor.detach().cpu().numpy() for name, tensor in self.state_dict().items()}
        return FittedNetwork(self.config, self.layout, self.unit, weights)

    def load(self, network: FittedNetwork) -> None:
        """Take the weights of a network of the same configuration."""
        self.load_state_dict({name: torch.from_numpy(array) for name, array in network.weights.items()})

    def fit(self, x: Tensor | RowFile) -> None:
        """Fit what depends on the training rows x (n, layout.width): the bins of numbers, on at most ROWS_OF_BINS."""
        if self.numbers is not None:
            self.numbers.fit(self.split(x[:: -(-len(x) // ROWS_OF_BINS)])[0])

    def embed(self, x: Tensor) -> Tensor:
        """Rows as the first layer's inputs (n, n_inputs): embedded numbers, other numbers, embedded categories."""
        if not self.is_embedded:
            return x
        numbers, others, codes = self.split(x)
        parts = [others, *(table(codes[:, i]) for i, table in enumerate(self.embeddings))]
        if self.numbers is not None:
            with torch.autocast(x.device.type, enabled=False):  # bfloat16 cannot tell numbers apart
                parts.insert(0, self.numbers(numbers))
        return torch.cat(parts, dim=1)

    def split(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The columns of rows: numbers to embed, other numbers, and codes of categories, int64."""
        codes = x[:, self.n_numeric :].long()
        if self.numbers is None:
            return x[:, :0], x[:, : self.n_numeric], codes
        return x.index_select(1, self._numbers), x.index_select(1, self._others), codes

    def member_inputs(self, x: Tensor) -> Tensor:
        """The first layer's inputs of each member, (n · n_members, n_inputs); a row's members are neighbours."""
        return self.embed(x)

    def member_outputs(self, x: Tensor) -> Tensor:
        """Outputs of each member, (n · n_members, n_outputs)."""
        return self.output(self.hidden(self.member_inputs(x)))  # type: ignore[no-any-return]


class Mlp(Network):
    """The multilayer perceptron: a Linear output layer after the hidden ones."""

    output: nn.Linear

    def __init__(self, config: ModelConfig, layout: FeatureLayout, n_outputs: int) -> None:
        super().__init__(config, layout)
        self.output = nn.Linear([self.n_inputs, *config.hidden][-1], n_outputs)

    def forward(self, x: Tensor) -> Tensor:
        return self.member_outputs(x)


class Tabm(Network):
    """TabM-mini (Gorishniy et al., 2025): members with the same hidden layers.

    scale : (n_members, n_inputs), by which each member multiplies its inputs
    """

    output: Heads

    def __init__(self, config: TabmConfig, layout: FeatureLayout, n_outputs: int, unit: Output) -> None:
        super().__init__(config, layout)
        self.n_members = config.members
        self.unit = unit
        self.scale = nn.Parameter(torch.empty(config.members, self.n_inputs))
        self.output = Heads(config.members, [self.n_inputs, *config.hidden][-1], n_outputs)

    def forward(self, x: Tensor) -> Tensor:
        """For inference: training takes the outputs of each member."""
        members = self.member_outputs(x).detach().to(self.scale.dtype).view(len(x), self.n_members, -1)
        return torch.from_numpy(combine_outputs(members.transpose(0, 1).cpu().numpy(), self.unit)).to(x.device)

    def member_inputs(self, x: Tensor) -> Tensor:
        """Scaled by each member."""
        return (self.embed(x).unsqueeze(1) * self.scale).flatten(0, 1)


class Heads(nn.Module):
    """An output layer for each member.

    weight : (n_members · n_outputs, n_in), as of one Linear layer; bias: (n_members · n_outputs,)
    """

    def __init__(self, n_members: int, n_in: int, n_outputs: int) -> None:
        super().__init__()
        self.n_members = n_members
        self.weight = nn.Parameter(torch.empty(n_members * n_outputs, n_in))
        self.bias = nn.Parameter(torch.empty(n_members * n_outputs))

    def forward(self, x: Tensor) -> Tensor:
        """(n · n_members, n_in) → (n · n_members, n_outputs)."""
        members = x.view(-1, self.n_members, x.shape[1]).transpose(0, 1)
        weight, bias = (own.view(self.n_members, -1, n) for own, n in ((self.weight, x.shape[1]), (self.bias, 1)))
        outputs = torch.baddbmm(bias.transpose(1, 2), members, weight.transpose(1, 2))
        return outputs.transpose(0, 1).flatten(0, 1)


def make_network(config: ModelConfig, layout: FeatureLayout, task: FittedTask) -> Mlp | Tabm:
    """The configured network, without initial weights."""
    if isinstance(config, TabmConfig):
        return Tabm(config, layout, task.n_outputs, output_of(task))
    return Mlp(config, layout, task.n_outputs)


def build_model(config: ModelConfig, layout: FeatureLayout, task: FittedTask, seed: int) -> Mlp | Tabm:
    """The network with initial weights that depend on the seed alone; the global generator is left unchanged."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = make_network(config, layout, task)
        initialise(model, config)
        return model


def count_parameters(config: ModelConfig, layout: FeatureLayout, task: FittedTask) -> int:
    """Trainable parameters of the network, without memory for them."""
    with torch.device("meta"):
        return sum(parameter.numel() for parameter in make_network(config, layout, task).parameters())


def _chunks(numbers: NumberEmbedding | None, layout: FeatureLayout) -> list[int]:
    """Sizes of the runs of first-layer inputs that belong to one column."""
    embedded = set(layout.numbers if numbers is not None else ())
    others = (name for i, name in enumerate(layout.names) if i not in embedded)
    runs = [len(list(same)) for _, same in itertools.groupby(others, lambda name: name.partition("=")[0])]
    width = numbers.width if numbers is not None else 0
    return [*[width] * len(embedded), *runs, *map(embedding_width, layout.cardinalities)]


def _hidden_layer(config: ModelConfig, n_in: int, n_out: int) -> list[nn.Module]:
    layers: list[nn.Module] = [nn.Linear(n_in, n_out)]
    if config.norm == "batch":
        layers.append(nn.BatchNorm1d(n_out))
    elif config.norm == "layer":
        layers.append(nn.LayerNorm(n_out))
    layers.append(ACTIVATIONS[config.activation]())
    if config.dropout > 0:
        layers.append(nn.Dropout(config.dropout))
    return layers


def initialise(model: Mlp | Tabm, config: ModelConfig) -> None:
    """Set hidden weights as config.init says, the output layer's by Glorot (unless named), biases to 0.

    Categories' vectors are drawn from the standard normal distribution. A member's scale of a column is ± 1, or normal
    where numbers are embedded.
    """
    for table in model.embeddings.modules():
        if isinstance(table, nn.Embedding):
            nn.init.normal_(table.weight)
    if model.numbers is not None:
        model.numbers.initialise()
    if isinstance(model, Tabm):
        _draw_scales(model)
    init = config.init
    if init == "auto":
        init = "he_normal" if config.activation in HE_FAMILY else "glorot_uniform"
        init = "lecun_normal" if config.activation == "selu" else init
    hidden = initialiser(init, config.activation)
    output = initialiser("glorot_uniform" if config.init == "auto" else config.init, "identity")
    for module in model.hidden:
        if isinstance(module, nn.Linear):
            hidden(module.weight)
            nn.init.zeros_(module.bias)
    for head in model.output.weight.chunk(model.n_members):
        output(head)
    nn.init.zeros_(model.output.bias)


@torch.no_grad()
def _draw_scales(model: Tabm) -> None:
    """One number for each member and column."""
    drawn = torch.randn(model.n_members, len(model.chunks))
    if model.numbers is None:
        drawn = drawn.sign()
    model.scale.copy_(drawn.repeat_interleave(torch.tensor(model.chunks), dim=1))
