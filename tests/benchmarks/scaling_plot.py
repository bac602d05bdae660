"""Draws docs/scaling.svg and docs/scaling-out.svg: cost against rows, epochs, processes, for light and dark pages."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from tests.benchmarks.scaling import MEMORY_GOAL, Training
from tests.benchmarks.scaling_out import ALONE, IN_MEMORY, ON_DISK, ROWS, SHARED, THREADS, Found, middle

# Greys and hues of middling lightness stand out from white and from near black alike.
INK, GRID, COST, MEMORY = "#7d8590", "#7d859040", "#2f81f7", "#db6d28"
RC: Any = {
    "font.family": "sans-serif",
    "font.size": 10,
    "text.color": INK,
    "axes.facecolor": "none",
    "axes.edgecolor": GRID,
    "axes.titlesize": 10.5,
    "axes.titlelocation": "left",
    "axes.titleweight": "bold",
    "axes.titlecolor": INK,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": GRID,
    "xtick.color": GRID,
    "ytick.color": GRID,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "lines.linewidth": 2,
    "lines.markersize": 4.5,
    "svg.fonttype": "none",
    "svg.hashsalt": "mlcli",
}
UNITS = ((1e9, "G"), (1e6, "M"), (1e3, "k"), (1, ""))


def draw(by_rows: Sequence[Training], by_epochs: Sequence[Training], path: Path) -> None:
    """Three panels side by side, both axes logarithmic."""
    rows = [t.rows for t in by_rows]
    with matplotlib.rc_context(RC):
        figure = Figure(figsize=(10, 3.2), layout="constrained", facecolor="none")
        of_rows, of_epochs, of_memory = figure.subplots(1, 3)
        panel(of_rows, "Training seconds, 2 epochs", "rows", rows)
        line(of_rows, rows, [t.seconds for t in by_rows], COST)
        epochs = [t.epochs for t in by_epochs]
        panel(of_epochs, f"Training seconds, {short(by_epochs[0].rows)} rows", "epochs", epochs)
        line(of_epochs, epochs, [t.seconds for t in by_epochs], COST)
        panel(of_memory, "Memory beyond the start, MB", "rows", rows)
        draw_memory(of_memory, by_rows)
        for axes in (of_rows, of_epochs):
            axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        figure.savefig(path, metadata={"Date": None, "Creator": None})


def draw_memory(axes: Axes, trainings: Sequence[Training]) -> None:
    """Peaks of first and later runs beside the goal, from where they rise above the smallest table's."""
    risen = [t for t in trainings if t.rows >= 100 * trainings[0].rows]
    rows, start = [t.rows for t in risen], trainings[0]
    series = (
        ("first run", [t.peak - start.peak for t in risen], MEMORY, "-o"),
        ("later runs", [t.later - start.later for t in risen], COST, "-o"),
        (f"{MEMORY_GOAL} × the table", [MEMORY_GOAL * t.table for t in risen], INK, "--"),
    )
    for label, values, color, style in series:
        axes.plot(rows, [value / 1e6 for value in values], style, color=color, label=label)
    axes.set_xticks(powers(rows), [short(tick) for tick in powers(rows)])
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axes.legend(frameon=False, labelcolor="linecolor", fontsize=9, handlelength=1.2)


def draw_out(found: Found, path: Path) -> None:
    """Three panels: epochs by processes; epochs and peaks by rows, from memory and from a file."""
    with matplotlib.rc_context(RC):
        figure = Figure(figsize=(10, 3.2), layout="constrained", facecolor="none")
        of_processes, of_rows, of_memory = figure.subplots(1, 3)
        draw_processes(of_processes, found)
        panel(of_rows, "Seconds of an epoch", "rows", ROWS)
        panel(of_memory, "Peak of the process, MB", "rows", ROWS)
        for place, color in ((IN_MEMORY, MEMORY), (ON_DISK, COST)):
            epochs = [middle(found.rows[n_rows, place]) for n_rows in ROWS]
            label = f"rows: {place}"
            of_rows.plot(ROWS, [epoch.seconds for epoch in epochs], "-o", color=color, label=label)
            of_memory.plot(ROWS, [epoch.peak / 1e6 for epoch in epochs], "-o", color=color, label=label)
        for axes in (of_rows, of_memory):
            axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
            axes.legend(frameon=False, labelcolor="linecolor", fontsize=9, handlelength=1.2)
        of_memory.set(yscale="linear", ylim=(0, None))
        figure.savefig(path, metadata={"Date": None, "Creator": None})


def draw_processes(axes: Axes, found: Found) -> None:
    """Shards by number of processes, beside one process without shards."""
    seconds = {way: statistics.median(values) for way, values in found.wide.items()}
    counts = [way.processes for way in SHARED]
    axes.plot(counts, [seconds[way.name] for way in SHARED], "-o", color=COST, label=f"{SHARED[0].shards} shards")
    for way, style in ((ALONE, "--"), (THREADS, ":")):
        axes.axhline(seconds[way.name], linestyle=style, color=INK, label=way.name)
    axes.set(title="Seconds of an epoch, wide network", xlabel="processes", ylim=(0, None))
    axes.xaxis.set_major_locator(FixedLocator(counts))
    axes.legend(frameon=False, labelcolor="linecolor", fontsize=9, handlelength=1.6)
    axes.tick_params(length=0)


def panel(axes: Axes, title: str, label: str, values: Sequence[int]) -> None:
    """Scales, title and few ticks."""
    axes.set(title=title, xlabel=label, xscale="log", yscale="log")
    axes.xaxis.set_major_locator(FixedLocator(powers(values) if label == "rows" else list(values)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: short(value)))
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_minor_locator(NullLocator())
    axes.tick_params(length=0)


def line(axes: Axes, x: Sequence[float], y: Sequence[float], color: str) -> None:
    """What was measured, and in grey what strict proportion to its last point would be."""
    axes.plot(x, [y[-1] * value / x[-1] for value in x], "--", color=INK, linewidth=1)
    axes.plot(x, y, "-o", color=color)
    axes.set_ylim(bottom=min(y) / 2)


def powers(values: Sequence[float]) -> list[float]:
    """Powers of ten within the values."""
    return [10.0**k for k in range(12) if min(values) <= 10**k <= max(values)]


def short(value: float) -> str:
    """1k, 100k, 10M."""
    size, letter = next((unit for unit in UNITS if value >= unit[0]), (1, ""))
    return f"{value / size:g}{letter}"
