"""The same training repeated, with other seeds or on other rows: how much scores vary. Nothing is written."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from mlcli.config.sections.config import Config
from mlcli.data.prepare import Prepared
from mlcli.data.tables.types import Dataset
from mlcli.errors import DivergedError
from mlcli.evaluation.calibration import calibrate
from mlcli.evaluation.out_of_fold import MemberRows, member_config
from mlcli.evaluation.repeated import SeedScores, spreads_of
from mlcli.metrics.measure import measure
from mlcli.models.inference import FittedEnsemble, FittedNetwork
from mlcli.models.task import output_of
from mlcli.reporter import Reporter
from mlcli.runs.bundle import Bundle
from mlcli.runs.recorder import bundle_facts
from mlcli.training.callbacks import Callback, stop_rules
from mlcli.training.datasets import Rows
from mlcli.training.inputs import Inputs, make_context
from mlcli.training.loop import best_scores, new_state, outputs_of, train_model

# Up to so many trainings each is announced; of more, every tenth part.
MAX_ANNOUNCED = 20


def refit(
    config: Config,
    inputs: Inputs,
    key: str,
    arrays: tuple[Rows, Rows] | None = None,
    callbacks: Sequence[Callback] = (),
    interrupted: Callable[[], bool] = lambda: False,
    valid: Dataset | None = None,
    *,
    scored: bool = False,
) -> Bundle:
    """The network, or the ensemble, that `mlcli train` would train on these inputs, with its best weights.

    key         : the configuration key that causes it, for messages
    arrays      : the inputs' training rows, if they exist already
    interrupted : ends the training early once it is true; the network is then not fully trained
    valid       : the arrays' validation rows, where they are not the run's
    scored      : the facts have the scores of the training and validation rows

    Raises DivergedError.
    """
    if config.training.ensemble > 1:
        return _refit_ensemble(config, inputs, key, arrays, callbacks, interrupted)
    context = make_context(config, inputs, arrays)
    trained = train_model(context, new_state(context), callbacks, stop_rules(config.training), interrupted)
    if trained.stopped == "diverged":
        raise DivergedError(
            f"{key}: a training (seed {config.seed}) diverged at step {trained.diverged_step}, so there are no scores. "
            f"Train with a lower optimizer.lr (now {config.optimizer.lr:g}) or "
            "training.clip_norm: 1"
        )
    rows = context.valid if len(context.valid) else context.train
    valid = inputs.prepared.splits.valid if valid is None else valid
    task, validation = calibrate(
        inputs.task, config, lambda: outputs_of(context, rows.x).cpu(), rows.y.cpu(), valid, rows.weights
    )
    parts = (context.train, context.valid)
    scores = [best_scores(context, trained.state, own) if scored else {} for own in parts]
    facts = bundle_facts(inputs, trained.state.best_epoch, *scores)
    return Bundle(config, inputs.features, task, context.model.fitted(), facts, validation=validation)


def _refit_ensemble(
    config: Config,
    inputs: Inputs,
    key: str,
    arrays: tuple[Rows, Rows] | None,
    callbacks: Sequence[Callback],
    interrupted: Callable[[], bool],
) -> Bundle:
    rows, networks = MemberRows.of(config, inputs, arrays), list[FittedNetwork]()
    for number in range(config.training.ensemble):
        own = member_config(config, number)
        valid = rows.valid_rows(inputs.prepared, number)
        bundle = refit(own, inputs, key, rows.of_member(number), callbacks, interrupted, valid)
        networks += [bundle.model] if isinstance(bundle.model, FittedNetwork) else []
        if interrupted():
            break
    else:
        outputs, decoded = rows.decoding_rows(networks)
        valid = rows.valid_rows(inputs.prepared)
        task, _ = calibrate(inputs.task, config, outputs, decoded.y, valid, decoded.weights)
        inputs = replace(inputs, task=task)
    model, members = FittedEnsemble(networks, output_of(inputs.task)), (config.model,) * len(networks)
    return Bundle(config, inputs.features, inputs.task, model, {}, members)


def announce(reporter: Reporter, what: str, number: int, total: int) -> None:
    """Say which training begins; `number` counts from 1."""
    if total <= MAX_ANNOUNCED or number * 10 // total > (number - 1) * 10 // total:
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
    arrays = inputs.training_rows(on_disk=inputs.on_disk(config))
    bundles = [bundle]
    for number in range(1, count):
        announce(reporter, "another seed,", number, count - 1)
        own = config.model_copy(update={"seed": config.seed + number})
        bundles.append(refit(own, inputs, "evaluation.seeds", arrays))
    truth, weights = bundle.task.truth(data), data.row_weights
    scores = [
        measure(own.task, truth, own.predict(data), config.evaluation.metrics, weights=weights) for own in bundles
    ]
    return SeedScores(tuple(config.seed + number for number in range(count)), spreads_of(scores))
