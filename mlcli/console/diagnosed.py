"""Checks and findings as a person reads them."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence

from mlcli.console.screen import Screen
from mlcli.console.sparkline import BLOCKS, PLAIN, sparkline
from mlcli.improve.checks import Checks
from mlcli.improve.finding import Finding
from mlcli.improve.probes.rates import RateRange

MARKS = {True: "✓", False: "✗", None: "–"}
PLAIN_MARKS = {True: "ok", False: "NO", None: "- "}
# Text is kept to this many columns, and the plot leaves room for what stands beside it.
COLUMNS, PLOT = 80, 60


def show_checks(screen: Screen, checks: Checks, lr: float) -> None:
    """The checklist, and the curve of the range test."""
    marks = MARKS if _draws(screen) else PLAIN_MARKS
    screen.heading("Checks before anything is searched:")
    for check in checks.checks:
        screen.say(f"{marks[check.passed]} {check.title}")
        _say(screen, check.evidence, indent="  ")
    if checks.rates is not None:
        for line in plot_rates(checks.rates, lr, BLOCKS if _draws(screen) else PLAIN):
            screen.say(f"  {line}")


def plot_rates(rates: RateRange, lr: float, blocks: str) -> list[str]:
    """Loss over rate in a line, the rates below, and where the configured one and the suggestion stand."""
    width = min(PLOT, len(rates.rates))
    low, high = math.log10(rates.rates[0]), math.log10(rates.rates[-1])

    def column(rate: float) -> int:
        share = (math.log10(rate) - low) / (high - low)
        return min(max(round(share * (width - 1)), 0), width - 1)

    marks = [" "] * width
    marks[column(rates.suggested)] = "s"
    marks[column(lr)] = "^"
    left, right = f"{rates.rates[0]:.0e}", f"{rates.rates[-1]:.0e}"
    return [
        f"loss {sparkline([min(loss, rates.start) for loss in rates.losses], width, blocks)}",
        f"     {''.join(marks)}".rstrip(),
        f"rate {left}{right.rjust(width - len(left))}",
        f"     ^ configured: {lr:g}   s suggested: {rates.suggested:.1g}",
    ]


def show_findings(screen: Screen, diagnosed: str, findings: Sequence[Finding]) -> None:
    """What was found, why it is thought so, and what to try."""
    if not any(finding.level == "ailment" for finding in findings):
        screen.heading(f"Diagnosis of {diagnosed}: nothing ails it")
    else:
        screen.heading(f"Diagnosis of {diagnosed}:")
    for finding in findings:
        note = "worth knowing: " if finding.level == "note" else ""
        _say(screen, f"· {note}{finding.course_term}: {finding.evidence}", rest="  ")
        _say(screen, f"try {'; or '.join(finding.remedies)}", indent="  ", rest="  ")


def _say(screen: Screen, text: str, indent: str = "", rest: str | None = None) -> None:
    rest = indent if rest is None else rest
    for line in textwrap.wrap(text, COLUMNS, initial_indent=indent, subsequent_indent=rest, break_on_hyphens=False):
        screen.say(line)


def _draws(screen: Screen) -> bool:
    """Whether the terminal's encoding has blocks and ticks."""
    try:
        (BLOCKS + "".join(MARKS.values())).encode(screen.stderr.encoding)
    except (UnicodeEncodeError, LookupError):
        return False
    return True
