"""mlcli's own training loop, with the clocks read after every epoch: python -m tests.benchmarks.fit CONFIG [SET]..."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from mlcli.config.loading.load import load_config
from mlcli.io.load import begin_watching
from mlcli.reporter import Silent
from mlcli.training.callbacks import Callback
from mlcli.training.context import TrainingContext
from mlcli.training.inputs import gather_inputs, make_context
from mlcli.training.loop import new_state, train_model
from mlcli.training.state import EpochRecord, TrainingState
from tests.benchmarks.peers.task import later_epoch, tell_fit


class Clock(Callback):
    """Notes the time, and the processors' time of this process, at the start and after every epoch."""

    def __init__(self) -> None:
        self.marks: list[float] = []
        self.cpu: list[float] = []

    def on_train_begin(self, context: TrainingContext, state: TrainingState) -> None:
        self._read()

    def on_epoch_end(self, context: TrainingContext, state: TrainingState, record: EpochRecord) -> None:
        self._read()

    def _read(self) -> None:
        self.marks.append(time.perf_counter())
        self.cpu.append(time.process_time())


def main(config_path: str, *sets: str) -> None:
    """Train as `mlcli train` does, without run folder and screen."""
    begin_watching()
    config = load_config(Path(config_path), sets)
    inputs = gather_inputs(config, Silent())
    context = make_context(config, inputs, on_disk=inputs.on_disk(config))
    clock = Clock()
    train_model(context, new_state(context), [clock])
    tell_fit(clock.marks, context.steps_per_epoch, cpu=later_epoch(clock.cpu))


if __name__ == "__main__":
    main(*sys.argv[1:])
