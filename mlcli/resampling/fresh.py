"""A network trained anew, of which nothing is written."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from mlcli.bundle import Bundle
from mlcli.config.schema import Config
from mlcli.errors import DivergedError
from mlcli.evaluation.threshold import settle_threshold
from mlcli.inputs import Inputs, make_job
from mlcli.reporter import Reporter
from mlcli.training.job import Arrays
from mlcli.training.loop import new_state, outputs_of, train_model
from mlcli.training.observers import Observer
from mlcli.training.stopping import stop_rules

# Trainings of which each is announced; of more, every tenth part.
MOST_LINES = 20


def train_fresh(
    config: Config,
    inputs: Inputs,
    key: str,
    arrays: tuple[Arrays, Arrays] | None = None,
    observers: Sequence[Observer] = (),
    interrupted: Callable[[], bool] = lambda: False,
) -> Bundle:
    """The network that `mlcli train` would train on these inputs, with its best weights.

    key         : the key that asks for it, for messages
    arrays      : the inputs' training arrays, where they are at hand
    interrupted : ends the training early where it turns true; the network is then worth nothing

    Raises DivergedError.
    """
    job = make_job(config, inputs, arrays)
    trained = train_model(job, new_state(job), observers, stop_rules(config.training), interrupted)
    if trained.stopped == "diverged":
        raise DivergedError(
            f"{key}: a training (seed {config.seed}) diverged at step {trained.diverged_step}, where the run's own did "
            f"not; nothing is measured. Train with a lower optimizer.lr (now {config.optimizer.lr:g}) or "
            "training.clip_norm: 1"
        )
    task = settle_threshold(inputs.task, config.evaluation, lambda: outputs_of(job, job.valid.x), job.valid.y)
    return Bundle(config, inputs.features, task, job.model.cpu().eval(), {})


def announce(reporter: Reporter, what: str, number: int, total: int) -> None:
    """Say which training begins; `number` counts from 1."""
    if total <= MOST_LINES or number * 10 // total > (number - 1) * 10 // total:
        reporter.say(f"Training {what} {number:,} of {total:,}")
