"""Step 4, and the predictions after it, in the course's words."""

from __future__ import annotations

from collections.abc import Iterator

from mlcli.config.schema import Config
from mlcli.evaluation.evaluate import Evaluation
from mlcli.metrics.catalog import CATALOG
from mlcli.task import Classification, FittedTask
from mlcli.verbose.words import about, heading, term_of

ROWS = {
    "test": "nothing was fitted on them and nothing chosen by them, so they tell what new rows would",
    "valid": "epochs and thresholds were chosen by them, so they flatter the network a little",
    "train": "the network has seen them, so they tell how well it remembers, not how well it predicts",
}


def explain_scores(config: Config, evaluation: Evaluation) -> Iterator[str]:
    """Whose rows they are, and what each number means."""
    yield heading("evaluation")
    yield f"{evaluation.n_rows:,} {evaluation.split} rows: {ROWS[evaluation.split]}."
    for score in evaluation.scores:
        facts = CATALOG[score.name]
        yield f"{score.name}: {facts.meaning}; {'more' if facts.higher_is_better else 'less'} is better."
    yield about(config, "evaluation.confidence")
    if evaluation.threshold is not None:
        yield about(config, "evaluation.threshold")
        yield about(config, "evaluation.positive", evaluation.classes[-1])
    if evaluation.baselines:
        yield about(config, "evaluation.baselines")
    if evaluation.folds is not None:
        yield about(config, "evaluation.folds")
    if evaluation.seeds is not None:
        yield about(config, "evaluation.seeds")


def explain_prediction(task: FittedTask) -> Iterator[str]:
    """What becomes of a new row."""
    yield "Inference (inferencia)"
    yield "New rows go through the features as they were fitted on the training rows; nothing is learned from them."
    if not isinstance(task, Classification):
        yield "The output unit's number is turned back into the target's own unit."
    elif task.output == "softmax":
        yield f"{term_of('model.output')}: each class gets a probability, and the highest wins."
    elif task.output == "sigmoid":
        yield (
            f"{term_of('model.output')}: the probability of '{task.classes[-1]}'; "
            f"from {task.threshold:.4g} on it is predicted."
        )
