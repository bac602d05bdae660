"""A run's folder: what lies where, its manifest and its lock."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mlcli.errors import ArtefactError, UsageError
from mlcli.files import (
    create_folder,
    encode_json,
    locked_folder,
    own_part,
    read_json,
    resource_errors,
    write_file,
    write_json,
)
from mlcli.folders import runs_dir
from mlcli.run.lock import held_lock, seems_held
from mlcli.run.manifest import RunManifest, manifest_from_json, manifest_to_json

CONFIG_FILE = "config.yaml"
MANIFEST_FILE = "manifest.json"
LOCK_FILE = "lock"


@dataclass(frozen=True)
class Run:
    """runs/<name>/<number>; `create_run` and `find_run` make these.

    number is 0 for a folder that was renamed to something else than a number. The folder may be a link; its parts
    may not, since they are written to: asking for one that is raises ArtefactError.
    """

    folder: Path
    name: str
    number: int

    def __str__(self) -> str:
        return f"{self.name}/{self.number:03d}" if self.number else str(self.folder)

    @property
    def config(self) -> Path:
        """The resolved configuration."""
        return own_part(self.folder / CONFIG_FILE)

    @property
    def manifest(self) -> Path:
        """What `read_manifest` reads."""
        return own_part(self.folder / MANIFEST_FILE)

    @property
    def metrics(self) -> Path:
        """One JSON line an epoch."""
        return own_part(self.folder / "metrics.jsonl")

    @property
    def checkpoints(self) -> Path:
        """Folder of resume states."""
        return own_part(self.folder / "checkpoints")

    @property
    def model(self) -> Path:
        """Folder of the model bundle."""
        return own_part(self.folder / "model")

    @property
    def evaluation(self) -> Path:
        """Folder of scores, predictions and figures."""
        return own_part(self.folder / "evaluation")

    @property
    def report(self) -> Path:
        """The HTML report."""
        return self.evaluation / "report.html"

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Keep other processes from writing to the run; raises LockedError when one does already."""
        with held_lock(self.folder / LOCK_FILE, str(self)):
            yield

    def seems_in_use(self) -> bool:
        """Whether a process that may live has the lock, as far as its file tells."""
        return seems_held(self.folder / LOCK_FILE)

    def save_config(self, text: str) -> None:
        """Replace config.yaml, as a resume that extends the run does."""
        write_file(self.config, text.encode())

    def read_manifest(self) -> RunManifest:
        """Raises ArtefactError when it is missing or damaged."""
        return manifest_from_json(read_json(self.manifest), self.manifest)

    def update_manifest(self, **changes: object) -> RunManifest:
        """Replace fields of the manifest; no other process's update is lost."""
        with self._alone():
            return self._change_manifest(changes)

    def count_test_look(self) -> int:
        """Note one more evaluation on the test split; returns how many there were."""
        with self._alone():
            looks = self.read_manifest().test_looks + 1
            return self._change_manifest({"test_looks": looks}).test_looks

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """For the moment of a read and a write; `lock` is for the length of a command."""
        with resource_errors(self.folder), locked_folder(self.folder.parent):
            yield

    def _change_manifest(self, changes: dict[str, Any]) -> RunManifest:
        manifest = replace(self.read_manifest(), **changes)
        write_json(self.manifest, manifest_to_json(manifest))
        return manifest


def create_run(name: str, config_yaml: str, manifest: RunManifest) -> Run:
    """Make runs/<name>/<next number> with config.yaml and manifest.json; processes never share a number."""
    parent = runs_dir() / name
    files = {CONFIG_FILE: config_yaml.encode(), MANIFEST_FILE: encode_json(manifest_to_json(manifest))}
    folder = create_folder(parent, lambda: f"{_next_number(parent):03d}", files)
    return Run(folder, name, int(folder.name))


def next_folder(name: str) -> Path:
    """Where the next run of a name would go; another process may be faster."""
    parent = runs_dir() / name
    return parent / f"{_next_number(parent) if parent.is_dir() else 1:03d}"


def open_run(folder: Path) -> Run:
    """The run in a folder, wherever it was moved to. Raises UsageError when there is none."""
    if not is_run(folder):
        raise UsageError(f"{folder}: not a run's folder (no {MANIFEST_FILE} and {CONFIG_FILE} there)")
    place = folder.resolve()
    return Run(folder, place.parent.name, int(place.name) if _is_number(place.name) else 0)


def is_run(folder: Path) -> bool:
    """Whether the folder holds a run; one whose creation was cut short is none."""
    return holds(folder, MANIFEST_FILE) and holds(folder, CONFIG_FILE)


def holds(folder: Path, name: str) -> bool:
    """Whether a file of this name can be seen in the folder; False for paths that cannot be."""
    try:
        return (folder / name).is_file()
    except OSError:  # a name too long, or no permission to look
        return False


def list_runs() -> list[Run]:
    """All runs, the oldest first by creation time; those with an unreadable manifest before all."""
    return sorted((open_run(folder) for folder in _numbered() if is_run(folder)), key=_age)


def every_run() -> list[Run]:
    """All that has a run's place and name, without the files that every run has too; in no order of time."""
    return [
        open_run(folder) if is_run(folder) else Run(folder, folder.parent.name, int(folder.name))
        for folder in _numbered()
    ]


def latest_run(name: str | None = None) -> Run | None:
    """The run created last, of one name or of all."""
    runs = [run for run in list_runs() if name in (None, run.name)]
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
