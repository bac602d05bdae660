"""The progress of a training: curves on a terminal, lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

from mlcli.io.text import printable, show_seconds
from mlcli.reports.scales import AxisScale
from mlcli.terminal.live import AltScreen
from mlcli.terminal.plot import Curve, draw_chart
from mlcli.terminal.screen import Screen
from mlcli.training.callbacks import Callback
from mlcli.training.context import TrainingContext
from mlcli.training.state import EpochRecord, Stopped, TrainingState

if TYPE_CHECKING:
    from rich.text import Text

# A log should stay readable: longer runs show about this many of their epochs.
PLAIN_LINES = 100


def describe_epoch(record: EpochRecord, epochs: int) -> str:
    """One epoch in one line, e.g. `epoch 3/100  train loss 0.41  valid loss 0.38  accuracy 0.871`."""
    return f"epoch {record.epoch}/{epochs}  {describe_numbers(record)}"


def describe_numbers(record: EpochRecord) -> str:
    """The losses and metrics of an epoch, e.g. `train loss 0.41  valid loss 0.38  accuracy 0.871`."""
    parts = [f"train loss {record.train_loss:.4g}"]
    if record.valid_loss is not None:
        parts.append(f"valid loss {record.valid_loss:.4g}")
    parts += [f"{name} {value:.4g}" for name, value in record.valid_metrics.items()]
    return "  ".join(parts)


def add_losses(curves: Mapping[str, Curve], record: EpochRecord) -> None:
    """Add an epoch's losses to the curves `train` and `valid`."""
    curves["train"].add(record.epoch, record.train_loss)
    if record.valid_loss is not None:
        curves["valid"].add(record.epoch, record.valid_loss)


class PlainView(Callback):
    """A line an epoch, thinned out evenly in runs of many epochs."""

    def __init__(self, screen: Screen) -> None:
        self.screen = screen

    def on_epoch_end(self, context: TrainingContext, state: TrainingState, record: EpochRecord) -> None:
        epochs = context.config.training.epochs
        every = -(-epochs // PLAIN_LINES)
        if record.epoch in (1, epochs) or record.epoch % every == 0:
            self.screen.say(describe_epoch(record, epochs))


class LiveView(Callback):
    """The curves of both losses on the alternate screen, with the progress below. `q` acts as Ctrl-C."""

    def __init__(self, screen: Screen) -> None:
        self.screen = screen
        self.curves: dict[str, Curve] = {}
        self.first_step = 0
        self.started = 0.0
        self.alt_screen: AltScreen | None = None

    def on_train_begin(self, context: TrainingContext, state: TrainingState) -> None:
        self.curves = {"train": Curve(), "valid": Curve()}
        for record in state.history:
            add_losses(self.curves, record)
        self.first_step = state.step
        self.started = time.monotonic()
        self.alt_screen = AltScreen(self.screen)
        self.screen.open_view(self.alt_screen, covers=True)

    def on_batch_end(self, context: TrainingContext, state: TrainingState) -> None:
        self._update(context, state)

    def on_epoch_end(self, context: TrainingContext, state: TrainingState, record: EpochRecord) -> None:
        add_losses(self.curves, record)
        self._update(context, state)

    def on_train_end(self, context: TrainingContext, state: TrainingState, stopped: Stopped) -> None:
        self.screen.close()

    def _update(self, context: TrainingContext, state: TrainingState) -> None:
        if self.alt_screen is not None:
            self.alt_screen.update(lambda: self._draw(context, state))

    def _draw(self, context: TrainingContext, state: TrainingState) -> Text:
        """The losses over the epochs, the best epoch marked, and the progress below."""
        # The axis doubles as the training proceeds, up to the configured epochs.
        epochs = min(context.config.training.epochs, max(10, 1 << state.epoch.bit_length()))
        ends = ("1", "epoch", str(epochs)) if epochs > 1 else ("", "epoch", "")
        points = {name: curve.points for name, curve in self.curves.items()}
        facts, (width, height) = self._facts(context, state), self.screen.stderr.size
        rows, best = height - len(facts) - 1, state.best_epoch or None
        text = draw_chart("loss", points, AxisScale(1, max(2, epochs)), ends, width, rows, best)
        for fact in facts:
            text.append(printable(fact)[:width] + "\n")
        text.append("q stops and keeps the best model"[:width], "dim")
        return text

    def _facts(self, context: TrainingContext, state: TrainingState) -> list[str]:
        """Epoch and time left; the last epoch's losses and metrics; speed and learning rate."""
        epochs, elapsed = context.config.training.epochs, max(time.monotonic() - self.started, 1e-9)
        done = state.step - self.first_step
        left = elapsed / done * (context.total_steps - state.step) if done else 0.0
        share = f" ({state.batch / context.steps_per_epoch:.0%} of it)" if state.batch else ""
        lines = [f"epoch {min(state.epoch + 1, epochs)}/{epochs}{share}   {show_seconds(left)} left at most"]
        if state.history:
            lines.append(describe_numbers(state.history[-1]))
        else:
            from mlcli.training.loop import mean_loss

            loss = mean_loss(context, state)
            lines.append(f"train loss {loss:.4g} so far   curves begin after the first epoch")
        rows = done / context.steps_per_epoch * len(context.train) / elapsed
        best = f"   best epoch {state.best_epoch}" if state.best_epoch else ""
        lines.append(f"{rows:,.0f} rows/s   learning rate {state.lr:.3g}{best}")
        return lines


def training_view(screen: Screen) -> PlainView | LiveView:
    """The view that suits where the screen is shown."""
    return LiveView(screen) if screen.draws_charts else PlainView(screen)
