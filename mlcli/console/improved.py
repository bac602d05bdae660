"""What step 5 shows at its end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlcli.console.diagnosed import show_findings
from mlcli.console.screen import Screen
from mlcli.console.search_picture import describe_values
from mlcli.evaluation.show import show_number
from mlcli.improve.ranking import rank_trials

if TYPE_CHECKING:
    from mlcli.improve.results import Results
    from mlcli.metrics.paired import Difference
    from mlcli.steps.improve import ImproveOutcome

BEST_SHOWN = 5


def show_improved(screen: Screen, outcome: ImproveOutcome) -> None:
    """The diagnosis, the best trials, what was won, and the command that trains it."""
    screen.close()
    if outcome.searched.trials or outcome.searched.findings or not outcome.interrupted:
        show_findings(screen, outcome.diagnosed, outcome.searched.findings)
    if outcome.results is None:
        _show_cure(screen, outcome)
        return
    _show_trials(screen, outcome)
    _show_importance(screen, outcome.results)
    _show_gain(screen, outcome, outcome.results)
    _show_next(screen, outcome, outcome.results)


def _show_cure(screen: Screen, outcome: ImproveOutcome) -> None:
    """What to do after a diagnosis without a search."""
    if not outcome.n_valid:
        screen.warn("without validation rows nothing can be compared, so nothing was searched")
    if outcome.applied is not None:
        screen.next_step(f"mlcli train {outcome.applied}")
    elif not outcome.n_valid:
        screen.next_step("the same command with -S dataset.split.valid=0.2")
    elif any(finding.patch for finding in outcome.searched.findings if finding.level == "ailment"):
        screen.next_step("the same command with --apply, which writes a configuration with these remedies")
    else:
        screen.next_step("the same command without --diagnose, which searches")


def _show_trials(screen: Screen, outcome: ImproveOutcome) -> None:
    ranked = rank_trials(outcome.searched.trials, outcome.metric)[:BEST_SHOWN]
    rows = [
        (
            str(trial.number),
            show_number(trial.score),
            f"{trial.best_epoch} of {trial.epochs}",
            describe_values(trial.values),
        )
        for trial in ranked
    ]
    if rows:
        title = f"Best of {len(outcome.searched.trials)} trials on {describe_rows(outcome)}"
        screen.table(("trial", outcome.metric, "best epoch", "changed"), rows, title=title)
    counts = f"{outcome.count('complete')} complete, {outcome.count('pruned')} pruned, {outcome.count('failed')} failed"
    screen.say(f"Trials: {counts}")


def describe_rows(outcome: ImproveOutcome) -> str:
    """What trials were compared on."""
    folds = outcome.config.improve.folds
    return f"{outcome.n_rows:,} rows in {folds} folds" if folds else f"{outcome.n_valid:,} validation rows"


def _show_importance(screen: Screen, results: Results) -> None:
    if results.importance:
        shares = ", ".join(f"{key} {share:.0%}" for key, share in results.importance.items())
        screen.say(f"What made the difference between trials: {shares}")


def _show_gain(screen: Screen, outcome: ImproveOutcome, results: Results) -> None:
    before, team = show_number(outcome.before), results.ensemble
    where = "Cross-validated" if outcome.config.improve.folds else "Validation"
    if outcome.best is None:
        screen.heading("No trial came to an end that can be compared")
        return
    if outcome.improved:
        screen.heading(f"{where} {outcome.metric}: {before} before, {show_number(outcome.best.score)} now")
    elif team is None:
        screen.heading(f"Nothing beat the configuration as it is ({where.lower()} {outcome.metric} {before})")
    if team is not None:
        score = f"validation {outcome.metric} {show_number(team.score)}"
        screen.heading(f"{team.run}: {team.members} networks together, {score}")
    if results.difference is not None:
        screen.say(describe_difference(results.difference, results.n_rows))
    if outcome.improved:
        screen.say("The best of many is partly luck: measure it on the test rows with mlcli evaluate")
    if outlook := results.progress.verdict():
        screen.say(f"{outlook} (the curve: {outcome.folder / 'search.svg'})")


def describe_difference(difference: Difference, n_rows: int) -> str:
    """Whether a difference is real, e.g. `log_loss -0.0023, from -0.0033 to -0.0013 with 95 % …: better`."""
    verdicts = {
        "better": "better beyond chance, as far as these rows tell",
        "worse": "worse beyond chance",
        "no difference": "which may be chance",
        "undefined": "of which these rows cannot tell whether it is chance",
    }
    value, low, high = (show_change(one) for one in (difference.value, difference.low, difference.high))
    interval = "" if difference.low is None else f" (interval {low} to {high})"
    return f"On the same {n_rows:,} rows {difference.name} differs by {value}{interval}: {verdicts[difference.verdict]}"


def show_change(value: float | None) -> str:
    """A difference with its sign, or an en dash where there is none."""
    return "–" if value is None else f"{'+' if value > 0 else ''}{show_number(value)}"


def _show_next(screen: Screen, outcome: ImproveOutcome, results: Results) -> None:
    if outcome.interrupted:
        screen.next_step("the same command again, which goes on with the search")
    elif outcome.applied is not None:
        screen.next_step(f"mlcli train {outcome.applied}")
    elif results.ensemble is not None:
        screen.next_step(f"mlcli evaluate {results.ensemble.run}")
    elif outcome.improved:
        screen.next_step(f"mlcli train {results.proposal}")
    else:
        screen.next_step(f"the same command with --trials {2 * outcome.budget.trials}, or another improve.space")
