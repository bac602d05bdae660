"""Principal components in place of the features."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from mlcli.config.features import PcaConfig
from mlcli.errors import DataError
from mlcli.features.state import TensorReader

BLOCK = 64
_LANES = 16


class Project(nn.Module):
    """(x − mean) @ components.

    mean : float64 (k,); components : float64 (k, c)
    """

    mean: torch.Tensor
    components: torch.Tensor
    padded: torch.Tensor

    def __init__(self, mean: torch.Tensor, components: torch.Tensor) -> None:
        super().__init__()
        self.register_buffer("mean", mean)
        self.register_buffer("components", components)
        padding = components.new_zeros(len(components), -components.shape[1] % _LANES)
        self.register_buffer("padded", torch.cat([components, padding], dim=1), persistent=False)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the components."""
        return tuple(f"pca{i + 1}" for i in range(self.components.shape[1]))

    @classmethod
    def read(cls, reader: TensorReader, n_features: int) -> Project | None:
        """The projection of a state, if it has one."""
        if not reader.has("project.mean"):
            return None
        return cls(reader.take("project.mean", n_features), reader.take("project.components", n_features, None))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Float64 (n, k) → (n, c); where n is a multiple of 64, a row's result does not depend on the others.

        Matrix products round differently for different shapes; blocks of one shape, with whole
        vectors of columns, give every row the same arithmetic.
        """
        centred = x - self.mean
        if torch.compiler.is_exporting() or len(x) % BLOCK:
            return centred @ self.components
        blocks = centred.reshape(-1, BLOCK, centred.shape[1])
        return torch.bmm(blocks, self.padded.expand(len(blocks), -1, -1)).flatten(0, 1)[:, : self.components.shape[1]]


def fit_pca(x: np.ndarray, config: PcaConfig, seed: int) -> tuple[Project, tuple[float, ...]]:
    """Fit to scaled training rows (n, k); also the share of variance of each component."""
    n, k = x.shape
    if n < 2 or not (x.min(axis=0) < x.max(axis=0)).any():
        raise DataError(
            f"features.extract: principal components need rows that differ, got {n} training row(s) of {k} features; "
            "remove extract"
        )
    if config.components > min(n, k):
        raise DataError(
            f"features.extract.components: {config.components} asked, but {k} features in {n} training rows "
            f"have at most {min(n, k)}; lower it"
        )
    from sklearn.decomposition import PCA

    pca = PCA(config.components, whiten=config.whiten, random_state=seed).fit(x)
    components = pca.components_.T
    if config.whiten:
        components = components / np.sqrt(np.maximum(pca.explained_variance_, np.finfo(np.float64).eps))
    project = Project(torch.from_numpy(pca.mean_), torch.from_numpy(np.ascontiguousarray(components)))
    return project, tuple(pca.explained_variance_ratio_.tolist())
