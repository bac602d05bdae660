"""Training as it is watched: a live bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time

from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from mlcli.console.screen import Screen
from mlcli.training.job import TrainingJob
from mlcli.training.loop import mean_loss
from mlcli.training.observers import Observer
from mlcli.training.state import EpochRecord, Stopped, TrainingState

# A log should stay readable: longer runs show about this many of their epochs.
PLAIN_LINES = 100
REFRESH_SECONDS = 0.1
# Terminals of at least this many columns show the validation loss too.
WIDE = 100


def describe_epoch(record: EpochRecord, epochs: int) -> str:
    """One epoch in one line, e.g. `epoch 3/100  train loss 0.41  valid loss 0.38  accuracy 0.871`."""
    parts = [f"epoch {record.epoch}/{epochs}", f"train loss {record.train_loss:.4g}"]
    if record.valid_loss is not None:
        parts.append(f"valid loss {record.valid_loss:.4g}")
    parts += [f"{name} {value:.4g}" for name, value in record.valid_metrics.items()]
    return "  ".join(parts)


class PlainView(Observer):
    """A line an epoch, thinned out evenly in runs of many epochs."""

    def __init__(self, screen: Screen) -> None:
        self.screen = screen

    def on_epoch(self, job: TrainingJob, state: TrainingState, record: EpochRecord) -> None:
        epochs = job.config.training.epochs
        every = -(-epochs // PLAIN_LINES)
        if record.epoch in (1, epochs) or record.epoch % every == 0:
            self.screen.say(describe_epoch(record, epochs))


class LiveView(Observer):
    """A bar with loss, metric, rows a second and the time left, in one line of 80 columns or more."""

    def __init__(self, screen: Screen) -> None:
        self.screen = screen
        self.wide = screen.stderr.width >= WIDE
        self.rows_seen = 0
        self.started = 0.0
        self.next_refresh = 0.0
        self.valid = ""
        self.bar = Progress(
            TextColumn("{task.fields[epoch]}"),
            BarColumn(bar_width=None),
            TextColumn("{task.fields[facts]}"),
            TextColumn("{task.fields[speed]}"),
            TimeRemainingColumn(compact=True, elapsed_when_finished=True),
            console=screen.stderr,
            expand=True,
        )
        self.task = self.bar.add_task("training", total=None, epoch="", facts="", speed="")

    def on_start(self, job: TrainingJob, state: TrainingState) -> None:
        self.started = time.monotonic()
        self.screen.open_bar(self.bar)

    def on_tick(self, job: TrainingJob, state: TrainingState) -> None:
        self._show(job, state, mean_loss(job, state))

    def on_epoch(self, job: TrainingJob, state: TrainingState, record: EpochRecord) -> None:
        self.rows_seen += len(job.train)
        parts = [f"valid {record.valid_loss:.3g}"] if self.wide and record.valid_loss is not None else []
        parts += [f"{name} {value:.3g}" for name, value in list(record.valid_metrics.items())[:1]]
        self.valid = "  ".join(parts)
        if time.monotonic() >= self.next_refresh or record.epoch == job.config.training.epochs:
            self._show(job, state, record.train_loss)

    def on_end(self, job: TrainingJob, state: TrainingState, stopped: Stopped) -> None:
        self.screen.close()

    def _show(self, job: TrainingJob, state: TrainingState, loss: float) -> None:
        self.next_refresh = time.monotonic() + REFRESH_SECONDS
        rows = self.rows_seen + state.batch * job.batch_size
        speed = rows / max(time.monotonic() - self.started, 1e-9)
        epochs = job.config.training.epochs
        self.bar.update(
            self.task,
            completed=state.step,
            total=job.total_steps,
            epoch=f"epoch {min(state.epoch + 1, epochs)}/{epochs}",
            facts=f"loss {loss:.3g}  {self.valid}".rstrip(),
            speed=f"{speed / 1000:,.0f}k rows/s" if speed >= 10_000 else f"{speed:,.0f} rows/s",
        )


def training_view(screen: Screen) -> PlainView | LiveView:
    """The view that suits where the screen is shown."""
    return LiveView(screen) if screen.live else PlainView(screen)
