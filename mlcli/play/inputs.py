"""The Playground's seven inputs as features of a configuration: its two columns, and what is derived from them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from mlcli.config.features import FeaturesConfig
from mlcli.config.tree import JsonValue
from mlcli.formulas.parse import parse_formula

LABELS = ("x1", "x2", "x1²", "x2²", "x1x2", "sin x1", "sin x2")


@dataclass(frozen=True)
class PlayInput:
    """One of the seven.

    name     : of the column, or of the derived one
    formulas : ways to write the derived column, of which the first is written; empty for a column of the data
    """

    label: str
    name: str
    formulas: tuple[str, ...] = ()

    def is_on(self, features: FeaturesConfig) -> bool:
        """Whether the network is given it."""
        return bool(self._names(features)) if self.formulas else self.name not in features.drop

    def switch(self, features: FeaturesConfig) -> dict[str, JsonValue]:
        """The keys that turn it on where it is off, and off where it is on."""
        if not self.formulas:
            kept = [name for name in features.drop if name != self.name]
            return {"features.drop": [*kept, *([self.name] if self.is_on(features) else [])]}
        present = self._names(features)
        derive: dict[str, JsonValue] = {name: text for name, text in features.derive.items() if name not in present}
        return {"features.derive": derive if present else {**derive, self.name: self.formulas[0]}}

    def _names(self, features: FeaturesConfig) -> list[str]:
        """The derived columns that are this input, whatever they are called."""
        programs = [parse_formula(text).program for text in self.formulas]
        return [name for name, text in features.derive.items() if parse_formula(text).program in programs]


def play_inputs(columns: tuple[str, str]) -> tuple[PlayInput, ...]:
    """The seven, in the order of LABELS."""
    return tuple(_inputs(*columns))


def count_others(columns: tuple[str, str], features: FeaturesConfig) -> int:
    """Derived columns that are none of the seven."""
    own = sum(one.is_on(features) for one in play_inputs(columns) if one.formulas)
    return len(features.derive) - own


def _inputs(x: str, y: str) -> Iterator[PlayInput]:
    yield PlayInput(LABELS[0], x)
    yield PlayInput(LABELS[1], y)
    for label, name in zip(LABELS[2:4], (x, y), strict=True):
        at = quoted(name)
        yield PlayInput(label, f"{name}_squared", (f"{at} * {at}", f"{at} ** 2"))
    yield PlayInput(LABELS[4], f"{x}_{y}", (f"{quoted(x)} * {quoted(y)}", f"{quoted(y)} * {quoted(x)}"))
    for label, name in zip(LABELS[5:], (x, y), strict=True):
        yield PlayInput(label, f"sin_{name}", (f"sin({quoted(name)})",))


def quoted(column: str) -> str:
    """A column as formulas write it."""
    return column if re.fullmatch(r"[^\W\d]\w*", column) else f"`{column}`"
