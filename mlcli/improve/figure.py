"""The learning-rate range test as a picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlcli.evaluation.figures.style import INK, MUTED, PALETTE, SMALL_SIZE, new_figure, styled

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from mlcli.improve.probes.rates import RateRange


@styled
def draw_rates(rates: RateRange, lr: float) -> Figure:
    """Loss over learning rate, with the configured rate and the suggested one."""
    end = f"runs away at {rates.limit:.2g}" if rates.limit is not None else "did not run away"
    figure = new_figure(
        f"The loss is lowest at a learning rate of {rates.best_rate:.2g} and {end}",
        f"A training of {len(rates.rates)} steps whose rate grows from step to step (Smith, 2017), and its loss on the "
        "same training rows after each.",
    )
    axes = figure.add_subplot(xlabel="optimizer.lr (log scale)", ylabel="loss", xscale="log")
    axes.plot(rates.rates, [min(loss, 1.2 * rates.start) for loss in rates.losses], color=PALETTE[0])
    for rate, text, color in ((lr, "configured", INK), (rates.suggested, "suggested", PALETTE[1])):
        axes.axvline(rate, color=color, linewidth=1, linestyle=(0, (4, 3)))
        axes.annotate(
            f"{text} {rate:.2g}", (rate, 1 if color == INK else 0.92), xycoords=("data", "axes fraction"),
            xytext=(4, -2), textcoords="offset points", va="top", size=SMALL_SIZE, color=MUTED,
        )  # fmt: skip
    return figure
