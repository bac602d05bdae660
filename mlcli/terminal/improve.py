"""Checks, findings and the result of improve."""

from __future__ import annotations

import json
import math
import textwrap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mlcli.diagnosis.checks import Checks
from mlcli.diagnosis.range_test import RateRange
from mlcli.diagnosis.recommendations import Finding
from mlcli.io.text import counted, show_number, show_signed
from mlcli.reports.scores import VERDICTS
from mlcli.search.trial import rank_trials
from mlcli.terminal.plot import ASCII_BLOCKS, BLOCKS, sparkline
from mlcli.terminal.screen import Screen

if TYPE_CHECKING:
    from mlcli.metrics.paired import ScoreDifference
    from mlcli.search.results import Results
    from mlcli.use_cases.improve import ImproveResult

MARKS = {True: "✓", False: "✗", None: "–"}
PLAIN_MARKS = {True: "ok", False: "NO", None: "- "}
# Columns of text, and of the plot of the range test.
COLUMNS, PLOT = 80, 60
BEST_SHOWN = 5


def show_checks(screen: Screen, checks: Checks, lr: float) -> None:
    """The checklist, and the curve of the range test."""
    marks = MARKS if _draws(screen) else PLAIN_MARKS
    screen.heading("Checks before the search:")
    for check in checks.checks:
        screen.say(f"{marks[check.passed]} {check.title}")
        _say(screen, check.evidence, indent="  ")
    if checks.rates is not None:
        for line in plot_rates(checks.rates, lr, checks.suggested_rate, BLOCKS if _draws(screen) else ASCII_BLOCKS):
            screen.say(f"  {line}")


def plot_rates(rates: RateRange, lr: float, suggested: float | None, blocks: str) -> list[str]:
    """Loss over learning rate in a line, the rates below, and marks at the configured and any suggested one."""
    width = min(PLOT, len(rates.rates))
    low, high = math.log10(rates.rates[0]), math.log10(rates.rates[-1])

    def column(rate: float) -> int:
        share = (math.log10(rate) - low) / (high - low)
        return min(max(round(share * (width - 1)), 0), width - 1)

    marks = [" "] * width
    if suggested is not None:
        marks[column(suggested)] = "s"
    marks[column(lr)] = "^"
    left, right = f"{rates.rates[0]:.0e}", f"{rates.rates[-1]:.0e}"
    return [
        f"loss {sparkline([min(loss, rates.start) for loss in rates.losses], width, blocks=blocks)}",
        f"     {''.join(marks)}".rstrip(),
        f"rate {left}{right.rjust(width - len(left))}",
        f"     ^ configured: {lr:g}{'' if suggested is None else f'   s suggested: {suggested:.1g}'}",
    ]


def show_findings(screen: Screen, diagnosed: str, findings: Sequence[Finding]) -> None:
    """Each finding with its evidence and what to try."""
    problems = any(finding.level != "note" for finding in findings)
    screen.heading(f"Diagnosis of {diagnosed}:{'' if problems else ' no problems found'}")
    for finding in findings:
        note = "note: " if finding.level == "note" else ""
        _say(screen, f"· {note}{finding.course_term}: {finding.evidence}", rest="  ")
        _say(screen, f"try {'; or '.join(finding.remedies)}", indent="  ", rest="  ")


def _say(screen: Screen, text: str, indent: str = "", rest: str | None = None) -> None:
    rest = indent if rest is None else rest
    for line in textwrap.wrap(text, COLUMNS, initial_indent=indent, subsequent_indent=rest, break_on_hyphens=False):
        screen.say(line)


def _draws(screen: Screen) -> bool:
    """Whether the terminal's encoding has blocks and ticks."""
    try:
        (BLOCKS + "".join(MARKS.values())).encode(screen.stderr.encoding)
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def show_improved(screen: Screen, outcome: ImproveResult) -> None:
    """The diagnosis, the best trials, the gain, and the next command."""
    screen.close()
    if outcome.trials or outcome.findings or not outcome.interrupted:
        show_findings(screen, outcome.diagnosed, outcome.findings)
    if outcome.results is None:
        _show_next_after_diagnosis(screen, outcome)
        return
    _show_trials(screen, outcome)
    _show_gain(screen, outcome, outcome.results)
    _show_next(screen, outcome, outcome.results)


def _show_next_after_diagnosis(screen: Screen, outcome: ImproveResult) -> None:
    """What to do after a diagnosis without a search."""
    if not outcome.n_valid:
        screen.warn("no search: trials cannot be compared without validation rows")
    if outcome.applied is not None:
        screen.next_step(f"mlcli train {outcome.applied}")
    elif not outcome.n_valid and (split := outcome.config.dataset.split).by == "given":
        screen.next_step(f"write valid into column {split.column} of some training rows; then the same command")
    elif not outcome.n_valid:
        screen.next_step("the same command with -S dataset.split.valid=0.2")
    elif any(finding.patch for finding in outcome.findings if finding.level != "note"):
        screen.next_step("the same command with --apply, which writes a configuration with these changes")
    else:
        screen.next_step("the same command without --diagnose, which searches")


def _show_trials(screen: Screen, outcome: ImproveResult) -> None:
    rows = []
    for trial in rank_trials(outcome.trials, outcome.metric)[:BEST_SHOWN]:
        epochs = f"{trial.best_epoch} of {trial.epochs}"
        rows.append((str(trial.number), show_number(trial.score), epochs, describe_values(trial.values)))
    if rows:
        title = f"Best of {counted(len(outcome.trials), 'trial')} on {describe_rows(outcome)}"
        screen.table(("trial", outcome.metric, "best epoch", "changed"), rows, title=title)
    counts = f"{outcome.count('complete')} complete, {outcome.count('pruned')} pruned, {outcome.count('failed')} failed"
    screen.say(f"Trials: {counts}")
    if outcome.results is not None and outcome.results.importance:
        shares = ", ".join(f"{key} {share:.0%}" for key, share in outcome.results.importance.items())
        screen.say(f"Importance of the keys: {shares}")


def describe_values(values: Mapping[str, Any]) -> str:
    """The changed keys as on the command line; `unchanged` for the start."""
    return "  ".join(f"{key}={json.dumps(value)}" for key, value in values.items()) or "unchanged"


def describe_rows(outcome: ImproveResult) -> str:
    """The rows that trials were compared on."""
    folds = outcome.config.improve.folds
    return f"{outcome.n_rows:,} rows in {folds} folds" if folds else counted(outcome.n_valid, "validation row")


def _show_gain(screen: Screen, outcome: ImproveResult, results: Results) -> None:
    before, ensemble, epochs = show_number(outcome.before), results.ensemble, outcome.config.training.epochs
    where = "Cross-validated" if outcome.config.improve.folds else "Validation"
    if outcome.best is None:
        late = f" within {outcome.budget.timeout:g} seconds" if outcome.out_of_time else ""
        screen.heading(f"No trial was completed{late}")
    elif outcome.improved:
        screen.heading(f"{where} {outcome.metric}: {before} before, {show_number(outcome.best.score)} now")
    else:
        screen.heading(f"No trial is better than your configuration ({where.lower()} {outcome.metric} {before})")
    if outcome.start is not None and (fewer := outcome.start.values.get("training.epochs")):
        screen.warn(f"there was time for {fewer} of the {epochs} epochs of each trial: a longer --timeout trains all")
    if ensemble is not None:
        score = f"validation {outcome.metric} {show_number(ensemble.score)}"
        what = f"ensemble of {counted(ensemble.members, 'network')}" if ensemble.members > 1 else "the best network"
        screen.heading(f"{ensemble.run}: {what}, {score}")
    if outcome.out_of_time and (asked := outcome.budget.ensemble) > (have := ensemble.members if ensemble else 0):
        screen.warn(f"there was time for {have} of the {asked} networks of the ensemble: a longer --timeout trains all")
    if results.difference is not None:
        screen.say(describe_difference(results.difference, results.n_rows))
    if outcome.improved:
        screen.say("The best of many trials is optimistic: measure it on the test rows with mlcli evaluate")
    if results.outlook:
        screen.say(f"{results.outlook} (curve: {outcome.folder / 'search.svg'})")


def describe_difference(difference: ScoreDifference, n_rows: int) -> str:
    """Such as `Difference in log_loss on the same 30 rows: −0.0023, interval −0.0033 to −0.0013: better`."""
    low, high = show_signed(difference.low), show_signed(difference.high)
    interval = "" if difference.low is None else f", interval {low} to {high}"
    verdict = VERDICTS[difference.verdict]
    value = f"{show_signed(difference.value)}{interval}"
    return f"Difference in {difference.name} on the same {n_rows:,} rows: {value}: {verdict}"


def _show_next(screen: Screen, outcome: ImproveResult, results: Results) -> None:
    if outcome.interrupted:
        screen.next_step("the same command again, which continues the search")
    elif outcome.applied is not None:
        screen.next_step(f"mlcli train {outcome.applied}")
    elif outcome.improved and outcome.budget.ensemble == 1 and outcome.config.training.ensemble > 1:
        screen.next_step(f"mlcli train {results.proposal}, which trains {outcome.config.training.ensemble} networks")
    elif results.ensemble is not None and (outcome.improved or results.ensemble.members > 1):
        screen.next_step(f"mlcli evaluate {results.ensemble.run}")
    elif outcome.out_of_time and (timeout := outcome.budget.timeout) is not None:
        screen.next_step(f"the same command with a longer --timeout, such as {2 * timeout:g}, goes on")
    else:
        screen.next_step(f"the same command with --trials {2 * outcome.budget.trials}, or another improve.space")
