"""The same training with other seeds: how far first weights, row order and dropout move a score."""

from __future__ import annotations

from mlcli.bundle import Bundle
from mlcli.config.schema import Config
from mlcli.data.prepare import Prepared
from mlcli.data.types import Dataset
from mlcli.evaluation.spread import SeedScores, spreads_of
from mlcli.inputs import Inputs
from mlcli.metrics.measure import measure
from mlcli.reporter import Reporter
from mlcli.resampling.fresh import announce, train_fresh


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
        bundles.append(train_fresh(own, inputs, "evaluation.seeds", arrays))
    truth = bundle.task.truth(data)
    scores = [measure(own.task, truth, own.predict(data), config.evaluation.metrics) for own in bundles]
    return SeedScores(tuple(config.seed + number for number in range(count)), spreads_of(scores))
