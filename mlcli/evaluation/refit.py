"""The same training again, with other seeds or other rows, of which nothing is written."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from mlcli.config.sections.config import Config
from mlcli.data.prepare import Prepared
from mlcli.data.tables.types import Dataset
from mlcli.errors import DivergedError
from mlcli.evaluation.spread import SeedScores, spreads_of
from mlcli.evaluation.threshold import tune_threshold
from mlcli.metrics.measure import measure
from mlcli.reporter import Reporter
from mlcli.runs.bundle import Bundle
from mlcli.training.callbacks import Callback, stop_rules
from mlcli.training.context import TensorDataset
from mlcli.training.inputs import Inputs, make_context
from mlcli.training.loop import new_state, outputs_of, train_model

# Trainings of which each is announced; of more, every tenth part.
MOST_LINES = 20


def refit(
    config: Config,
    inputs: Inputs,
    key: str,
    arrays: tuple[TensorDataset, TensorDataset] | None = None,
    callbacks: Sequence[Callback] = (),
    interrupted: Callable[[], bool] = lambda: False,
) -> Bundle:
    """The network that `mlcli train` would train on these inputs, with its best weights.

    key         : the key that asks for it, for messages
    arrays      : the inputs' training arrays, where they are at hand
    interrupted : ends the training early where it turns true; the network is then worth nothing

    Raises DivergedError.
    """
    context = make_context(config, inputs, arrays)
    trained = train_model(context, new_state(context), callbacks, stop_rules(config.training), interrupted)
    if trained.stopped == "diverged":
        raise DivergedError(
            f"{key}: a training (seed {config.seed}) diverged at step {trained.diverged_step}, where the run's own did "
            f"not; nothing is measured. Train with a lower optimizer.lr (now {config.optimizer.lr:g}) or "
            "training.clip_norm: 1"
        )
    task = tune_threshold(inputs.task, config.evaluation, lambda: outputs_of(context, context.valid.x), context.valid.y)
    return Bundle(config, inputs.features, task, context.model.cpu().eval(), {})


def announce(reporter: Reporter, what: str, number: int, total: int) -> None:
    """Say which training begins; `number` counts from 1."""
    if total <= MOST_LINES or number * 10 // total > (number - 1) * 10 // total:
        reporter.say(f"Training {what} {number:,} of {total:,}")


def measure_seeds(
    config: Config, bundle: Bundle, prepared: Prepared, data: Dataset, reporter: Reporter
) -> SeedScores | None:
    """Scores on `data` of the run's network and of those of the seeds that follow its own; None for one seed.

    They all train on the run's rows and features: the split and the features keep the run's seed.
    """
    count = config.evaluation.seeds
    if count == 1:
        return None
    inputs = Inputs(prepared, bundle.task, bundle.features)
    arrays = inputs.training_arrays()
    bundles = [bundle]
    for number in range(1, count):
        announce(reporter, "another seed,", number, count - 1)
        own = config.model_copy(update={"seed": config.seed + number})
        bundles.append(refit(own, inputs, "evaluation.seeds", arrays))
    truth = bundle.task.truth(data)
    scores = [measure(own.task, truth, own.predict(data), config.evaluation.metrics) for own in bundles]
    return SeedScores(tuple(config.seed + number for number in range(count)), spreads_of(scores))
