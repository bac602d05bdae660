"""What a column alone tells of the targets."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from mlcli.exploration.association import Codes, Floats, correlation_ratio, cramers_v, pearson
from mlcli.exploration.targets import Target

Measure = Literal["pearson", "correlation_ratio", "cramers_v"]


@dataclass(frozen=True)
class Tie:
    """How far a column alone tells a target, 0 to 1; Pearson's r is negative where one falls as the other grows."""

    target: str
    measure: Measure
    value: float


def ties_of_numbers(values: Floats, targets: Sequence[Target]) -> Iterator[Tie]:
    """Pearson's r with numbers, the correlation ratio with classes; none where it is not defined."""
    for target in targets:
        if target.classes:
            if (ratio := correlation_ratio(values, target.codes)) is not None:
                yield Tie(target.name, "correlation_ratio", ratio)
        elif not np.isnan(r := float(pearson(np.column_stack([values, target.numbers]))[0, 1])):
            yield Tie(target.name, "pearson", r)


def ties_of_categories(codes: Codes, targets: Sequence[Target]) -> Iterator[Tie]:
    """The correlation ratio with numbers, Cramér's V with classes; none where it is not defined."""
    for target in targets:
        if target.classes:
            if (v := cramers_v(codes, target.codes)) is not None:
                yield Tie(target.name, "cramers_v", v)
        elif (ratio := correlation_ratio(target.numbers, codes)) is not None:
            yield Tie(target.name, "correlation_ratio", ratio)
