"""What runs measured after each epoch, by quantity: for figures, and in one line each for a terminal."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from mlcli.ledger.comparison import Comparison

BARS = "▁▂▃▄▅▆▇█"
# Losses that span more than this factor are shown on a log scale, as in the figures.
LOG_SPAN = 30.0

Series = Mapping[str, Sequence[float | None]]


def curves_of(comparison: Comparison) -> dict[str, Series]:
    """By quantity, each run's values epoch by epoch; quantities that no run has are left out."""
    histories = dict(zip(comparison.names, comparison.histories, strict=True))
    metrics = dict.fromkeys(
        name for history in histories.values() for name in (history[0].valid_metrics if history else ())
    )
    found: dict[str, Series] = {
        "training loss": {run: [one.train_loss for one in history] for run, history in histories.items()},
        "validation loss": {run: [one.valid_loss for one in history] for run, history in histories.items()},
    }
    for name in metrics:
        values = {run: [one.valid_metrics.get(name) for one in history] for run, history in histories.items()}
        found[f"validation {name}"] = values
    return {quantity: series for quantity, series in found.items() if any(map(_finite, series.values()))}


def sparklines(series: Series, width: int) -> dict[str, str]:
    """Each run as a row of bars, at most `width` of them, all on the same two scales."""
    every = [value for values in series.values() for value in _finite(values)]
    longest = max(map(len, series.values()))
    scale = math.log if min(every) > 0 and max(every) > LOG_SPAN * min(every) else float
    low, high = scale(min(every)), scale(max(every))

    def bar(value: float) -> str:
        share = (scale(value) - low) / (high - low) if high > low else 0.0
        return BARS[min(int(share * len(BARS)), len(BARS) - 1)]

    step = max(1, math.ceil(longest / width))
    lines = {}
    for run, values in series.items():
        means = [_finite(values[start : start + step]) for start in range(0, len(values), step)]
        lines[run] = "".join(bar(sum(part) / len(part)) if part else " " for part in means)
    return lines


def _finite(values: Sequence[float | None]) -> list[float]:
    return [value for value in values if value is not None and math.isfinite(value)]
