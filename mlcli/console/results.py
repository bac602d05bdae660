"""What each step shows at its end."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import TYPE_CHECKING

from mlcli.console.screen import Screen
from mlcli.data.notes import profile_notes
from mlcli.evaluation.show import (
    say_folds,
    say_verdict,
    show_difference,
    show_interval,
    show_number,
    show_range,
    show_spread,
    show_value,
)
from mlcli.features.notes import feature_notes

if TYPE_CHECKING:
    from mlcli.checks.finding import Finding
    from mlcli.evaluation.evaluate import Evaluation
    from mlcli.steps.evaluate import EvaluateOutcome
    from mlcli.steps.features import FeaturesOutcome
    from mlcli.steps.predict import PredictOutcome
    from mlcli.steps.prepare import PrepareOutcome
    from mlcli.steps.train import TrainOutcome

# Blanks between two columns of a table.
GAP = 3
STOPPED = {
    "finished": "all epochs done",
    "early": "stopped early: no improvement any more",
    "interrupted": "interrupted; the state is saved",
}


def show_prepared(screen: Screen, outcome: PrepareOutcome) -> None:
    """Rows of each split, a line a config; and what was left out."""
    done = [(entry.name, entry.prepared) for entry in outcome.entries if entry.prepared is not None]
    rows = [
        (name, *(f"{len(prepared.splits[split]):,}" for split in ("train", "valid", "test")), prepared.folder.name)
        for name, prepared in done
    ]
    if rows:
        title = f"Rows, prepared in {done[0][1].folder.parent}"
        screen.table(("config", "train", "valid", "test", "folder"), rows, title)
    left = [(entry.name, entry.left_out or "") for entry in outcome.entries if entry.prepared is None]
    if left:
        screen.table(("left out", "why"), left)
    if len(done) == 1:
        for note in profile_notes(done[0][1].profile):
            screen.say(f"· {note}")
    for entry in outcome.entries:
        _show_findings(screen, entry.findings, f"{entry.name}: " if len(outcome.entries) > 1 else "")


def show_features(screen: Screen, outcome: FeaturesOutcome) -> None:
    """What became of the columns."""
    features = outcome.inputs.features
    layout = features.layout
    for note in feature_notes(features.report):
        screen.say(f"· {note}")
    embedded = f" and {len(layout.embedded)} embedded categories" if layout.embedded else ""
    screen.heading(f"{layout.n_numeric} numeric inputs{embedded} for the network")


def show_trained(screen: Screen, outcome: TrainOutcome) -> None:
    """Loss and metrics of the best weights, and where they are."""
    _stand_in(screen, outcome.stand_in_for)
    names = list(outcome.train)
    splits = [("train", outcome.train)] + ([("valid", outcome.valid)] if outcome.valid else [])
    title = (
        f"{outcome.run}: {STOPPED.get(outcome.stopped, outcome.stopped)}, "
        f"best epoch {outcome.best_epoch} of {outcome.epochs}, {outcome.seconds:.1f} s"
    )
    if names:
        rows = [(split, *(show_number(scores[name]) for name in names)) for split, scores in splits]
        screen.table(("split", *names), rows, title=title)
        screen.say(f"Model: {outcome.run.model}")
    else:
        screen.heading(f"{outcome.run}: {STOPPED.get(outcome.stopped, outcome.stopped)} before the first epoch ended")
    if outcome.threshold not in (None, 0.5):
        screen.say(f"Decision threshold chosen on the validation rows: {outcome.threshold:.4f}")


def show_evaluation(screen: Screen, outcome: EvaluateOutcome) -> None:
    """Scores, and the baselines' beside them, then the confusion matrix or the weights."""
    evaluation = outcome.evaluation
    _stand_in(screen, evaluation.stand_in_for)
    _show_scores(screen, outcome)
    _show_baselines(screen, evaluation)
    _show_seeds(screen, evaluation)
    _show_folds(screen, evaluation)
    if evaluation.per_class:
        _show_confusion(screen, evaluation)
        _show_classes(screen, evaluation)
    _show_weights(screen, evaluation)
    if evaluation.test_looks > 1:
        screen.say(f"The test rows have been looked at {evaluation.test_looks} times for this run")
    screen.say(f"Report: {outcome.run.report}")
    _show_findings(screen, outcome.findings)
    for miss in outcome.misses:
        screen.warn(miss)


def show_predictions(screen: Screen, outcome: PredictOutcome) -> None:
    """A few rows and where all are; nothing when they went to stdout."""
    if outcome.path is None:
        screen.say(f"{outcome.n_rows:,} rows predicted")
        return
    columns = outcome.preview.columns
    rows = [[_cell(value) for value in row] for row in outcome.preview.rows()]
    shown = _fitting(columns, rows, screen.stderr.width)
    screen.table(columns[:shown], [row[:shown] for row in rows], f"First {len(rows)} of {outcome.n_rows:,} predictions")
    more = f", with {len(columns) - shown} more columns" if shown < len(columns) else ""
    screen.say(f"All {outcome.n_rows:,}: {outcome.path}{more}")


def _show_scores(screen: Screen, outcome: EvaluateOutcome) -> None:
    evaluation = outcome.evaluation
    rows = [(score.name, show_value(score), show_interval(score)) for score in evaluation.scores]
    title = f"{outcome.run} on {evaluation.n_rows:,} {evaluation.split} rows"
    screen.table(("metric", "network", f"{evaluation.confidence:.0%} interval"), rows, title=title)
    for score in evaluation.scores:
        if score.reason is not None:
            screen.say(f"· {score.name} is undefined: {score.reason}")


def _show_baselines(screen: Screen, evaluation: Evaluation) -> None:
    """Each baseline by the headline metric, and whether the network is better on the same rows."""
    if not evaluation.baselines:
        return
    headline = evaluation.headline
    rows = []
    for baseline in evaluation.baselines:
        score, difference = baseline.scores[headline], baseline.differences[headline]
        rows.append((baseline.name, show_number(score.value), show_difference(difference), say_verdict(difference)))
    first = evaluation.scores[headline]
    unit = f" in {first.unit}" if first.unit else ""
    columns = ("baseline", first.name, "network − baseline", "on the same rows")
    screen.table(columns, rows, title=f"Against baselines, by {first.name}{unit}")
    for baseline in evaluation.baselines:
        screen.say(f"· {baseline.name}: {baseline.text}")


def _show_seeds(screen: Screen, evaluation: Evaluation) -> None:
    if evaluation.seeds is None:
        return
    seeds = evaluation.seeds.seeds
    rows = [(own.name, show_spread(own), show_range(own)) for own in evaluation.seeds.spreads]
    title = (
        f"Over {len(seeds)} seeds, {seeds[0]} to {seeds[-1]}, on the same {evaluation.n_rows:,} {evaluation.split} rows"
    )
    screen.table(("metric", "mean ± sd", "lowest – highest"), rows, title=title)


def _show_folds(screen: Screen, evaluation: Evaluation) -> None:
    """The folds' mean beside the score of all answers pooled, which is all there is where one row is left out."""
    folds = evaluation.folds
    if folds is None:
        return
    columns = ["metric", "pooled", f"{evaluation.confidence:.0%} interval"]
    rows = [[own.name, show_number(own.value), show_interval(own)] for own in folds.pooled]
    if folds.spreads:
        columns.insert(1, "mean ± sd")
        for row, own in zip(rows, folds.spreads, strict=True):
            row.insert(1, show_spread(own))
    screen.table(columns, rows, title=say_folds(folds))


def _show_confusion(screen: Screen, evaluation: Evaluation) -> None:
    """Rows are the true classes, columns the predicted ones; left to the figure where the terminal is too narrow."""
    counts = evaluation.confusion or ()
    rows = [(name, *map(str, row)) for name, row in zip(evaluation.classes, counts, strict=False)]
    columns = ("true", *evaluation.classes)
    if rows and _fitting(columns, rows, screen.stderr.width) == len(columns):
        screen.table(columns, rows, title="Confusion matrix: true classes in rows, predicted ones in columns")


def _fitting(columns: Sequence[str], rows: Sequence[Sequence[str]], width: int) -> int:
    """How many of the columns, from the first on, fit side by side."""
    ends = accumulate(GAP + max(map(len, cells)) for cells in zip(columns, *rows, strict=True))
    return sum(end <= width for end in ends)


def _show_classes(screen: Screen, evaluation: Evaluation) -> None:
    rows = [
        (name, *(_share(value) for value in (scores.precision, scores.recall, scores.f1)), f"{scores.support:,}")
        for name, scores in zip(evaluation.classes, evaluation.per_class, strict=True)
    ]
    screen.table(("class", "precision", "recall", "f1", "rows"), rows, title="Classes")


def _show_weights(screen: Screen, evaluation: Evaluation) -> None:
    if evaluation.weights is None:
        return
    table = evaluation.weights
    rows = [
        (name, *(f"{value:.8g}" for value in values))
        for name, values in zip(table.features, table.weights, strict=True)
    ]
    rows.append(("(bias)", *(f"{value:.8g}" for value in table.bias)))
    screen.table(("feature", *table.outputs), rows, title=table.caption)


def _show_findings(screen: Screen, findings: Sequence[Finding], start: str = "") -> None:
    """Warnings, and what is merely worth knowing."""
    for finding in findings:
        if finding.serious:
            screen.warn(start + finding.text)
        else:
            screen.say(f"· {start}{finding.text}")


def _stand_in(screen: Screen, stand_in_for: str | None) -> None:
    if stand_in_for is not None:
        screen.warn(f"this is not {stand_in_for}: another dataset stands in for it, and its scores say nothing of it")


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _cell(value: object) -> str:
    return show_number(value) if isinstance(value, float) else str(value)
