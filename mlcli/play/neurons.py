"""What each hidden unit makes of the plane."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from mlcli.models.mlp import Mlp
from mlcli.play.shades import Shades


@torch.inference_mode()
def hidden_outputs(model: nn.Module, x: Tensor) -> list[Tensor]:
    """Outputs (n, units) of each hidden layer, behind its activation, for inputs (n, d) of numbers."""
    if not isinstance(model, Mlp):
        return []
    model.eval()
    outputs: list[Tensor] = []
    values = x.to(model.output.weight.dtype)
    for layer in model.hidden:
        values = layer(values)
        if isinstance(layer, nn.Linear):
            outputs.append(values)
        else:
            outputs[-1] = values
    return outputs


def unit_shades(outputs: Tensor) -> Shades:
    """By sign, and by size within the largest that a unit (n,) comes to."""
    values = outputs.double().cpu().numpy()
    finite = np.isfinite(values)
    largest = np.abs(values[finite]).max(initial=0.0) or 1.0
    kinds = np.where(values >= 0, 1, 0)
    return Shades(np.where(finite, kinds, -1), np.abs(np.nan_to_num(values)).clip(0, largest) / largest)
