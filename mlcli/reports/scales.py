"""Scales of axes: linear or logarithmic, the round numbers along them, and a range that no diverged run widens."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from statistics import median_low

# A scale is logarithmic where the highest value is so many times the lowest; it begins at this share of the highest.
WIDE_RANGE = 20.0
DEEPEST = 1e-9
# Half a linear scale; where it is shorter, only its ends are labelled.
SMALLEST = 1e-300
# A run is off the scale where it is so many times as far from the perfect value as another run usually is.
FAR = 30.0
# From here on, labels of a logarithmic axis have exponents.
MANY_DIGITS = 1e6


@dataclass(frozen=True)
class AxisScale:
    """Positions of values between a low and a high end, 0 to 1."""

    low: float
    high: float
    log: bool = False

    def __call__(self, value: float) -> float:
        if self.log:
            return math.log(value / self.low) / math.log(self.high / self.low) if value > 0 else -math.inf
        return (value / 2 - self.low / 2) / (self.high / 2 - self.low / 2)


def scale_for(values: Iterable[float]) -> AxisScale:
    """From the lowest to the highest finite value; logarithmic where none is negative and the range is wide.

    A logarithmic scale begins at the lowest positive value, or DEEPEST times the highest.
    """
    finite = [value for value in values if math.isfinite(value)] or [0.0]
    low, high = min(finite), max(finite)
    if low == high:
        margin = abs(low) / 2 or 0.5
        return AxisScale(low - margin, high + margin)
    bottom = max(min((value for value in finite if value > 0), default=high), high * DEEPEST)
    if low >= 0 and bottom > 0 and high / bottom >= WIDE_RANGE:
        return AxisScale(bottom, high, log=True)
    return AxisScale(low, high)


def typical_range(runs: Iterable[Sequence[float | None]]) -> tuple[float, float] | None:
    """The lowest and the highest finite value, less what a run that diverged is off the scale; None without values.

    Values from -1 to 1 are those of bounded metrics, which do not diverge. The perfect value is otherwise 0 where none
    is negative, as of losses, and 1 where none is larger, as of R². The distance from it that counts as usual is that
    of the first value or the median, of the run where it is smallest.
    """
    known = [[value for value in run if value is not None and math.isfinite(value)] for run in runs]
    values = [value for run in known for value in run]
    if not values:
        return None
    low, high = min(values), max(values)
    perfect = 0.0 if low >= 0 and high > 1 else 1.0 if low < -1 and high <= 1 else None
    if perfect is not None:
        apart = [[abs(value - perfect) for value in run] for run in known if run]
        usual = [size for run in apart if (size := max(run[0], median_low(run))) > 0]
        limit = FAR * min(usual, default=math.inf)
        near = [value for value in values if abs(value - perfect) <= limit]
        low, high = min(near), max(near)
    return low, high


def round_numbers(scale: AxisScale, most: int) -> list[float]:
    """Values within the scale, evenly spread there, two at least and `most` at most where there are such.

    Its ends where they are too near to each other.

    >>> round_numbers(AxisScale(0.13, 0.41), 4)
    [0.2, 0.3, 0.4]
    """
    candidates = [*(_decades(scale) if scale.log else ()), *_multiples(scale)]
    enough = [ticks for ticks in candidates if len(ticks) >= 2] or [[scale.low, scale.high]]
    return next((ticks for ticks in enough if len(ticks) <= most), min(enough, key=len))


def show_ticks(values: Sequence[float], log: bool) -> list[str]:
    """Their texts; with equally many decimals where numbers of ordinary size are evenly spread.

    >>> show_ticks([0.5, 1.0], log=False)
    ['0.5', '1.0']
    >>> show_ticks([1e3, 1e6, 1e12], log=True)
    ['1000', '1e6', '1e12']
    """
    texts = [f"{value:.12g}" for value in values]
    if log and max(map(abs, values), default=0.0) >= MANY_DIGITS:
        texts = [f"{value:g}".replace("e+0", "e").replace("e+", "e") for value in values]
    if log or not all(value == 0 or 1e-4 <= abs(value) < 1e6 for value in values):
        return texts
    decimals = max(len(text.partition(".")[2]) for text in texts)
    return [f"{value:.{decimals}f}" for value in values]


def _decades(scale: AxisScale) -> Iterator[list[float]]:
    """1, 2, 5, 10, …; then 1, 10, 100, …; then 1, 100, …; always fewer."""
    powers = range(math.floor(math.log10(scale.low)), math.ceil(math.log10(scale.high)) + 1)
    yield _within(scale, (float(f"{digit}e{power}") for power in powers for digit in (1, 2, 5)))
    for apart in range(1, len(powers)):
        yield _within(scale, (float(f"1e{power}") for power in powers if power % apart == 0))


def _multiples(scale: AxisScale) -> Iterator[list[float]]:
    """Multiples of 1, 2 and 5 times powers of ten, from about twenty of them down."""
    half = scale.high / 2 - scale.low / 2
    power = math.floor(math.log10(half)) - 1 if half > SMALLEST else 0
    for exponent in range(power, power + 3):
        for digit in (1, 2, 5):
            step = float(f"{digit}e{exponent}")
            counts = range(math.ceil(scale.low / step), math.floor(scale.high / step) + 1)
            yield _within(scale, (float(f"{count * step:.12g}") for count in counts))


def _within(scale: AxisScale, values: Iterable[float]) -> list[float]:
    return [value for value in values if scale.low <= value <= scale.high]
