"""Round numbers along a scale."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence

from mlcli.console.plot import Scale

# Rows of a plot between two labels, about.
SPACING = 3
# Half a linear scale; where it is shorter, only its ends are labelled.
SMALLEST = 1e-300


def tick_labels(scale: Scale, height: int) -> list[str]:
    """One label for each row from the top, blank where no round number lies."""
    values = round_numbers(scale, max(3, -(-height // SPACING)))
    labels = [""] * height
    for value, label in zip(values, show_ticks(values, scale.log), strict=True):
        labels[round((1 - scale(value)) * (height - 1))] = label
    width = max(map(len, labels))
    return [label.rjust(width) for label in labels]


def round_numbers(scale: Scale, most: int) -> list[float]:
    """Values within the scale, evenly spread there, two at least and `most` at most where there are such.

    Its ends where they are too near to each other.

    >>> round_numbers(Scale(0.13, 0.41), 4)
    [0.2, 0.3, 0.4]
    """
    candidates = [*_decades(scale), *_multiples(scale)] if scale.log else [*_multiples(scale)]
    enough = [ticks for ticks in candidates if len(ticks) >= 2] or [[scale.low, scale.high]]
    return next((ticks for ticks in enough if len(ticks) <= most), min(enough, key=len))


def show_ticks(values: Sequence[float], log: bool) -> list[str]:
    """Their texts; with equally many decimals where numbers of ordinary size are evenly spread.

    >>> show_ticks([0.5, 1.0], log=False)
    ['0.5', '1.0']
    """
    texts = [f"{value:.12g}" for value in values]
    if log or not all(value == 0 or 1e-4 <= abs(value) < 1e6 for value in values):
        return texts
    decimals = max(len(text.partition(".")[2]) for text in texts)
    return [f"{value:.{decimals}f}" for value in values]


def _decades(scale: Scale) -> Iterator[list[float]]:
    """1, 2, 5, 10, …; then 1, 10, 100, …; then 1, 100, …; always fewer."""
    powers = range(math.floor(math.log10(scale.low)), math.ceil(math.log10(scale.high)) + 1)
    yield _within(scale, (float(f"{digit}e{power}") for power in powers for digit in (1, 2, 5)))
    for apart in range(1, len(powers)):
        yield _within(scale, (float(f"1e{power}") for power in powers if power % apart == 0))


def _multiples(scale: Scale) -> Iterator[list[float]]:
    """Multiples of 1, 2 and 5 times powers of ten, from about twenty of them down."""
    half = scale.high / 2 - scale.low / 2
    power = math.floor(math.log10(half)) - 1 if half > SMALLEST else 0
    for exponent in range(power, power + 3):
        for digit in (1, 2, 5):
            step = float(f"{digit}e{exponent}")
            counts = range(math.ceil(scale.low / step), math.floor(scale.high / step) + 1)
            yield _within(scale, (float(f"{count * step:.12g}") for count in counts))


def _within(scale: Scale, values: Iterable[float]) -> list[float]:
    return [value for value in values if scale.low <= value <= scale.high]
