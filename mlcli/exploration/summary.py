"""A column of numbers in short."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from mlcli.exploration.association import Codes, Floats
from mlcli.exploration.bins import edges_of, places_in
from mlcli.exploration.targets import Target

QUANTILES = {"min": 0.0, "q05": 0.05, "q25": 0.25, "median": 0.5, "q75": 0.75, "q95": 0.95, "max": 1.0}
QUARTERS = np.array([0.25, 0.5, 0.75])
Quartiles = tuple[float, float, float]


@dataclass(frozen=True)
class Numbers:
    """Of the known numbers, or dates as days since 1970; std divides by n, skew is the third standardised moment.

    edges    : of the bins; empty where all numbers are the same
    usual    : the most frequent number, and usual_share its share of the rows looked at
    by_class : quantiles 0.25, 0.5 and 0.75 for each class shown; None where it has no such row
    """

    quantiles: dict[str, float]
    mean: float
    std: float
    skew: float
    edges: tuple[float, ...]
    usual: float
    usual_share: float
    by_class: tuple[Quartiles | None, ...]


def summarise(values: Floats, target: Target) -> tuple[Numbers | None, Codes]:
    """The numbers in short, None where there are none, and each row's bin, -1 where missing."""
    known = np.isfinite(values)
    numbers = values[known]
    places = np.full(len(values), -1, dtype=np.int64)
    if not len(numbers):
        return None, places
    edges = edges_of(numbers)
    places[known] = 0 if edges is None else places_in(edges, numbers)
    distinct, counts = np.unique(numbers, return_counts=True)
    with np.errstate(all="ignore"):  # the largest numbers have no square
        mean, std = float(numbers.mean()), float(numbers.std())
        skew = float((((numbers - mean) / std) ** 3).mean()) if len(distinct) > 1 else 0.0
        quantiles = np.quantile(numbers, list(QUANTILES.values())).tolist()
    return Numbers(
        quantiles=dict(zip(QUANTILES, quantiles, strict=True)),
        mean=mean,
        std=std,
        skew=skew,
        edges=() if edges is None else tuple(edges.tolist()),
        usual=float(distinct[counts.argmax()]),
        usual_share=float(counts.max()) / len(values),
        by_class=tuple(_quartiles(numbers, target.codes[known], len(target.shown))) if target.classes else (),
    ), places


def _quartiles(numbers: Floats, codes: Codes, n_classes: int) -> Iterator[Quartiles | None]:
    """Of each class, interpolated linearly; one sort serves all."""
    order = np.lexsort((numbers, codes))
    ordered, starts = numbers[order], np.searchsorted(codes[order], np.arange(n_classes + 1))
    for start, end in pairwise(starts.tolist()):
        own = ordered[start:end]
        if len(own):
            low, middle, high = np.interp(QUARTERS * (len(own) - 1), np.arange(len(own)), own).tolist()
            yield low, middle, high
        else:
            yield None
