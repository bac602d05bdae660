"""Step 5 in the course's words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mlcli.config.schema import Config
from mlcli.verbose.words import about, heading, term_of


def explain_diagnosis() -> Iterator[str]:
    """What a diagnosis is."""
    yield heading("improve")
    yield (
        "A diagnosis compares what the network does on training and on validation rows, epoch by epoch, with what "
        "chance and simple models do, and names what holds it back."
    )
    yield (
        "Bad on both is underfitting (high bias, sesgo): a larger network, better features, a better learning rate. "
        "Good on the training rows alone is overfitting (high variance, varianza): more rows, fewer features, a "
        "smaller network, regularisation."
    )
    yield "First three checks, as a training is watched over: the first loss, a handful of rows, the learning rate."


def explain_search(config: Config, metric: str, keys: Sequence[str]) -> Iterator[str]:
    """What is searched, and how."""
    yield "The search for better ones (búsqueda)"
    yield (
        f"{term_of('improve.space')}: {', '.join(keys)} are varied; trials are compared by {metric} on the "
        "validation rows, and the test rows stay locked."
    )
    yield about(config, "improve.sampler")
    yield about(config, "improve.pruning")
    yield "The first trial is your configuration as it is, the second the diagnosis's remedy where there is one."
