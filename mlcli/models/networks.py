"""The multilayer perceptron, linear without hidden layers, and ensembles of networks."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from mlcli.config.sections.model import Activation, Init, MlpConfig
from mlcli.models.task import Output

HE_FAMILY = ("relu", "leaky_relu", "elu", "celu", "gelu", "silu", "mish", "relu6", "softplus", "hard_swish")


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


class Mlp(nn.Module):
    """Fully connected layers: Linear → norm → activation → dropout, then a Linear output layer.

    Input  : float32 (n, n_numeric + len(cardinalities)); the last columns hold category codes
    Output : float32 (n, n_outputs), before any sigmoid or softmax (logits for classes)

    Weights are set by `initialise`.
    """

    def __init__(self, config: MlpConfig, n_numeric: int, cardinalities: Sequence[int], n_outputs: int) -> None:
        super().__init__()
        self.n_numeric = n_numeric
        self.embeddings = nn.ModuleList(_embedding(n) for n in cardinalities)
        widths = [n_numeric + sum(embedding_width(n) for n in cardinalities), *config.hidden]
        blocks = (_hidden_layer(config, n_in, n_out) for n_in, n_out in itertools.pairwise(widths))
        self.hidden = nn.Sequential(*(layer for block in blocks for layer in block))
        self.output = nn.Linear(widths[-1], n_outputs)

    def forward(self, x: Tensor) -> Tensor:
        if self.embeddings:
            codes = x[:, self.n_numeric :].long()
            learned = [table(codes[:, i]) for i, table in enumerate(self.embeddings)]
            x = torch.cat([x[:, : self.n_numeric], *learned], dim=1)
        return self.output(self.hidden(x))  # type: ignore[no-any-return]


def build_model(config: MlpConfig, n_numeric: int, cardinalities: Sequence[int], n_outputs: int, seed: int) -> Mlp:
    """The network with initial weights that depend on the seed alone; the global generator is left unchanged."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = Mlp(config, n_numeric, cardinalities, n_outputs)
        initialise(model, config)
        return model


def count_parameters(config: MlpConfig, n_numeric: int, cardinalities: Sequence[int], n_outputs: int) -> int:
    """Trainable parameters of the network, without building it."""
    embedded = [embedding_width(n) for n in cardinalities]
    widths = [n_numeric + sum(embedded), *config.hidden, n_outputs]
    layers = sum((n_in + 1) * n_out for n_in, n_out in itertools.pairwise(widths))
    norms = 0 if config.norm == "none" else 2 * sum(config.hidden)
    return layers + norms + sum(n * width for n, width in zip(cardinalities, embedded, strict=True))


def embedding_width(n_categories: int) -> int:
    """Length of the vector learned for each of n categories (the rule of fastai's tabular models)."""
    return min(50, round(1.6 * math.pow(n_categories, 0.56)))


def _embedding(n_categories: int) -> nn.Embedding:
    """A table without initial weights: drawing them on the meta device would import torch's compiler."""
    empty = torch.empty(n_categories, embedding_width(n_categories))
    table: nn.Embedding = nn.Embedding.from_pretrained(empty, freeze=False)  # type: ignore[no-untyped-call]
    return table


def _hidden_layer(config: MlpConfig, n_in: int, n_out: int) -> list[nn.Module]:
    layers: list[nn.Module] = [nn.Linear(n_in, n_out)]
    if config.norm == "batch":
        layers.append(nn.BatchNorm1d(n_out))
    elif config.norm == "layer":
        layers.append(nn.LayerNorm(n_out))
    layers.append(ACTIVATIONS[config.activation]())
    if config.dropout > 0:
        layers.append(nn.Dropout(config.dropout))
    return layers


def initialise(model: Mlp, config: MlpConfig) -> None:
    """Set hidden weights as config.init says, the output layer's by Glorot (unless named), biases to 0.

    Embeddings are drawn from the standard normal distribution.
    """
    for table in model.embeddings.modules():
        if isinstance(table, nn.Embedding):
            nn.init.normal_(table.weight)
    init = config.init
    if init == "auto":
        init = "he_normal" if config.activation in HE_FAMILY else "glorot_uniform"
        init = "lecun_normal" if config.activation == "selu" else init
    hidden = _initialiser(init, config.activation)
    output = _initialiser("glorot_uniform" if config.init == "auto" else config.init, "identity")
    for module in model.hidden:
        if isinstance(module, nn.Linear):
            hidden(module.weight)
            nn.init.zeros_(module.bias)
    output(model.output.weight)
    nn.init.zeros_(model.output.bias)


def _initialiser(name: Init, activation: Activation) -> Callable[[Tensor], object]:
    """Sources: He et al. 2015, Glorot and Bengio 2010, LeCun et al. 1998, Saxe et al. 2014."""
    slope = 0.01 if activation == "leaky_relu" else 0.0
    match name:
        case "he_normal":
            return lambda weight: nn.init.kaiming_normal_(weight, a=slope)
        case "he_uniform":
            return lambda weight: nn.init.kaiming_uniform_(weight, a=slope)
        case "glorot_normal":
            return nn.init.xavier_normal_
        case "lecun_normal":
            return lambda weight: nn.init.normal_(weight, std=1 / math.sqrt(weight.shape[1]))
        case "orthogonal":
            return nn.init.orthogonal_
        case "zeros":
            return nn.init.zeros_
        case _:
            return nn.init.xavier_uniform_


class Ensemble(nn.Module):
    """The mean of networks with the same inputs and outputs.

    Input  : the same as its members'
    Output : float32 (n, n_outputs), raw outputs like one network's: those that decode to the mean probability
             (sigmoid, softmax) or count (exp), or the mean itself (identity, step)
    """

    def __init__(self, members: Sequence[nn.Module], output: Output) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)
        self.output = output

    def forward(self, x: Tensor) -> Tensor:
        return combine_outputs(torch.stack([member(x) for member in self.members]), self.output)


def combine_outputs(outputs: Tensor, output: Output) -> Tensor:
    """(k, n, n_outputs) of k networks → (n, n_outputs): log p or log-odds of the mean p, computed in float64."""
    wide = outputs.double()
    match output:
        case "softmax":
            combined = _log_mean(wide.log_softmax(dim=2))
        case "sigmoid":
            combined = _log_mean(functional.logsigmoid(wide)) - _log_mean(functional.logsigmoid(-wide))
        case "exp":
            combined = _log_mean(wide)
        case _:
            combined = wide.mean(dim=0)
    return combined.to(outputs.dtype)


def _log_mean(logs: Tensor) -> Tensor:
    """Logarithm of the mean over the first dimension of exp(logs)."""
    return logs.logsumexp(dim=0) - math.log(len(logs))
