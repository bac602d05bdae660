"""Embeddings: the vectors that a network learns for numbers and for categories."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from mlcli.config.sections.model import EmbeddingConfig, PeriodicEmbedding, PiecewiseEmbedding
from mlcli.features.arithmetic import find_edges
from mlcli.models.weights import embedding_width


class Piecewise(nn.Module):
    """A vector of each number, continuous and piecewise linear in it (version B of Gorishniy et al., 2025).

    emb(x) = [piece 1, …, piece `bins`, x] · weight + bias. A piece is 0 below its bin and 1 above it; the first goes
    on below the lowest edge, and the last above the highest. Initial weights of the pieces are 0.

    weight     : (columns, bins + 1, width); bias: (columns, width)
    low, slope : (columns, bins + 1), fitted: a piece is (x − low) · slope, clamped; x is itself by 0 and 1
    """

    low: Tensor
    slope: Tensor
    _least: Tensor
    _most: Tensor

    def __init__(self, config: PiecewiseEmbedding, n_columns: int) -> None:
        super().__init__()
        self.width, self.bins = config.width, config.bins
        self.weight = nn.Parameter(torch.empty(n_columns, config.bins + 1, config.width))
        self.bias = nn.Parameter(torch.empty(n_columns, config.width))
        for name in ("low", "slope"):
            self.register_buffer(name, torch.zeros(n_columns, config.bins + 1))
        with torch.device("cpu"):
            least = torch.tensor([-math.inf, *[0.0] * (config.bins - 1), -math.inf])
            most = torch.tensor([*[1.0] * (config.bins - 1), math.inf, math.inf])
        self.register_buffer("_least", least, persistent=False)
        self.register_buffer("_most", most, persistent=False)

    @property
    def n_terms(self) -> int:
        """Numbers that are computed for a row."""
        return self.slope.numel()

    def initialise(self) -> None:
        """The pieces' weights are 0; those of x, and the biases, are uniform within ± 1/√width."""
        nn.init.zeros_(self.weight)
        for linear in (self.weight[:, -1], self.bias):
            nn.init.uniform_(linear, -(self.width**-0.5), self.width**-0.5)

    @torch.no_grad()
    def fit(self, x: Tensor) -> None:
        """Bins between quantiles and at frequent values of the columns (n, columns) of training rows."""
        low, slope = np.zeros((2, *self.slope.shape))
        slope[:, -1] = 1.0
        for column, values in enumerate(x.double().cpu().numpy().T):
            edges = find_edges(np.ascontiguousarray(values), min(self.bins, len(values) - 1))
            if len(edges) > 2:  # else x itself says it all
                at = [*range(len(edges) - 2), self.bins - 1]  # the last piece in the last place
                low[column, at], slope[column, at] = edges[:-1], 1 / np.diff(edges)
        self.low.copy_(torch.from_numpy(low))
        self.slope.copy_(torch.from_numpy(slope))

    def forward(self, x: Tensor) -> Tensor:
        """(n, columns) → (n, columns · width)."""
        return self.combine(self.terms(x))

    def terms(self, x: Tensor) -> Tensor:
        """(n, columns) → the pieces and x itself, (columns, n, bins + 1)."""
        terms = (x.t().unsqueeze(2) - self.low.unsqueeze(1)).mul_(self.slope.unsqueeze(1))
        return terms.clamp_(self._least, self._most)

    def combine(self, terms: Tensor) -> Tensor:
        """(columns, n, bins + 1) → (n, columns · width)."""
        return torch.baddbmm(self.bias.unsqueeze(1), terms, self.weight).transpose(0, 1).flatten(1)


class PeriodicFeatures(nn.Module):
    """A vector of each number from its sines and cosines at learned frequencies (PLR, lite: Gorishniy et al., 2022).

    emb(x) = relu(linear([cos 2πfx, sin 2πfx])); the columns share `linear`.

    weight : (columns, frequencies), in periods a unit
    """

    def __init__(self, config: PeriodicEmbedding, n_columns: int) -> None:
        super().__init__()
        self.width, self.sigma = config.width, config.sigma
        self.weight = nn.Parameter(torch.empty(n_columns, config.frequencies))
        self.linear = nn.Linear(2 * config.frequencies, config.width)

    @property
    def n_terms(self) -> int:
        """Numbers that are computed for a row: angles, cosines and sines, and these joined."""
        return 5 * self.weight.numel()

    def initialise(self) -> None:
        """Frequencies are normal with deviation sigma, cut off at three; the layer is uniform within ± 1/√inputs."""
        nn.init.trunc_normal_(self.weight, 0.0, self.sigma, -3 * self.sigma, 3 * self.sigma)
        for parameter in self.linear.parameters():
            nn.init.uniform_(parameter, -(self.linear.in_features**-0.5), self.linear.in_features**-0.5)

    def fit(self, x: Tensor) -> None:
        """Nothing is fitted."""

    def forward(self, x: Tensor) -> Tensor:
        """(n, columns) → (n, columns · width)."""
        angles = 2 * math.pi * self.weight * x.unsqueeze(2)
        waves = torch.cat([angles.cos(), angles.sin()], dim=2)
        return torch.relu(self.linear(waves.flatten(0, 1))).view(len(x), -1)


NumberEmbedding = Piecewise | PeriodicFeatures


def embed_numbers(config: EmbeddingConfig, n_columns: int) -> NumberEmbedding | None:
    """The configured embedding, without initial weights; None for none, or for no column."""
    if isinstance(config, PiecewiseEmbedding) and n_columns:
        return Piecewise(config, n_columns)
    return PeriodicFeatures(config, n_columns) if isinstance(config, PeriodicEmbedding) and n_columns else None


def embed_categories(cardinalities: Sequence[int]) -> nn.ModuleList:
    """A table for each column, without initial weights."""
    return nn.ModuleList(_table(n) for n in cardinalities)


def _table(n_categories: int) -> nn.Embedding:
    """Drawing initial weights on the meta device would import torch's compiler."""
    empty = torch.empty(n_categories, embedding_width(n_categories))
    table: nn.Embedding = nn.Embedding.from_pretrained(empty, freeze=False)  # type: ignore[no-untyped-call]
    return table
