"""One number of a measurement."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Score:
    """The value of a metric, or the reason why it has none.

    low, high : confidence interval; None where none is computed
    unit      : "" for a pure number, else in terms of the target's name
    """

    name: str
    value: float | None
    reason: str | None
    low: float | None
    high: float | None
    higher_is_better: bool
    unit: str

    def to_json(self) -> dict[str, Any]:
        """Every field but the name."""
        return {
            "value": self.value,
            "reason": self.reason,
            "low": self.low,
            "high": self.high,
            "higher_is_better": self.higher_is_better,
            "unit": self.unit,
        }
