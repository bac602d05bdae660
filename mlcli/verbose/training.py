"""Step 3 in the course's words."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from mlcli.task import FittedTask
from mlcli.training.job import TrainingJob
from mlcli.training.losses import loss_name
from mlcli.verbose.words import about, about_member, heading, term_of


def explain_training(job: TrainingJob, task: FittedTask) -> Iterator[str]:
    """The network, the cost, and how it is minimised."""
    config = job.config
    yield heading("training")
    yield from _network(job, task)
    yield f"{term_of('loss')}: {about_member('loss', loss_name(config.loss, task))}; the cost is the rows' mean."
    yield f"{term_of('optimizer')}: by {about_member('optimizer', config.optimizer.name)}."
    yield about(config, "optimizer.lr", job.lr)
    batches = "all rows" if job.steps_per_epoch == 1 else f"mini-batches of {job.batch_size:,} rows"
    steps = "1 step" if job.steps_per_epoch == 1 else f"{job.steps_per_epoch:,} steps"
    yield f"{term_of('training.batch_size')}: {batches} → {steps} an epoch."
    yield about(config, "training.epochs")
    yield from (about(config, key) for key in _held_back_by(job))


def _network(job: TrainingJob, task: FittedTask) -> Iterator[str]:
    config = job.config
    sizes = (job.train.x.shape[1], *config.model.hidden, task.n_outputs)
    products = " + ".join(f"({before:,} + 1) · {after:,}" for before, after in pairwise(sizes))
    counted = sum((before + 1) * after for before, after in pairwise(sizes)) == job.n_parameters
    how = f"(inputs + 1 bias) · units, layer by layer: {products} = " if counted else ""
    yield f"{term_of('model')}: {'-'.join(map(str, sizes))} units; parameters to learn: {how}{job.n_parameters:,}."
    if config.model.hidden:
        yield about(config, "model.activation")
    yield about(config, "model.output")
    yield about(config, "model.init")


def _held_back_by(job: TrainingJob) -> Iterator[str]:
    """Keys of the regularisations that are at work."""
    config = job.config
    sections = {"model": config.model, "optimizer": config.optimizer}
    for key in ("model.dropout", "model.max_norm", "optimizer.l1", "optimizer.l2"):
        section, name = key.split(".")
        if getattr(sections[section], name):
            yield key
    if config.training.early_stopping is not None and len(job.valid):
        yield "training.early_stopping.patience"
