"""A run's folder: its files, its manifest and its lock; and finding the run that a user names."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import Any

from mlcli.errors import ArtefactError, UsageError
from mlcli.io.atomic import create_folder, write_file, write_json
from mlcli.io.disk import locked_folder, resource_errors
from mlcli.io.json import encode_json, read_json, refuse_symlink
from mlcli.io.paths import runs_dir
from mlcli.io.text import nearest
from mlcli.runs.lock import held_lock, seems_held
from mlcli.runs.manifest import RunManifest, manifest_from_json

CONFIG_FILE = "config.yaml"
MANIFEST_FILE = "manifest.json"
LOCK_FILE = "lock"
BUNDLE_FILE = "bundle.json"

_SPEC = re.compile(r"(?P<name>[^/]+)(/0*(?P<number>\d{1,9}))?/?")
_NAMES_LISTED = 20


@dataclass(frozen=True)
class Run:
    """runs/<name>/<number>; `create_run` and `find_run` make these.

    number is 0 for a folder whose name is not a number. The folder may be a link; its parts may not, since they are
    written to: reading a property whose path is a link raises ArtefactError.
    """

    folder: Path
    name: str
    number: int

    def __str__(self) -> str:
        return f"{self.name}/{self.number:03d}" if self.number else str(self.folder)

    @property
    def config(self) -> Path:
        """The resolved configuration."""
        return refuse_symlink(self.folder / CONFIG_FILE)

    @property
    def manifest(self) -> Path:
        """What `read_manifest` reads."""
        return refuse_symlink(self.folder / MANIFEST_FILE)

    @property
    def metrics(self) -> Path:
        """One JSON line an epoch."""
        return refuse_symlink(self.folder / "metrics.jsonl")

    @property
    def checkpoints(self) -> Path:
        """Folder of resume states."""
        return refuse_symlink(self.folder / "checkpoints")

    @property
    def model(self) -> Path:
        """Folder of the model bundle."""
        return refuse_symlink(self.folder / "model")

    @property
    def start(self) -> Path:
        """Folder of the bundle that the training started from; there is none where it started anew."""
        return refuse_symlink(self.folder / "start")

    @property
    def evaluation(self) -> Path:
        """Folder of scores, predictions and figures."""
        return refuse_symlink(self.folder / "evaluation")

    @property
    def report(self) -> Path:
        """The HTML report."""
        return self.evaluation / "report.html"

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Keep other processes from writing to the run; raises LockedError when one already writes."""
        with held_lock(self.folder / LOCK_FILE, str(self)):
            yield

    def seems_in_use(self) -> bool:
        """Whether a process has the lock, according to its file."""
        return seems_held(self.folder / LOCK_FILE)

    def save_config(self, text: str) -> None:
        """Replace config.yaml, as a resume that extends the run does."""
        write_file(self.config, text.encode())

    def read_manifest(self) -> RunManifest:
        """Raises ArtefactError when it is missing or damaged."""
        return manifest_from_json(read_json(self.manifest), self.manifest)

    def update_manifest(self, **changes: Any) -> RunManifest:  # noqa: ANN401
        """Replace fields of the manifest; no other process's update is lost."""
        return self._change_manifest(lambda before: replace(before, **changes))

    def count_test_look(self) -> int:
        """Count one more evaluation on the test split; returns how many there were."""
        return self._change_manifest(lambda before: replace(before, test_looks=before.test_looks + 1)).test_looks

    def _change_manifest(self, change: Callable[[RunManifest], RunManifest]) -> RunManifest:
        # Locked for the moment of a read and a write; `lock` is for the length of a command.
        with resource_errors(self.folder), locked_folder(self.folder.parent):
            manifest = change(self.read_manifest())
            write_json(self.manifest, asdict(manifest))
        return manifest


def create_run(name: str, config_yaml: str, manifest: RunManifest) -> Run:
    """Make runs/<name>/<next number> with config.yaml and manifest.json; processes never share a number."""
    parent = runs_dir() / name
    files = {CONFIG_FILE: config_yaml.encode(), MANIFEST_FILE: encode_json(asdict(manifest))}
    folder = create_folder(parent, lambda: f"{_next_number(parent):03d}", files)
    return Run(folder, name, int(folder.name))


def next_folder(name: str) -> Path:
    """Where the next run of a name would go; another process may take the number first."""
    parent = runs_dir() / name
    return parent / f"{_next_number(parent) if parent.is_dir() else 1:03d}"


def open_run(folder: Path) -> Run:
    """The run in a folder, wherever it was moved to. Raises UsageError when there is none."""
    if not is_run(folder):
        raise UsageError(f"{folder}: not a run's folder (no {MANIFEST_FILE} and {CONFIG_FILE} there)")
    place = folder.resolve()
    return Run(folder, place.parent.name, int(place.name) if _is_number(place.name) else 0)


def is_run(folder: Path) -> bool:
    """Whether the folder holds a run, completely created."""
    return holds(folder, MANIFEST_FILE) and holds(folder, CONFIG_FILE)


def holds(folder: Path, name: str) -> bool:
    """Whether a file of this name can be seen in the folder; False for paths that cannot be."""
    try:
        return (folder / name).is_file()
    except OSError:  # a name too long, or no permission to look
        return False


def run_folders() -> list[Run]:
    """All runs, the oldest first by creation time; those with an unreadable manifest before all."""
    return sorted((open_run(folder) for folder in _numbered() if is_run(folder)), key=_age)


def every_run() -> list[Run]:
    """All folders with a run's place and name, damaged ones included; in no order of time."""
    return [
        open_run(folder) if is_run(folder) else Run(folder, folder.parent.name, int(folder.name))
        for folder in _numbered()
    ]


def latest_run(name: str | None = None) -> Run | None:
    """The run created last, of one name or of all."""
    runs = [run for run in run_folders() if name is None or _is_named(run, name)]
    return runs[-1] if runs else None


def _numbered() -> list[Path]:
    with resource_errors(runs_dir()):
        return [folder for name in _folders(runs_dir()) for folder in _folders(name) if _is_number(folder.name)]


def _next_number(parent: Path) -> int:
    return 1 + max((int(path.name) for path in parent.iterdir() if _is_number(path.name)), default=0)


def _age(run: Run) -> tuple[str, int]:
    try:
        return run.read_manifest().created, run.number
    except ArtefactError:
        return "", run.number


def _folders(parent: Path) -> list[Path]:
    return sorted(path for path in parent.iterdir() if path.is_dir()) if parent.is_dir() else []


def _is_number(name: str) -> bool:
    return name.isascii() and name.isdigit()


def find_run(spec: str | None) -> Run:
    """The run that a user names; None is the latest of all, a bare name the latest of that name.

    A folder may be the run's, its bundle's, or runs/<name>. Raises UsageError listing what there is.
    """
    run = latest_run() if spec is None else _in_folder(Path(spec)) or _by_name(_below_runs_dir(spec))
    if run is None:
        raise UsageError(_not_found(spec))
    return run


def find_bundle(spec: str | None) -> Path:
    """The bundle's folder that a user names: one outside a run, or that of `find_run`. Raises UsageError."""
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
        raise UsageError(f"{path}: a model bundle outside its run; name the run instead")
    return open_run(path.parent if path.name else path.absolute().parent)


def _below_runs_dir(spec: str) -> str:
    r"""Iris for runs/iris, as a shell completes it; iris/001 for Windows' iris\001."""
    path = Path(spec)
    return (path.relative_to(runs_dir()) if path.is_relative_to(runs_dir()) else path).as_posix()


def _by_name(spec: str) -> Run | None:
    match = _SPEC.fullmatch(spec)
    if match is None:
        return None
    if match["number"] is None:
        return latest_run(match["name"])
    number = int(match["number"])
    return next((run for run in run_folders() if run.number == number and _is_named(run, match["name"])), None)


def _is_named(run: Run, name: str) -> bool:
    """Whether its folder is in runs/<name>; on macOS and Windows also in runs/<NAME>, which is the same there."""
    parent = runs_dir() / name
    same_but_case = run.name.casefold() == name.casefold() and parent.is_dir()
    return run.name == name or (same_but_case and run.folder.parent.samefile(parent))


def _not_found(spec: str | None) -> str:
    runs = sorted(run_folders(), key=lambda run: (run.name, run.number))
    what = "there is no run" if spec is None else f"no run '{spec:.80}'"
    if spec is not None and spec.endswith((".yaml", ".yml")):
        what = f"'{spec:.80}' is a configuration, not a run"
    if not runs:
        return f"{what}: {runs_dir()} has none yet; train one with: mlcli train CONFIG"
    numbers = {name: [run.number for run in group] for name, group in groupby(runs, key=lambda run: run.name)}
    near = nearest((spec or "").split("/")[0], numbers)
    hint = f"; did you mean '{near}'?" if near else ";"
    listed = ", ".join(_span(name, found) for name, found in list(numbers.items())[:_NAMES_LISTED])
    more = f" and {len(numbers) - _NAMES_LISTED} more names" if len(numbers) > _NAMES_LISTED else ""
    return f"{what}{hint} {runs_dir()} holds {listed}{more}"


def _span(name: str, numbers: list[int]) -> str:
    first, last = f"{name}/{numbers[0]:03d}", f"{numbers[-1]:03d}"
    return first if len(numbers) == 1 else f"{first}–{last}"
