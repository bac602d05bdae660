"""What a user means by RUN: nothing at all, a folder, `name`, or `name/003`."""

from __future__ import annotations

import re
from difflib import get_close_matches
from itertools import groupby
from pathlib import Path

from mlcli.errors import UsageError
from mlcli.folders import runs_dir
from mlcli.run.folder import Run, holds, is_run, latest_run, list_runs, open_run

BUNDLE_FILE = "bundle.json"

_SPEC = re.compile(r"(?P<name>[^/]+)(/0*(?P<number>\d{1,9}))?/?")
_NAMES_LISTED = 20


def find_run(spec: str | None) -> Run:
    """The run meant; None is the latest of all, a bare name the latest of that name.

    A folder may be the run's, its bundle's, or runs/<name>. Raises UsageError listing what there is.
    """
    run = latest_run() if spec is None else _in_folder(Path(spec)) or _by_name(_below_runs_dir(spec))
    if run is None:
        raise UsageError(_not_found(spec))
    return run


def find_bundle(spec: str | None) -> Path:
    """The bundle's folder meant: one that stands alone, or that of `find_run`. Raises UsageError."""
    if spec is not None and holds(Path(spec), BUNDLE_FILE):
        return Path(spec)
    run = find_run(spec)
    if not holds(run.model, BUNDLE_FILE):
        raise UsageError(f"run {run} has no model yet; finish its training with: mlcli train --resume {run}")
    return run.model


def _in_folder(path: Path) -> Run | None:
    if is_run(path):
        return open_run(path)
    if not holds(path, BUNDLE_FILE):
        return None
    if not is_run(path.absolute().parent):
        raise UsageError(f"{path}: a model bundle apart from its run; name the run itself")
    return open_run(path.parent if path.name else path.absolute().parent)


def _below_runs_dir(spec: str) -> str:
    """runs/iris, as a shell completes it, means iris."""
    path = Path(spec)
    return path.relative_to(runs_dir()).as_posix() if path.is_relative_to(runs_dir()) else spec


def _by_name(spec: str) -> Run | None:
    match = _SPEC.fullmatch(spec)
    if match is None:
        return None
    if match["number"] is None:
        return latest_run(match["name"])
    number = int(match["number"])
    return next((run for run in list_runs() if (run.name, run.number) == (match["name"], number)), None)


def _not_found(spec: str | None) -> str:
    runs = sorted(list_runs(), key=lambda run: (run.name, run.number))
    what = "there is no run" if spec is None else f"no run '{spec:.80}'"
    if spec is not None and spec.endswith((".yaml", ".yml")):
        what = f"'{spec:.80}' is a configuration, not a run"
    if not runs:
        return f"{what}: {runs_dir()} holds none yet; train one with: mlcli train CONFIG"
    numbers = {name: [run.number for run in group] for name, group in groupby(runs, key=lambda run: run.name)}
    near = get_close_matches((spec or "").split("/")[0], numbers, n=1)
    hint = f"; did you mean '{near[0]}'?" if near else ";"
    listed = ", ".join(_span(name, found) for name, found in list(numbers.items())[:_NAMES_LISTED])
    more = f" and {len(numbers) - _NAMES_LISTED} more names" if len(numbers) > _NAMES_LISTED else ""
    return f"{what}{hint} {runs_dir()} holds {listed}{more}"


def _span(name: str, numbers: list[int]) -> str:
    first, last = f"{name}/{numbers[0]:03d}", f"{numbers[-1]:03d}"
    return first if len(numbers) == 1 else f"{first}–{last}"
