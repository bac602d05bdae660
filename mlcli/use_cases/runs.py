"""Label, copy and delete runs."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from mlcli.errors import UsageError
from mlcli.io.atomic import remove_folder, write_file
from mlcli.io.paths import refuse_overwriting
from mlcli.runs.folder import Run, find_run, is_run


@dataclass(frozen=True)
class Labels:
    """What a user wrote to a run."""

    run: str
    tags: tuple[str, ...]
    note: str


@dataclass(frozen=True)
class Deleted:
    """Runs that are gone."""

    runs: tuple[str, ...]


def label_run(spec: str, tags: Sequence[str], remove: Sequence[str], note: str | None) -> Labels:
    """Add and remove tags, and replace the note where one is given; nothing else of the run changes.

    Raises UsageError for a tag to remove that the run has not.
    """
    run = find_run(spec)
    before = run.read_manifest()
    if unknown := sorted(set(remove) - set(before.tags)):
        there = f"its tags are {', '.join(before.tags)}" if before.tags else "it has no tags"
        raise UsageError(f"--remove: {run} has no tag '{unknown[0]}'; {there}")
    kept = tuple(tag for tag in dict.fromkeys((*before.tags, *tags)) if tag not in remove)
    after = run.update_manifest(tags=kept, note=before.note if note is None else note)
    return Labels(str(run), after.tags, after.note)


def find_numbered(specs: Sequence[str]) -> list[Run]:
    """The runs named, each by its number or folder. Raises UsageError for a bare name, which means the latest run."""
    runs = {spec: find_run(spec) for spec in specs}
    for spec, run in runs.items():
        if not Path(spec).name.isdigit() and not is_run(Path(spec)):
            raise UsageError(f"'{spec}' means the latest run; name the one to delete, such as {run}")
    return list({run.folder.resolve(): run for run in runs.values()}.values())


def delete_runs(runs: Sequence[Run]) -> Deleted:
    """Delete the runs' folders. Raises LockedError, before any is deleted, where a process writes to one."""
    with ExitStack() as locks:
        for run in runs:
            locks.enter_context(run.lock())
    for run in runs:
        remove_folder(run.folder)
    return Deleted(tuple(map(str, runs)))


def copy_config(spec: str | None, output: Path) -> Path:
    """Write a run's configuration, with all keys, to a new file; mlcli train FILE repeats the run."""
    refuse_overwriting(output, "name another file with -o, or move it away")
    write_file(output, find_run(spec).config.read_bytes())
    return output
