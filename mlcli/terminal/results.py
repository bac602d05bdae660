"""The results of train, evaluate, predict and others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlcli.io.memory import shown_size
from mlcli.io.text import counted, show_number
from mlcli.reports.scores import (
    VERDICTS,
    advise,
    coverage_table,
    describe_coverage,
    describe_folds,
    footnotes,
    show_difference,
    show_interval,
    show_range,
    show_spread,
    show_value,
)
from mlcli.terminal.preparation import show_data_findings
from mlcli.terminal.screen import Screen, columns_that_fit

if TYPE_CHECKING:
    from mlcli.evaluation.evaluate import Evaluation
    from mlcli.evaluation.fit import TrainResult
    from mlcli.use_cases.evaluate import EvaluateResult
    from mlcli.use_cases.export import ExportResult
    from mlcli.use_cases.serve import Serving

SHOWN_INPUTS = 12
STOPPED = {
    "finished": "all epochs done",
    "early": "stopped early without further improvement",
    "interrupted": "interrupted, state saved",
}


def show_trained(screen: Screen, result: TrainResult) -> None:
    """Loss and metrics of the best weights, and where they are."""
    _warn_of_stand_in(screen, result.stand_in_for)
    names = dict.fromkeys([*result.train, *result.valid])
    splits = [("train", result.train)] + ([("valid", result.valid)] if result.valid else [])
    title = f"{result.run}: {STOPPED.get(result.stopped, result.stopped)}"
    if names:
        rows = [(split, *(show_number(scores.get(name)) for name in names)) for split, scores in splits]
        kept = f"{result.keep} epoch {result.best_epoch} of {result.epochs}"
        if result.networks > 1:
            kept = f"mean of {result.networks} networks of up to {counted(result.epochs, 'epoch')}"
        title += f", {kept}, {result.seconds:.1f} s"
        screen.table(("split", *names), rows, title=title)
        screen.say(f"Model: {result.run.model}")
    else:
        screen.heading(f"{title} before the first epoch ended")
    if result.threshold not in (None, 0.5):
        screen.say(f"Decision threshold: {result.threshold:.4f}")
    if result.temperature not in (None, 1.0):
        screen.say(f"Temperature of the probabilities, of the lowest validation log loss: {result.temperature:.3f}")
    if result.weighting is not None:
        screen.warn(result.weighting)


def show_evaluation(screen: Screen, result: EvaluateResult) -> None:
    """Scores, those of the baselines, then the confusion matrix or the weights."""
    evaluation = result.evaluation
    _warn_of_stand_in(screen, evaluation.stand_in_for)
    _show_scores(screen, result)
    _show_baselines(screen, evaluation)
    if evaluation.coverage:
        screen.table(*coverage_table(evaluation), title=describe_coverage(evaluation))
    _show_seeds(screen, evaluation)
    _show_folds(screen, evaluation)
    if evaluation.per_class:
        _show_classes(screen, evaluation)
    _show_weights(screen, evaluation)
    if evaluation.test_looks > 1:
        screen.say(f"The test rows have been evaluated {evaluation.test_looks} times for this run")
    screen.say(f"Report: {result.run.report}")
    show_data_findings(screen, result.findings)
    for miss in result.misses:
        screen.warn(miss)


def show_exported(screen: Screen, result: ExportResult) -> None:
    """What the file takes and gives, and what it was verified by."""
    ports = [("input", one) for one in result.inputs[:SHOWN_INPUTS]] + [("output", one) for one in result.outputs]
    rows = [
        (kind, one.name, f"{one.type} (rows, {', '.join(map(str, one.shape))})", one.meaning) for kind, one in ports
    ]
    screen.table(("", "name", "type", "meaning"), rows, title=f"{result.path}: {shown_size(result.bytes)}, ONNX")
    if (more := len(result.inputs) - SHOWN_INPUTS) > 0:
        screen.say(f"and {counted(more, 'more input')}")
    compared = " and ".join(counted(count, f"{kind} row") for kind, count in result.rows.items())
    screen.say(f"Verified with onnxruntime on {compared}: the largest difference is {result.difference:.1e}")


def show_serving(screen: Screen, serving: Serving) -> None:
    """Where the models are served."""
    named = ", ".join(f"{name} ({source})" for name, source in serving.models.items())
    screen.heading(f"Serving {named} at {serving.url}")
    token = "requests need the token; " if serving.has_token else ""
    screen.say(f"{token}POST rows to {serving.url}predict, or open the page to try the model; Ctrl-C stops")


def _show_scores(screen: Screen, result: EvaluateResult) -> None:
    evaluation = result.evaluation
    rows = [(score.name, show_value(score), show_interval(score)) for score in evaluation.scores]
    title = f"{result.run} on {counted(evaluation.n_rows, f'{evaluation.split} row')}"
    screen.table(("metric", "network", f"{evaluation.confidence:.0%} interval"), rows, title=title)
    for footnote in footnotes(evaluation.scores):
        screen.say(f"· {footnote}")
    if evaluation.weighted_by is not None:
        screen.say(f"All scores count each row by its {evaluation.weighted_by!r}; the confusion matrix counts rows")
    if evaluation.weighting is not None:
        screen.warn(evaluation.weighting)
    _show_targets(screen, evaluation)


def _show_targets(screen: Screen, evaluation: Evaluation) -> None:
    """Each of several targets by itself; on a narrow terminal only the first metrics."""
    if not evaluation.targets:
        return
    columns = ("target", *(score.name for score in evaluation.scores))
    rows = [(own.name, *(show_number(score.value) for score in own.scores)) for own in evaluation.targets]
    shown = max(2, columns_that_fit(columns, rows, screen.stderr.width))
    screen.table(columns[:shown], [row[:shown] for row in rows], title="Each target; the scores above are their mean")
    for own in evaluation.targets:
        for footnote in footnotes(own.scores[: shown - 1]):
            screen.say(f"· {own.name}: {footnote}")


def _show_baselines(screen: Screen, evaluation: Evaluation) -> None:
    """Each baseline by the headline metric, and the paired comparison of the network with it."""
    if not evaluation.baselines:
        return
    headline = evaluation.headline
    rows = []
    for baseline in evaluation.baselines:
        score, difference = show_number(baseline.scores[headline].value), baseline.differences[headline]
        rows.append((baseline.name, score, show_difference(difference), VERDICTS[difference.verdict]))
    first = evaluation.scores[headline]
    unit = f" in {first.unit}" if first.unit else ""
    columns = ("baseline", first.name, "network − baseline", "the network is")
    screen.table(columns, rows, title=f"Baselines by {first.name}{unit}, on the same rows")
    for baseline in evaluation.baselines:
        reason = baseline.scores[headline].reason
        undefined = f"; its {first.name} is undefined: {reason}" if reason else ""
        screen.say(f"· {baseline.name}: {baseline.text}{undefined}")
    if advice := advise(evaluation):
        screen.warn(advice)


def _show_seeds(screen: Screen, evaluation: Evaluation) -> None:
    if evaluation.seeds is not None:
        seeds = evaluation.seeds.seeds
        rows = [(own.name, show_spread(own), show_range(own)) for own in evaluation.seeds.spreads]
        same = f"on the same {counted(evaluation.n_rows, f'{evaluation.split} row')}"
        title = f"Over {len(seeds)} seeds, {seeds[0]} to {seeds[-1]}, {same}"
        screen.table(("metric", "mean ± sd", "lowest – highest"), rows, title=title)


def _show_folds(screen: Screen, evaluation: Evaluation) -> None:
    """Mean over the folds and score of the pooled predictions; only the latter where one row is left out."""
    if (folds := evaluation.folds) is None:
        return
    columns = ["metric", "pooled", f"{evaluation.confidence:.0%} interval"]
    rows = [[own.name, show_number(own.value), show_interval(own)] for own in folds.pooled]
    if folds.spreads:
        columns.insert(1, "mean ± sd")
        for row, own in zip(rows, folds.spreads, strict=True):
            row.insert(1, show_spread(own))
    screen.table(columns, rows, title=describe_folds(folds))


def _show_classes(screen: Screen, evaluation: Evaluation) -> None:
    """Each class's scores after the confusion matrix; on a narrow terminal the matrix is only in the report."""
    counts = evaluation.confusion or ()
    rows = [(name, *map(str, row)) for name, row in zip(evaluation.classes, counts, strict=False)]
    columns = ("true", *evaluation.classes)
    if rows and columns_that_fit(columns, rows, screen.stderr.width) == len(columns):
        screen.table(columns, rows, title="Confusion matrix: true classes in rows, predicted classes in columns")
    scores = []
    for name, own in zip(evaluation.classes, evaluation.per_class, strict=True):
        shares = ["–" if value is None else f"{value:.3f}" for value in (own.precision, own.recall, own.f1)]
        scores.append((name, *shares, f"{own.support:,}"))
    screen.table(("class", "precision", "recall", "f1", "rows"), scores, title="Classes")


def _show_weights(screen: Screen, evaluation: Evaluation) -> None:
    if (table := evaluation.weights) is None:
        return
    weights = zip((*table.features, "(bias)"), (*table.weights, table.bias), strict=True)
    rows = [(name, *(f"{value:.8g}" for value in values)) for name, values in weights]
    screen.table(("feature", *table.outputs), rows, title=table.caption)


def _warn_of_stand_in(screen: Screen, stand_in_for: str | None) -> None:
    if stand_in_for is not None:
        screen.warn(f"substitute data is used in place of {stand_in_for}; the scores do not describe {stand_in_for}")
