"""Initial weights of a layer."""

from __future__ import annotations

import math
from collections.abc import Callable

from torch import Tensor, nn

from mlcli.config.sections.model import Activation, Init, UniformInit

HE_FAMILY = ("relu", "leaky_relu", "elu", "celu", "gelu", "silu", "mish", "relu6", "softplus", "hard_swish")


def initialiser(init: Init | UniformInit, activation: Activation) -> Callable[[Tensor], object]:
    """Sets a layer's weights. Sources: He et al. 2015, Glorot and Bengio 2010, LeCun et al. 1998, Saxe et al. 2014."""
    if isinstance(init, UniformInit):
        return lambda weight: nn.init.uniform_(weight, init.low, init.high)
    slope = 0.01 if activation == "leaky_relu" else 0.0
    match init:
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
