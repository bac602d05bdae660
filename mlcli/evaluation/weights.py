"""The weights of a model without hidden layers, which are its explanation."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class WeightsTable:
    """What a linear model adds up: output = bias + Σ weight · feature.

    weights : one tuple per feature, one number per output
    bias    : one number per output
    caption : in which units features and outputs are, in a sentence
    """

    features: tuple[str, ...]
    outputs: tuple[str, ...]
    weights: tuple[tuple[float, ...], ...]
    bias: tuple[float, ...]
    caption: str
