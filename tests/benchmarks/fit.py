"""mlcli's own training loop, with the clock read after every epoch: python -m tests.benchmarks.fit CONFIG [SET]..."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from mlcli.config.load import load_config
from mlcli.inputs import gather_inputs, make_job
from mlcli.reporter import Silent
from mlcli.training.job import TrainingJob
from mlcli.training.loop import new_state, train_model
from mlcli.training.observers import Observer
from mlcli.training.state import EpochRecord, TrainingState
from tests.benchmarks.peers.task import tell_fit


class Clock(Observer):
    """Notes the time at the start and after every epoch."""

    def __init__(self) -> None:
        self.marks: list[float] = []

    def on_start(self, job: TrainingJob, state: TrainingState) -> None:
        self.marks.append(time.perf_counter())

    def on_epoch(self, job: TrainingJob, state: TrainingState, record: EpochRecord) -> None:
        self.marks.append(time.perf_counter())


def main(config_path: str, *sets: str) -> None:
    """Train as `mlcli train` does, without run folder and screen."""
    config = load_config(Path(config_path), sets)
    job = make_job(config, gather_inputs(config, Silent()))
    clock = Clock()
    train_model(job, new_state(job), [clock])
    tell_fit(clock.marks, job.steps_per_epoch)


if __name__ == "__main__":
    main(*sys.argv[1:])
